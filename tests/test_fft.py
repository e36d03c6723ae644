"""numpy.fft and scipy.fft: agree with NumPy in values, both modes, second order and under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fft

import wengert as wg

from .numpy.harness import check

rng = np.random.default_rng(5)
X, Y = rng.normal(size=(2, 3, 6))
Z = X + 1j * Y
ODD = Z[:, :5]
CUBE = rng.normal(size=(2, 3, 4))
CCUBE = CUBE + 1j * rng.normal(size=(2, 3, 4))

ONE_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2")


def takes_complex(name: str) -> bool:
    return not name.startswith(("rfft", "ihfft"))


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("name", ONE_AXIS)
def test_norms_and_lengths(name: str, norm: Any) -> None:
    f = getattr(np.fft, name)
    x = Z if takes_complex(name) else X
    check(lambda x: f(x, norm=norm), x)
    for n in (1, 4, 5, 9):
        check(lambda x, n=n: f(x, n, norm=norm), x, second=False)


@pytest.mark.parametrize("name", ONE_AXIS)
def test_axes_dtypes_and_sizes(name: str) -> None:
    f = getattr(np.fft, name)
    x = Z if takes_complex(name) else X
    check(lambda x: f(x, axis=0), x)
    check(lambda x: f(x), x[0])
    check(lambda x: f(x), x[:, :5])
    check(lambda x: f(x, 4, 0), x.astype(np.complex64 if x.dtype.kind == "c" else np.float32))
    check(lambda x: f(x), X)  # real input where complex is expected


@pytest.mark.parametrize("name", MANY)
def test_several_axes(name: str) -> None:
    f = getattr(np.fft, name)
    x = CCUBE if takes_complex(name) else CUBE
    check(lambda x: f(x), x)
    check(lambda x: f(x, axes=(0, 2), norm="ortho"), x)
    check(lambda x: f(x, s=(3, 5), axes=(2, 1)), x)
    check(lambda x: f(x, s=(4, -1), axes=(1, 2)), x)


SHIFTS: list[tuple[str, Callable[..., Any]]] = [
    ("fftshift", lambda x: np.fft.fftshift(x)),
    ("ifftshift", lambda x: np.fft.ifftshift(x)),
    ("axis", lambda x: np.fft.fftshift(x, axes=1)),
    ("axes", lambda x: np.fft.ifftshift(x, axes=(0, 2))),
    ("frequencies", lambda x: np.fft.fftshift(x, 0) * np.fft.fftfreq(4)),
]


@pytest.mark.parametrize("f", [f for _, f in SHIFTS], ids=[name for name, _ in SHIFTS])
def test_shifts(f: Callable[..., Any]) -> None:
    check(f, CUBE)


def test_a_convolution_by_its_spectrum() -> None:
    def by_spectrum(x: Any, y: Any) -> Any:
        n = x.shape[0] + y.shape[0] - 1
        return np.fft.irfft(np.fft.rfft(x, n) * np.fft.rfft(y, n), n)

    check(by_spectrum, X[0], Y[1])
    plain = wg.jacobian(lambda x: np.convolve(x, Y[1]))(X[0])
    np.testing.assert_allclose(wg.jacobian(lambda x: by_spectrum(x, Y[1]))(X[0]), plain, atol=1e-13)


def test_power_is_kept() -> None:
    gradient = wg.grad(lambda x: np.sum(np.abs(np.fft.fft(x, norm="ortho")) ** 2))(X[0])
    np.testing.assert_allclose(gradient, 2 * X[0], rtol=1e-12)


def test_out_and_errors() -> None:
    def written(x: Any) -> Any:
        out = np.zeros(6, complex)
        np.fft.fft(x, out=out)
        return out

    check(written, Z[0])
    for f, message in (
        (lambda x: np.fft.fft(x, 0), "Invalid number of FFT data points"),
        (lambda x: np.fft.fft(x, norm="other"), "Invalid norm value"),
        (lambda x: np.fft.fftn(x, s=(2,), axes=(0, 1)), "different lengths"),
    ):
        with pytest.raises(ValueError, match=message):
            wg.jvp(f, (X,), (X,))
        with pytest.raises(ValueError, match=message):
            f(X)


@pytest.mark.parametrize("name", ONE_AXIS)
def test_scipys_transforms_of_one_axis(name: str) -> None:
    f = getattr(scipy.fft, name)
    x = Z if takes_complex(name) else X
    check(lambda x: f(x, 5, axis=0, norm="ortho", workers=1), x)


@pytest.mark.parametrize("name", MANY)
def test_scipys_transforms_of_several_axes(name: str) -> None:
    f = getattr(scipy.fft, name)
    x = CCUBE if takes_complex(name) else CUBE
    check(lambda x: f(x), x)
    check(lambda x: scipy.fft.fftshift(f(x, (3, 5), (2, 1))), x)
