"""Running the suite: an eval and a tool are two processes that exchange lines of JSON, and this stands in between.

For each tool there is an eval process of its own, which judges that tool's answers.  They are taken in step: every
evaluation is sent to all tools in turn, several rounds, before the next one is asked for.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environment import BLAS_OVERRIDES, THREAD_VARIABLES

ROOT = Path(__file__).resolve().parents[2]

# Which peers take part in an eval: those of the suite's tools that implement it.
PEERS = {
    "hello": ("manual", "jax", "pytorch"),
    "gmm": ("manual", "jax", "pytorch"),
    "kmeans": ("manual", "jax", "pytorch"),
    "llsq": ("manual", "jax"),
    "lse": ("manual", "jax", "pytorch"),
    "ba": ("manual", "pytorch"),
    "det": ("manual",),
    "ht": ("manual", "pytorch"),
    "lstm": ("manual", "pytorch"),
    "ode": ("manual", "jax"),
    "particle": ("finite",),
    "saddle": ("finite",),
}

# Arguments of the evals: the same programs at sizes that take seconds, not hours.
WORKLOADS = {
    "hello": [""],
    "gmm": ["-d 2 10 32 -k 5 25", "-d 64 -k 50"],
    "kmeans": ["-k 10 100 -n 1000 10000 -d 8", "-k 1000 -n 10000 -d 16"],
    "llsq": ["-n 16 128 1024 8196"],
    "lse": ["-n 2500 80000 1280000"],
    "ba": ["--min 1 --max 1", "--min 5 --max 5"],
    "det": ["-l 5 7 9 10"],
    "ht": [
        "--variant simple --model small --min 1 --max 1",
        "--variant simple --model big --min 5 --max 5",
        "--variant complicated --model small --min 1 --max 1",
        "--variant complicated --model big --min 1 --max 1",
        "--variant complicated --model big --min 5 --max 5",
        "--variant complicated --model big --min 9 --max 9",
    ],
    "lstm": ["-l 2 4 -c 256 1024", "-l 2 4 -c 4096"],
    "ode": ["-n 1000 10000 -s 10 100"],
    "particle": [""],
    "saddle": [""],
}


@dataclass
class Measurement:
    """What one tool did with one evaluation."""

    eval: str
    function: str
    workload: str
    tool: str
    seconds: float | None
    """Median over the runs of all rounds; None where the tool failed."""
    valid: bool
    message: str = ""
    first: float | None = None
    """The first run: with what is compiled or set up only once."""


class Process:
    """A child process that answers a line with a line."""

    def __init__(self, command: Sequence[str], cwd: Path, environment: dict[str, str], core: int | None) -> None:
        def pin() -> None:
            os.setsid()
            if core is not None:
                os.sched_setaffinity(0, [core])

        self.process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=pin
        )
        self.rest = b""

    def send(self, message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self, timeout: float) -> Any:
        """Return the next message; None where there is none in time, or the process has ended."""
        assert self.process.stdout is not None
        handle, end = self.process.stdout.fileno(), time.monotonic() + timeout
        chunks = [self.rest]
        while b"\n" not in chunks[-1]:
            if not select.select([handle], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            chunk = os.read(handle, 1 << 20)
            if not chunk:
                return None
            chunks.append(chunk)
        line, _, self.rest = b"".join(chunks).partition(b"\n")
        return json.loads(line)

    def ask(self, message: Any, timeout: float) -> Any:
        try:
            self.send(message)
        except BrokenPipeError:
            return None
        return self.receive(timeout)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Pair:
    """A tool and the eval process that judges it."""

    def __init__(self, tool: str, eval_: str, arguments: str, suite: Path, core: int | None, seconds: float) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in BLAS_OVERRIDES}
        environment |= {"JAX_ENABLE_X64": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        if core is not None:
            environment |= dict.fromkeys(THREAD_VARIABLES, "1")
        ours = [str(ROOT / "src"), str(ROOT)]
        paths = [*ours, str(suite / "python" / "gradbench"), *environment.get("PYTHONPATH", "").split(os.pathsep)]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        script = f"python/gradbench/gradbench/evals/{eval_}/run.py"
        options = shlex.split(arguments) + ([] if eval_ == "hello" else ["--min-seconds", str(seconds)])
        self.tool = tool
        self.judge = Process([sys.executable, script, *options], suite, environment, None)
        if tool == "wengert":
            command = [sys.executable, "-m", "benchmarks.gradbench_tool", "--jit"]
        else:
            command = [sys.executable, "-m", "benchmarks.gradbench.peer", tool]
        self.worker = Process(command, suite, environment, core)
        self.pending: Measurement | None = None
        self.alive = True

    def close(self) -> None:
        self.judge.close()
        self.worker.close()


def run(
    eval_: str, tools: Sequence[str], suite: Path, *, core: int | None, seconds: float, rounds: int, timeout: float
) -> Iterator[Measurement]:
    """Run an eval's workloads with these tools; yield what each did with each evaluation."""
    for arguments in WORKLOADS[eval_]:
        pairs = [Pair(tool, eval_, arguments, suite, core, seconds) for tool in tools]
        try:
            while any(pair.alive for pair in pairs):
                yield from _step([pair for pair in pairs if pair.alive], rounds, timeout)
        finally:
            for pair in pairs:
                pair.close()


def _step(pairs: list[Pair], rounds: int, timeout: float) -> Iterator[Measurement]:
    """Take the next message of every eval process; evaluations are the same for all of them."""
    messages = [(pair, pair.judge.receive(timeout)) for pair in pairs]
    asked = []
    for pair, message in messages:
        if message is None or message["kind"] == "end":
            pair.alive = False
            if pair.pending is not None:
                yield pair.pending
        elif message["kind"] == "analysis":
            assert pair.pending is not None
            pair.pending.valid = message["valid"]
            pair.pending.message = message.get("error", "")
            yield pair.pending
            pair.pending = None
            pair.judge.send(pair.worker.ask(message, timeout))
        elif message["kind"] == "evaluate":
            asked.append((pair, message))
        else:
            answer = pair.worker.ask(message, timeout)
            pair.judge.send(answer or {"id": message["id"], "success": False})
            if answer is None or answer.get("success") is False:
                pair.alive = False
                error = (answer or {}).get("error", "no answer")
                yield Measurement(pair.tool, message["kind"], "", pair.tool, None, False, error)
    if not asked:
        return
    times: dict[str, list[int]] = {pair.tool: [] for pair, _ in asked}
    answers: dict[str, Any] = {}
    firsts: dict[str, int] = {}
    slow: set[str] = set()
    for k in range(rounds + 1):  # the first one warms up: compilers, caches
        for pair, message in asked:
            if pair.tool in slow:
                continue
            start = time.monotonic()
            answer = answers[pair.tool] = pair.worker.ask(message, timeout)
            if (k and time.monotonic() - start > 5) or answer is None or not answer["success"]:
                slow.add(pair.tool)  # enough
            if answer is not None:
                timings = [t["nanoseconds"] for t in answer.get("timings") or [] if t["name"] == "evaluate"]
                if k:
                    times[pair.tool] += timings
                elif timings:
                    firsts[pair.tool] = timings[0]
    for pair, message in asked:
        answer, taken = answers[pair.tool], times[pair.tool]
        workload = message.get("description") or str(message["input"])
        name = (message["module"], message["function"], workload, pair.tool)
        if answer is None:
            pair.alive = False
            yield Measurement(*name, None, False, f"no answer within {timeout:.0f} s")
            continue
        if answer["success"]:
            pair.pending = Measurement(
                *name, statistics.median(taken) / 1e9, False, "not judged", firsts[pair.tool] / 1e9
            )
        else:
            yield Measurement(*name, None, False, str(answer.get("error")))
        pair.judge.send(answer)
