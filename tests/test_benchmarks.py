"""The benchmark runner: it must refuse wrong results, and it must work where no other library is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the benchmarks are no part of the installed package

from benchmarks import report, targets
from benchmarks.case import with_import
from benchmarks.cases import all_cases, rosenbrock, select
from benchmarks.check import Checker, WrongResult
from benchmarks.measure import Timing, measure
from benchmarks.peers.by_hand import ByHand
from benchmarks.session import Options, Record, run_case


def by_hand() -> ByHand:
    peer = ByHand()
    peer.load()
    return peer


def test_names_of_cases_are_distinct() -> None:
    names = [case.name for case in all_cases()]
    assert len(names) == len(set(names))


def test_selection_by_group_and_by_pattern() -> None:
    assert [case.name for case in select("eager", ["chain"])] == ["chain/1000 operations"]
    assert {case.group for case in select("jit", ["softmax/1e3*"])} == {"softmax"}
    assert not select("eager", ["softmax"]), "array cases belong to the compiled suite"


@pytest.mark.parametrize("case", [c for c in select("eager", []) if "1000000" not in c.name], ids=lambda c: c.name)
def test_derivatives_by_hand_pass_the_check(case) -> None:  # type: ignore[no-untyped-def]
    arguments = case.arguments()
    Checker(case, arguments).check("numpy", by_hand().prepare(case, arguments).results())


def test_a_wrong_derivative_is_reported_and_not_timed() -> None:
    case = next(c for c in all_cases() if c.name == "rosenbrock/n=10")

    def wrong(x):  # type: ignore[no-untyped-def]
        value, gradient = rosenbrock.by_hand(x)
        gradient[3] *= 1.001
        return value, gradient

    planted = replace(case, versions={"numpy": lambda: wrong})
    (record,) = run_case(planted, {"numpy": by_hand()}, Options(rounds=2, budget=0.1))
    assert record.status == "wrong"
    assert record.timing is None


def test_a_wrong_value_and_a_wrong_dtype_are_found() -> None:
    case = next(c for c in all_cases() if c.name == "rosenbrock/n=10")
    arguments = case.arguments()
    value, gradient = rosenbrock.by_hand(*arguments)
    with pytest.raises(WrongResult, match="off from plain NumPy"):
        Checker(case, arguments).check("it", [np.asarray(value + 1e-6), gradient])
    with pytest.raises(WrongResult, match="computed in float32"):
        Checker(case, arguments).check("it", [np.asarray(value), gradient.astype(np.float32)])


def test_other_import_line_reaches_helpers() -> None:
    from benchmarks.cases import arrays

    class Counting:
        calls = 0

        @classmethod
        def exp(cls, x):  # type: ignore[no-untyped-def]
            cls.calls += 1
            return np.exp(x)

    x = np.ones((2, 3))
    translated = with_import(arrays.weighted_softmax, Counting)  # type: ignore[arg-type]
    assert translated(x, x) == arrays.weighted_softmax(x, x)
    assert Counting.calls == 1


def test_measure_sizes_samples_and_turns() -> None:
    order: list[str] = []
    timings = measure({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3, sample_seconds=1e-4)
    assert {name: t.samples for name, t in timings.items()} == {"a": 3, "b": 3}
    assert all(t.calls_per_sample > 1 and 0 < t.lower <= t.median <= t.upper for t in timings.values())


def record(peer: str, seconds: float, case: str = "rosenbrock/n=10") -> Record:
    return Record(case, "gradient", "float64", "numpy", peer, "ok", timing=Timing(seconds, seconds, seconds, 5, 1))


def test_targets_compare_with_the_best_of_the_others() -> None:
    judged = targets.judge([record("wengert", 10.0), record("autograd", 100.0), record("torch", 25.0)])
    assert judged is not None
    (small, both) = judged[1]
    assert small[-1] == "yes"
    assert both[-1] == "no (1 of 1 cases over)"
    assert "0.40" in both[2]


def test_results_are_replaced_between_their_markers(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    report.insert(path, "one", "first")
    report.insert(path, "two", "second")
    report.insert(path, "one", "third")
    content = path.read_text()
    assert "first" not in content
    assert content.index("third") < content.index("second")


def test_the_table_has_times_and_ratios() -> None:
    header, rows = report.timings([record("wengert", 2e-5), record("autograd", 1.6e-4)])
    assert header == ["case", "wengert", "autograd"]
    assert rows == [["rosenbrock/n=10", "20.0 µs", "160 µs (0.12)"]]


def test_runner_compares_wengert_with_the_derivative_by_hand(tmp_path: Path) -> None:
    if not hasattr(pytest.importorskip("wengert"), "value_and_grad"):
        pytest.skip("wengert.value_and_grad does not exist yet")
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.run", "rosenbrock/n=2", "--peers", "numpy,wengert"]
    command += ["--rounds", "3", "--budget", "0.2", "--json", str(figures)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    records = json.loads(figures.read_text())["records"]
    assert [(r["peer"], r["status"]) for r in records] == [("numpy", "ok"), ("wengert", "ok")]
    assert all(r["timing"]["median"] > 0 for r in records)
