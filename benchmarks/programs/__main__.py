"""Gradients of loops, branches and assignment as written: ``python -m benchmarks.programs --help``."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.environment import describe, ensure_environment, version
from benchmarks.programs.harness import tables
from benchmarks.programs.harness.probe import COMPILED
from benchmarks.programs.harness.program import LONGER, TWICE
from benchmarks.programs.harness.session import Options, present, run_program
from benchmarks.programs.harness.suite import load, select

RESULTS = Path(__file__).resolve().parents[1] / "RESULTS.md"
LEGEND = (
    "Numba primal: `numba.njit` of the same source (or the natural version for Numba), the value alone.",
    "gradient: `wg.jit(wg.value_and_grad(f))` of the plain NumPy function as it stands, value and gradient.",
    "JAX: the program rewritten with `lax.fori_loop`, `lax.scan` and `.at`, `jit(value_and_grad(f))`, float64; its "
    "arguments are on its device beforehand.",
    "First calls: recording, compiling and one run, in a fresh process with an empty cache.",
    f"To compile: the same without the run (the quickest of {COMPILED} processes). With more trips: {LONGER} times the "
    f"steps and arrays as they are, or, where the trip counts are the lengths of arrays, arrays {TWICE} times as long.",
    "Memory: peak of a later call above that at the small size, in a process that finds its code on disk.",
)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m benchmarks.programs", description=__doc__)
    p.add_argument("names", nargs="*", help="programs or name patterns (default: all)")
    p.add_argument("--small", action="store_true", help="the sizes of the tests; gradients are checked entry by entry")
    p.add_argument("--no-cold", action="store_true", help="leave out the first calls in processes of their own")
    p.add_argument("--no-jax", action="store_true", help="leave JAX out")
    p.add_argument("--list", action="store_true", help="print the names of the programs and stop")
    p.add_argument("--rounds", type=int, default=15, help="most samples per library and program")
    p.add_argument("--budget", type=float, default=2.0, help="seconds per program after which no round is begun")
    p.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    p.add_argument("--write-results", metavar="SECTION", help="put the tables into RESULTS.md under this heading")
    return p


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(argv: list[str]) -> int:
    arguments = parser().parse_args(argv)
    names = select(arguments.names)
    if arguments.list:
        print("\n".join(f"{name:20} {load(name).summary}" for name in names))
        return 0
    ensure_environment(None, "benchmarks.programs", argv)
    peers = present(("numba",) if arguments.no_jax else ("numba", "jax"), say)
    size = "small" if arguments.small else "measured"
    options = Options(size, arguments.rounds, arguments.budget, not arguments.no_cold, peers)
    outcomes = []
    for name in names:
        outcome = run_program(name, options)
        outcomes.append(outcome)
        say(f"{name}: {outcome.status} {outcome.message}")

    shown = [tables.timings(outcomes), tables.judge(outcomes)]
    description = describe({name: version(name) for name in peers})
    lines = [*LEGEND, *tables.notes(outcomes), *report.machine(description)]
    print("\n\n".join([*map(report.text, shown), "\n".join(lines)]))
    kept = [word for word in argv if word.startswith("--") and word in ("--small", "--no-cold", "--no-jax")]
    command = shlex.join(["python", "-m", "benchmarks.programs", *arguments.names, *kept])
    if arguments.json:
        content = {"command": command, "machine": description, "programs": [o.to_dict() for o in outcomes]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if arguments.write_results:
        listed = "\n".join(f"* {line}" for line in lines)
        report.insert(
            RESULTS, arguments.write_results, "\n\n".join([f"`{command}`", *map(report.markdown, shown), listed])
        )
        say(f"written: section {arguments.write_results!r} of {RESULTS.name}")
    return 1 if any(outcome.status != "ok" for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
