"""Four roads to a derivative, side by side (row L1 of the lecture)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ...core.source import user_line
from ...core.tree import flatten
from ...errors import ArgumentError, MissingExtraError, explain
from ..differences import directional
from .blocks import Block, Curve, Paragraph, Section, Table
from .costs import Sweeps, measured, operations
from .linear import Derivative
from .numeric import (
    STEPS,
    Coordinates,
    complex_step,
    complex_step_obstacle,
    differences,
    extended,
    kinks,
    weighted,
)
from .symbolic import Formula, NoFormula, count_text, derive, written_out
from .values import error_text, number, seconds, short

_SECONDS: Final = 2.0
"""Time to spend on differences; a slow function is compared at fewer entries."""
_MOST_ENTRIES: Final = 64
_CALLS: Final = 70
"""About how often the function is evaluated for one entry, over all roads and steps."""
_SHOWN: Final = 4
_FAILS: Final = (TypeError, ValueError, NotImplementedError, ArithmeticError, NameError, AttributeError)
"""What SymPy and NumPy raise where a function has no formula or no complex version."""


def roads(d: Derivative, sweeps: Sweeps, manual: Callable[..., Any] | None, symbolic: bool) -> Section:
    """Compare derivatives made by hand, by formulas, by numbers and automatically."""
    subject = d.subject
    once = measured(lambda: sweeps.value(subject.inputs))
    places = Coordinates(subject, max(1, min(_MOST_ENTRIES, int(_SECONDS / (_CALLS * max(once, 1e-9))))))
    formula, omitted = _formula(d, places) if symbolic else (None, "switched off with symbolic=False")
    if formula is not None and not np.isfinite(formula.exact).all():
        formula, omitted = None, "the formula's derivative is not a finite number here"
    kinked = kinks(subject, sweeps.value, places)
    if kinked.any():
        reference, about = _extrapolated(sweeps, places)
        about += ", which at a kink give the mean of the slopes on both sides"
    elif formula is not None:
        reference, about = formula.exact, "SymPy's formula, evaluated to 40 digits"
    else:
        reference, about = _reference(sweeps, places)
    f_ops, n = operations(sweeps.function), places.total
    rows: list[dict[str, Any]] = []

    def add(road: str, method: str, value: Any, took: float | None, count: int | None, remark: str = "") -> None:
        rows.append(
            {
                "road": road,
                "method": method,
                "value": None if value is None else [number(x) for x in value],
                "error": None if value is None else number(_error(value, reference)),
                "seconds": took,
                "operations": count,
                "remark": remark,
            }
        )

    _by_hand(d, places, manual, add)
    if formula is None:
        add("symbolic", "SymPy", None, None, None, omitted)
    else:
        add(
            "symbolic", "SymPy", formula.value, formula.seconds, formula.gradient_operations,
            f"deriving it took {seconds(formula.seconds_to_derive)}",
        )  # fmt: skip
    curve = _step_sizes(sweeps, places)
    errors = [_error(values, reference) for values in curve["central"]]
    best = min(range(len(STEPS)), key=lambda k: errors[k] if np.isfinite(errors[k]) else np.inf)
    took = _timed(lambda: differences(subject, sweeps.value, places, STEPS[best], True), places)
    remark = f"best step h = {STEPS[best]:.0e}, which nobody tells you beforehand"
    add("numerical", "central differences", curve["central"][best], took, 2 * n * f_ops, remark)
    obstacle = complex_step_obstacle(subject.graph)
    stepped = None
    if not obstacle:
        try:
            stepped = complex_step(subject, places)
        except _FAILS as error:
            obstacle = f"NumPy has no complex version: {error}"
    if stepped is None:
        add("numerical", "complex step", None, None, None, obstacle)
    else:
        took = _timed(lambda: complex_step(subject, places), places)
        add("numerical", "complex step", stepped, took, n * f_ops, "operations are complex; nothing is subtracted")
    pushed = _forward(sweeps, places)
    took = _timed(lambda: _forward(sweeps, places), places)
    add("automatic", "forward mode", pushed, took, n * operations(sweeps.forward), f"{n} sweep{'s' * (n != 1)}")
    pulled = places.pick(sweeps.pull())
    add("automatic", "reverse mode", pulled, measured(sweeps.pull), operations(sweeps.reverse), "1 sweep")

    series = {
        "steps": list(STEPS),
        "forward_difference_errors": [number(_error(values, reference)) for values in curve["forward"]],
        "central_difference_errors": [number(error) for error in errors],
        "complex_step_error": None if stepped is None else number(_error(stepped, reference)),
    }
    swell = {
        "graph_operations": f_ops,
        "formula_operations": formula.operations if formula else written_out(subject.graph),
        "formula_counted_by": "SymPy" if formula else "the graph",
        "gradient_formula_operations": formula.gradient_operations if formula else None,
        "reverse_operations": operations(sweeps.reverse),
        "formula": formula.text if formula else None,
        "gradient_formulas": formula.gradient if formula else None,
    }
    labels = [_label(d, place) for place in places.places]
    data = {
        "entries": labels,
        "kinks": [label for label, kink in zip(labels, kinked, strict=True) if kink],
        "complex": any(of.dtype.kind == "c" for of in subject.graph.avals),
        "complete": places.complete,
        "total_entries": n,
        "reference": about,
        "reference_value": [number(x) for x in reference],
        "roads": rows,
        "step_sizes": series,
        "swell": swell,
    }
    return Section("roads", "Four roads to a derivative", _blocks(data), data)


def _formula(d: Derivative, places: Coordinates) -> tuple[Formula | None, str]:
    try:
        return derive(d, places), ""
    except MissingExtraError:
        return None, "SymPy is not installed: pip install 'wengert[symbolic]'"
    except NoFormula as why:
        return None, str(why)
    except _FAILS as error:
        return None, f"SymPy gave up: {type(error).__name__} {error}".rstrip()


def _reference(sweeps: Sweeps, places: Coordinates) -> tuple[Any, str]:
    """Return the best derivative that does not come from differentiating automatically."""
    digits = np.finfo(np.longdouble).precision
    if digits > np.finfo(np.float64).precision and not complex_step_obstacle(sweeps.subject.graph):
        try:
            found = extended(sweeps.subject, places)
        except _FAILS:
            return _extrapolated(sweeps, places)  # a function that NumPy has in double precision only
        if np.isfinite(found).all():
            return found, f"the complex step, computed to {digits} digits"
    return _extrapolated(sweeps, places)


def _extrapolated(sweeps: Sweeps, places: Coordinates) -> tuple[Any, str]:
    """Return differences extrapolated to step 0, with an estimate of their own error."""
    subject = sweeps.subject
    active = [k for k, flag in enumerate(subject.active) if flag]
    slopes, doubts = [], []
    for k, j in places.places:
        direction: list[Any] = [None] * len(subject.inputs)
        unit = np.zeros(np.shape(subject.inputs[active[k]]), np.asarray(subject.inputs[active[k]]).dtype)
        unit.flat[j] = 1
        direction[active[k]] = unit
        (slope,), (doubt,) = directional(
            lambda inputs: [weighted(subject, sweeps.value(inputs))], list(subject.inputs), direction
        )
        slopes.append(float(np.real(slope)))
        doubts.append(float(doubt))
    doubt = max((x for x in doubts if np.isfinite(x)), default=float("nan"))
    return np.array(slopes), f"differences extrapolated to step 0 (Ridders), themselves sure to about {doubt:.0e}"


def _error(value: Any, reference: Any) -> float:
    """Return the largest difference, relative to the largest entry of the reference."""
    scale = float(np.max(np.abs(reference), initial=0.0))
    worst = float(np.max(np.abs(np.asarray(value) - reference), initial=0.0))
    return worst / scale if scale > 0 else worst


def _timed(run: Callable[[], Any], places: Coordinates) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * places.total / max(len(places.places), 1)


def _step_sizes(sweeps: Sweeps, places: Coordinates) -> dict[str, list[Any]]:
    run = sweeps.value
    return {
        "central": [differences(sweeps.subject, run, places, h, True) for h in STEPS],
        "forward": [differences(sweeps.subject, run, places, h, False) for h in STEPS],
    }


def _forward(sweeps: Sweeps, places: Coordinates) -> Any:
    slopes = []
    for k, j in places.places:
        direction = [np.zeros(np.shape(t), np.asarray(t).dtype) for t in sweeps.subject.direction]
        direction[k].flat[j] = 1
        slopes.append(np.real(weighted(sweeps.subject, sweeps.push(direction))))
    return np.array(slopes, float)


def _by_hand(d: Derivative, places: Coordinates, manual: Callable[..., Any] | None, add: Callable[..., None]) -> None:
    subject = d.subject
    if manual is None:
        add("manual", "by hand", None, None, None, "give yours with explain(f, manual=df)")
        return
    found = flatten(manual(*subject.args, **subject.kwargs))[0]
    wanted = [subject.graph.avals[i].shape for i in subject.active_inputs]
    weight = subject.cotangents[0]
    out = np.shape(weight)
    got = [np.shape(x) for x in found]
    if got == wanted and not out:
        slopes = [weight * np.asarray(x) for x in found]
    elif len(subject.cotangents) == 1 and got == [(*out, *shape) for shape in wanted]:
        slopes = [np.tensordot(weight, np.asarray(x), len(out)) for x in found]
    else:
        raise ArgumentError(
            explain(
                "manual returns one derivative for each input, of shape (result's shape) + (input's shape), "
                "numerator layout.",
                found=f"shapes {got}, inputs {wanted}, result {out}",
                line=user_line(),
                fix="for a scalar function of (x, y) return (df/dx, df/dy)",
            )
        )
    took = measured(lambda: manual(*subject.args, **subject.kwargs))
    add("manual", "by hand", np.asarray(places.pick(slopes), float), took, None, "as supplied")


def _label(d: Derivative, place: tuple[int, int]) -> str:
    i = d.subject.active_inputs[place[0]]
    shape = d.subject.graph.avals[i].shape
    index = ",".join(map(str, np.unravel_index(place[1], shape))) if shape else ""
    return f"{d.subject.names[i]}[{index}]" if shape else d.subject.names[i]


def _values(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    shown = ", ".join(short(x) for x in row["value"][:_SHOWN])
    return shown + (", ..." if len(row["value"]) > _SHOWN else "")


def _blocks(data: dict[str, Any]) -> list[Block]:
    swell, steps = data["swell"], data["step_sizes"]
    entries = ", ".join(data["entries"][:_SHOWN]) + (", ..." if len(data["entries"]) > _SHOWN else "")
    part = (
        ""
        if data["complete"]
        else f" ({len(data['entries'])} of {data['total_entries']:,} entries are compared; times are scaled up)"
    )
    by_real_parts = ", by the real parts of what is complex" if data["complex"] else ""
    blocks: list[Block] = [
        Paragraph(
            f"The gradient by {entries}{part}{by_real_parts}. Errors are relative to the largest entry and measured "
            f"against {data['reference']}."
        ),
        Table(
            ("road", "method", "value", "error", "time", "operations", "remark"),
            [
                (
                    r["road"], r["method"], _values(r),
                    error_text(r["error"]),
                    "-" if r["seconds"] is None else seconds(r["seconds"]),
                    "-" if r["operations"] is None else f"{r['operations']:,}", r["remark"],
                )
                for r in data["roads"]
            ],
            numbers=frozenset({3, 4, 5}),
        ),
    ]  # fmt: skip
    if data["kinks"]:
        blocks.append(
            Paragraph(
                f"The function has a kink here: the slopes to the left and to the right differ along "
                f"{', '.join(data['kinks'][:8])}. "
                "A derivative does not exist; each method gives what its own rule says."
            )
        )
    text = (
        f"Expression swell: the graph of the function has {swell['graph_operations']:,} operations; written out as a "
        f"formula, where nothing "
        f"can be shared, it has {count_text(swell['formula_operations'])}."
    )
    if swell["gradient_formulas"] is not None:
        text += (
            f" SymPy's derivatives have {swell['gradient_formula_operations']:,}, the reverse sweep, function "
            f"included, has "
            f"{swell['reverse_operations']:,}."
        )
    blocks.append(Paragraph(text))
    if swell["formula"] is not None:
        formulas = [("the function", swell["formula"])]
        formulas += [(f"d / d {e}", g) for e, g in zip(data["entries"], swell["gradient_formulas"], strict=True)][
            :_SHOWN
        ]
        blocks.append(Table(("formula of", "is"), [(a, b if len(b) <= 160 else b[:157] + "...") for a, b in formulas]))
    complex_error = steps["complex_step_error"]
    blocks += [
        Paragraph(
            "The error of differences over the step size h: with a large h the function's curvature is left out "
            "(truncation error, "
            "proportional to h for forward and to h**2 for central differences); with a small h the digits cancel "
            "(rounding error, "
            "proportional to 1/h). No step is right for both. The complex step subtracts nothing and may be as small "
            "as one likes."
        ),
        Table(
            ("step h", "forward differences", "central differences"),
            [
                (f"{h:.0e}", *map(error_text, pair))
                for h, *pair in zip(
                    steps["steps"], steps["forward_difference_errors"], steps["central_difference_errors"], strict=True
                )
            ],
            title="Error over step size"
            + ("" if complex_error is None else f" (complex step: {error_text(complex_error)})"),
            numbers=frozenset({0, 1, 2}),
        ),
        Curve(
            steps["steps"],
            [
                ("forward differences", [_positive(e) for e in steps["forward_difference_errors"]]),
                ("central differences", [_positive(e) for e in steps["central_difference_errors"]]),
            ],
            "step size h",
            "relative error",
        ),
    ]
    return blocks


def _positive(error: Any) -> float | None:
    return error if isinstance(error, float) and error > 0 else None
