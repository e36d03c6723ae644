"""The suite's report: what it says of programs that are wrong, slow, or slower the longer they run."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the benchmarks are no part of the installed package

from benchmarks.measure import Timing
from benchmarks.programs.harness import session, tables
from benchmarks.programs.harness.program import Program
from benchmarks.programs.harness.session import Options, Outcome, run_program


def timing(seconds):
    return Timing(seconds, seconds, seconds, 1, 1)


def outcome(name, numba, own, jax=None, first=1.0, longer=1.0):
    found = Outcome(name)
    found.timings = {"numba": timing(numba), "wengert": timing(own)} | ({"jax": timing(jax)} if jax else {})
    found.cold = {"measured": {"first": first, "memory": 5e6}, "longer": {"memory": 5e6}}
    found.compiled = {"measured": 1.0, "longer": longer}
    return found


def verdicts(*outcomes):
    return {row[0]: row[3] for row in tables.judge(outcomes)[1]}


def test_goals_are_met():
    found = verdicts(outcome("a", 1e-3, 2e-3, jax=30e-3), outcome("b", 1e-3, 6e-3, jax=50e-3))
    assert set(found.values()) == {"yes"}
    assert len(found) == 6


@pytest.mark.parametrize(
    ("goal", "bad"),
    [
        ("gradient over Numba's primal", outcome("b", 1e-3, 11e-3, jax=1.0)),
        ("gradient over JAX's", outcome("b", 1e-3, 2e-3, jax=1.9e-3)),
        ("first call, cold (s)", outcome("b", 1e-3, 1e-3, jax=1.0, first=1.6)),
        ("compile time with more trips over that with those measured", outcome("b", 1e-3, 1e-3, jax=1.0, longer=1.4)),
    ],
)
def test_a_goal_that_one_program_misses_is_missed_and_names_it(goal, bad):
    found = verdicts(outcome("a", 1e-3, 1e-3, jax=1.0), bad)
    assert found.pop(goal).endswith(": b)")
    assert set(found.values()) == {"yes"}


def test_a_geometric_mean_can_be_missed_alone():
    assert verdicts(outcome("a", 1e-3, 9e-3), outcome("b", 1e-3, 8e-3))["gradient over Numba's primal"] == "no"


def test_memory_that_grows_with_the_steps_is_told():
    found = outcome("a", 1e-3, 1e-3)
    found.cold["longer"] = {"memory": 5e6 + 1e8}
    (row,) = [row for row in tables.judge([found])[1] if "more memory" in row[0]]
    assert row[3] == "no (above 4: a)"


def test_wrong_results_are_reported_and_not_timed(monkeypatch):
    def square_sum(x):
        return np.sum(x * x)

    program = Program(square_sum, lambda rng, n: (rng.random(n),), {"n": 3}, {"n": 4}, without_jax="a test")
    monkeypatch.setattr(session, "load", lambda name: program)
    options = Options("small", rounds=2, budget=0.1, with_cold=False, peers=())
    assert run_program("square_sum", options).status == "ok"

    def wrong(program, arguments):
        compiled = right(program, arguments)

        def call(*given):
            value, (gradient,) = compiled(*given)
            return value, (1.001 * gradient,)

        return call

    right = session.wengert_gradient
    monkeypatch.setattr(session, "wengert_gradient", wrong)
    found = run_program("square_sum", options)
    assert found.status == "wrong" and "by differences" in found.message and not found.timings
    assert verdicts(found)["value and gradient right"] == "no: square_sum"
    assert "WRONG" in tables.timings([found])[1][0]
    assert any("by differences" in line for line in tables.notes([found]))


def test_a_program_without_a_version_for_jax_says_why():
    program = session.load("newton")
    with pytest.raises(ValueError, match="reason"):
        replace(program, without_jax="")
