"""Layers, initialisers and Sequential."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import wengert as wg
from wengert import nn, train
from wengert.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
LAYERS = [
    (nn.Linear(3, 4), (5, 3)),
    (nn.Linear(3, 4, bias=False), (2, 5, 3)),
    (nn.Conv(2, 4, (3,), stride=2, padding=1), (2, 2, 6)),
    (nn.Conv(2, 4, (3, 2), groups=2, dilation=(1, 2)), (1, 2, 5, 4)),
    (nn.LayerNorm(4), (3, 4)),
    (nn.LayerNorm((2, 3)), (2, 2, 3)),
    (nn.MaxPool(2), (1, 2, 6)),
    (nn.AvgPool((2, 2), stride=1), (1, 1, 4, 3)),
    (nn.Flatten(), (2, 3, 2)),
    (nn.Sequential(nn.Linear(3, 4), np.tanh, nn.LayerNorm(4), nn.Linear(4, 2)), (5, 3)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda v: repr(v)[:40])
def test_derivatives_by_parameters_and_input(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    params = layer.init(rng)
    params = wg.core.tree.tree_map(lambda p: p + 0.1 * rng.normal(size=p.shape), params)
    x = rng.permutation(int(np.prod(shape))).reshape(shape) / 7.0  # no ties for pooling
    wg.check_grads(lambda params, x: np.sin(layer.apply(params, x)), (params, x))


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda v: repr(v)[:40])
def test_float32_throughout(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    params = layer.init(np.random.default_rng(2), np.float32)
    x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    assert layer.apply(params, x).dtype == np.float32
    gradients = wg.grad(lambda p: np.sum(layer.apply(p, x)))(params)
    for p, g in zip(wg.core.tree.flatten(params)[0], wg.core.tree.flatten(gradients)[0], strict=True):
        assert p.dtype == g.dtype == np.float32
        assert p.shape == g.shape


def test_layer_norm() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
    params = {"scale": np.array([1.0, 2.0, 3.0]), "offset": np.array([0.0, 0.5, 1.0])}
    wanted = [
        [-1.2247356859083902, 0.5, 4.67420705772517],
        [0.2672578057627254, -2.1725780576272533, 4.207093669152705],
    ]
    np.testing.assert_allclose(nn.LayerNorm(3).apply(params, logits), wanted, rtol=1e-13)


def test_layer_norm_of_constant_rows_is_finite() -> None:
    layer = nn.LayerNorm(4)
    params = layer.init(RNG)
    x = np.full((2, 4), 7.0)
    np.testing.assert_array_equal(layer.apply(params, x), 0.0)
    for order in (lambda f: wg.grad(f), lambda f: wg.grad(lambda x: np.sum(wg.grad(f)(x) ** 2))):
        gradient = order(lambda x: np.sum(np.sin(layer.apply(params, x)) * np.arange(8.0).reshape(2, 4)))(x)
        assert np.isfinite(gradient).all()


def test_embedding_adds_up_repeated_rows() -> None:
    layer = nn.Embedding(5, 2)
    params = layer.init(RNG)
    words = np.array([[0, 3], [3, 3]])
    np.testing.assert_array_equal(layer.apply(params, words), params["weight"][words])
    gradient = wg.grad(lambda p: np.sum(layer.apply(p, words)))(params)["weight"]
    np.testing.assert_array_equal(gradient[:, 0], [1, 0, 0, 3, 0])


# -- dropout ----------------------------------------------------------------------------------------------------------


def test_dropout_is_not_frozen() -> None:
    layer = nn.Dropout(0.5)
    rng = np.random.default_rng(4)
    gradient = wg.grad(lambda x: np.sum(layer.apply({}, x, train=True, rng=rng)))
    masks = [gradient(np.ones(64)) for _ in range(4)]  # the same structure, so the same program
    assert len({mask.tobytes() for mask in masks}) == 4
    assert set(np.unique(masks)) == {0.0, 2.0}


def test_dropout_is_repeatable_and_keeps_the_mean() -> None:
    layer = nn.Dropout(0.3)
    x = np.ones((200, 200))
    first, second = (layer.apply({}, x, train=True, rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.mean() == pytest.approx(1.0, abs=0.01)
    assert (first == 0).mean() == pytest.approx(0.3, abs=0.01)


def test_dropout_forward_and_backward_use_one_mask() -> None:
    layer = nn.Dropout(0.5)
    rng = np.random.default_rng(6)
    value, gradient = wg.value_and_grad(lambda x: np.sum(layer.apply({}, x, train=True, rng=rng)))(np.ones(50))
    assert value == gradient.sum()


def test_dropout_does_nothing_outside_of_training() -> None:
    x = np.ones(3)
    assert nn.Dropout(0.5).apply({}, x) is x
    assert nn.Dropout(0.0).apply({}, x, train=True) is x
    with pytest.raises(ArgumentError, match="train=True without rng"):
        nn.Dropout(0.5).apply({}, x, train=True)
    with pytest.raises(ArgumentError, match="rate=1"):
        nn.Dropout(1.0)


# -- Sequential -------------------------------------------------------------------------------------------------------


def test_sequential_has_plain_parameters() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.relu, nn.Sequential(nn.Linear(4, 4), np.tanh), nn.Flatten())
    params = net.init(np.random.default_rng(7))
    assert [type(p) for p in params] == [dict, dict, list, dict]
    assert params[2][0]["weight"].shape == (4, 4)
    assert repr(net).startswith("Sequential(Linear(inputs=3, outputs=4, bias=True), relu, Sequential(")


def test_the_same_seed_gives_the_same_parameters() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    one, two = (net.init(np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(one[1]["weight"], two[1]["weight"])


def test_a_network_and_its_twin_in_plain_numpy() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.relu, nn.Linear(4, 2))
    params = net.init(np.random.default_rng(9))
    x, y = np.random.default_rng(10).normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])

    def by_hand(params):  # type: ignore[no-untyped-def]
        hidden = np.maximum(x @ params[0]["weight"] + params[0]["bias"], 0)
        z = hidden @ params[2]["weight"] + params[2]["bias"]
        z = z - np.max(z, axis=1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[np.arange(5), y])

    value, gradient = wg.value_and_grad(lambda p: nn.softmax_cross_entropy(net.apply(p, x), y))(params)
    wanted, wanted_gradient = wg.value_and_grad(by_hand)(params)
    assert value == pytest.approx(wanted, rel=1e-14)
    for k in (0, 2):
        for name in ("weight", "bias"):
            np.testing.assert_allclose(gradient[k][name], wanted_gradient[k][name], atol=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.Sequential(nn.Linear), ArgumentError, "as layer 0"),
        (lambda: nn.Sequential(nn.relu, 3), ArgumentError, "3 as layer 1"),
        (lambda: nn.Sequential(nn.relu).apply([], np.ones(2)), ArgumentError, "0 entries for 1 layers"),
        (
            lambda: nn.Linear(3, 4).apply(nn.Linear(3, 4).init(RNG), np.ones((2, 5))),
            ShapeError,
            "3 entries along axis -1",
        ),
        (lambda: nn.LayerNorm(3).apply({}, np.float64(1)), ShapeError, "LayerNorm was made for"),
        (lambda: nn.Conv(3, 4, (3,), groups=2), ArgumentError, "Groups divide"),
    ],
)
def test_refusals(call: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        call()  # type: ignore[operator]


# -- initialisers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("init", "variance"),
    [
        (nn.glorot_normal, 2 / (300 + 100)),
        (nn.glorot_uniform, 2 / (300 + 100)),
        (nn.he_normal, 2 / 300),
        (nn.he_uniform, 2 / 300),
        (nn.lecun_normal, 1 / 300),
        (nn.lecun_uniform, 1 / 300),
    ],
)
def test_variances(init: object, variance: float) -> None:
    w = init(np.random.default_rng(11), (300, 100))  # type: ignore[operator]
    assert w.var() == pytest.approx(variance, rel=0.03)
    assert abs(w.mean()) < 4 * np.sqrt(variance / w.size)
    small = init(np.random.default_rng(11), (300, 100), np.float32)  # type: ignore[operator]
    np.testing.assert_array_equal(small, w.astype(np.float32))


def test_the_signal_keeps_its_size_through_thirty_relu_layers() -> None:
    rng = np.random.default_rng(12)
    net = nn.Sequential(*[f for _ in range(30) for f in (nn.Linear(200, 200, initializer=nn.he_normal), nn.relu)])
    x = rng.normal(size=(50, 200))
    assert 0.2 < np.mean(net.apply(net.init(rng), x) ** 2) / np.mean(x**2) < 5


def test_fans_of_kernels() -> None:
    assert nn.fans((16, 8, 3, 3)) == (72, 144)
    with pytest.raises(ShapeError, match="zeros or normal"):
        nn.fans((3,))


# -- a small convolutional network ------------------------------------------------------------------------------------


def test_a_convolutional_network_learns_digits() -> None:
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    net = nn.Sequential(
        nn.Conv(1, 8, (3, 3), padding="same"),
        nn.relu,
        nn.MaxPool(2),
        nn.Conv(8, 16, (3, 3)),
        nn.relu,
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(64, 10),
    )

    def loss(params, x, y, rng=None):  # type: ignore[no-untyped-def]
        logits = net.apply(params, x, train=rng is not None, rng=rng)
        return nn.softmax_cross_entropy(logits, y), {"accuracy": train.accuracy(logits, y)}

    state = train.fit(
        loss,
        net.init(np.random.default_rng(13), np.float32),
        train.Batches((images[:1000], labels[:1000]), 50, seed=1),
        train.Adam(3e-3),
        epochs=3,
        has_aux=True,
        valid=[(images[1000:], labels[1000:])],
        rng=np.random.default_rng(14),
        progress=False,
    )
    losses = [row["loss"] for row in state.history]
    assert losses[0] > losses[1] > losses[2]
    assert state.history[-1]["valid_accuracy"] > 0.75
    assert state.params[0]["weight"].dtype == np.float32
