"""Tables of a run, and whether it met the goals."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.programs.harness.program import LONGER
from benchmarks.programs.harness.session import Outcome
from benchmarks.report import Table, duration, geometric_mean

GRADIENT_OVER_NUMBA_MEAN = 4.0
GRADIENT_OVER_NUMBA_EACH = 10.0
JAX_OVER_GRADIENT_MEAN = 10.0
JAX_OVER_GRADIENT_EACH = 1.0
FIRST_CALL = 1.5
LONGER_OVER_SHORTER = 1.3
"""Time to compile a program with more trips over that to compile it at the measured size."""

MORE_MEMORY = 4.0
"""MB, which is what the allocator's own doings amount to; keeping every step would take hundreds."""


def ratio(outcome: Outcome, above: str, below: str) -> float | None:
    """One library's median over another's."""
    first, second = outcome.seconds(above), outcome.seconds(below)
    return None if first is None or second is None else first / second


def timings(outcomes: Sequence[Outcome]) -> Table:
    """A row per program."""
    header = [
        "program",
        "loops and branches",
        "right",
        "Numba primal",
        "gradient",
        "gradient / Numba",
        "JAX gradient",
        "JAX / gradient",
        "first call, cold",
        "to compile",
        "with more trips",
        "JAX's first call",
        "memory",
        "JAX's memory",
    ]
    rows = []
    for outcome in outcomes:
        cells = [outcome.program, outcome.control or "-", {"ok": "yes"}.get(outcome.status, outcome.status.upper())]
        numba, own, jax = (outcome.seconds(library) for library in ("numba", "wengert", "jax"))
        cells += [_time(numba), _time(own), _number(ratio(outcome, "wengert", "numba"))]
        cells += [_time(jax), _number(ratio(outcome, "jax", "wengert"))]
        cells.append(_time(outcome.cold.get("measured", {}).get("first")))
        cells += [_time(outcome.compiled.get(size)) for size in ("measured", "longer")]
        cells.append(_time(outcome.cold.get("jax", {}).get("first")))
        peaks = (_more_memory(outcome, big, little) for big, little in (("measured", "small"), ("jax", "jax small")))
        cells += ["-" if peak is None else f"{peak / 1e6:.1f} MB" for peak in peaks]
        rows.append(cells)
    over_numba = [r for o in outcomes if (r := ratio(o, "wengert", "numba")) is not None]
    under_jax = [r for o in outcomes if (r := ratio(o, "jax", "wengert")) is not None]
    if len(rows) > 1 and over_numba:
        last = [""] * len(header)
        last[0], last[5] = "geometric mean", _number(geometric_mean(over_numba))
        last[7] = _number(geometric_mean(under_jax)) if under_jax else ""
        rows.append(last)
    return header, rows


def _more_memory(outcome: Outcome, big: str, little: str) -> float | None:
    """Peak above that of the small size, which is what the compiler and the library take."""
    peaks = [outcome.cold.get(key, {}).get("memory") for key in (big, little)]
    return None if None in peaks else peaks[0] - peaks[1]


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def judge(outcomes: Sequence[Outcome]) -> Table:
    """A row per goal for which there are figures."""
    rows = []
    wrong = [o.program for o in outcomes if o.status != "ok"]
    found = f"{len(outcomes) - len(wrong)} of {len(outcomes)}"
    rows.append(["value and gradient right", "all", found, "no: " + ", ".join(wrong) if wrong else "yes"])
    over = {o.program: r for o in outcomes if (r := ratio(o, "wengert", "numba")) is not None}
    rows += _limits("gradient over Numba's primal", over, GRADIENT_OVER_NUMBA_MEAN, GRADIENT_OVER_NUMBA_EACH)
    under = {o.program: 1 / r for o in outcomes if (r := ratio(o, "jax", "wengert")) is not None}
    rows += _limits("gradient over JAX's", under, 1 / JAX_OVER_GRADIENT_MEAN, 1 / JAX_OVER_GRADIENT_EACH)
    first = {o.program: o.cold["measured"]["first"] for o in outcomes if "first" in o.cold.get("measured", {})}
    rows += _limits("first call, cold (s)", first, None, FIRST_CALL)
    longer = {
        o.program: after / before
        for o in outcomes
        if (after := o.compiled.get("longer")) is not None and (before := o.compiled.get("measured")) is not None
    }
    rows += _limits("compile time with more trips over that with those measured", longer, None, LONGER_OVER_SHORTER)
    memory = {
        o.program: max(0.01, (o.cold["longer"]["memory"] - o.cold["measured"]["memory"]) / 1e6)
        for o in outcomes
        if "memory" in o.cold.get("longer", {}) and "memory" in o.cold.get("measured", {})
    }
    rows += _limits(f"more memory for {LONGER} times the steps, linear and in place (MB)", memory, None, MORE_MEMORY)
    return ["goal", "at most", "measured", "met"], rows


def _limits(text: str, values: dict[str, float], mean: float | None, each: float | None) -> list[list[str]]:
    if not values:
        return []
    worst = max(values, key=values.__getitem__)
    average = geometric_mean(values.values())
    limits = [f"{what} {limit:g}" for what, limit in (("geometric mean", mean), ("each", each)) if limit is not None]
    over = [name for name, value in values.items() if each is not None and value > each]
    met = not over and (mean is None or average <= mean)
    verdict = "yes" if met else "no" + (f" (above {each:g}: {', '.join(over)})" if over else "")
    return [[text, ", ".join(limits), f"geometric mean {average:.2f}, worst {values[worst]:.2f} ({worst})", verdict]]


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """What went wrong, what could not be captured, and what has no version for JAX."""
    lines = [f"{o.program}, {o.status}: {o.message}" for o in outcomes if o.status != "ok"]
    lines += [f"{o.program}: {note}" for o in outcomes for note in [*o.notes, *o.said]]
    return lines
