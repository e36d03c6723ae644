"""Cases times libraries: check, then time, in one process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.case import Case, Unsupported
from benchmarks.check import Checker, WrongResult
from benchmarks.measure import Timing, measure
from benchmarks.peers import PEERS, Missing, Peer, Prepared


@dataclass(frozen=True)
class Options:
    rounds: int = 30
    budget: float = 4.0  # seconds per case
    with_function: bool = True


@dataclass(frozen=True)
class Record:
    """One case in one library: a timing, or the reason why there is none."""

    case: str
    kind: str
    dtype: str
    io: str
    peer: str
    status: str  # "ok", "left out" (no version), "wrong", "failed"
    message: str = ""
    timing: Timing | None = None
    function: Timing | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def load_peers(names: Sequence[str], say: Callable[[str], None]) -> dict[str, Peer]:
    """The libraries that are here; each absent one gets a line that says why it is left out."""
    loaded: dict[str, Peer] = {}
    for name in names:
        peer = PEERS[name]()
        try:
            peer.load()
        except Missing as reason:
            say(f"{name} is left out: {reason}")
        else:
            loaded[name] = peer
    return loaded


def run_case(case: Case, peers: dict[str, Peer], options: Options) -> list[Record]:
    """Check `case` in every library, then time together those that are right."""
    arguments = case.arguments()
    checker = Checker(case, arguments)
    ready: dict[str, Prepared] = {}
    records: dict[str, Record] = {}

    def record(peer: str, status: str, message: str = "", **timings: Timing | None) -> None:
        records[peer] = Record(case.name, case.kind, case.dtype, case.io, peer, status, message, **timings)

    for name, peer in peers.items():
        try:
            prepared = peer.prepare(case, arguments)
            checker.check(name, prepared.results())
            ready[name] = prepared
        except Unsupported as reason:
            record(name, "left out", str(reason))
        except WrongResult as reason:
            record(name, "wrong", str(reason))
        except Exception as error:  # noqa: BLE001 - one library's failure is reported and must not end the rest
            record(name, "failed", f"{type(error).__name__}: {error}".splitlines()[0][:300])
    gc.collect()
    timings = measure({n: p.call for n, p in ready.items()}, rounds=options.rounds, budget=options.budget)
    functions: dict[str, Timing] = {}
    if options.with_function:
        calls = {name: p.function for name, p in ready.items() if p.function is not None}
        functions = measure(calls, rounds=options.rounds, budget=options.budget / 2)
    for name, timing in timings.items():
        record(name, "ok", timing=timing, function=functions.get(name))
    return [records[name] for name in peers]
