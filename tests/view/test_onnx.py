"""ONNX models compute what Wengert computes: checked with onnxruntime, primitive by primitive and on whole programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert import nn
from wengert.core.aval import aval_of
from wengert.core.builder import Builder
from wengert.core.evaluate import evaluate
from wengert.core.graph import Graph
from wengert.core.primitive import PRIMITIVES
from wengert.errors import DtypeError, MissingExtraError, MissingRuleError
from wengert.view.onnx import FORMS, graph_to_onnx, to_onnx

MISSING = "the package {} is not installed: pip install onnx onnxruntime"


@pytest.fixture(scope="module")
def runtime() -> Any:
    pytest.importorskip("onnx", reason=MISSING.format("onnx"))
    found = pytest.importorskip("onnxruntime", reason=MISSING.format("onnxruntime"))
    found.set_default_logger_severity(4)
    return found


def session(runtime: Any, model: Any) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def outputs(runtime: Any, model: Any, *args: Any) -> list[Any]:
    ready = session(runtime, model)
    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64}
    feed = {}
    for declared, arg in zip(ready.get_inputs(), args, strict=True):
        feed[declared.name] = np.asarray(arg).astype(kinds.get(declared.type, np.asarray(arg).dtype))
    return list(ready.run(None, feed))


def one_equation(name: str, sample: Any) -> Graph:
    builder = Builder()
    args = [builder.input(aval_of(np.asarray(arg))) for arg in sample.args]
    out = builder.apply(PRIMITIVES[name], args, tuple(sample.params.items()))
    return builder.build(out if PRIMITIVES[name].multiple else [out])


def compare(found: list[Any], wanted: list[Any], rtol: float, atol: float = 0.0) -> None:
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == np.shape(b)
        np.testing.assert_allclose(a, np.asarray(b), rtol=rtol, atol=atol, equal_nan=True)


_TOLERANCE = {2: 5e-3, 4: 2e-5}


def _narrowest(graph: Graph) -> int:
    """Return how many bytes the least precise numbers of a graph have."""
    return min([of.dtype.itemsize for of in graph.avals if of.dtype.kind == "f"], default=8)


@pytest.mark.parametrize("name", sorted(set(FORMS) - {"custom_call"}))
def test_primitives(runtime: Any, name: str) -> None:
    """Each at the samples of its record, in float64 where the runtime has a kernel, else in float32."""
    tried = 0
    for sample in PRIMITIVES[name].samples():
        arrays = [np.asarray(arg) for arg in sample.args]
        graph = one_equation(name, sample)
        if any(of.dtype.kind == "c" for of in graph.avals):
            continue
        values = evaluate(graph, arrays)
        wanted = [values[i] for i in graph.outputs]
        try:
            found, rtol = outputs(runtime, graph_to_onnx(graph), *arrays), _TOLERANCE.get(_narrowest(graph), 1e-12)
        except runtime.capi.onnxruntime_pybind11_state.NotImplemented:
            if any(of.dtype.kind != "f" for of in graph.in_avals) and name not in ("loop", "cond"):
                continue  # no kernel for integers of this size
            found, rtol = outputs(runtime, graph_to_onnx(graph, dtype=np.float32), *arrays), 2e-5
        compare(found, wanted, rtol, rtol / 10)
        tried += 1
    assert tried


def program(x: Any, w: Any) -> Any:
    h = wg.fori_loop(0, 5, lambda i, c: np.tanh(c @ w) + x * i, x)
    h, rows = wg.scan(lambda c, row: (c * row, np.sum(c)), h, w)
    h = wg.while_loop(lambda c: np.sum(c * c) > 1e-3, lambda c: c / 2, h)
    chosen = wg.cond(np.sum(h) > 0, lambda h: np.sum(h * h), lambda h: np.sum(np.abs(h)), h)
    return wg.switch(2, [lambda c: c, lambda c: -c, lambda c: c * 3], chosen), rows, np.log1p(np.exp(x))[::-1]


POINT = (np.array([0.5, -0.3, 1.1]), np.eye(3) * 0.5 + 0.1)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_program_with_loops_and_choices(runtime: Any, sign: int) -> None:
    x, w = POINT[0] * sign, POINT[1]
    compare(outputs(runtime, to_onnx(program, *POINT), x, w), list(program(x, w)), 1e-12)


def test_loops_of_plain_python(runtime: Any) -> None:
    def heat(u: Any) -> Any:
        u = u.copy()
        for _ in range(20):
            u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
        return u

    u = np.linspace(0, 1, 9) ** 2
    compare(outputs(runtime, to_onnx(heat, u), u), [heat(u)], 1e-12)


def test_a_gradient_is_a_program_too(runtime: Any) -> None:
    loss = lambda x, w: np.sum(np.tanh(x @ w) ** 2)
    model = to_onnx(wg.grad(loss, argnums=(0, 1)), *POINT)
    compare(outputs(runtime, model, *POINT), list(wg.grad(loss, argnums=(0, 1))(*POINT)), 1e-12)


def test_a_convolutional_network(runtime: Any) -> None:
    net = nn.Sequential(nn.Conv(1, 4, (3, 3)), np.tanh, nn.MaxPool((2, 2)), nn.Flatten(), nn.Linear(4 * 3 * 3, 3))
    rng = np.random.default_rng(0)
    params, batch = net.init(rng), rng.standard_normal((2, 1, 8, 8))
    model = to_onnx(lambda x: net.apply(params, x), batch, dtype=np.float32)
    compare(outputs(runtime, model, batch), [net.apply(params, batch)], 1e-4, 1e-5)


def test_names(runtime: Any) -> None:
    hostile = "</a>\"'\n\ud800 é"
    model = to_onnx(lambda v: v[hostile] * v["constant_0"], {hostile: 2.0, "constant_0": 3.0})
    assert len({i.name for i in model.graph.input}) == 2
    assert outputs(runtime, model, 3.0, 2.0) == [6.0]


def test_what_has_no_form_is_named() -> None:
    pytest.importorskip("onnx", reason=MISSING.format("onnx"))

    def f(x: Any) -> Any:
        return wg.fori_loop(0, 3, lambda i, c: np.linalg.inv(c), x) + np.linalg.svd(x)[0]

    with pytest.raises(MissingRuleError, match="no form for inv, svd") as caught:
        to_onnx(f, np.eye(2))
    assert "np.linalg.inv(c)" in str(caught.value)
    with pytest.raises(DtypeError, match="complex128"):
        to_onnx(lambda x: x * 1j, 1.0)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wengert\[onnx\]'"):
        to_onnx(np.sin, 1.0)


def test_pages_are_saved_as_onnx(runtime: Any, tmp_path: Path) -> None:
    page = wg.view(lambda x, y: np.sin(x) * y, 2.0, 3.0, open=False, symbolic=False)
    path = page.save(tmp_path / "f.onnx")
    found = runtime.InferenceSession(str(path)).run(None, {"x": np.array(2.0), "y": np.array(3.0)})
    np.testing.assert_allclose(found[0], np.sin(2.0) * 3.0)
