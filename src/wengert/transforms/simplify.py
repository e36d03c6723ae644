"""Simplify: equations that do nothing, or that others do better, are replaced.

A table from primitive to a function that is asked before an equation is recorded: it may name a value that exists
already, or record something cheaper.  Only identities that hold for every value, nan, inf and signed zeros included,
are in it: x * 1 = x and x + (-y) = x - y, but not x * 0 = 0, nor x + 0 = x (which turns -0 into 0).  What a rule
records goes through the table again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from ..core.builder import Builder
from ..core.graph import Graph, Params
from ..core.primitive import PRIMITIVES, Primitive
from ..ops.control import Literal

Made = tuple[Primitive, tuple[Any, ...], Mapping[str, Any]]
Rule = Callable[["Simplifier", Sequence[Any], Mapping[str, Any]], Any]
"""From operands and parameters to the value to take instead, or None."""

_PARTS: Final = 16
"""Writes into one array up to which they are joined."""
SPREAD: Final = 4
"""How many times larger a broadcast makes a value before arithmetic is better done in front of it."""


class Simplifier:
    """Records equations in a builder, through the table of rules.

    Parameters
    ----------
    builder : Builder
        One that gives out existing values where the same operation is asked for again.
    """

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._made: dict[int, Made] = {}

    def apply(self, record: Primitive, ins: Sequence[Any], params: Params) -> Any:
        """Record an equation or what is equal to it; return its output, or the tuple of its outputs."""
        builder = self.builder
        if record.multiple:
            return builder.apply(record, ins, params)
        how = dict(params)
        rule = RULES.get(record.name)
        found = rule(self, ins, how) if rule is not None else None
        if found is None and record.elementwise:
            found = _elementwise(self, record, ins, params)
        if found is not None and found.aval == builder.inferred(record, tuple([x.id for x in ins]), params)[0]:
            return found
        out = builder.apply(record, ins, params)
        self._made.setdefault(out.id, (record, tuple(ins), how))
        return out

    def named(self, name: str, *ins: Any, **params: Any) -> Any:
        """Record an equation of the primitive of this name."""
        return self.apply(PRIMITIVES[name], ins, tuple(params.items()))

    def maker(self, x: Any, *names: str) -> Made | None:
        """Return primitive, operands and parameters of the equation that made a value, if it is one of ``names``."""
        made = self._made.get(x.id)
        return made if made is not None and made[0].name in names else None

    def number(self, x: Any) -> Any:
        """Return the number that a value is filled with, if it belongs to the structure; else None."""
        made = self.maker(x, "full")
        return None if made is None else made[2]["value"]

    def full(self, value: Any, like: Any) -> Any:
        """Return an array of the shape and dtype of an aval filled with a number."""
        return self.named("full", value=value, shape=like.shape, dtype=like.dtype)


# -- arithmetic -------------------------------------------------------------------------------------------------------


def _negated(s: Simplifier, x: Any) -> Any:
    made = s.maker(x, "neg")
    return None if made is None else made[1][0]


def _product(name: str) -> Rule:
    def rule(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
        x, y = ins
        if s.number(x) == 1:
            return y
        if s.number(y) == 1:
            return x
        u, v = _negated(s, x), _negated(s, y)
        return None if u is None or v is None else s.named(name, u, v)

    return rule


def _quotient(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    x, y = ins
    if s.number(y) == 1:
        return x
    u, v = _negated(s, x), _negated(s, y)
    return None if u is None or v is None else s.named("div", u, v)


def _sum(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    x, y = ins
    v = _negated(s, y)
    if v is not None:
        return s.named("sub", x, v)
    u = _negated(s, x)
    return None if u is None else s.named("sub", y, u)


def _difference(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    v = _negated(s, ins[1])
    return None if v is None else s.named("add", ins[0], v)


def _power_one(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    return ins[0] if params["n"] == 1 else None


def _select(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    which, chosen, other = ins
    return chosen if chosen.id == other.id else _tie(s, which, chosen, other)


def _tie(s: Simplifier, which: Any, chosen: Any, other: Any) -> Any:
    """``x == y ? c : float(x < y)``, the share of a gradient, from ``x <= y`` and ``x >= y``.

    The other one's share comes from the same two: a loop that remembers shares keeps two masks instead of three.
    """
    tie, converted = s.maker(which, "eq"), s.maker(other, "convert")
    better = s.maker(converted[1][0], "lt", "gt") if converted is not None else None
    if tie is None or better is None or other.dtype.kind != "f":
        return None
    x, y = tie[1]
    if [i.id for i in better[1]] not in ([x.id, y.id], [y.id, x.id]):
        return None
    less = (better[0].name == "lt") == (better[1][0].id == x.id)
    not_worse, not_better = (s.named(name, x, y) for name in (("le", "ge") if less else ("ge", "le")))
    one, zero = s.full(1, other), s.full(0, other)
    return s.named("select", not_worse, s.named("select", not_better, chosen, one), zero)


def _elementwise(s: Simplifier, record: Primitive, ins: Sequence[Any], params: Params) -> Any:
    """Compute what is known, and compute before a broadcast what is the same for all entries."""
    numbers = [s.number(x) for x in ins]
    if not ins or record.name == "copy":  # a copy is a value of its own, as its name says
        return None
    of = s.builder.inferred(record, tuple([x.id for x in ins]), params)[0]
    if all(number is not None for number in numbers):
        with np.errstate(all="ignore"):
            known = [x.dtype.type(n) for x, n in zip(ins, numbers, strict=True)]
            value = np.asarray(record.evaluate(*known, **dict(params)), of.dtype)
        # -0.0 cannot be told from 0.0 where structures are compared.
        return None if of.weak or not value else s.full(value.item(), of)
    spread = [made for x in ins if (made := s.maker(x, "broadcast")) is not None]
    if len(spread) + sum(number is not None for number in numbers) < len(ins):
        return None
    (source,), axes = spread[0][1], spread[0][2]["axes"]
    alike = all(made[1][0].shape == source.shape and made[2]["axes"] == axes for made in spread)
    if not alike or SPREAD * source.size > of.size:
        return None
    small = []
    for x, n in zip(ins, numbers, strict=True):
        made = s.maker(x, "broadcast")
        small.append(made[1][0] if made is not None else s.named("full", value=n, shape=source.shape, dtype=x.dtype))
    return s.named("broadcast", s.apply(record, small, params), shape=of.shape, axes=axes)


# -- movement ---------------------------------------------------------------------------------------------------------


def _filled(s: Simplifier, x: Any, shape: Any) -> Any:
    """Return an array of another shape filled with the number that x is filled with."""
    made = s.maker(x, "full")
    return None if made is None else s.named("full", value=made[2]["value"], shape=shape, dtype=made[2]["dtype"])


def _broadcast(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    (x,), shape, axes = ins, params["shape"], params["axes"]
    if x.shape == shape:
        return x
    filled = _filled(s, x, shape)
    if filled is not None:
        return filled
    made = s.maker(x, "broadcast")
    if made is not None:
        inner = tuple([axes[a] for a in made[2]["axes"]])
        return s.named("broadcast", made[1][0], shape=shape, axes=inner)
    made = s.maker(x, "reshape")
    if made is not None and (kept := _added_axes(made[1][0].shape, x.shape)) is not None:
        return s.named("broadcast", made[1][0], shape=shape, axes=tuple([axes[a] for a in kept]))
    return None


def _added_axes(old: tuple[int, ...], new: tuple[int, ...]) -> list[int] | None:
    """Return where the axes of a shape are in another one that only has further axes of size 1; None if it has not."""
    kept: list[int] = []
    for a, n in enumerate(new):
        if len(kept) < len(old) and n == old[len(kept)]:
            kept.append(a)
        elif n != 1:
            return None
    return kept if len(kept) == len(old) else None


def _reshape(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    (x,), shape = ins, params["shape"]
    if x.shape == shape:
        return x
    filled = _filled(s, x, shape)
    if filled is not None:
        return filled
    made = s.maker(x, "reshape")
    return None if made is None else s.named("reshape", made[1][0], shape=shape)


def _transpose(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    (x,), axes = ins, params["axes"]
    if axes == tuple(range(len(axes))):
        return x
    filled = _filled(s, x, tuple([x.shape[a] for a in axes]))
    if filled is not None:
        return filled
    made = s.maker(x, "transpose")
    return None if made is None else s.named("transpose", made[1][0], axes=tuple([made[2]["axes"][a] for a in axes]))


def _slice(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    (x,) = ins
    if params["stops"] == x.shape and not any(params["starts"]) and all(step == 1 for step in params["steps"]):
        return x
    made = s.maker(x, "full")
    if made is None:
        return None
    spans = zip(params["starts"], params["stops"], params["steps"], strict=True)
    return _filled(s, x, tuple([max(0, -(-(stop - start) // step)) for start, stop, step in spans]))


def part_span(shape: Any, params: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Return axis, start and stop of a part that is whole along all axes but one, and has no gaps."""
    spans = list(zip(params["starts"], params["stops"], shape, strict=True))
    partial = [a for a, (start, stop, n) in enumerate(spans) if (start, stop) != (0, n)]
    if len(partial) > 1 or any(step != 1 for step in params["steps"]) or not shape or 0 in shape:
        return None
    axis = partial[0] if partial else 0
    return axis, *spans[axis][:2]


def _added_to(s: Simplifier, name: str, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """``x[1:] += v`` as one operation, which it is not as Python says it: read a part, add, write the part.

    Backwards it is nothing at all to x; reading and overwriting would be zeros in the part and sums over it.
    """
    x, v, *places = ins
    if any(place.shape for place in places):
        return None  # of repeated indices only one counts
    # A part whose shape was changed in between is added up in that shape.
    reshaped = s.maker(v, "reshape")
    total = s.maker(v if reshaped is None else reshaped[1][0], "add", "sub")
    if total is None:
        return None

    def is_part(value: Any) -> bool:
        made = s.maker(value, "reshape") if reshaped is not None else None
        made = s.maker(value if made is None else made[1][0], name)
        return made is not None and [i.id for i in made[1]] == [i.id for i in (x, *places)] and made[2] == params

    a, b = total[1]
    if total[0].name == "add" and is_part(b) and not is_part(a):
        a, b = b, a
    if not is_part(a):
        return None
    if total[0].name == "sub":
        b = s.named("neg", b)
    if reshaped is not None:
        b = s.named("reshape", b, shape=v.shape)
    return s.named(f"{name}_add", x, b, *places, **params)


def _gather_set(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    return _added_to(s, "gather", ins, params)


def _slice_set(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Parts written one after the other that leave nothing of an array: they are joined, and nothing is copied."""
    base, v = ins
    update = _added_to(s, "slice", ins, params)
    if update is not None:
        return update
    found = part_span(base.shape, params)
    if found is None or found[1] >= found[2]:
        return None
    axis, parts = found[0], [(*found[1:], v)]
    while len(parts) < _PARTS and (made := s.maker(base, "slice_set")) is not None:
        span = part_span(base.shape, made[2])
        if span is None or span[0] != axis or span[1] >= span[2]:
            break
        start, stop = span[1:]
        if any(start < b and a < stop for a, b, _ in parts):
            break
        base = made[1][0]
        parts.append((start, stop, made[1][1]))
    parts.sort(key=lambda part: part[0])
    joined, at = [], 0
    for start, stop, value in [*parts, (base.shape[axis], base.shape[axis], None)]:
        if start > at:
            gap = tuple([start - at if a == axis else n for a, n in enumerate(base.shape)])
            filler = _filled(s, base, gap)
            if filler is None:
                return None
            joined.append(filler)
        if value is not None:
            joined.append(value)
        at = stop
    return joined[0] if len(joined) == 1 else s.named("concatenate", *joined, axis=axis)


def _same_dtype(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    return ins[0] if ins[0].dtype == params["dtype"] else None


def _no_axes(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    return ins[0] if not params["axes"] else None


def _twice(name: str) -> Rule:
    def rule(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
        made = s.maker(ins[0], name)
        return None if made is None else made[1][0]

    return rule


def _positions(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    (x,), axis = ins, params["axis"]
    return s.named("broadcast", s.named("literal", value=_counting(x.shape[axis])), shape=x.shape, axes=(axis,))


def _constant(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """An array of one number, as ``np.zeros`` makes it."""
    array = params["value"].array
    if not array.size or array.dtype.kind not in "biuf":
        return None
    first = array.flat[0]
    # -0.0 and nan are not told from other values by comparing.
    if not np.all(array == first) or (first == 0 and np.any(np.signbit(array.astype(float)))):
        return None
    return s.named("full", value=first.item(), shape=array.shape, dtype=array.dtype)


@functools.lru_cache(256)
def _counting(n: int) -> Literal:
    return Literal(np.arange(n))


# -- products ---------------------------------------------------------------------------------------------------------


def _dot(s: Simplifier, ins: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """An operand that is the same along a batch axis: that axis is a free one of the other operand."""
    contract, batch = params["contract"], params["batch"]
    for k in (0, 1):
        made = s.maker(ins[k], "broadcast")
        if made is None:
            continue
        (source,), axes, shape = made[1], made[2]["axes"], made[2]["shape"]
        new = [a for a in range(len(shape)) if a not in axes]
        places = [j for j, a in enumerate(batch[k]) if a in new]
        stretched = any(source.shape[j] != shape[a] for j, a in enumerate(axes))
        if not places or stretched or any(a in contract[k] for a in new) or len(places) < len(new):
            continue
        return _without_batch(s, ins, k, source, axes, places, contract, batch)
    return None


def _without_batch(
    s: Simplifier, ins: Sequence[Any], k: int, source: Any, axes: Any, places: list[int], contract: Any, batch: Any
) -> Any:
    """Record the product with ``source`` for operand k, without the batch axes at ``places``; put axes in order."""
    other = 1 - k
    kept = [j for j in range(len(batch[0])) if j not in places]
    pairs: list[Any] = [None, None]
    pairs[k] = [tuple([axes.index(a) for a in group]) for group in (contract[k], [batch[k][j] for j in kept])]
    pairs[other] = [tuple(contract[other]), tuple([batch[other][j] for j in kept])]
    operands = list(ins)
    operands[k] = source
    out = s.named("dot", *operands, contract=(pairs[0][0], pairs[1][0]), batch=(pairs[0][1], pairs[1][1]))
    # What axis of the result is where: (operand, axis), or ("batch", position).
    free = [[(i, a) for a in range(operands[i].ndim) if a not in pairs[i][0] and a not in pairs[i][1]] for i in (0, 1)]
    has = [*[("batch", j) for j in kept], *free[0], *free[1]]
    wanted: list[Any] = [("batch", j) if j in kept else (other, batch[other][j]) for j in range(len(batch[0]))]
    for i in (0, 1):
        for a in range(ins[i].ndim):
            if a not in contract[i] and a not in batch[i]:
                wanted.append((i, axes.index(a) if i == k else a))
    return s.named("transpose", out, axes=tuple([has.index(w) for w in wanted]))


RULES: Final[dict[str, Rule]] = {
    "mul": _product("mul"),
    "scale": _product("scale"),
    "div": _quotient,
    "add": _sum,
    "sub": _difference,
    "integer_pow": _power_one,
    "reshape": _reshape,
    "broadcast": _broadcast,
    "transpose": _transpose,
    "slice": _slice,
    "convert": _same_dtype,
    "reduce_sum": _no_axes,
    "reduce_max": _no_axes,
    "reduce_min": _no_axes,
    "neg": _twice("neg"),
    "conj": _twice("conj"),
    "select": _select,
    "slice_set": _slice_set,
    "gather_set": _gather_set,
    "literal": _constant,
    "iota": _positions,
    "dot": _dot,
}


def simplify(graph: Graph) -> Graph:
    """Return a graph with the same outputs, and fewer or cheaper equations."""
    builder = Builder(reuse=True)
    simplifier = Simplifier(builder)
    env: list[Any] = [None] * len(graph.avals)
    for i in graph.inputs:
        env[i] = builder.input(graph.avals[i])
    for equation in graph.equations:
        builder.place = equation.source
        out = simplifier.apply(equation.primitive, [env[i] for i in equation.inputs], equation.params)
        if equation.primitive.multiple:
            for i, value in zip(equation.outputs, out, strict=True):
                env[i] = value
        else:
            env[equation.outputs[0]] = out
    builder.place = None
    return builder.build([env[i] for i in graph.outputs], graph.names)
