"""A tool for the public suite GradBench (github.com/gradbench/gradbench): plain NumPy, differentiated by Wengert.

Speaks the suite's protocol, one JSON object per line on standard input and output:

    gradbench run --eval EVAL --tool "python -m benchmarks.gradbench_tool --jit"

The programs are in :mod:`benchmarks.gradbench`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import wengert as wg
from benchmarks.gradbench import ba, det, gmm, hello, ht, kmeans, llsq, lse, lstm, ode, particle, saddle
from benchmarks.gradbench.function import Function

MODULES: dict[str, dict[str, Function]] = {
    module.__name__.rpartition(".")[2]: module.FUNCTIONS
    for module in (ba, det, gmm, hello, ht, kmeans, llsq, lse, lstm, ode, particle, saddle)
}


def evaluate(function: Function, run: Callable[..., Any], data: Any) -> dict[str, Any]:
    """Run as often and as long as the input asks for; one timing per run, without parsing and encoding."""
    arguments = function.parse(data)
    least_runs, least_seconds = (data["min_runs"], data["min_seconds"]) if isinstance(data, dict) else (1, 0.0)
    timings: list[int] = []
    output = None
    while len(timings) < least_runs or sum(timings) < least_seconds * 1e9:
        start = time.perf_counter_ns()
        output = run(*arguments)
        timings.append(time.perf_counter_ns() - start)
    return {
        "success": True,
        "output": function.encode(output),
        "timings": [{"name": "evaluate", "nanoseconds": t} for t in timings],
    }


def answer(message: dict[str, Any], programs: dict[tuple[str, str], Callable[..., Any]]) -> dict[str, Any]:
    """The response to one message, but for its id."""
    match message["kind"]:
        case "start":
            return {"tool": "wengert"}
        case "define":
            known = message["module"] in MODULES
            return {"success": True} if known else {"success": False, "error": f"no module {message['module']!r}"}
        case "evaluate":
            try:
                name = message["module"], message["function"]
                return evaluate(MODULES[name[0]][name[1]], programs[name], message["input"])
            except Exception:  # noqa: BLE001 - the protocol wants the failure as an answer
                return {"success": False, "error": traceback.format_exc()}
    return {}


def all_programs(jit: bool) -> dict[tuple[str, str], Callable[..., Any]]:
    """What runs for each module and function."""
    return {
        (module, name): wg.jit(function.run, static_argnums=function.static) if jit else function.run
        for module, functions in MODULES.items()
        for name, function in functions.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradbench_tool", description="A tool for GradBench.")
    parser.add_argument("--jit", action="store_true", help="run every function through wg.jit")
    programs = all_programs(parser.parse_args().jit)
    for line in sys.stdin:
        message = json.loads(line)
        print(json.dumps({"id": message["id"]} | answer(message, programs)), flush=True)


if __name__ == "__main__":
    main()
