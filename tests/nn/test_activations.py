"""Activations: values (PyTorch's, as literals), derivatives of two orders, and the hard points."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert import nn

Z = np.linspace(-3, 3, 7)
ACTIVATIONS = {
    "relu": nn.relu,
    "leaky_relu": lambda x: nn.leaky_relu(x, 0.1),
    "elu": lambda x: nn.elu(x, 1.5),
    "sigmoid": nn.sigmoid,
    "tanh": nn.tanh,
    "softplus": nn.softplus,
    "silu": nn.silu,
    "gelu": nn.gelu,
    "gelu_tanh": lambda x: nn.gelu(x, approximate=True),
    "softmax": nn.softmax,
    "log_softmax": nn.log_softmax,
}
TORCH = {
    "leaky_relu": [-0.3, -0.2, -0.1, 0.0, 1.0, 2.0, 3.0],
    "elu": [-1.4253193974482041, -1.296997075145081, -0.9481808382428365, 0.0, 1.0, 2.0, 3.0],
    "sigmoid": [
        0.04742587317756678,
        0.11920292202211755,
        0.2689414213699951,
        0.5,
        0.7310585786300049,
        0.8807970779778823,
        0.9525741268224334,
    ],
    "softplus": [
        0.04858735157374206,
        0.1269280110429725,
        0.31326168751822286,
        0.6931471805599453,
        1.3132616875182228,
        2.1269280110429727,
        3.048587351573742,
    ],
    "silu": [
        -0.14227761953270035,
        -0.2384058440442351,
        -0.2689414213699951,
        0.0,
        0.7310585786300049,
        1.7615941559557646,
        2.8577223804672998,
    ],
    "gelu": [
        -0.00404969409489031,
        -0.04550026389635842,
        -0.15865525393145702,
        0.0,
        0.841344746068543,
        1.9544997361036416,
        2.99595030590511,
    ],
    "gelu_tanh": [
        -0.0036373920817729943,
        -0.04540230591222494,
        -0.15880800939172324,
        0.0,
        0.8411919906082768,
        1.954597694087775,
        2.996362607918227,
    ],
    "log_softmax": [
        -6.457762847404243,
        -5.457762847404243,
        -4.457762847404243,
        -3.4577628474042426,
        -2.4577628474042426,
        -1.4577628474042428,
        -0.4577628474042427,
    ],
}
FAR = np.array([-800.0, -40.0, 0.0, 40.0, 800.0])


@pytest.mark.parametrize("name", TORCH)
def test_values(name: str) -> None:
    np.testing.assert_allclose(ACTIVATIONS[name](Z), TORCH[name], rtol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives(name: str) -> None:
    wg.check_grads(ACTIVATIONS[name], (np.array([-2.3, -0.4, 0.3, 1.9]),))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_from_zero_all_is_finite(name: str) -> None:
    f = ACTIVATIONS[name]
    value, tangent = wg.jvp(f, (FAR,), (np.ones(5),))
    _, pull = wg.vjp(f, FAR)
    _, second = wg.jvp(lambda x: wg.vjp(f, x)[1](np.ones(5))[0], (FAR,), (np.ones(5),))
    for array in (value, tangent, *pull(np.ones(5)), second):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(value, f(FAR))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_float32_stays_float32(name: str) -> None:
    x = Z.astype(np.float32)
    f = ACTIVATIONS[name]
    assert f(x).dtype == np.float32
    gradient = wg.grad(lambda x: np.sum(f(x) * np.arange(7, dtype=np.float32)))(x)
    assert gradient.dtype == np.float32
    wanted = wg.grad(lambda x: np.sum(f(x) * np.arange(7.0)))(Z)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-5)


def test_tails_are_accurate_not_just_finite() -> None:
    # 1 / (1 + exp(-x)), 1 + erf(x) and their like round to 0 here.
    assert np.isclose(nn.sigmoid(-100.0), np.exp(-100.0), rtol=1e-13, atol=0)
    assert np.isclose(wg.grad(nn.sigmoid)(-100.0), np.exp(-100.0), rtol=1e-12, atol=0)
    assert np.isclose(wg.grad(nn.sigmoid)(40.0), np.exp(-40.0), rtol=1e-12, atol=0)
    assert np.isclose(nn.gelu(-10.0), -7.61985302416e-23, rtol=1e-9, atol=0)


def test_kinks() -> None:
    assert wg.grad(nn.relu)(0.0) == 0.5
    assert wg.grad(lambda x: nn.relu(x) - nn.relu(-x))(0.0) == 1.0
    assert wg.grad(lambda x: nn.leaky_relu(x, 0.1))(0.0) == pytest.approx(0.55)
    assert wg.grad(nn.elu)(0.0) == 1.0


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_along_an_axis(axis: int) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_allclose(nn.softmax(x, axis).sum(axis), 1.0)
    np.testing.assert_allclose(np.exp(nn.log_softmax(x, axis)), nn.softmax(x, axis))
    np.testing.assert_allclose(wg.grad(lambda x: np.sum(nn.softmax(x, axis)))(x), 0.0, atol=1e-15)
