"""Reverse mode over a long loop within a memory budget, against storing everything.

    python -m benchmarks.budget [iterations] [entries]

The loop is not linear; each iteration's residual is as large as its carry.  The budget is 5 % of what is stored
without one.  Both gradients are computed in turns in one process.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import wengert as wg
from wengert.api.memory import needed, program_within
from wengert.run.llvm import NativeProgram
from wengert.transforms.expand import expand
from wengert.transforms.loops import tidy
from wengert.transforms.reverse import gradient
from wengert.transforms.simplify import simplify

PART = 0.05


def program(iterations: int) -> Any:
    """Return a function that iterates a map of an array to itself that is not linear."""

    def f(x: Any) -> Any:
        return np.sum(wg.fori_loop(0, iterations, lambda k, u: u + 0.01 * u * (1.0 - u), x) ** 2)

    return f


def main(iterations: int = 10_000, entries: int = 100_000, repeats: int = 3) -> None:
    """Measure, and print a table."""
    x = np.linspace(0.1, 0.9, entries)
    graph = wg.trace(program(iterations))(x)
    active = [True, *[False] * (len(graph.inputs) - 1)]
    args = [x, *[value for _, value in graph.constants]]
    whole = gradient(graph, active)
    budget = int(PART * needed(whole))
    start = time.perf_counter()
    within = program_within(budget, graph, active, lambda g: gradient(g, active))
    found = time.perf_counter() - start
    runs = {}
    for name, made in (("store all", whole), (f"{PART:.0%} of that", within)):
        runs[name] = NativeProgram(tidy(expand(simplify(made))))
    times: dict[str, list[float]] = {name: [] for name in runs}
    slopes = {}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            slopes[name] = run(args)[1]
            times[name].append(time.perf_counter() - start)
    first, second = slopes.values()
    assert np.allclose(first, second, rtol=1e-9)
    print(f"T = {iterations}, n = {entries}; choosing the schedule took {found:.2f} s")
    for name, run in runs.items():
        print(f"{name:14} arena {run.arena / 1e6:9.1f} MB  first {times[name][0]:.3f} s  best {min(times[name]):.3f} s")
    best = [min(t) for t in times.values()]
    print(f"ratio {best[1] / best[0]:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
