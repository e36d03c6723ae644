"""Which equations on matrices have native forms, and what their kernels are called with.

Matrices of up to ``SMALL`` rows are computed in registers (``small_code`` has the IR), larger ones by LAPACK, called
as NumPy calls it (``lapack_code``), so that signs and orders are NumPy's.  What memory LAPACK works in is asked of it
while a program is planned, and lies in the program's arena.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from .form import Form
from .pointers import address

SMALL: Final = 4
_INT: Final = np.dtype(np.int32)


def _batch(a: Any) -> int:
    return math.prod(a.shape[:-2])


def _lapack(name: str, dtype: Any, module: str = "lapack") -> int:
    return address(f"cython_{module}", ("d" if dtype.itemsize == 8 else "s") + name)


@functools.cache
def _workspace(name: str, dtype: Any, *args: Any) -> tuple[int, int]:
    """Ask LAPACK how much memory a function works in: in numbers of its dtype, and in integers.

    ``args`` are the function's arguments: letters, integers, None for an array that is not looked at, ``"work"`` and
    ``"iwork"`` for what is asked for.
    """
    work, iwork = ctypes.create_string_buffer(8), ctypes.c_int(0)
    kept: list[Any] = []
    for arg in args:
        if arg == "work":
            kept.append(work)
        elif arg == "iwork":
            kept.append(iwork)
        elif isinstance(arg, int):
            kept.append(ctypes.c_int(arg))
        else:
            kept.append(ctypes.create_string_buffer((arg or "").encode(), 8))
    info = ctypes.c_int(0)
    places = [ctypes.addressof(x) for x in (*kept, info)]
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(places))(_lapack(name, dtype))(*places)
    if info.value:
        raise RuntimeError(f"LAPACK's {name} does not say what memory it needs (info {info.value}); please report it")
    size = float(np.frombuffer(work.raw, dtype, 1)[0])
    # Large sizes are rounded to float32; one more in the last place is certain to be enough.
    return math.ceil(size * (1 + float(np.finfo(dtype).eps))), iwork.value


# -- square matrices --------------------------------------------------------------------------------------------------


def _cholesky(needed: Sequence[bool], a: Any) -> Form:
    n = a.shape[-1]
    if n <= SMALL:
        return Form(("small_cholesky", a.dtype.str, n), _batch(a) if n else 0, [], [], True)
    return Form(("cholesky", a.dtype.str), _batch(a), [n, _lapack("potrf", a.dtype)], [], True)


def _solve(needed: Sequence[bool], a: Any, b: Any | None = None) -> Form:
    """LU factorisation by LAPACK's gesv on matrices stored by columns, as NumPy does it."""
    n = a.shape[-1]
    k = n if b is None else b.shape[-1]
    if n <= SMALL:
        key = ("small_inv", a.dtype.str, n) if b is None else ("small_solve", a.dtype.str, n)
        return Form(key, _batch(a) if n * k else 0, [] if b is None else [k], [], True)
    scratch = [(n * n, a.dtype), (n * k, a.dtype), (n, _INT)]
    numbers = [n, k, _lapack("gesv", a.dtype)]
    return Form(("solve", a.dtype.str, b is None), _batch(a), numbers, scratch, True)


def _triangular_solve(needed: Sequence[bool], a: Any, b: Any, lower: bool, unit: bool) -> Form:
    n, k = b.shape[-2:]
    count = _batch(a) if n * k else 0
    if n <= SMALL:
        return Form(("small_triangular", a.dtype.str, n, lower, unit), count, [k], [], True)
    return Form(("triangular", a.dtype.str, lower, unit), count, [n, k, _lapack("trsm", a.dtype, "blas")], [], True)


def _determinant(needed: Sequence[bool], a: Any) -> Form:
    """``det`` has one output, ``slogdet`` two."""
    n, log = a.shape[-1], len(needed) == 2
    if n <= SMALL:
        return Form(("small_determinant", a.dtype.str, n, log), _batch(a), [])
    scratch = [(n * n, a.dtype), (n, _INT)]
    return Form(("determinant", a.dtype.str, log), _batch(a), [n, _lapack("getrf", a.dtype)], scratch)


def _cofactors(needed: Sequence[bool], a: Any) -> Form:
    n = a.shape[-1]
    if n <= 3:
        return Form(("small_cofactors", a.dtype.str, n), _batch(a) if n else 0, [])
    scratch = [(n * n, a.dtype)] * 2 + [(n, a.dtype), (n, a.dtype), (n, np.dtype(np.int64)), (n, np.dtype(np.int64))]
    return Form(("cofactors", a.dtype.str), _batch(a), [n], scratch)


def _eigh(needed: Sequence[bool], a: Any, driver: str) -> Form | None:
    """NumPy's driver, which is LAPACK's syevd; without vectors where nobody reads them."""
    n = a.shape[-1]
    if driver != "evd":
        return None
    vectors = needed[1]
    work, iwork = (0, 0)
    if n:
        letter = "V" if vectors else "N"
        work, iwork = _workspace("syevd", a.dtype, letter, "L", n, None, n, None, "work", -1, "iwork", -1)
    numbers = [n, work, iwork, _lapack("syevd", a.dtype)]
    scratch = [(n * n, a.dtype), (work, a.dtype), (iwork, _INT)]
    skipped = () if vectors else (1,)
    return Form(("eigh", a.dtype.str, vectors), _batch(a) if n else 0, numbers, scratch, True, skipped)


# -- rectangular matrices ---------------------------------------------------------------------------------------------


def _lu(needed: Sequence[bool], a: Any) -> Form | None:
    m, n = a.shape[-2:]
    if not m * n:
        return None
    if m == n <= SMALL:
        return Form(("small_lu", a.dtype.str, n), _batch(a), [])
    scratch = [(m * n, a.dtype), (min(m, n), _INT)]
    return Form(("lu", a.dtype.str), _batch(a), [m, n, _lapack("getrf", a.dtype)], scratch)


def _qr(needed: Sequence[bool], a: Any, full: bool) -> Form | None:
    m, n = a.shape[-2:]
    if not m * n:
        return None
    k = m if full else n
    work = max(
        _workspace("geqrf", a.dtype, m, n, None, m, None, "work", -1)[0],
        _workspace("orgqr", a.dtype, m, k, n, None, m, None, "work", -1)[0],
    )
    numbers = [m, n, k, work, _lapack("geqrf", a.dtype), _lapack("orgqr", a.dtype)]
    return Form(("qr", a.dtype.str), _batch(a), numbers, [(m * k, a.dtype), (n, a.dtype), (work, a.dtype)])


def _svd(needed: Sequence[bool], a: Any, full: bool) -> Form | None:
    """NumPy's driver, which is LAPACK's gesdd; without vectors where nobody reads them."""
    m, n = a.shape[-2:]
    if not m * n:
        return None
    k = min(m, n)
    vectors = needed[0] or needed[2]
    letter = ("A" if full else "S") if vectors else "N"
    u, v = (m, n) if full else (k, k)
    work, _ = _workspace("gesdd", a.dtype, letter, m, n, None, m, None, None, m, None, v, "work", -1, "iwork")
    numbers = [m, n, work, _lapack("gesdd", a.dtype)]
    scratch = [(m * n, a.dtype), (work, a.dtype), (8 * k, _INT)]
    if vectors:
        scratch += [(m * u, a.dtype), (v * n, a.dtype)]
    return Form(("svd", a.dtype.str, letter), _batch(a), numbers, scratch, True, () if vectors else (0, 2))


MATRICES: Final[dict[str, Any]] = {
    "cholesky": _cholesky,
    "solve": _solve,
    "inv": _solve,
    "triangular_solve": _triangular_solve,
    "det": _determinant,
    "slogdet": _determinant,
    "cofactors": _cofactors,
    "eigh": _eigh,
    "lu": _lu,
    "qr": _qr,
    "svd": _svd,
}
