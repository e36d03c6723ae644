"""Discrete Fourier transforms.

The matrix of the transform is symmetric, F[j, k] = exp(-2πi jk/n) = F[k, j]: it is its own transpose, and so is the
inverse.  The real transforms leave out half of the spectrum, which the other half determines; their transposes are
written with their own kind. Lengths are fixed before: cutting and padding are equations of their own.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import Primitive, Sample, primitive
from ..errors import DtypeError, ShapeError, explain
from .arithmetic import conj, real
from .compare import select
from .family import full_like, linear_jvp, scaled

Axes = tuple[int, ...]

OTHER: Final = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
"""The norm with which the inverse transform has the same factor."""

_EXPLANATION = "hands back the transform of the incoming gradient: the matrix of the transform is symmetric"


def _like(*shape: int, dtype: Any = float) -> Any:
    rng = np.random.default_rng(17)
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def _check(x: Aval, axes: Axes, kind: str, what: str) -> None:
    if x.dtype.kind != kind:
        raise DtypeError(explain(f"{what} takes {'complex' if kind == 'c' else 'real'} numbers.", found=f"{x!r}"))
    if any(x.shape[a] < 1 for a in axes):
        raise ShapeError(explain("A Fourier transform takes at least one data point.", found=f"{x!r} along {axes}"))


def _single(x: Any) -> bool:
    return bool(x.dtype in (np.float32, np.complex64))


def _flops(size: int, n: int) -> int:
    return 5 * size * max(1, n.bit_length())


# -- complex to complex -----------------------------------------------------------------------------------------------


def _fft_infer(x: Aval, axes: Axes, inverse: bool, norm: str) -> Aval:
    _check(x, axes, "c", "fft")
    return aval(x.shape, x.dtype)


def _fft(x: Any, axes: Axes, inverse: bool, norm: Any) -> Any:
    transform = np.fft.ifftn if inverse else np.fft.fftn
    return np.ascontiguousarray(transform(x, axes=axes, norm=norm))


fft: Primitive = primitive(
    "fft",
    "the discrete Fourier transform over some axes, or its inverse",
    evaluate=_fft,
    infer=_fft_infer,
    jvp=linear_jvp(lambda: fft),
    transpose=lambda ct, x, **how: (fft(ct, **how),),
    batch=lambda size, args, batched, axes, **how: fft(args[0], axes=tuple(a + 1 for a in axes), **how),
    samples=lambda: [
        Sample((_like(5, dtype=complex),), {"axes": (0,), "inverse": False, "norm": "backward"}),
        Sample((_like(4, dtype=complex),), {"axes": (0,), "inverse": True, "norm": "backward"}),
        Sample((_like(2, 3, dtype=complex),), {"axes": (0, 1), "inverse": False, "norm": "ortho"}),
        Sample((_like(2, 3, dtype=complex),), {"axes": (0,), "inverse": True, "norm": "forward"}),
        Sample((_like(4, dtype=np.complex64),), {"axes": (0,), "inverse": False, "norm": "backward"}),
        Sample((_like(0, 3, dtype=complex),), {"axes": (1,), "inverse": False, "norm": "backward"}),
    ],
    flops=lambda x, axes, **_: _flops(x.size, int(np.prod([x.shape[a] for a in axes]))),
    label="gradient transformer",
    explanation=_EXPLANATION,
)

# -- real to half complex ---------------------------------------------------------------------------------------------


def _rfft_infer(x: Aval, axis: int, norm: str) -> Aval:
    _check(x, (axis,), "f", "rfft")
    shape = tuple(n // 2 + 1 if a == axis else n for a, n in enumerate(x.shape))
    return aval(shape, np.complex64 if _single(x) else np.complex128)


def _rfft_transpose(ct: Any, x: Any, axis: int, norm: str) -> Any:
    # As fft of the real part: fill up the spectrum with zeros, transform, and take the real part.
    high = tuple(x.shape[a] - n if a == axis else 0 for a, n in enumerate(ct.shape))
    none = (0,) * ct.ndim
    whole = ct.builder.apply_named("pad", ct, low=none, high=high, interior=none)
    return (real(fft(whole, axes=(axis,), inverse=False, norm=norm)),)


rfft: Primitive = primitive(
    "rfft",
    "the first half of the Fourier transform of real numbers along an axis",
    evaluate=lambda x, axis, norm: np.ascontiguousarray(np.fft.rfft(x, axis=axis, norm=norm)),
    infer=_rfft_infer,
    jvp=linear_jvp(lambda: rfft),
    transpose=_rfft_transpose,
    batch=lambda size, args, batched, axis, norm: rfft(args[0], axis=axis + 1, norm=norm),
    samples=lambda: [
        Sample((_like(5),), {"axis": 0, "norm": "backward"}),
        Sample((_like(6),), {"axis": 0, "norm": "ortho"}),
        Sample((_like(1),), {"axis": 0, "norm": "backward"}),
        Sample((_like(4, 3),), {"axis": 0, "norm": "forward"}),
        Sample((_like(2, 4, dtype=np.float32),), {"axis": 1, "norm": "backward"}),
        Sample((_like(0, 3),), {"axis": 1, "norm": "backward"}),
    ],
    flops=lambda x, axis, norm: _flops(x.size, x.shape[axis]) // 2,
    label="gradient transformer",
    explanation=_EXPLANATION,
)

# -- half complex to real ---------------------------------------------------------------------------------------------


def _irfft_infer(x: Aval, axis: int, n: int, norm: str) -> Aval:
    _check(x, (axis,), "c", "irfft")
    if n < 1 or x.shape[axis] != n // 2 + 1:
        raise ShapeError(explain("irfft to n points takes n // 2 + 1 of the spectrum.", found=f"{x!r}, n={n}"))
    shape = tuple(n if a == axis else k for a, k in enumerate(x.shape))
    return aval(shape, np.float32 if _single(x) else np.float64)


def _irfft_transpose(ct: Any, x: Any, axis: int, n: int, norm: str) -> Any:
    half = conj(rfft(ct, axis=axis, norm=OTHER[norm]))
    # Every frequency stands for itself and its mirror image, but for 0 and, where n is even, n / 2.
    b = ct.builder
    at = b.apply_named("iota", b.full(0, half.shape, np.intp), axis=axis)
    alone = b.apply_named("eq", at, full_like(at, 0))
    if n % 2 == 0:
        alone = b.apply_named("logical_or", alone, b.apply_named("eq", at, full_like(at, n // 2)))
    return (scaled(select(alone, full_like(half, 1), full_like(half, 2)), half),)


irfft: Primitive = primitive(
    "irfft",
    "n real numbers from the first half of their Fourier transform along an axis",
    evaluate=lambda x, axis, n, norm: np.ascontiguousarray(np.fft.irfft(x, n, axis=axis, norm=norm)),
    infer=_irfft_infer,
    jvp=linear_jvp(lambda: irfft),
    transpose=_irfft_transpose,
    batch=lambda size, args, batched, axis, n, norm: irfft(args[0], axis=axis + 1, n=n, norm=norm),
    samples=lambda: [
        Sample((_like(3, dtype=complex),), {"axis": 0, "n": 5, "norm": "backward"}),
        Sample((_like(4, dtype=complex),), {"axis": 0, "n": 6, "norm": "ortho"}),
        Sample((_like(1, dtype=complex),), {"axis": 0, "n": 1, "norm": "backward"}),
        Sample((_like(2, 3, dtype=complex),), {"axis": 0, "n": 2, "norm": "forward"}),
        Sample((_like(2, 3, dtype=np.complex64),), {"axis": 1, "n": 4, "norm": "backward"}),
        Sample((_like(0, 2, dtype=complex),), {"axis": 1, "n": 3, "norm": "backward"}),
    ],
    flops=lambda x, axis, n, norm: _flops(x.size, n),
    label="gradient transformer",
    explanation=_EXPLANATION,
)
