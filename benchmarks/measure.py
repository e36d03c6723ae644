"""Timing: several programs in one process, in alternating rounds, medians."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any

_WITH_THREADS = 1e-4
"""Seconds from which on a program may be worth a second thread to some library."""
_OTHERS_SLEEP = 0.12
"""Seconds until idle threads of other libraries sleep: those of OpenBLAS wait for 2^28 cycles."""


@dataclass(frozen=True)
class Timing:
    """Seconds per call: the median over rounds, the quartiles, and how it was sampled."""

    median: float
    lower: float
    upper: float
    samples: int
    calls_per_sample: int


def _sample(call: Callable[[], Any], number: int) -> float:
    """Mean seconds per call over `number` calls, with the garbage collector off."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in repeat(None, number):
            call()
        return (time.perf_counter() - start) / number
    finally:
        if enabled:
            gc.enable()


def _calls_for(call: Callable[[], Any], seconds: float) -> int:
    """How many calls make a sample of at least `seconds`."""
    number = 1
    while True:
        elapsed = _sample(call, number) * number
        if elapsed >= seconds:
            return number
        number = max(number * 2, min(number * 10, int(number * seconds / max(elapsed, 1e-9) * 1.1)))


def _warm(call: Callable[[], Any], number: int, *, threads: bool) -> None:
    """Call without measuring: half a sample, or, of a program that may have threads, until others' threads sleep."""
    end = time.perf_counter() + (_OTHERS_SLEEP if threads else 0.0)
    _sample(call, max(1, number // 2))
    while time.perf_counter() < end:
        call()


def measure(
    calls: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = 30,
    least_rounds: int = 5,
    sample_seconds: float = 2e-3,
    budget: float = 4.0,
) -> dict[str, Timing]:
    """Time every program in turn within each round, so that a slow or fast moment of the machine meets them all.

    Each sample is preceded by unmeasured calls of its own program: they bring its data back into the caches, and
    let the worker threads of the program before it fall asleep.  Those of OpenBLAS look for work for up to a tenth of
    a second after their last task and take a core from whoever else has threads, so that programs long enough to
    have some are called for that long.

    Parameters
    ----------
    calls
        Name -> a program without arguments.
    rounds, least_rounds
        At most and at least so many samples of each program; `budget` (seconds) decides between them.
    sample_seconds
        Shortest sample; programs shorter than this run many times per sample.
    """
    if not calls:
        return {}
    numbers, lasts = {}, {}
    for name, call in calls.items():
        call()
        numbers[name] = _calls_for(call, sample_seconds)
        lasts[name] = _sample(call, 1)
    names = list(calls)
    samples: dict[str, list[float]] = {name: [] for name in names}
    end = time.perf_counter() + budget
    for turn in range(rounds):
        if turn >= least_rounds and time.perf_counter() > end:
            break
        start = turn % len(names)  # nobody is always the one after the same neighbour's pause
        for name in names[start:] + names[:start]:
            _warm(calls[name], numbers[name], threads=lasts[name] >= _WITH_THREADS)
            samples[name].append(_sample(calls[name], numbers[name]))
    return {name: _timing(values, numbers[name]) for name, values in samples.items()}


def _timing(values: list[float], number: int) -> Timing:
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return Timing(median, lower, upper, len(values), number)
