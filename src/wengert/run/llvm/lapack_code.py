"""Factorisations and systems as LLVM IR around calls of LAPACK; :mod:`.lapack` says what they are called with.

LAPACK's matrices are stored by columns, ours by rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from . import determinant_code as determinants
from . import ir
from .form import NO_EIGENVALUES, NO_SINGULAR_VALUES, NOT_POSITIVE, SINGULAR, SINGULAR_TRIANGLE
from .kernel_code import INT, Code
from .scalars import memory_type

_INT32: Final = np.dtype(np.int32)
_STATUS: Final = np.dtype(np.int64)


class _Arguments:
    """Numbers as LAPACK takes them: by address, and as 32-bit integers."""

    def __init__(self, c: Code) -> None:
        self.c = c
        self.info = self.integer(c.whole(0))

    def integer(self, value: Any) -> Any:
        return self.c.kept(self.c.b.trunc(value, INT))

    def failed(self) -> Any:
        """Say whether the function called last has reported anything."""
        return self.c.b.icmp_signed("!=", self.c.b.load(self.info), ir.Constant(INT, 0))


def _to_columns(c: Code, source: Any, begin: Any, rows: Any, columns: Any, target: Any) -> None:
    """Copy a matrix that is stored by rows to one that is stored by columns."""
    with c.loop(c.whole(0), rows) as i, c.loop(c.whole(0), columns) as j:
        c.store(c.read(c.at(source, begin, (i, columns), j)), c.at(target, (j, rows), i))


def _to_rows(c: Code, source: Any, rows: Any, columns: Any, target: Any, begin: Any) -> None:
    """Copy a matrix that is stored by columns to one that is stored by rows."""
    with c.loop(c.whole(0), rows) as i, c.loop(c.whole(0), columns) as j:
        c.store(c.read(c.at(source, (j, rows), i)), c.at(target, begin, (i, columns), j))


def _is_finite(c: Code, array: Any, size: Any) -> Any:
    """Say whether all entries are numbers."""
    b = c.b
    nothing = c.kept(ir.Constant(memory_type(c.dtype), 0.0))
    with c.loop(c.whole(0), size) as i:
        entry = c.read(c.at(array, i))
        b.store(b.fadd(b.load(nothing), b.fsub(entry, entry)), nothing)
    total = b.load(nothing)
    return b.fcmp_ordered("ord", total, total)


# -- systems ----------------------------------------------------------------------------------------------------------


def _cholesky(c: Code) -> None:
    """Our lower triangle is LAPACK's upper one."""
    a, out, status = c.array(), c.array(), c.array(_STATUS)
    n, potrf = c.number(), c.number()
    b = c.b
    given = _Arguments(c)
    size, upper = given.integer(n), c.char("U")
    half = ir.Constant(memory_type(c.dtype), 0.5)
    with c.loop(c.start, c.stop) as m:
        begin = b.mul(m, b.mul(n, n))
        with c.loop(c.whole(0), n) as i, c.loop(c.whole(0), n) as j:
            x, y = c.read(c.at(a, begin, (i, n), j)), c.read(c.at(a, begin, (j, n), i))
            mean = b.fmul(b.fadd(x, y), half)
            below = b.icmp_signed("<=", j, i)
            c.store(b.select(below, mean, ir.Constant(mean.type, 0.0)), c.at(out, begin, (i, n), j))
        c.call(potrf, upper, size, c.at(out, begin), size, given.info)
        c.report(status, given.failed(), NOT_POSITIVE)


def _solve(c: Code, inverse: bool) -> None:
    """Transpose into columns, solve, transpose back; the right-hand side of an inverse is the unit matrix."""
    a = c.array()
    right = None if inverse else c.array()
    out = c.array()
    matrix, columns, pivots = c.array(), c.array(), c.array(_INT32)
    status = c.array(_STATUS)
    n, k, gesv = c.number(), c.number(), c.number()
    b = c.b
    given = _Arguments(c)
    rows, width = given.integer(n), given.integer(k)
    kind = memory_type(c.dtype)
    with c.loop(c.start, c.stop) as m:
        from_a, from_b = b.mul(m, b.mul(n, n)), b.mul(m, b.mul(n, k))
        _to_columns(c, a, from_a, n, n, matrix)
        if right is not None:
            _to_columns(c, right, from_b, n, k, columns)
        else:
            with c.loop(c.whole(0), n) as i, c.loop(c.whole(0), n) as j:
                unit = b.icmp_signed("==", i, j)
                c.store(b.select(unit, ir.Constant(kind, 1.0), ir.Constant(kind, 0.0)), c.at(columns, (j, n), i))
        c.call(gesv, rows, width, matrix, rows, pivots, columns, rows, given.info)
        c.report(status, given.failed(), SINGULAR)
        _to_rows(c, columns, n, k, out, from_b)


def _triangular(c: Code, lower: bool, unit: bool) -> None:
    """In LAPACK's columns A x = b reads xᵀ Aᵀ = bᵀ, and our lower triangle is its upper one: nothing is transposed."""
    a, right, out, status = c.array(), c.array(), c.array(), c.array(_STATUS)
    n, k, trsm = c.number(), c.number(), c.number()
    b = c.b
    given = _Arguments(c)
    rows, width = given.integer(n), given.integer(k)
    one = c.kept(ir.Constant(memory_type(c.dtype), 1.0))
    letters = [c.char(x) for x in ("R", "U" if lower else "L", "N", "U" if unit else "N")]
    with c.loop(c.start, c.stop) as m:
        from_a, from_b = b.mul(m, b.mul(n, n)), b.mul(m, b.mul(n, k))
        with c.loop(c.whole(0), b.mul(n, k)) as i:
            c.store(c.read(c.at(right, from_b, i)), c.at(out, from_b, i))
        if not unit:
            with c.loop(c.whole(0), n) as i:
                entry = c.read(c.at(a, from_a, (i, n), i))
                c.report(status, b.fcmp_ordered("==", entry, ir.Constant(entry.type, 0.0)), SINGULAR_TRIANGLE)
        c.call(trsm, *letters, width, rows, one, c.at(a, from_a), rows, c.at(out, from_b), width)


# -- factors ----------------------------------------------------------------------------------------------------------


def _determinant(c: Code, log: bool) -> None:
    a, outs = c.array(), [c.array() for _ in range(1 + log)]
    matrix, pivots = c.array(), c.array(_INT32)
    n, getrf = c.number(), c.number()
    b = c.b
    given = _Arguments(c)
    size = given.integer(n)
    one = ir.Constant(memory_type(c.dtype), 1.0)
    with c.loop(c.start, c.stop) as m:
        _to_columns(c, a, b.mul(m, b.mul(n, n)), n, n, matrix)
        c.call(getrf, size, size, matrix, size, pivots, given.info)
        sign = c.kept(one)
        with c.loop(c.whole(0), n) as i:
            still = b.icmp_signed("==", b.sext(b.load(c.at(pivots, i)), i.type), b.add(i, c.whole(1)))
            so_far = b.load(sign)
            b.store(b.select(still, so_far, b.fneg(so_far)), sign)

        def diagonal(step: Callable[[Any], None]) -> None:
            with c.loop(c.whole(0), n) as i:
                step(c.read(c.at(matrix, (i, n), i)))

        singular = b.icmp_signed(">", b.load(given.info), ir.Constant(INT, 0))
        write = determinants.logarithm if log else determinants.product
        for out, value in zip(outs, write(c, diagonal, b.load(sign), singular), strict=True):
            c.store(value, c.at(out, m))


def _lu(c: Code) -> None:
    """Factors by getrf; its pivots, with which row each was exchanged in turn, become an order of the rows."""
    a, order, lower, upper = c.array(), c.array(np.dtype(np.intp)), c.array(), c.array()
    matrix, pivots = c.array(), c.array(_INT32)
    m, n, getrf = c.number(), c.number(), c.number()
    b = c.b
    given = _Arguments(c)
    rows, columns = given.integer(m), given.integer(n)
    k = b.select(b.icmp_signed("<", m, n), m, n)
    kind = memory_type(c.dtype)
    zero, one = ir.Constant(kind, 0.0), ir.Constant(kind, 1.0)
    with c.loop(c.start, c.stop) as at:
        _to_columns(c, a, b.mul(at, b.mul(m, n)), m, n, matrix)
        c.call(getrf, rows, columns, matrix, rows, pivots, given.info)
        from_order, from_lower, from_upper = b.mul(at, m), b.mul(at, b.mul(m, k)), b.mul(at, b.mul(k, n))
        with c.loop(c.whole(0), m) as i:
            b.store(i, c.at(order, from_order, i))
            with c.loop(c.whole(0), k) as j:
                entry = b.select(b.icmp_signed("==", i, j), one, zero)
                below = b.icmp_signed(">", i, j)
                c.store(b.select(below, c.read(c.at(matrix, (j, m), i)), entry), c.at(lower, from_lower, (i, k), j))
        with c.loop(c.whole(0), k) as i:
            with c.loop(c.whole(0), n) as j:
                above = b.icmp_signed("<=", i, j)
                entry = b.select(above, c.read(c.at(matrix, (j, m), i)), zero)
                c.store(entry, c.at(upper, from_upper, (i, n), j))
            other = b.sub(b.sext(b.load(c.at(pivots, i)), i.type), c.whole(1))
            here, there = c.at(order, from_order, i), c.at(order, from_order, other)
            first, second = b.load(here), b.load(there)
            b.store(second, here)
            b.store(first, there)


def _qr(c: Code) -> None:
    """Reflectors by geqrf, from which orgqr makes the columns of q."""
    a, q, r = c.array(), c.array(), c.array()
    matrix, scales, work = c.array(), c.array(), c.array()
    m, n, k, size, geqrf, orgqr = (c.number() for _ in range(6))
    b = c.b
    given = _Arguments(c)
    rows, columns, made, length = (given.integer(x) for x in (m, n, k, size))
    zero = ir.Constant(memory_type(c.dtype), 0.0)
    with c.loop(c.start, c.stop) as at:
        _to_columns(c, a, b.mul(at, b.mul(m, n)), m, n, matrix)
        c.call(geqrf, rows, columns, matrix, rows, scales, work, length, given.info)
        from_q, from_r = b.mul(at, b.mul(m, k)), b.mul(at, b.mul(k, n))
        with c.loop(c.whole(0), k) as i, c.loop(c.whole(0), n) as j:
            entry = b.select(b.icmp_signed("<=", i, j), c.read(c.at(matrix, (j, m), i)), zero)
            c.store(entry, c.at(r, from_r, (i, n), j))
        c.call(orgqr, rows, made, columns, matrix, rows, scales, work, length, given.info)
        _to_rows(c, matrix, m, k, q, from_q)


# -- spectra ----------------------------------------------------------------------------------------------------------


def _eigh(c: Code, vectors: bool) -> None:
    """Eigenvalues and eigenvectors of (a + aᵀ) / 2 by syevd."""
    a, values, out = c.array(), c.array(), c.array()
    matrix, work, iwork, status = c.array(), c.array(), c.array(_INT32), c.array(_STATUS)
    n, work_size, iwork_size, syevd = (c.number() for _ in range(4))
    b = c.b
    given = _Arguments(c)
    size, length, ilength = (given.integer(x) for x in (n, work_size, iwork_size))
    letters = c.char("V" if vectors else "N"), c.char("L")
    half = ir.Constant(memory_type(c.dtype), 0.5)
    with c.loop(c.start, c.stop) as m:
        begin = b.mul(m, b.mul(n, n))
        with c.loop(c.whole(0), n) as i, c.loop(c.whole(0), n) as j:
            x, y = c.read(c.at(a, begin, (i, n), j)), c.read(c.at(a, begin, (j, n), i))
            c.store(b.fmul(b.fadd(x, y), half), c.at(matrix, (i, n), j))
        w = c.at(values, b.mul(m, n))
        c.call(syevd, *letters, size, matrix, size, w, work, length, iwork, ilength, given.info)
        c.report(status, given.failed(), NO_EIGENVALUES)
        if vectors:
            _to_rows(c, matrix, n, n, out, begin)


def _svd(c: Code, which: str) -> None:
    """Singular values and vectors by gesdd: all vectors (A), as many as there are values (S), or none (N)."""
    a, u, s, vh = (c.array() for _ in range(4))
    matrix, work, iwork = c.array(), c.array(), c.array(_INT32)
    left, right = (matrix, matrix) if which == "N" else (c.array(), c.array())
    status = c.array(_STATUS)
    m, n, size, gesdd = (c.number() for _ in range(4))
    b = c.b
    given = _Arguments(c)
    k = b.select(b.icmp_signed("<", m, n), m, n)
    p, q = (m, n) if which == "A" else (k, k)
    rows, columns, q_rows, length = (given.integer(x) for x in (m, n, q, size))
    letter = c.char(which)
    with c.loop(c.start, c.stop) as at:
        _to_columns(c, a, b.mul(at, b.mul(m, n)), m, n, matrix)
        values = c.at(s, b.mul(at, k))
        b.store(ir.Constant(INT, 1), given.info)
        with b.if_then(_is_finite(c, matrix, b.mul(m, n))):  # with an infinity gesdd does not come back
            vectors = left, rows, right, q_rows
            c.call(gesdd, letter, rows, columns, matrix, rows, values, *vectors, work, length, iwork, given.info)
        c.report(status, given.failed(), NO_SINGULAR_VALUES)
        if which != "N":
            _to_rows(c, left, m, p, u, b.mul(at, b.mul(m, p)))
            _to_rows(c, right, q, n, vh, b.mul(at, b.mul(q, n)))


TABLE: Final[dict[str, Callable[..., None]]] = {
    "cholesky": _cholesky,
    "solve": _solve,
    "triangular": _triangular,
    "determinant": _determinant,
    "lu": _lu,
    "qr": _qr,
    "eigh": _eigh,
    "svd": _svd,
}
