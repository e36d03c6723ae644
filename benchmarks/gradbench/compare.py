"""Wengert beside other tools on GradBench: ``python -m benchmarks.gradbench.compare --suite DIR``.

DIR is a checkout of github.com/gradbench/gradbench with ``cpp/json.hpp`` in place (``make -C cpp`` fetches it).  The
evals need pydantic, numpy and scipy, some also dataclasses-json; the peers need g++, jax and torch.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import environment, report
from benchmarks.gradbench.suite import PEERS, WORKLOADS, Measurement, run

RESULTS = Path(__file__).resolve().parents[1] / "RESULTS.md"
PRIMAL = ("primal", "objective", "cost", "square")

Row = tuple[str, str, str]


def rows_of(measurements: Sequence[Measurement]) -> dict[Row, dict[str, Measurement]]:
    """Measurements by evaluation and tool; the calls of `hello`, each of another number, are one row."""
    rows: dict[Row, dict[str, Measurement]] = {}
    calls: dict[tuple[Row, str], list[Measurement]] = {}
    for m in measurements:
        row = (m.eval, m.function, "4 calls" if m.eval == "hello" else m.workload)
        calls.setdefault((row, m.tool), []).append(m)
        rows.setdefault(row, {})[m.tool] = m
    for (row, tool), same in calls.items():
        timed = sorted((m for m in same if m.seconds is not None), key=lambda m: m.seconds or 0.0)
        if timed and all(m.valid for m in same):
            rows[row][tool] = timed[len(timed) // 2]
    return rows


def cell(m: Measurement | None, own: Measurement | None) -> str:
    if m is None:
        return "-"
    if m.seconds is None:
        return "FAILED"
    text = report.duration(m.seconds) + ("" if m.valid else " INVALID")
    if m is not own and own is not None and own.seconds is not None:
        text += f" ({own.seconds / m.seconds:.2f})"
    return text


def ratio(row: dict[str, Measurement], peer: str) -> float | None:
    own, other = row.get("wengert"), row.get(peer)
    if own is None or other is None or own.seconds is None or other.seconds is None or not (own.valid and other.valid):
        return None
    return own.seconds / other.seconds


def times(rows: dict[Row, dict[str, Measurement]], tools: Sequence[str]) -> report.Table:
    """Median time of a call; behind a peer's time, in brackets, Wengert's time over it."""
    body = []
    for (eval_, function, workload), row in rows.items():
        own = row.get("wengert")
        body.append([f"{eval_} {function}", workload, *(cell(row.get(tool), own) for tool in tools)])
    return ["function", "workload", *tools], body


def means(rows: dict[Row, dict[str, Measurement]], tools: Sequence[str]) -> report.Table:
    """Geometric means of Wengert's time over the others'."""

    def mean(peer: str, chosen: Sequence[Row]) -> str:
        found = [r for r in (ratio(rows[row], peer) for row in chosen) if r is not None]
        return f"{report.geometric_mean(found):.3f}" if found else "-"

    peers = [tool for tool in tools if tool != "wengert"]
    evals = list(dict.fromkeys(row[0] for row in rows))
    groups = {
        **{f"{e}, derivatives": [r for r in rows if r[0] == e and r[1] not in PRIMAL] for e in evals},
        "all functions": list(rows),
        "all functions but hello": [r for r in rows if r[0] != "hello"],
        "all derivatives but hello": [r for r in rows if r[0] != "hello" and r[1] not in PRIMAL],
    }
    body = [[name, *(mean(peer, chosen) for peer in peers)] for name, chosen in groups.items()]
    return ["geometric mean", *peers], body


def notes(measurements: Sequence[Measurement], core: int | None, seconds: float, rounds: int) -> list[str]:
    found = []
    for m in measurements:
        if not m.valid:
            lines = m.message.strip().splitlines() or ["rejected by the eval"]
            found.append(f"{m.tool}, {m.eval} {m.function} {m.workload}: {lines[-1][:200]}")
    return [
        "manual: the suite's hand-written C++ (g++ -O3 -march=native); jax, pytorch: the suite's tools, jax in float64 "
        "with its results waited for. In brackets: Wengert's time over theirs.",
        f"Every answer was judged by the suite's own eval. Medians; each evaluation was sent to all tools in turn, "
        f"{rounds} rounds of at least {seconds:g} s.",
        "Threads: " + ("each tool's own choice." if core is None else f"one each, pinned to core {core}."),
        *found,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradbench.compare", description=__doc__)
    parser.add_argument("--suite", type=Path, required=True, metavar="DIR", help="a checkout of gradbench/gradbench")
    parser.add_argument("--evals", nargs="+", default=list(WORKLOADS), choices=list(WORKLOADS), metavar="EVAL")
    parser.add_argument("--peers", nargs="*", default=None, help="default: all that have the eval")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2, help="least time for an evaluation in a round")
    parser.add_argument(
        "--timeout", type=float, default=60.0, help="seconds until an answer is not waited for any more"
    )
    parser.add_argument("--all-cores", action="store_true", help="do not pin the tools to one core")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every figure")
    parser.add_argument("--write-results", metavar="SECTION", help="replace that section of RESULTS.md")
    options = parser.parse_args()
    core = None if options.all_cores or not hasattr(os, "sched_getaffinity") else max(os.sched_getaffinity(0))
    measurements: list[Measurement] = []
    for eval_ in options.evals:
        peers = [p for p in PEERS[eval_] if options.peers is None or p in options.peers]
        found = list(
            run(
                eval_,
                ["wengert", *peers],
                options.suite.resolve(),
                core=core,
                seconds=options.seconds,
                rounds=options.rounds,
                timeout=options.timeout,
            )
        )
        measurements += found
        rows = rows_of(found)
        print(report.text(times(rows, ["wengert", *peers])), flush=True)
        for m in found:
            if not m.valid:
                print(f"  {m.tool} {m.function} {m.workload}: {m.message[-500:]}")
        print()
    tools = list(dict.fromkeys(["wengert", *(m.tool for m in measurements)]))
    rows = rows_of(measurements)
    print(report.text(means(rows, tools)))
    if options.json:
        options.json.write_text(json.dumps([asdict(m) for m in measurements], indent=1), encoding="utf-8")
    if options.write_results:
        lines = notes(measurements, core, options.seconds, options.rounds)
        lines += report.machine(environment.describe({name: environment.version(name) for name in ("jax", "torch")}))
        body = "\n\n".join(
            [
                "`python -m benchmarks.gradbench.compare --suite DIR`",
                report.markdown(times(rows, tools)),
                report.markdown(means(rows, tools)),
                "\n".join(f"* {line}" for line in lines),
            ]
        )
        report.insert(RESULTS, options.write_results, body)
    sys.exit(any(m.tool == "wengert" and not m.valid for m in measurements))


if __name__ == "__main__":
    main()
