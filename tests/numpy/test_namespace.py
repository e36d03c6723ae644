"""wengert.numpy, the drop-in for ``import numpy as np``."""

from __future__ import annotations

import types

import numpy as np
import pytest

import wengert as wg
import wengert.numpy as wnp


def test_every_public_name_of_numpy_is_there() -> None:
    missing = [name for name in dir(np) if not name.startswith("_") and not hasattr(wnp, name)]
    assert missing == []
    assert set(dir(wnp)) >= {name for name in dir(np) if not name.startswith("_")}
    with pytest.raises(AttributeError):
        wnp.no_such_function


def test_what_needs_no_other_version_is_numpy_s_own() -> None:
    assert wnp.sin == np.sin and hash(wnp.sin) == hash(np.sin)  # its operands may also be lists of traced values
    for name in ("iinfo", "errstate", "float64", "pi", "dtype", "random"):
        own = getattr(np, name)
        if not isinstance(own, types.ModuleType):
            assert getattr(wnp, name) is own


def test_outside_of_a_trace_results_are_plain_arrays() -> None:
    for made in (
        wnp.zeros((2, 3)),
        wnp.ones(3, dtype=np.float32),
        wnp.array([1.0, 2.0]),
        wnp.asarray([1, 2]),
        wnp.arange(3),
        wnp.eye(2),
        wnp.linspace(0, 1, 5),
        wnp.full(2, 7.0),
        wnp.empty_like(np.zeros(2)),
    ):
        assert type(made) is np.ndarray
    given = np.zeros(2)
    assert wnp.asarray(given) is given
    assert wnp.array(given) is not given


# Functions made by exec have globals that this file's functions do not share: nothing is rewritten for them but by wnp.
SOURCE = """
def filled(x):
    y = wnp.zeros(3)
    y[1] = x * x
    return wnp.sum(y)

def stacked(x):
    return wnp.sum(wnp.array([x, x * x, 1.0]) * wnp.arange(3.0))

def counted(x):
    y = wnp.empty((2, 2))
    y[...] = 1
    for k in range(2):
        y[k] *= x ** (k + 1)
    return wnp.asarray(y).sum()

def kind(x):
    fresh = wnp.zeros(2)
    assert isinstance(x, wnp.ndarray) and isinstance(fresh, wnp.ndarray)
    assert not isinstance(1.0, wnp.ndarray) and not isinstance([x], wnp.ndarray)
    return wnp.sum(x * fresh)
"""


def functions() -> dict[str, object]:
    scope: dict[str, object] = {"wnp": wnp, "__name__": "made_by_exec"}
    exec(SOURCE, scope)
    return scope


@pytest.mark.parametrize(("name", "slope"), [("filled", 6.0), ("stacked", 6.0), ("counted", 14.0)])
def test_arrays_made_in_a_trace_take_traced_values(name: str, slope: float) -> None:
    f = functions()[name]
    assert wg.grad(f)(3.0) == slope
    assert wg.jvp(f, (3.0,), (1.0,))[1] == slope
    assert wg.vmap(f)(np.array([1.0, 3.0])).shape == (2,)
    assert isinstance(f(3.0), np.float64)


def test_isinstance() -> None:
    kind = functions()["kind"]
    np.testing.assert_array_equal(wg.grad(kind)(np.ones(2)), np.zeros(2))
    assert isinstance(np.zeros(2), wnp.ndarray)
    assert not isinstance(3.0, wnp.ndarray)


def test_isscalar() -> None:
    seen = []

    def f(x: object, y: object) -> object:
        seen.extend([wnp.isscalar(x), wnp.isscalar(y), wnp.isscalar(2.0), wnp.isscalar("a")])
        return x * wnp.sum(y)

    wg.grad(f, argnums=(0, 1))(2.0, np.ones(2))
    assert seen == [True, False, True, True]


def test_an_exception_leaves_the_namespace_outside_of_the_trace() -> None:
    def f(x: object) -> object:
        wnp.zeros(2)
        raise RuntimeError("from the user")

    with pytest.raises(RuntimeError, match="from the user"):
        wg.grad(f)(1.0)
    assert type(wnp.zeros(2)) is np.ndarray
