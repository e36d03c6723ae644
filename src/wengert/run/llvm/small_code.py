"""Factorisations and systems of a few rows as LLVM IR: straight-line code on registers.

A call of LAPACK costs as much as hundreds of additions.  The order of operations and the choice of pivots are those
of LAPACK's unblocked functions, as OpenBLAS has them (sums first, then one subtraction; multiplied by reciprocals of
pivots), so that matrices are singular or not positive definite here when they are there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from . import determinant_code as determinants
from . import ir
from .form import NOT_POSITIVE, SINGULAR, SINGULAR_TRIANGLE
from .kernel_code import Code
from .scalars import BIT, memory_type

_STATUS: Final = np.dtype(np.int64)
_MOST: Final = {8: 2.0**54, 4: 2.0**24}
"""Makes any subnormal number normal."""


def _sum(c: Code, pairs: list[tuple[Any, Any]]) -> Any:
    """Return the sum of products; None for no products."""
    total: Any = None
    for x, y in pairs:
        total = c.b.fmul(x, y) if total is None else c.fused(x, y, total)
    return total


def _less(c: Code, value: Any, pairs: list[tuple[Any, Any]]) -> Any:
    """Return a value minus a sum of products."""
    total = _sum(c, pairs)
    return value if total is None else c.b.fsub(value, total)


class _Divisor:
    """A number to divide by, as its reciprocal; where that would be infinite, both sides are made larger."""

    def __init__(self, c: Code, value: Any) -> None:
        self.c = c
        kind, b = value.type, c.b
        tiny = b.fcmp_ordered("<", c.absolute(value), ir.Constant(kind, float(np.finfo(c.dtype).tiny)))
        self.scale = b.select(tiny, ir.Constant(kind, _MOST[c.dtype.itemsize]), ir.Constant(kind, 1.0))
        self.reciprocal = b.fdiv(ir.Constant(kind, 1.0), b.fmul(value, self.scale))

    def under(self, value: Any) -> Any:
        b = self.c.b
        return b.fmul(b.fmul(value, self.scale), self.reciprocal)


class _Factors:
    """LU factors with row pivoting: of row ``order[i]`` of a matrix, ``rows[i]`` holds l (without its ones) and u."""

    def __init__(self, c: Code, rows: list[list[Any]]) -> None:
        self.c, self.rows, n = c, rows, len(rows)
        b, kind = c.b, memory_type(c.dtype)
        zero = ir.Constant(kind, 0.0)
        self.order: list[Any] = [c.whole(i) for i in range(n)]
        self.sign: Any = ir.Constant(kind, 1.0)
        self.singular: Any = ir.Constant(BIT, 0)
        self.divisors: list[_Divisor] = []
        for j in range(n):
            for i in range(1, n):
                rows[i][j] = _less(c, rows[i][j], [(rows[i][k], rows[k][j]) for k in range(min(i, j))])
            self._exchange(j)
            rows = self.rows
            pivot = rows[j][j]
            none = b.fcmp_ordered("==", pivot, zero)
            self.singular = b.or_(self.singular, none)
            divisor = _Divisor(c, pivot)
            self.divisors.append(divisor)
            for i in range(j + 1, n):
                rows[i][j] = b.select(none, rows[i][j], divisor.under(rows[i][j]))

    def _exchange(self, j: int) -> None:
        """Bring the row with the largest entry in column j to place j; usually it is there."""
        c, b, n = self.c, self.c.b, len(self.rows)
        if j + 1 == n:
            return
        best, place = c.absolute(self.rows[j][j]), c.whole(j)
        for i in range(j + 1, n):
            size = c.absolute(self.rows[i][j])
            better = b.fcmp_ordered(">", size, best)
            best, place = b.select(better, size, best), b.select(better, c.whole(i), place)
        before = [*(x for row in self.rows for x in row), *self.order, self.sign]
        stays = b.block
        with b.if_then(b.icmp_signed("!=", place, c.whole(j)), likely=False):
            rows, order = [list(row) for row in self.rows], list(self.order)
            for i in range(j + 1, n):
                chosen = b.icmp_signed("==", place, c.whole(i))
                for k in range(n):
                    rows[i][k] = b.select(chosen, self.rows[j][k], self.rows[i][k])
                    rows[j][k] = b.select(chosen, self.rows[i][k], rows[j][k])
                order[i] = b.select(chosen, self.order[j], self.order[i])
                order[j] = b.select(chosen, self.order[i], order[j])
            after = [*(x for row in rows for x in row), *order, b.fneg(self.sign)]
            moves = b.block
        merged = []
        for x, y in zip(before, after, strict=True):
            phi = b.phi(x.type)
            phi.add_incoming(x, stays)
            phi.add_incoming(y, moves)
            merged.append(phi)
        self.rows = [merged[i * n : (i + 1) * n] for i in range(n)]
        self.order, self.sign = merged[n * n : n * n + n], merged[-1]

    def solved(self, right: list[Any], first: int = 0) -> list[Any]:
        """Return the solution for one right-hand side in the order of the rows, zero before its entry ``first``."""
        rows, n = self.rows, len(self.rows)
        x = list(right)
        for i in range(first + 1, n):
            x[i] = _less(self.c, x[i], [(rows[i][k], x[k]) for k in range(first, i)])
        for i in reversed(range(n)):
            x[i] = self.divisors[i].under(_less(self.c, x[i], [(rows[i][k], x[k]) for k in range(i + 1, n)]))
        return x

    def diagonal(self, step: Callable[[Any], None]) -> None:
        for i, row in enumerate(self.rows):
            step(row[i])


def _solve(c: Code, n: int) -> None:
    a, right, out, status = c.array(), c.array(), c.array(), c.array(_STATUS)
    k = c.number()
    b = c.b
    with c.loop(c.start, c.stop) as m:
        factors = _Factors(c, c.matrix(a, b.mul(m, c.whole(n * n)), n, n))
        c.report(status, factors.singular, SINGULAR)
        begin = b.mul(m, b.mul(c.whole(n), k))
        with c.loop(c.whole(0), k) as j:
            x = factors.solved([c.read(c.at(right, begin, (factors.order[i], k), j)) for i in range(n)])
            for i in range(n):
                c.store(x[i], c.at(out, begin, (c.whole(i), k), j))


def _inv(c: Code, n: int) -> None:
    """Solve for the columns of the unit matrix; the order of the rows is one of columns then."""
    a, out, status = c.array(), c.array(), c.array(_STATUS)
    b, kind = c.b, memory_type(c.dtype)
    zero, one = ir.Constant(kind, 0.0), ir.Constant(kind, 1.0)
    with c.loop(c.start, c.stop) as m:
        begin = b.mul(m, c.whole(n * n))
        factors = _Factors(c, c.matrix(a, begin, n, n))
        c.report(status, factors.singular, SINGULAR)
        for j in range(n):
            x = factors.solved([one if i == j else zero for i in range(n)], j)
            for i in range(n):
                c.store(x[i], c.at(out, begin, c.whole(i * n), factors.order[j]))


def _determinant(c: Code, n: int, log: bool) -> None:
    a, outs = c.array(), [c.array() for _ in range(1 + log)]
    write = determinants.logarithm if log else determinants.product
    with c.loop(c.start, c.stop) as m:
        factors = _Factors(c, c.matrix(a, c.b.mul(m, c.whole(n * n)), n, n))
        values = write(c, factors.diagonal, factors.sign, factors.singular)
        for out, value in zip(outs, values, strict=True):
            c.store(value, c.at(out, m))


def _lu(c: Code, n: int) -> None:
    a, order, lower, upper = c.array(), c.array(np.dtype(np.intp)), c.array(), c.array()
    b, kind = c.b, memory_type(c.dtype)
    zero, one = ir.Constant(kind, 0.0), ir.Constant(kind, 1.0)
    with c.loop(c.start, c.stop) as m:
        begin = b.mul(m, c.whole(n * n))
        factors = _Factors(c, c.matrix(a, begin, n, n))
        for i in range(n):
            b.store(factors.order[i], c.at(order, b.mul(m, c.whole(n)), c.whole(i)))
            for j in range(n):
                value = factors.rows[i][j]
                c.store(value if j < i else one if j == i else zero, c.at(lower, begin, c.whole(i * n + j)))
                c.store(zero if j < i else value, c.at(upper, begin, c.whole(i * n + j)))


def _cholesky(c: Code, n: int) -> None:
    a, out, status = c.array(), c.array(), c.array(_STATUS)
    b, kind = c.b, memory_type(c.dtype)
    zero, half = ir.Constant(kind, 0.0), ir.Constant(kind, 0.5)
    with c.loop(c.start, c.stop) as m:
        begin = b.mul(m, c.whole(n * n))
        x = c.matrix(a, begin, n, n)
        low: list[list[Any]] = [[b.fmul(b.fadd(x[i][j], x[j][i]), half) for j in range(i + 1)] for i in range(n)]
        bad: Any = ir.Constant(BIT, 0)
        for j in range(n):
            square = _less(c, low[j][j], [(low[j][k], low[j][k]) for k in range(j)])
            bad = b.or_(bad, b.fcmp_ordered("<=", square, zero))  # nan is no error
            low[j][j] = c.intrinsic("sqrt", square)
            divisor = _Divisor(c, low[j][j])
            for i in range(j + 1, n):
                low[i][j] = divisor.under(_less(c, low[i][j], [(low[i][k], low[j][k]) for k in range(j)]))
        c.report(status, bad, NOT_POSITIVE)
        for i in range(n):
            for j in range(n):
                c.store(low[i][j] if j <= i else zero, c.at(out, begin, c.whole(i * n + j)))


def _triangular(c: Code, n: int, lower: bool, unit: bool) -> None:
    a, right, out, status = c.array(), c.array(), c.array(), c.array(_STATUS)
    k = c.number()
    b, kind = c.b, memory_type(c.dtype)
    ways = [(i, range(i)) if lower else (i, range(i + 1, n)) for i in (range(n) if lower else reversed(range(n)))]
    with c.loop(c.start, c.stop) as m:
        x = c.matrix(a, b.mul(m, c.whole(n * n)), n, n)
        divisors = {}
        for i in range(n) if not unit else ():
            c.report(status, b.fcmp_ordered("==", x[i][i], ir.Constant(kind, 0.0)), SINGULAR_TRIANGLE)
            divisors[i] = _Divisor(c, x[i][i])
        begin = b.mul(m, b.mul(c.whole(n), k))
        with c.loop(c.whole(0), k) as j:
            made: dict[int, Any] = {}
            for i, before in ways:
                value = c.read(c.at(right, begin, (c.whole(i), k), j))
                value = _less(c, value, [(x[i][p], made[p]) for p in before])
                made[i] = value if unit else divisors[i].under(value)
                c.store(made[i], c.at(out, begin, (c.whole(i), k), j))


TABLE: Final[dict[str, Callable[..., None]]] = {
    "small_solve": _solve,
    "small_inv": _inv,
    "small_determinant": _determinant,
    "small_lu": _lu,
    "small_cholesky": _cholesky,
    "small_triangular": _triangular,
}
