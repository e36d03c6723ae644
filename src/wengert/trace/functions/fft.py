"""numpy.fft and scipy.fft: cut or pad to the length asked for, then transform."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops import fft as ops
from ...ops.shape import pad
from ..creation import replace_instances, replacement
from ..dispatch import FUNCTIONS, implements
from ..libraries import stands_for, when_imported
from .common import Axes, as_dtype, finish, normalize_axes, normalize_axis, traced


def _norm(norm: Any) -> str:
    norm = "backward" if norm is None else norm
    if norm not in ops.OTHER:
        raise ValueError(
            f'Invalid norm value {norm}; should be None, "backward", "ortho" or "forward".\n  at:    {user_line()}'
        )
    return str(norm)


def _points(n: Any) -> int:
    n = operator.index(n)
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.\n  at:    {user_line()}")
    return int(n)


def _to_length(x: Any, axis: int, n: int) -> Any:
    """Cut an axis at length n, or fill it up with zeros."""
    size = x.shape[axis]
    if n < size:
        return x[(slice(None),) * axis + (slice(n),)]
    if n == size:
        return x
    none = (0,) * x.ndim
    return pad(x, low=none, high=tuple(n - size if a == axis else 0 for a in range(x.ndim)), interior=none)


def _as_complex(x: Any) -> Any:
    return as_dtype(x, np.fft.fft(np.zeros(1, x.dtype)).dtype)


def _as_real(x: Any, what: str) -> Any:
    if x.dtype.kind == "c":
        raise TypeError(f"{what} takes real input, not {x.dtype}\n  at:    {user_line()}")
    return as_dtype(x, np.fft.fft(np.zeros(1, x.dtype)).real.dtype)


def _shape_and_axes(x: Any, s: Any, axes: Any, half: bool = False) -> tuple[list[int], Axes]:
    """Return lengths and axes of an n-d transform; ``half``: the last axis holds half of a spectrum."""
    if axes is None:
        count = x.ndim if s is None else len(s)
        axes = tuple(range(-count, 0))
    # Axes may be repeated, as NumPy allows; a transform is then done twice.
    axes = tuple(normalize_axis(a, x.ndim) for a in axes)
    lengths = [x.shape[a] for a in axes]
    if half and axes:
        lengths[-1] = (x.shape[axes[-1]] - 1) * 2
    if s is not None:
        if len(s) != len(axes):
            raise ValueError(f"Shape and axes have different lengths.\n  at:    {user_line()}")
        asked = [n if n is not None else length for n, length in zip(s, lengths, strict=True)]
        # -1 keeps the length of the input, padding and trimming nothing.
        lengths = [x.shape[a] if n == -1 else operator.index(n) for n, a in zip(asked, axes, strict=True)]
        if half and s[-1] == -1:
            lengths[-1] = x.shape[axes[-1]]
    return [_points(n) for n in lengths], axes


# -- along one axis ---------------------------------------------------------------------------------------------------


def _one(x: Any, n: Any, axis: Any, norm: Any, inverse: bool) -> Any:
    x = _as_complex(traced(x))
    axis = normalize_axis(axis, x.ndim)
    x = _to_length(x, axis, _points(x.shape[axis] if n is None else n))
    return ops.fft(x, axes=(axis,), inverse=inverse, norm=_norm(norm))


def _half(x: Any, n: Any, axis: Any, norm: Any, what: str) -> Any:
    x = _as_real(traced(x), what)
    axis = normalize_axis(axis, x.ndim)
    x = _to_length(x, axis, _points(x.shape[axis] if n is None else n))
    return ops.rfft(x, axis=axis, norm=_norm(norm))


def _from_half(x: Any, n: Any, axis: Any, norm: Any) -> Any:
    x = _as_complex(traced(x))
    axis = normalize_axis(axis, x.ndim)
    n = _points((x.shape[axis] - 1) * 2 if n is None else n)
    return ops.irfft(_to_length(x, axis, n // 2 + 1), axis=axis, n=n, norm=_norm(norm))


@implements(np.fft.fft)
def fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return finish(_one(a, n, axis, norm, False), out, "np.fft.fft")


@implements(np.fft.ifft)
def ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return finish(_one(a, n, axis, norm, True), out, "np.fft.ifft")


@implements(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return finish(_half(a, n, axis, norm, "np.fft.rfft"), out, "np.fft.rfft")


@implements(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return finish(_from_half(a, n, axis, norm), out, "np.fft.irfft")


@implements(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return finish(_from_half(np.conj(a), n, axis, ops.OTHER[_norm(norm)]), out, "np.fft.hfft")


@implements(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return finish(np.conj(_half(a, n, axis, ops.OTHER[_norm(norm)], "np.fft.ihfft")), out, "np.fft.ihfft")


# -- along several axes -----------------------------------------------------------------------------------------------


def _all(x: Any, axes: Sequence[int], norm: str, inverse: bool) -> Any:
    if len(set(axes)) == len(axes):
        return ops.fft(x, axes=tuple(axes), inverse=inverse, norm=norm) if axes else x
    for axis in axes:
        x = ops.fft(x, axes=(axis,), inverse=inverse, norm=norm)
    return x


def _many(a: Any, s: Any, axes: Any, norm: Any, inverse: bool) -> Any:
    x = _as_complex(traced(a))
    lengths, axes = _shape_and_axes(x, s, axes)
    for axis, n in zip(axes, lengths, strict=True):
        x = _to_length(x, axis, n)
    return _all(x, axes, _norm(norm), inverse)


def _many_half(a: Any, s: Any, axes: Any, norm: Any) -> Any:
    x = _as_real(traced(a), "np.fft.rfftn")
    lengths, axes = _shape_and_axes(x, s, axes)
    if not axes:
        raise ValueError(f"at least one axis must be transformed\n  at:    {user_line()}")
    for axis, n in zip(axes, lengths, strict=True):
        x = _to_length(x, axis, n)
    return _all(ops.rfft(x, axis=axes[-1], norm=_norm(norm)), axes[:-1], _norm(norm), False)


def _many_from_half(a: Any, s: Any, axes: Any, norm: Any) -> Any:
    x = _as_complex(traced(a))
    lengths, axes = _shape_and_axes(x, s, axes, half=True)
    if not axes:
        raise ValueError(f"at least one axis must be transformed\n  at:    {user_line()}")
    for axis, n in zip(axes[:-1], lengths, strict=False):
        x = _to_length(x, axis, n)
    x = _all(x, axes[:-1], _norm(norm), True)
    return ops.irfft(_to_length(x, axes[-1], lengths[-1] // 2 + 1), axis=axes[-1], n=lengths[-1], norm=_norm(norm))


def _family(suffix: str, default: Any) -> None:
    """Enter the transforms over two axes or over all."""

    def enter(name: str, transform: Any) -> None:
        def function(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
            return finish(transform(a, s, axes, norm), out, f"np.fft.{name}")

        function.__name__ = name
        implements(getattr(np.fft, name))(function)

    enter(f"fft{suffix}", lambda a, s, axes, norm: _many(a, s, axes, norm, False))
    enter(f"ifft{suffix}", lambda a, s, axes, norm: _many(a, s, axes, norm, True))
    enter(f"rfft{suffix}", _many_half)
    enter(f"irfft{suffix}", _many_from_half)


_family("n", None)
_family("2", (-2, -1))

# -- shifts -----------------------------------------------------------------------------------------------------------


def _rolled(x: Any, axes: Any, inverse: bool) -> Any:
    x = traced(x)
    for axis in normalize_axes(axes, x.ndim):
        n = x.shape[axis]
        # fftshift moves by n // 2 to the right, ifftshift back.
        cut = n // 2 if inverse else n - n // 2
        lead = (slice(None),) * axis
        x = np.concatenate([x[(*lead, slice(cut, None))], x[(*lead, slice(cut))]], axis)
    return x


@implements(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    return _rolled(x, axes, False)


@implements(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    return _rolled(x, axes, True)


# -- scipy.fft --------------------------------------------------------------------------------------------------------


def _scipy(name: str, implementation: Any, many: bool) -> None:
    """Enter a transform of scipy.fft; it differs from NumPy's in its options for speed, which change no result."""
    default = (-2, -1) if name.endswith("2") else None

    if many:

        def several(
            x: Any, s: Any = None, axes: Any = default, norm: Any = None, overwrite_x: bool = False,
            workers: Any = None, *, plan: Any = None,
        ) -> Any:  # fmt: skip
            # SciPy takes None for all axes, and one number for one axis.
            s, axes = ((v,) if isinstance(v, (int, np.integer)) else v for v in (s, axes))
            return implementation(x, s, axes, norm)

        stands_for("scipy.fft", name)(several)
    else:

        def one(
            x: Any, n: Any = None, axis: int = -1, norm: Any = None, overwrite_x: bool = False, workers: Any = None,
            *, plan: Any = None,
        ) -> Any:  # fmt: skip
            return implementation(x, n, axis, norm)

        stands_for("scipy.fft", name)(one)


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    _scipy(_name, FUNCTIONS[getattr(np.fft, _name)], False)
for _name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"):
    _scipy(_name, FUNCTIONS[getattr(np.fft, _name)], True)
stands_for("scipy.fft", "fftshift")(fftshift)
stands_for("scipy.fft", "ifftshift")(ifftshift)


def _dispatchers(library: Any) -> None:
    """SciPy's transforms are objects of a class of their own (``uarray``); traced code sees plain ones."""
    replace_instances(type(library.fft), lambda function: replacement(function) or function)


when_imported("scipy.fft", _dispatchers)
