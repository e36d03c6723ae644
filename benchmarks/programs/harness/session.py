"""Check and time one program in all libraries."""

from __future__ import annotations

import gc
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.measure import Timing, measure
from benchmarks.programs.harness.check import WrongResult, check_agreement, check_slopes, check_value
from benchmarks.programs.harness.control import control_flow
from benchmarks.programs.harness.probe import cold, compile_time
from benchmarks.programs.harness.program import Program
from benchmarks.programs.harness.suite import load
from benchmarks.programs.harness.versions import copied, jax_gradient, numba_primal, wengert_gradient


@dataclass
class Outcome:
    """What is known of one program after its run."""

    program: str
    status: str = "ok"  # "wrong", "failed"
    message: str = ""
    control: str = ""
    said: list[str] = field(default_factory=list)
    timings: dict[str, Timing] = field(default_factory=dict)
    cold: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    compiled: dict[str, float | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def seconds(self, library: str) -> float | None:
        timing = self.timings.get(library)
        return None if timing is None else timing.median


@dataclass(frozen=True)
class Options:
    size: str = "measured"
    rounds: int = 15
    budget: float = 2.0
    with_cold: bool = True
    peers: tuple[str, ...] = ("numba", "jax")


def present(names: tuple[str, ...], say: Callable[[str], None]) -> tuple[str, ...]:
    """The peers that are installed; the others are named."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            say(f"{name} is left out: it is not installed")
    return tuple(name for name in names if importlib.util.find_spec(name) is not None)


def run_program(name: str, options: Options) -> Outcome:
    """First calls in processes of their own, then everything else in this one."""
    outcome = Outcome(name)
    program = load(name)
    if options.with_cold:
        wanted = [("small", "wengert", "small"), ("measured", "wengert", options.size)]
        if "jax" in options.peers and program.jax is not None:
            wanted += [("jax", "jax", options.size), ("jax small", "jax", "small")]
        if program.linear and options.size == "measured":
            wanted.append(("longer", "wengert", "longer"))
        for key, library, size in wanted:
            outcome.cold[key] = cold(library, name, size)
        if options.size == "measured":
            outcome.compiled = {size: compile_time(name, size) for size in ("measured", "longer")}
        failed = outcome.cold["measured"].get("error")
        if failed:  # what does not come back in its own process shall not be tried in this one
            outcome.status, outcome.message = "failed", failed
            return outcome
        outcome.said = outcome.cold["measured"]["said"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Numba's advice on contiguous arrays, and what the probe has reported
            calls = _checked(program, options, outcome)
            gc.collect()
            outcome.timings = measure(calls, rounds=options.rounds, budget=options.budget)
    except WrongResult as reason:
        outcome.status, outcome.message = "wrong", str(reason)
    except Exception as error:  # noqa: BLE001 - one program's failure is reported and must not end the rest
        outcome.status, outcome.message = "failed", f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return outcome


def _checked(program: Program, options: Options, outcome: Outcome) -> dict[str, Callable[[], Any]]:
    """Make every library's version and check it; return calls without arguments."""
    arguments = program.make(options.size)
    argnums = program.differentiated(arguments)
    expected = program.function(*copied(arguments))
    calls: dict[str, Callable[[], Any]] = {}
    reference: Callable[..., Any] = program.function
    if "numba" in options.peers:
        primal, own = numba_primal(program), copied(arguments)
        check_value(primal(*own), expected)
        reference = primal  # quick enough for differences at the measured size
        calls["numba"] = lambda: primal(*own)
    gradient, mine = wengert_gradient(program, arguments), copied(arguments)
    value, found = gradient(*mine)
    check_value(value, expected)
    step = 1e-7 if program.kinks else None
    check_slopes(reference, arguments, argnums, found, each_entry=options.size == "small", step=step)
    outcome.control = control_flow(gradient, mine)
    calls["wengert"] = lambda: gradient(*mine)
    if "jax" in options.peers and program.jax is not None:
        try:
            other = jax_gradient(program, arguments)
            value, gradients = other()
            check_value(value, expected)
            check_agreement("JAX", found, gradients)
            calls["jax"] = other
        except WrongResult as reason:
            outcome.notes.append(f"JAX: {reason}")
        except Exception as error:  # noqa: BLE001 - as above
            outcome.notes.append(f"JAX failed: {type(error).__name__}: {error}".splitlines()[0][:200])
    return calls
