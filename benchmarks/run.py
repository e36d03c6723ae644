"""Compare Wengert with HIPS autograd, MyGrad, PyTorch and JAX: ``python -m benchmarks.run --help``."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from benchmarks import report, targets
from benchmarks.cases import select
from benchmarks.environment import describe, ensure_environment
from benchmarks.footprint import footprint
from benchmarks.peers import EAGER, JIT, PEERS
from benchmarks.probe import cold_and_warm
from benchmarks.session import Options, Record, load_peers, run_case

RESULTS = Path(__file__).with_name("RESULTS.md")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    p.add_argument("cases", nargs="*", help="groups or name patterns, e.g. rosenbrock 'softmax/1e6*' (default: all)")
    p.add_argument("--jit", action="store_true", help="the cases and libraries of compiled execution")
    p.add_argument("--peers", help=f"comma-separated, of {', '.join(PEERS)} (default: those of the suite)")
    p.add_argument("--first-call", action="store_true", help="first call and peak memory instead, a process each")
    p.add_argument("--footprint", action="store_true", help="time to import and size on disk instead")
    p.add_argument("--list", action="store_true", help="print the names of the cases and stop")
    p.add_argument("--rounds", type=int, default=30, help="most samples per library and case")
    p.add_argument("--budget", type=float, default=4.0, help="seconds per case after which no round is begun")
    p.add_argument("--threads", type=int, help="threads and cores for everyone (default: as each library chooses)")
    p.add_argument("--no-function", action="store_true", help="do not time the undifferentiated functions as well")
    p.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    p.add_argument("--write-results", metavar="SECTION", help="put the tables into RESULTS.md under this heading")
    return p


def command(arguments: argparse.Namespace) -> str:
    """The command that repeats this run; where its output went does not belong to it."""
    words = ["python", "-m", "benchmarks.run", *arguments.cases]
    for flag in ("jit", "first_call", "footprint", "no_function"):
        words += ["--" + flag.replace("_", "-")] * getattr(arguments, flag)
    for option, default in (("peers", None), ("threads", None), ("rounds", 30), ("budget", 4.0)):
        value = getattr(arguments, option)
        if value != default:
            words += [f"--{option}", f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def compare(arguments: argparse.Namespace, names: list[str]) -> tuple[list[Record], list[dict[str, Any]]]:
    """Run the selected cases: timings together in this process, or first calls in a process each."""
    peers = load_peers(names, say)
    cases = select("jit" if arguments.jit else "eager", arguments.cases)
    if not cases:
        raise SystemExit(f"no case matches {arguments.cases}; --list names them")
    options = Options(arguments.rounds, arguments.budget, not arguments.no_function)
    records: list[Record] = []
    probes: list[dict[str, Any]] = []
    for case in cases:
        say(case.name)
        if arguments.first_call:
            probes += [cold_and_warm(name, case.name) for name in peers if name != "numpy"]
        else:
            records += run_case(case, peers, options)
    return records, probes


def main(argv: list[str]) -> int:
    arguments = parser().parse_args(argv)
    if arguments.list:
        print("\n".join(case.name for case in select("jit" if arguments.jit else "eager", arguments.cases)))
        return 0
    names = arguments.peers.split(",") if arguments.peers else list(JIT if arguments.jit else EAGER)
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise SystemExit(f"unknown peers {unknown}; known: {', '.join(PEERS)}")
    ensure_environment(arguments.threads, "benchmarks.run", argv)

    records: list[Record] = []
    probes: list[dict[str, Any]] = []
    sizes: list[dict[str, Any]] = []
    if arguments.footprint:
        sizes = footprint()
        judged = targets.judge_imports(sizes)
        tables = [report.footprints(sizes)]
    else:
        records, probes = compare(arguments, names)
        judged = targets.judge(records) or targets.judge_probes(probes)
        tables = [report.timings(records)] if records else [report.first_calls(probes)]
        ratio = report.gradient_over_function(records)
        if ratio is not None:
            tables.append((["gradient / function", *ratio[0][1:]], ratio[1]))
    if judged is not None:
        tables.append(judged)

    used = report.peers_of(records) or list(dict.fromkeys(p["peer"] for p in probes))
    present = [name for name in used if name != "numpy"] or [row["library"] for row in sizes if row["library"] in PEERS]
    versions = {PEERS[name].distribution: PEERS[name]().version() for name in present if name != "numpy"}
    description = describe(versions)
    notes = [*report.legend(used), *report.problems(records), *report.machine(description)]
    print("\n\n".join([*map(report.text, tables), "\n".join(notes)]))

    if arguments.json:
        content = {
            "command": command(arguments),
            "machine": description,
            "records": [record.to_dict() for record in records],
            "first_calls": probes,
            "footprint": sizes,
        }
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if arguments.write_results:
        listed = "\n".join(f"* {note}" for note in notes)
        body = "\n\n".join([f"`{command(arguments)}`", *map(report.markdown, tables), listed])
        report.insert(RESULTS, arguments.write_results, body)
        say(f"written: section {arguments.write_results!r} of {RESULTS.name}")
    broken = [r for r in records if r.status in ("wrong", "failed") and r.peer.startswith("wengert")]
    return 1 if broken or any("error" in p and p["peer"].startswith("wengert") for p in probes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
