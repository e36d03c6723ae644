"""Traced whole numbers as linear forms of loop counters: is an extent constant, does a slice lie inside its array?"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.symbol import Sym
from ..context import current
from ..tracer import Tracer

Form = tuple[int, frozenset[tuple[Any, int]]]
"""A constant, and (counter, coefficient) pairs."""


def set_range(symbol: Any, least: int, most: int | None) -> None:
    """Note between which bounds a loop's counter is."""
    if most is not None:
        symbol.builder.context.ranges[symbol.id] = (least, most)


def linear(x: Any) -> Form:
    """Return a whole number as a linear form; what is not linear counts as one more counter."""
    if not isinstance(x, Sym):
        return int(x), frozenset()
    x.refresh()
    if x.builder is None:
        return int(x.array), frozenset()
    values = x.builder.context
    values.scan(x.builder)
    return _form(x.builder, x.id, dict(x.builder.constants))


def _form(builder: Any, number: int, constants: dict[int, Any]) -> Form:
    maker = builder.context.makers.get(number)
    if maker is None:
        if number in constants:
            value = constants[number]
            return linear(value if isinstance(value, Sym) else np.asarray(value).item())
        return 0, frozenset([((id(builder), number), 1)])
    record, ins, params, *_ = maker[2]
    name = record.name
    if name == "full":
        return int(dict(params)["value"]), frozenset()
    if name in ("convert", "reshape", "copy") and builder.avals[ins[0]].dtype.kind in "iu":
        return _form(builder, ins[0], constants)
    if name in ("add", "sub", "mul", "neg"):
        forms = [_form(builder, i, constants) for i in ins]
        if name == "neg":
            return _times(forms[0], -1)
        if name != "mul":
            return plus(forms[0], forms[1], 1 if name == "add" else -1)
        for a, b in (forms, forms[::-1]):
            if not a[1]:
                return _times(b, a[0])
    return 0, frozenset([((id(builder), number), 1)])


def _times(form: Form, factor: int) -> Form:
    return form[0] * factor, frozenset((k, c * factor) for k, c in form[1] if factor)


def plus(a: Form, b: Form, sign: int = 1) -> Form:
    """Return the sum of two forms, or their difference."""
    terms = dict(a[1])
    for k, c in b[1]:
        terms[k] = terms.get(k, 0) + sign * c
    return a[0] + sign * b[0], frozenset((k, c) for k, c in terms.items() if c)


def bounds(form: Form) -> tuple[int | None, int | None]:
    """Return the least and the largest value of a form; None where it is not known."""
    ranges: dict[Any, tuple[int, int]] = {}
    builder: Any = current()
    while builder is not None:
        ranges.update({(id(builder), number): r for number, r in builder.context.ranges.items()})
        builder = builder.context.outer
    low: int | None = form[0]
    high: int | None = form[0]
    for key, c in form[1]:
        if key not in ranges:
            return None, None
        a, b = ranges[key]
        low, high = low + min(c * a, c * b), high + max(c * a, c * b)  # type: ignore[operator]
    return low, high


def counter_range(symbol: Tracer, count: Any) -> None:
    """Note the bounds of a counter that runs to a number of iterations."""
    most = int(count) - 1 if isinstance(count, (int, np.integer)) else None
    if most is None:
        high = bounds(linear(count))[1]
        most = None if high is None else high - 1
    set_range(symbol, 0, most)
