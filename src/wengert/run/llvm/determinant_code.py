"""Determinants as LLVM IR: from the diagonal of a triangular factor to det and slogdet; cofactors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from . import ir
from .kernel_code import Code
from .scalars import BIT, Operation, emit, memory_type

Diagonal = Callable[[Callable[[Any], None]], None]
"""Calls what it is given with each entry of a diagonal: from memory, in a loop, or from registers."""

_SAFE: Final = {8: 1e290, 4: 1e30}
"""Products between this and its reciprocal have lost nothing."""


def product(c: Code, diagonal: Diagonal, sign: Any, singular: Any) -> list[Any]:
    """Return the determinant.

    Where a product on the way gets so large or small that digits are lost, logarithms are added up instead, as NumPy
    always does.
    """
    b, kind = c.b, memory_type(c.dtype)
    bound = _SAFE[c.dtype.itemsize]
    so_far, safe = c.kept(sign), c.kept(ir.Constant(BIT, 1))

    def step(entry: Any) -> None:
        value = b.fmul(b.load(so_far), entry)
        size = c.absolute(value)
        inside = b.and_(
            b.fcmp_ordered("<", size, ir.Constant(kind, bound)), b.fcmp_ordered(">", size, ir.Constant(kind, 1 / bound))
        )
        b.store(value, so_far)
        b.store(b.and_(b.load(safe), inside), safe)

    diagonal(step)
    with b.if_then(b.not_(b.or_(b.load(safe), singular)), likely=False):
        signs, total = _logarithms(c, diagonal, sign)
        b.store(b.fmul(signs, _function(c, "exp", total)), so_far)
    return [b.select(singular, ir.Constant(kind, 0.0), b.load(so_far))]


def logarithm(c: Code, diagonal: Diagonal, sign: Any, singular: Any) -> list[Any]:
    """Return the sign of the determinant and the logarithm of its absolute value."""
    b, kind = c.b, memory_type(c.dtype)
    signs, total = _logarithms(c, diagonal, sign)
    nothing, lowest = ir.Constant(kind, 0.0), ir.Constant(kind, float("-inf"))
    return [b.select(singular, nothing, signs), b.select(singular, lowest, total)]


def _logarithms(c: Code, diagonal: Diagonal, sign: Any) -> tuple[Any, Any]:
    b, kind = c.b, memory_type(c.dtype)
    signs, total = c.kept(sign), c.kept(ir.Constant(kind, 0.0))

    def step(entry: Any) -> None:
        before = b.load(signs)
        negative = b.fcmp_ordered("<", entry, ir.Constant(kind, 0.0))
        b.store(b.select(negative, b.fneg(before), before), signs)
        b.store(b.fadd(b.load(total), _function(c, "log", c.absolute(entry))), total)

    diagonal(step)
    return b.load(signs), b.load(total)


def _function(c: Code, name: str, value: Any) -> Any:
    return emit(name, Operation(c.b, [value], [c.dtype], c.dtype, False), {})


# -- cofactors --------------------------------------------------------------------------------------------------------


def _small_cofactors(c: Code, n: int) -> None:
    """Cofactors of matrices of up to three rows, by their definition."""
    a, out = c.array(), c.array()
    b = c.b
    with c.loop(c.start, c.stop) as at:
        begin = b.mul(at, c.whole(n * n))
        x = c.matrix(a, begin, n, n)
        for i in range(n):
            for j in range(n):
                if n == 1:
                    value: Any = ir.Constant(memory_type(c.dtype), 1.0)
                elif n == 2:
                    value = x[1 - i][1 - j] if i == j else b.fneg(x[1 - i][1 - j])
                else:  # rows and columns that follow in a circle have the right sign
                    p, q, r, s = (i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3
                    value = b.fsub(b.fmul(x[p][r], x[q][s]), b.fmul(x[p][s], x[q][r]))
                c.store(value, c.at(out, begin, c.whole(i * n + j)))


def _cofactors(c: Code) -> None:
    """Cofactors, of singular matrices too: cofactors multiply as matrices do (see ``ops.linalg.determinant``).

    Of the factors P A Q = L D U, found with the largest of all remaining entries as pivot, L and U have ones on the
    diagonal, so that their cofactors are the transposed inverses; those of D are products of its other entries.
    """
    a, out, x, y, pivots, others = (c.array() for _ in range(6))
    rows, columns = (c.array(np.dtype(np.int64)) for _ in range(2))
    n = c.number()
    b, kind = c.b, memory_type(c.dtype)
    zero, one, none = ir.Constant(kind, 0.0), ir.Constant(kind, 1.0), c.whole(0)
    with c.loop(c.start, c.stop) as m:
        begin = b.mul(m, b.mul(n, n))
        with c.loop(none, b.mul(n, n)) as i:
            c.store(c.read(c.at(a, begin, i)), c.at(x, i))
        sign = _factor_completely(c, x, pivots, rows, columns, n)
        # Products of the pivots before each, times those after each.
        total = c.kept(one)
        with c.loop(none, n) as i:
            c.store(b.load(total), c.at(others, i))
            b.store(b.fmul(b.load(total), c.read(c.at(pivots, i))), total)
        b.store(sign, total)
        for i in _down(c, n):
            place = c.at(others, i)
            c.store(b.fmul(c.read(place), b.load(total)), place)
            b.store(b.fmul(b.load(total), c.read(c.at(pivots, i))), total)
        # y = U⁻¹ C(D) L⁻¹
        with c.loop(none, n) as i:
            with c.loop(none, n) as j:
                c.store(b.select(b.icmp_signed("==", i, j), one, zero), c.at(y, (i, n), j))
            with c.loop(none, i) as k:
                _subtract_row(c, c.read(c.at(x, (i, n), k)), y, k, y, i, n, none, b.add(k, c.whole(1)))
        with c.loop(none, n) as i, c.loop(none, n) as j:
            place = c.at(y, (i, n), j)
            c.store(b.fmul(c.read(place), c.read(c.at(others, i))), place)
        for i in _down(c, n):
            with c.loop(b.add(i, c.whole(1)), n) as k:
                _subtract_row(c, c.read(c.at(x, (i, n), k)), y, k, y, i, n, none, n)
        with c.loop(none, n) as i, c.loop(none, n) as j:
            row, column = b.load(c.at(rows, j)), b.load(c.at(columns, i))
            c.store(c.read(c.at(y, (i, n), j)), c.at(out, begin, (row, n), column))


def _down(c: Code, n: Any) -> Iterator[Any]:
    """Write ``for i in reversed(range(n))``."""
    with c.loop(c.whole(0), n) as k:
        yield c.b.sub(c.b.sub(n, c.whole(1)), k)


def _subtract_row(c: Code, factor: Any, x: Any, k: Any, y: Any, i: Any, n: Any, start: Any, stop: Any) -> None:
    """Take a multiple of row k of x from row i of y."""
    b = c.b
    with c.loop(start, stop) as j:
        place = c.at(y, (i, n), j)
        c.store(b.fsub(c.read(place), b.fmul(factor, c.read(c.at(x, (k, n), j)))), place)


def _factor_completely(c: Code, x: Any, pivots: Any, rows: Any, columns: Any, n: Any) -> Any:
    """Turn x into the factors L (below the diagonal) and U (above it); return the sign of the permutations."""
    b, kind = c.b, memory_type(c.dtype)
    zero, one = ir.Constant(kind, 0.0), ir.Constant(kind, 1.0)
    sign = c.kept(one)
    with c.loop(c.whole(0), n) as i:
        b.store(i, c.at(rows, i))
        b.store(i, c.at(columns, i))
    with c.loop(c.whole(0), n) as k:
        best, row, column = c.kept(c.absolute(c.read(c.at(x, (k, n), k)))), c.kept(k), c.kept(k)
        with c.loop(k, n) as i, c.loop(k, n) as j:
            size = c.absolute(c.read(c.at(x, (i, n), j)))
            with b.if_then(b.fcmp_ordered(">", size, b.load(best))):
                b.store(size, best)
                b.store(i, row)
                b.store(j, column)
        row, column = b.load(row), b.load(column)
        _swap(c, rows, k, row)
        _swap(c, columns, k, column)
        with c.loop(c.whole(0), n) as j:
            _swap(c, x, b.add(b.mul(k, n), j), b.add(b.mul(row, n), j))
        with c.loop(c.whole(0), n) as i:
            _swap(c, x, b.add(b.mul(i, n), k), b.add(b.mul(i, n), column))
        odd = b.xor(b.icmp_signed("!=", row, k), b.icmp_signed("!=", column, k))
        before = b.load(sign)
        b.store(b.select(odd, b.fneg(before), before), sign)
        pivot = c.read(c.at(x, (k, n), k))
        c.store(pivot, c.at(pivots, k))
        # Where the largest entry is zero all that remain are, and there is nothing to divide.
        divisor = b.select(b.fcmp_ordered("==", pivot, zero), one, pivot)
        following = b.add(k, c.whole(1))
        with c.loop(following, n) as i:
            place = c.at(x, (i, n), k)
            factor = b.fdiv(c.read(place), divisor)
            c.store(factor, place)
            _subtract_row(c, factor, x, k, x, i, n, following, n)
        with c.loop(following, n) as j:
            place = c.at(x, (k, n), j)
            c.store(b.fdiv(c.read(place), divisor), place)
    return b.load(sign)


def _swap(c: Code, array: Any, i: Any, j: Any) -> None:
    b = c.b
    here, there = c.at(array, i), c.at(array, j)
    first, second = b.load(here), b.load(there)
    b.store(second, here)
    b.store(first, there)


TABLE: Final[dict[str, Callable[..., None]]] = {"small_cofactors": _small_cofactors, "cofactors": _cofactors}
