"""Every public function of NumPy and SciPy that there is a list of is in one of four lists, and the page says so."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import scipy
import scipy.special

import wengert as wg
from wengert.testing import coverage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage.md"
TABLE = coverage.table()  # raises for a function that nobody has said anything about


def test_every_status_is_one_of_four_with_a_reason_where_there_has_to_be_one() -> None:
    for name, of in TABLE.items():
        assert of.kind in (
            coverage.DIFFERENTIABLE,
            coverage.ZERO,
            coverage.NOT_DIFFERENTIABLE,
            coverage.NOT_SUPPORTED,
        ), name
        assert bool(of.reason) == (of.kind in (coverage.NOT_DIFFERENTIABLE, coverage.NOT_SUPPORTED)), name


def test_a_function_that_nobody_knows_is_noticed() -> None:
    with pytest.raises(KeyError, match="is in no table"):
        coverage.status("numpy.invented", lambda x: x)


def test_nothing_is_called_unsupported_that_a_table_knows() -> None:
    """A function that has got a rule leaves the list of those without."""
    for name, function in coverage.public():
        of = coverage.LISTED.get(name)
        if of is not None and of.kind == coverage.NOT_SUPPORTED and name != "scipy.special.zetac":  # by zeta
            assert function not in coverage.FUNCTIONS and function not in coverage.UFUNCS, name


def test_there_are_enough() -> None:
    kinds = [of.kind for name, of in TABLE.items() if name.startswith("numpy")]
    assert kinds.count(coverage.DIFFERENTIABLE) >= 120


@pytest.mark.parametrize(
    ("ufunc", "flows"),
    [
        (np.sin, True),
        (np.floor, False),
        (np.ldexp, True),
        (np.equal, False),
        (np.bitwise_and, False),
        (np.matmul, True),
    ],
)
def test_flows(ufunc: np.ufunc, flows: bool) -> None:
    assert coverage.flows(ufunc) is flows


@pytest.mark.parametrize("name", [name for name, of in TABLE.items() if of == coverage.Status(coverage.ZERO)])
def test_zero_derivative_of_functions_of_one_array(name: str) -> None:
    """Called with one array, they work in differentiated code, and no gradient comes out."""
    function = dict(coverage.public())[name]
    x = np.array([[0.3, 1.7], [2.4, -0.6]])
    try:
        function(x)
    except (TypeError, ValueError):
        return  # takes something else than one array of floats
    gradient = wg.grad(lambda x: np.sum(x) + sum(np.sum(np.abs(y)) for y in _arrays(function(x))))(x)
    np.testing.assert_array_equal(gradient, 1.0)


def _arrays(value: object) -> list[object]:
    if isinstance(value, (tuple, list)):
        return [y for v in value for y in _arrays(v)]
    return [] if isinstance(value, (type, np.dtype)) or not hasattr(value, "shape") else [value]


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    made_with = re.search(r"NumPy (\S+) and SciPy (\S+)\.\n", text)
    assert made_with is not None
    if made_with.groups() == (np.__version__, scipy.__version__):
        assert text == coverage.page(), "python -m wengert.testing.coverage > docs/coverage.md"
    else:  # other versions have other functions; those that both have are where they were
        for name, of in TABLE.items():
            if f"`{name.rpartition('.')[2]}`" in text and of.reason:
                assert of.reason in text, name
