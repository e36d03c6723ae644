"""The project's own goals for these measurements, and whether a run met them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from benchmarks.report import Table, by_case, geometric_mean
from benchmarks.session import Record

SMALL = ("rosenbrock/n=2", "rosenbrock/n=10", "rosenbrock/n=100", "logistic/*", "mlp/64-*", "chain/*", "small/*")
FEW = ("rosenbrock/n=2", "rosenbrock/n=10", "rosenbrock/n=100")
ARRAYS = ("elementwise/*", "softmax/*", "logsumexp/*", "layer-norm/*")
STEPS = ("mlp/*", "cnn/*", "transformer/*")


@dataclass(frozen=True)
class Target:
    """``subject``'s median over the fastest of `others`, for each case or on the geometric mean."""

    text: str
    subject: str
    others: tuple[str, ...]
    cases: tuple[str, ...]
    each: float | None = None
    mean: float | None = None


TARGETS = (
    Target("small cases without jit, against autograd", "wengert", ("autograd",), SMALL, each=0.5),
    Target("Rosenbrock without jit, against autograd and PyTorch", "wengert", ("autograd", "torch"), FEW, each=0.25),
    Target("jitted Rosenbrock, NumPy in and out, against JAX", "wengert-jit", ("jax",), FEW, each=0.4),
    Target("arrays and their gradients", "wengert-jit", ("jax", "torch"), ARRAYS, each=1.0, mean=0.6),
    Target("training steps", "wengert-jit", ("jax", "torch", "torch-compile"), STEPS, each=1.0, mean=0.8),
)
GRADIENT_OVER_FUNCTION = 3.0


def _row(text: str, ratios: dict[str, float], each: float | None, mean: float | None) -> list[str]:
    worst = max(ratios, key=ratios.__getitem__)
    average = geometric_mean(ratios.values())
    limits = (("each", each), ("geometric mean", mean))
    goals = [f"{what} <= {limit:g}" for what, limit in limits if limit is not None]
    met = (each is None or ratios[worst] <= each) and (mean is None or average <= mean)
    over = "" if each is None else f" ({sum(ratio > each for ratio in ratios.values())} of {len(ratios)} cases over)"
    found = f"geometric mean {average:.2f}, worst {ratios[worst]:.2f} ({worst})"
    return [text, ", ".join(goals), found, "yes" if met else "no" + over]


def judge(records: Sequence[Record]) -> Table | None:
    """A row per target for which this run has figures."""
    rows = []
    table = by_case(records)
    for target in TARGETS:
        ratios = {}
        for case, row in table.items():
            if not any(fnmatchcase(case, pattern) for pattern in target.cases):
                continue
            own = row.get(target.subject)
            others = [row[o].timing for o in target.others if o in row]
            medians = [timing.median for timing in others if timing is not None]
            if own is not None and own.timing is not None and medians:
                ratios[case] = own.timing.median / min(medians)
        if ratios:
            rows.append(_row(target.text, ratios, target.each, target.mean))
    for subject in ("wengert", "wengert-jit"):
        ratios = {
            r.case: r.timing.median / r.function.median
            for r in records
            if r.peer == subject and r.timing and r.function
        }
        if ratios:
            rows.append(_row(f"{subject}: gradient over function", ratios, GRADIENT_OVER_FUNCTION, None))
    return (["target", "goal", "measured", "met"], rows) if rows else None


def judge_probes(probes: Sequence[dict[str, Any]]) -> Table | None:
    """First calls and peak memory against JAX, over the cases that both ran."""
    runs = {(p["case"], p["peer"]): p for p in probes if "error" not in p}
    cases = [case for case, peer in runs if peer == "wengert-jit" and (case, "jax") in runs]
    rows = []
    goals = (
        ("first call, cold, over JAX's", "cold", "first", None, 0.33),
        ("first call, warm disk cache, over JAX's cold one", "warm", "first", None, 0.1),
        ("peak memory of the process over JAX's", "cold", "process_peak", 1.0, None),
    )
    for text, run, key, each, mean in goals:
        ratios = {}
        for case in cases:
            own, other = runs[case, "wengert-jit"].get(run, {}).get(key), runs[case, "jax"]["cold"].get(key)
            if own and other:
                ratios[case] = own / other
        if ratios:
            rows.append(_row(text, ratios, each, mean))
    return (["target", "goal", "measured", "met"], rows) if rows else None


def judge_imports(rows: Sequence[dict[str, Any]]) -> Table | None:
    """``import wengert`` at most 1.5 of ``import numpy`` plus 50 ms."""
    seconds = {row["library"]: row["import_seconds"] for row in rows}
    if "wengert" not in seconds:
        return None
    limit = 1.5 * seconds["numpy"] + 0.05
    found = f"{1e3 * seconds['wengert']:.0f} ms"
    goal = f"<= 1.5 x numpy + 50 ms = {1e3 * limit:.0f} ms"
    return ["target", "goal", "measured", "met"], [
        ["import wengert", goal, found, "yes" if seconds["wengert"] <= limit else "no"]
    ]
