"""What the page computes itself is what Python computes: primitives one by one, then whole programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lecture
import numpy as np
import pytest

import wengert as wg
from wengert.core.aval import aval_of
from wengert.core.primitive import PRIMITIVES
from wengert.view.javascript import ELEMENTWISE, RUNNABLE, STRUCTURAL
from wengert.view.program import _param, _value

APPLY = (
    "([name, args, params, shape, dtype]) => wengert.apply(name, args, params, shape, dtype).map("
    "x => Number.isNaN(x) ? 'nan' : x === Infinity ? 'inf' : x === -Infinity ? '-inf' : Object.is(x, -0) ? '-0' : x)"
)


def numbers(value: Any) -> Any:
    return np.array([float(x) for x in value])


def javascript(value: Any) -> list[Any]:
    """Return entries as JSON ; nan and infinities as what the browser takes for them."""
    return [float(x) for x in _value(value)]


@pytest.fixture(scope="module")
def tab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = wg.view(lecture.f, 2.0, 3.0, open=False, symbolic=False).save(tmp_path_factory.mktemp("js") / "f.html")
    opened = browser.new_page()
    opened.goto(path.as_uri())
    opened.wait_for_selector(".node")
    yield opened
    opened.close()


def test_the_table_names_primitives() -> None:
    assert set(PRIMITIVES) >= RUNNABLE
    assert all(PRIMITIVES[name].elementwise for name in ELEMENTWISE)
    assert not STRUCTURAL & set(ELEMENTWISE)


@pytest.mark.parametrize("name", sorted(RUNNABLE))
def test_a_primitive_in_the_page_equals_its_record(tab: Any, name: str) -> None:
    tried = 0
    for sample in PRIMITIVES[name].samples():
        operands = [np.asarray(x) for x in sample.args]
        if any(x.dtype.kind not in "fb" or x.dtype.itemsize == 2 for x in operands):
            continue
        with np.errstate(all="ignore"):
            want = np.asarray(PRIMITIVES[name].evaluate(*sample.args, **sample.params))
        if want.dtype.kind not in "fb" or want.dtype.itemsize == 2:
            continue
        args = [{"shape": list(x.shape), "v": javascript(x)} for x in operands]
        params = {key: _param(value) for key, value in sample.params.items()}
        out = aval_of(want)
        got = numbers(tab.evaluate(APPLY, [name, args, params, list(out.shape), out.dtype.name]))
        # JavaScript's functions are not NumPy's: a few units in the last place.
        tolerance = 2e-6 if out.dtype == np.float32 else 4e-15
        np.testing.assert_allclose(got, want.ravel(), rtol=tolerance, atol=tolerance, err_msg=f"{name} {sample}")
        tried += 1
    assert tried, "no sample was tried"


def small(x: Any, w: Any) -> Any:
    h = np.tanh(x @ w)
    return np.sum(np.where(h > 0, h, 0.1 * h) ** 2) + np.max(w) * np.mean(x[1:])


PROGRAMS: list[tuple[Callable[..., Any], tuple[Any, ...], tuple[Any, ...], dict[str, Any]]] = [
    (lecture.f, (2.0, 3.0), (0.5, -1.25), {}),
    (lecture.simple, (1.0, 2.0, 0.0), (3.0, -1.0, 4.0), {}),
    (small, (np.arange(6.0).reshape(2, 3) / 5, np.eye(3)[:, :2]), (np.ones((2, 3)), np.full((3, 2), -0.3)), {}),
    (lecture.xor_loss, lecture.xor_point(), tuple(0.9 * x for x in lecture.xor_point()), {"parameters": (2, 3, 4, 5)}),
]
RUN = """(inputs) => {
  const doc = wengert.doc.value;
  const made = wengert.run(doc.program, doc.sweeps.sends, inputs, doc.program.direction);
  const flat = (map) => Object.fromEntries([...map].map(([i, record]) => [i, record.v]));
  return {primal: flat(made.primal), tangent: flat(made.tangent), adjoint: flat(made.adjoint), sent: flat(made.sent)};
}"""


@pytest.mark.parametrize(("f", "at", "then", "options"), PROGRAMS)
def test_a_program_run_again_in_the_page_equals_python_there(
    show: Any, f: Callable[..., Any], at: Any, then: Any, options: Any
) -> None:
    tab = show(wg.view(f, *at, open=False, symbolic=False, **options))
    there = wg.view(f, *then, open=False, symbolic=False, **options).document
    assert there is not None
    program, sweeps = there["program"], there["sweeps"]
    made = tab.evaluate(RUN, program["inputs"])
    compared = 0
    for kind in ("primal", "tangent", "adjoint"):
        for i, number in enumerate(sweeps[kind]):
            if number is not None:
                want = numbers(sweeps["records"][number]["v"])
                np.testing.assert_allclose(
                    numbers(made[kind][str(i)]), want, rtol=2e-5, atol=1e-5, err_msg=f"{kind} {i}"
                )
                compared += 1
    for k, row in enumerate(sweeps["sends"]):
        for position, _, _, number in row:
            want = numbers(sweeps["records"][number]["v"])
            np.testing.assert_allclose(numbers(made["sent"][f"{k}:{position}"]), want, rtol=2e-5, atol=1e-5)
    assert compared > 6
