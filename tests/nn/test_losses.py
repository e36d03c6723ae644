"""Losses: values (PyTorch's, as literals), derivatives, hard points, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert import nn
from wengert.errors import ArgumentError, DtypeError, ShapeError

LOGITS = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
LABELS = np.array([2, 1])
TARGETS = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
LOSSES = {
    "mse": nn.mse,
    "mae": nn.mae,
    "huber": lambda p, t: nn.huber(p, t, 0.7),
    "sigmoid_binary_cross_entropy": nn.sigmoid_binary_cross_entropy,
}


def test_values() -> None:
    assert nn.softmax_cross_entropy(LOGITS, LABELS) == pytest.approx(1.2558682848905545, rel=1e-14)
    assert nn.sigmoid_binary_cross_entropy(LOGITS, TARGETS) == pytest.approx(0.5782104837322021, rel=1e-14)
    assert nn.huber(LOGITS, TARGETS, 0.7) == pytest.approx(0.5166666666666666, rel=1e-14)
    assert nn.mse(LOGITS, TARGETS) == 1.375
    assert nn.mae(LOGITS, TARGETS) == pytest.approx(1.0833333333333333, rel=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_derivatives(name: str) -> None:
    rng = np.random.default_rng(1)
    wg.check_grads(LOSSES[name], (rng.normal(size=(3, 2)), rng.uniform(0.1, 0.9, (3, 2))))


def test_derivatives_of_softmax_cross_entropy() -> None:
    wg.check_grads(lambda z: nn.softmax_cross_entropy(z, LABELS), (LOGITS,))
    # The textbook formula.
    gradient = wg.grad(nn.softmax_cross_entropy)(LOGITS, LABELS)
    np.testing.assert_allclose(gradient, (nn.softmax(LOGITS) - np.eye(3)[LABELS]) / 2, rtol=1e-13)


def test_softmax_cross_entropy_at_800() -> None:
    logits = np.array([[800.0, -800.0], [-800.0, 800.0], [800.0, -800.0]])
    labels = np.array([0, 1, 1])
    value, gradient = wg.value_and_grad(nn.softmax_cross_entropy)(logits, labels)
    assert value == pytest.approx(1600 / 3)
    np.testing.assert_allclose(gradient, np.array([[0, 0], [0, 0], [1, -1]]) / 3)
    _, tangent = wg.jvp(lambda z: nn.softmax_cross_entropy(z, labels), (logits,), (np.ones((3, 2)),))
    assert tangent == 0


def test_softmax_cross_entropy_of_equal_logits() -> None:
    logits = np.full((4, 5), 3.0)
    labels = np.array([0, 1, 2, 3])
    value, gradient = wg.value_and_grad(nn.softmax_cross_entropy)(logits, labels)
    assert value == pytest.approx(np.log(5))
    np.testing.assert_allclose(gradient, (0.2 - np.eye(5)[labels]) / 4)


def test_an_impossible_class_has_no_gradient() -> None:
    logits = np.array([[0.0, -np.inf, 1.0]])
    gradient = wg.grad(nn.softmax_cross_entropy)(logits, np.array([0]))
    p = nn.sigmoid(1.0)
    np.testing.assert_allclose(gradient, [[-p, 0.0, p]])


def test_sigmoid_binary_cross_entropy_at_hard_points() -> None:
    z, t = np.array([-800.0, 0.0, 800.0]), np.array([1.0, 1.0, 0.0])
    losses = nn.sigmoid_binary_cross_entropy(z, t, reduction="none")
    np.testing.assert_allclose(losses, [800.0, np.log(2), 800.0])
    gradient = wg.grad(lambda z: nn.sigmoid_binary_cross_entropy(z, t, reduction="sum"))(z)
    np.testing.assert_allclose(gradient, [-1.0, -0.5, 1.0])
    second = wg.hessian(lambda z: nn.sigmoid_binary_cross_entropy(z, t, reduction="sum"))(z)
    np.testing.assert_allclose(second, np.diag([0.0, 0.25, 0.0]), atol=1e-15)


def test_mae_and_huber_where_they_are_right() -> None:
    x = np.zeros(3)
    np.testing.assert_array_equal(wg.grad(nn.mae)(x, x), 0.0)
    np.testing.assert_array_equal(wg.grad(nn.huber)(x, x), 0.0)
    # On the seam of the parabola and the line both have the slope delta.
    assert wg.grad(lambda p: nn.huber(p, 0.0, 0.5))(0.5) == pytest.approx(0.5)
    assert wg.grad(lambda p: nn.huber(p, 0.0, 0.5))(-0.5) == pytest.approx(-0.5)


def test_more_axes() -> None:
    rng = np.random.default_rng(2)
    logits, labels = rng.normal(size=(2, 3, 4)), rng.integers(0, 4, (2, 3))
    each = nn.softmax_cross_entropy(logits, labels, reduction="none")
    assert each.shape == (2, 3)
    flat = nn.softmax_cross_entropy(logits.reshape(6, 4), labels.reshape(6), reduction="none")
    np.testing.assert_array_equal(each, flat.reshape(2, 3))
    assert nn.softmax_cross_entropy(logits[0, 0], labels[0, 0], reduction="sum") == pytest.approx(each[0, 0])


def test_float32() -> None:
    value, gradient = wg.value_and_grad(nn.softmax_cross_entropy)(LOGITS.astype(np.float32), LABELS)
    assert value.dtype == gradient.dtype == np.float32


def test_labels_may_be_traced() -> None:
    graph = wg.trace(nn.softmax_cross_entropy)(LOGITS, LABELS)
    assert len(graph.in_avals) >= 2
    rows = wg.vmap(lambda z, label: nn.softmax_cross_entropy(z[None], label[None]))(LOGITS, LABELS)
    np.testing.assert_allclose(rows, nn.softmax_cross_entropy(LOGITS, LABELS, reduction="none"))


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_are_not_broadcast(name: str) -> None:
    with pytest.raises(ShapeError, match=r"\(3, 1\) and \(3,\)"):
        LOSSES[name](np.zeros((3, 1)), np.zeros(3))


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (np.array([0.0, 1.0]), DtypeError, "dtype float64"),
        (np.array([0, 1, 2]), ShapeError, r"labels of shape \(3,\)"),
        (np.array([0, 3]), ShapeError, "labels from 0 to 3 for 3 classes"),
        (np.array([-1, 1]), ShapeError, "labels from -1 to 1"),
    ],
)
def test_labels_that_make_no_sense(labels: np.ndarray, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        nn.softmax_cross_entropy(LOGITS, labels)


def test_other_refusals() -> None:
    with pytest.raises(ArgumentError, match="reduction='average'"):
        nn.mse(LOGITS, TARGETS, reduction="average")
    with pytest.raises(ArgumentError, match="delta=0"):
        nn.huber(LOGITS, TARGETS, 0.0)
