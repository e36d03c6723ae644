"""Native forms as LLVM IR; :mod:`.forms` says when they are used and what the numbers in their descriptions mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from . import determinant_code, ir, lapack_code, small_code
from .kernel_code import Code
from .lane_code import in_all_lanes
from .narrow_products import narrow_product
from .products import emit_product
from .scalars import INDEX, Operation, emit, memory_type
from .small_products import small_product

_WIDTH = 32
"""Bytes that a fill writes at once; where registers are smaller, LLVM cuts it up."""


def emit_form(module: ir.Module, name: str, form: tuple[Any, ...]) -> None:
    """Write the kernel of a form; ``form`` is the key that :func:`~wengert.run.llvm.forms.forms_of` gave it."""
    if form[0] == "product":
        emit_product(module, name, np.dtype(form[1]), form[2])
    else:
        Code(module, name, np.dtype(form[1])).write(_TABLE[form[0]], form[2:])


def _running(c: Code, how: str, reverse: bool, last: bool) -> None:
    """Running sums and the like: arrays are (batch, n, inner); with ``last``, inner is 1."""
    factors = c.array() if how == "recurrence" else None
    terms, out = c.array(), c.array()
    n = c.number()
    inner = c.whole(1) if last else c.number()
    b, one = c.b, c.whole(1)
    row = b.mul(n, inner)

    def place(i: Any) -> Any:
        return b.mul(b.sub(b.sub(n, one), i) if reverse else i, inner)

    def combined(before: Any, at: Any) -> Any:
        term = c.read(c.at(terms, at))
        if factors is None:
            return emit(how, Operation(b, [before, term], [c.dtype, c.dtype], c.dtype), {})
        factor = c.read(c.at(factors, at))
        zero = ir.Constant(factor.type, 0.0)
        product = b.select(b.fcmp_ordered("==", factor, zero), zero, b.fmul(factor, before))
        return b.fadd(product, term)

    with c.loop(c.start, c.stop) as o:
        begin = b.mul(o, row)
        with c.loop(c.whole(0), inner) as j:
            first = b.add(b.add(begin, place(c.whole(0))), j)
            value = c.read(c.at(terms, first))
            if factors is not None:
                value = combined(ir.Constant(value.type, 0.0), first)
            c.store(value, c.at(out, first))
        with c.loop(one, n) as i:
            here, before = b.add(begin, place(i)), b.add(begin, place(b.sub(i, one)))
            with c.loop(c.whole(0), inner) as j:
                value = combined(c.read(c.at(out, before, j)), b.add(here, j))
                c.store(value, c.at(out, here, j))


def _place(c: Code, better: str) -> None:
    """The index of the first largest or smallest entry; a nan is better than any number."""
    x, out = c.array(), c.array(np.dtype(np.intp))
    n, inner = c.number(), c.number()
    b = c.b
    unsigned = c.dtype.kind in "ub"
    with c.loop(c.start, c.stop) as o, c.loop(c.whole(0), inner) as j:
        begin = b.add(b.mul(b.mul(o, n), inner), j)
        first = c.read(c.at(x, begin))
        best = c.kept(first)
        index = c.kept(c.whole(0))
        with c.loop(c.whole(1), n) as i:
            value, so_far = c.read(c.at(x, begin, (i, inner))), b.load(best)
            if c.dtype.kind == "f":
                wins = b.and_(b.fcmp_unordered(better, value, so_far), b.fcmp_ordered("ord", so_far, so_far))
            else:
                wins = (b.icmp_unsigned if unsigned else b.icmp_signed)(better, value, so_far)
            b.store(b.select(wins, value, so_far), best)
            b.store(b.select(wins, i, b.load(index)), index)
        b.store(b.load(index), c.at(out, (o, inner), j))


def _fill(c: Code) -> None:
    out = c.array()
    kind = memory_type(c.dtype)
    bits = c.number()
    b = c.b
    value = bits if kind == INDEX else b.trunc(bits, kind)
    width = _WIDTH // c.dtype.itemsize
    many = in_all_lanes(b, value, width)
    count = b.udiv(b.sub(c.stop, c.start), c.whole(width))
    with c.loop(c.whole(0), count) as i:
        place = b.bitcast(c.at(out, c.start, (i, c.whole(width))), many.type.as_pointer())
        b.store(many, place, align=c.dtype.itemsize)
    with c.loop(b.add(c.start, b.mul(count, c.whole(width))), c.stop) as i:
        c.store(value, c.at(out, i))


_TABLE: Final[dict[str, Callable[..., None]]] = {
    "fill": _fill,
    "running": _running,
    "place": _place,
    "small_product": small_product,
    "narrow_product": narrow_product,
    **lapack_code.TABLE,
    **small_code.TABLE,
    **determinant_code.TABLE,
}
