"""The GradBench programs, driven over the suite's protocol on small inputs, against independent derivatives.

The suite's own judges accept 1e-4 absolute, and for some evals (ode, saddle, lstm) zeros would nearly do.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the benchmarks are no part of the installed package

from benchmarks.gradbench import ba, compare, descent, particle, saddle
from benchmarks.gradbench.suite import PEERS, WORKLOADS, Measurement
from benchmarks.gradbench_tool import MODULES, all_programs, answer

RUNS = {"min_runs": 1, "min_seconds": 0.0}
RNG = np.random.default_rng(31337)


def mixture(d: int, k: int, n: int) -> dict[str, Any]:
    sizes = {"alpha": (k,), "mu": (k, d), "q": (k, d), "l": (k, d * (d - 1) // 2), "x": (n, d)}
    return {"d": d, "k": k, "n": n, "m": 0, "gamma": 1.0} | {s: RNG.normal(size=z).tolist() for s, z in sizes.items()}


def hand(points: int, with_triangles: bool) -> dict[str, Any]:
    """A made-up hand: 22 bones in a tree, 12 vertices."""
    bones, vertices = 22, 12

    def moves() -> Any:
        matrices = np.tile(np.eye(4), (bones, 1, 1))
        matrices[:, :3] += 0.1 * RNG.normal(size=(bones, 3, 4))
        return matrices.tolist()

    model = {
        "bone_count": bones,
        "parents": [max(-1, (bone - 1) // 2 if bone else -1) for bone in range(bones)],
        "base_relatives": moves(),
        "inverse_base_absolutes": moves(),
        "base_positions": np.c_[RNG.normal(size=(vertices, 3)), np.ones(vertices)].tolist(),
        "weights": RNG.dirichlet(np.ones(bones), vertices).tolist(),
        "triangles": RNG.integers(0, vertices, (9, 3)).tolist(),
        "is_mirrored": not with_triangles,
    }
    data = {
        "model": model,
        "correspondences": RNG.integers(0, 9, points).tolist(),
        "points": RNG.normal(size=(points, 3)).tolist(),
    }
    us = RNG.uniform(0.1, 0.4, (points, 2)).tolist() if with_triangles else []
    return {"theta": (0.3 * RNG.normal(size=26)).tolist(), "us": us, "data": data}


BUNDLE = {
    "n": 2, "m": 3, "p": 11, "cam": [0.3, -0.2, 0.5, 1.0, 0.4, -0.7, 40.0, 1.5, -0.5, 0.08, 0.003],
    "x": [7.2, 0.1, 3.0], "w": 0.4, "feat": [3.0, 8.0],
}  # fmt: skip
POINTS = RNG.uniform(size=(12, 3))
INPUTS: dict[str, list[Any]] = {
    "hello": [3.0],
    "gmm": [mixture(3, 2, 5), mixture(1, 2, 4)],
    "kmeans": [{"points": POINTS.tolist(), "centroids": POINTS[:3].tolist()}],
    "llsq": [{"x": RNG.uniform(size=5).tolist(), "n": 9}],
    "lse": [{"x": RNG.normal(size=6).tolist()}],
    "det": [{"A": RNG.uniform(size=s * s).tolist(), "ell": s} for s in (1, 4)],
    "ode": [{"x": RNG.uniform(0.5, 1.5, 4).tolist(), "s": 3}],
    "lstm": [
        {
            "main_params": RNG.normal(size=(4, 12)).tolist(),
            "extra_params": RNG.normal(size=(3, 3)).tolist(),
            "state": RNG.normal(size=(4, 3)).tolist(),
            "sequence": RNG.integers(0, 2, (5, 3)).tolist(),
        }
    ],
    "ht": [hand(4, False), hand(4, True)],
    "ba": [BUNDLE, BUNDLE | {"cam": [0.0] * 3 + BUNDLE["cam"][3:]}],
}


def tool(module: str, function: str, data: Any, jit: bool) -> Any:
    """The tool's answer to an evaluation."""
    data = data | RUNS if isinstance(data, dict) else data
    message = {"kind": "evaluate", "module": module, "function": function, "input": data}
    found = answer(json.loads(json.dumps(message)), all_programs(jit))
    assert found["success"], found["error"]
    assert len(found["timings"]) == 1
    return json.loads(json.dumps(found["output"]))


def differences(fun: Any, x: Any) -> Any:
    """The Jacobian by central differences of fourth order."""
    x = np.asarray(x, float)
    columns = []
    for place in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[place] = 1e-3
        near, far = (np.asarray(fun(x + k * e)) - np.asarray(fun(x - k * e)) for k in (1, 2))
        columns.append((8 * near - far) / (12 * 1e-3))
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, *x.shape)


@pytest.mark.parametrize("jit", [False, True])
class TestDerivatives:
    def test_hello(self, jit: bool) -> None:
        assert tool("hello", "square", 3.0, jit) == 9.0
        assert tool("hello", "double", 3.0, jit) == 6.0

    @pytest.mark.parametrize(
        ("module", "primal", "derivative"), [("llsq", "primal", "gradient"), ("lse", "primal", "gradient")]
    )
    def test_gradient_of_a_vector(self, module: str, primal: str, derivative: str, jit: bool) -> None:
        for data in INPUTS[module]:
            expected = differences(lambda x: tool(module, primal, data | {"x": x.tolist()}, False), data["x"])
            np.testing.assert_allclose(tool(module, derivative, data, jit), expected, rtol=1e-8)

    def test_llsq_is_the_sum_of_powers(self, jit: bool) -> None:
        data = INPUTS["llsq"][0]
        t = np.linspace(-1, 1, data["n"])
        residual = np.sign(t) - sum(c * t**k for k, c in enumerate(data["x"]))
        assert tool("llsq", "primal", data, jit) == pytest.approx(0.5 * np.sum(residual**2))

    def test_gmm(self, jit: bool) -> None:
        for data in INPUTS["gmm"]:
            found = tool("gmm", "jacobian", data, jit)
            for name in ("alpha", "mu", "q", "l"):
                if not np.size(data[name]):
                    continue
                expected = differences(lambda x: tool("gmm", "objective", data | {name: x.tolist()}, False), data[name])
                np.testing.assert_allclose(found[name], expected, rtol=1e-7, atol=1e-9)

    def test_kmeans(self, jit: bool) -> None:
        data = INPUTS["kmeans"][0]
        centroids = np.array(data["centroids"])
        nearest = np.argmin(np.sum((POINTS[:, None] - centroids) ** 2, axis=2), axis=1)
        expected = [centroids[k] - POINTS[nearest == k].mean(axis=0) for k in range(3)]
        np.testing.assert_allclose(tool("kmeans", "dir", data, jit), expected, atol=1e-12)

    def test_det(self, jit: bool) -> None:
        for data in INPUTS["det"]:
            a = np.reshape(data["A"], (data["ell"], -1))
            assert tool("det", "primal", data, jit) == pytest.approx(np.linalg.det(a))
            cofactors = np.linalg.det(a) * np.linalg.inv(a).T
            np.testing.assert_allclose(tool("det", "gradient", data, jit), cofactors.ravel(), rtol=1e-10)

    def test_ode(self, jit: bool) -> None:
        # Where the true gradient is not below the smallest number, as it is at the suite's sizes.
        for data in INPUTS["ode"]:
            expected = differences(lambda x: tool("ode", "primal", data | {"x": x.tolist()}, False), data["x"])[-1]
            np.testing.assert_allclose(tool("ode", "gradient", data, jit), expected, rtol=1e-8)

    def test_lstm(self, jit: bool) -> None:
        data = INPUTS["lstm"][0]
        parts = [
            differences(lambda x: tool("lstm", "objective", data | {name: x.tolist()}, False), data[name]).ravel()
            for name in ("main_params", "extra_params")
        ]
        np.testing.assert_allclose(tool("lstm", "jacobian", data, jit), np.concatenate(parts), rtol=1e-6, atol=1e-11)

    def test_ht(self, jit: bool) -> None:
        for data in INPUTS["ht"]:
            found = np.array(tool("ht", "jacobian", data, jit))
            by_theta = differences(
                lambda x: tool("ht", "objective", data | {"theta": x.tolist()}, False), data["theta"]
            )
            np.testing.assert_allclose(found[:, -26:], by_theta, rtol=1e-7, atol=1e-9)
            if data["us"]:
                by_us = differences(lambda x: tool("ht", "objective", data | {"us": x.tolist()}, False), data["us"])
                own = [by_us[3 * i : 3 * i + 3, i] for i in range(len(data["us"]))]
                np.testing.assert_allclose(found[:, :2], np.concatenate(own), rtol=1e-7, atol=1e-9)
            else:
                assert found.shape[1] == 26

    def test_ba(self, jit: bool) -> None:
        for data in INPUTS["ba"]:
            found = tool("ba", "jacobian", data, jit)
            assert found["rows"][:4] == [0, 15, 30, 45]
            assert found["rows"][-1] == 31 * data["p"]
            first = [*range(11), 22, 23, 24, 31]
            assert found["cols"][:30] == first * 2
            assert found["cols"][-1] == 22 + 9 + data["p"] - 1
            args = (data["cam"], data["x"], [data["w"]])
            expected = [
                differences(
                    lambda v: ba.reprojection_error(
                        *[v if k == j else np.array(a) for j, a in enumerate(args)], data["feat"]
                    ),
                    args[k],
                ).reshape(2, -1)
                for k in range(3)
            ]
            if any(data["cam"][:3]):  # at no rotation differences cross from one branch to the other
                np.testing.assert_allclose(
                    np.reshape(found["vals"][:30], (2, 15)), np.concatenate(expected, axis=1), rtol=1e-6, atol=1e-8
                )
            assert found["vals"][-1] == -2 * data["w"]
            assert np.all(np.isfinite(found["vals"]))


def test_ba_without_rotation_agrees_with_a_tiny_one() -> None:
    near = BUNDLE | {"cam": [1e-9, 0.0, 0.0, *BUNDLE["cam"][3:]]}
    here = tool("ba", "jacobian", INPUTS["ba"][1], True)["vals"]
    np.testing.assert_allclose(here, tool("ba", "jacobian", near, True)["vals"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("modes", ["rr", "rf", "fr", "ff"])
def test_particle(modes: str) -> None:
    """The gradient through all of the flight, against differences of the flight; and the eval's answer."""

    def miss(w: Any) -> Any:
        return particle.miss(w, modes[1])

    start = np.array([0.1])
    slope = wg.jit(descent.gradient(miss, modes[0]))
    np.testing.assert_allclose(slope(start), differences(wg.jit(miss), start), rtol=1e-6)
    assert tool("particle", modes, {"w": 0.0}, True) == pytest.approx(0.2071918746486116, rel=1e-6)


@pytest.mark.parametrize("modes", ["rr", "rf", "fr", "ff"])
def test_saddle(modes: str) -> None:
    """The inner answer does not depend on x, so that the outer gradient is 2 x; and the eval's answer."""
    x, start = np.array([0.4, -0.7]), np.array([1.0, 1.0])
    slope = wg.jit(descent.gradient(lambda x: saddle.worst(x, start, modes[1]), modes[0]))
    np.testing.assert_allclose(slope(x), 2 * x, rtol=1e-10)
    np.testing.assert_allclose(tool("saddle", modes, {"start": [1.0, 1.0]}, True), 8.246324826140356e-06, rtol=1e-6)


def test_the_process_speaks_the_protocol() -> None:
    messages = [
        {"id": 0, "kind": "start", "eval": "hello"},
        {"id": 1, "kind": "define", "module": "hello"},
        {"id": 2, "kind": "evaluate", "module": "hello", "function": "double", "input": 4.0},
        {"id": 3, "kind": "analysis", "of": 2, "valid": True},
        {"id": 4, "kind": "define", "module": "unheard-of"},
        {"id": 5, "kind": "evaluate", "module": "lse", "function": "primal", "input": {}},
    ]
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.gradbench_tool", "--jit"],
        input="".join(json.dumps(m) + "\n" for m in messages),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    answers = [json.loads(line) for line in made.stdout.splitlines()]
    assert [a["id"] for a in answers] == list(range(6))
    assert answers[0]["tool"] == "wengert"
    assert answers[1]["success"]
    assert answers[2]["output"] == 8.0
    assert not answers[4]["success"]
    assert "unheard-of" in answers[4]["error"]
    assert not answers[5]["success"]
    assert "KeyError" in answers[5]["error"]


def test_every_eval_has_a_module_workloads_and_peers() -> None:
    assert set(MODULES) == set(PEERS) == set(WORKLOADS)
    assert len(MODULES) == 12


def measurement(tool: str, seconds: float | None, valid: bool = True, eval_: str = "lse") -> Measurement:
    return Measurement(eval_, "gradient", "n=5", tool, seconds, valid, "" if valid else "Found 3 mismatches")


def test_tables() -> None:
    found = [measurement("wengert", 1e-3), measurement("manual", 2e-3), measurement("jax", 4e-3, valid=False)]
    rows = compare.rows_of(found)
    header, body = compare.times(rows, ["wengert", "manual", "jax"])
    assert body == [["lse gradient", "n=5", "1.00 ms", "2.00 ms (0.50)", "4.00 ms INVALID (0.25)"]]
    header, body = compare.means(rows, ["wengert", "manual", "jax"])
    assert header == ["geometric mean", "manual", "jax"]
    assert body[0] == ["lse, derivatives", "0.500", "-"]  # a wrong answer counts for nothing
    assert any("Found 3 mismatches" in line for line in compare.notes(found, 1, 0.1, 3))


def test_a_tool_that_failed_has_no_ratio() -> None:
    rows = compare.rows_of([measurement("wengert", None, valid=False), measurement("manual", 1.0)])
    assert compare.times(rows, ["wengert", "manual"])[1][0][2:] == ["FAILED", "1.00 s"]
