"""Convolution and pooling: against loops and PyTorch's numbers, their derivatives, their refusals."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

import wengert as wg
from wengert import nn
from wengert.core.primitive import PRIMITIVES
from wengert.errors import ArgumentError, ShapeError

X = np.arange(2 * 4 * 5 * 6.0).reshape(2, 4, 5, 6) % 7 - 3
W = np.arange(6 * 2 * 3 * 2.0).reshape(6, 2, 3, 2) % 5 - 2


def by_loops(x: np.ndarray, w: np.ndarray, stride: int, padding: int, dilation: int, groups: int) -> np.ndarray:
    """The definition, entry by entry, for one axis of space."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding)))
    outputs, per_group, k = w.shape
    places = (x.shape[2] - dilation * (k - 1) - 1) // stride + 1
    out = np.zeros((len(x), outputs, places))
    for n, o, r, c, j in itertools.product(*map(range, (len(x), outputs, places, per_group, k))):
        channel = o // (outputs // groups) * per_group + c
        out[n, o, r] += x[n, channel, r * stride + j * dilation] * w[o, c, j]
    return out


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
def test_conv_is_its_definition(stride: int, padding: int, dilation: int, groups: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 4, 7)), rng.normal(size=(6, 4 // groups, 3))
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    np.testing.assert_allclose(nn.conv(x, w, **how), by_loops(x, w, **how), atol=1e-14)
    wg.check_grads(lambda x, w: nn.conv(x, w, **how), (x, w))


def test_conv_in_two_dimensions() -> None:
    y = nn.conv(X, W, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)
    assert y.shape == (2, 6, 3, 8)
    first = [[-9, 5, 14, 1, 2, -11, -1, -7], [-12, 1, -18, 21, 18, 1, -5, -7], [3, 5, -10, 4, -10, 4, 3, 1]]
    last = [[-9, -2, -16, 13, 14, 1, -3, -2], [4, 3, -19, -1, -18, 21, 13, -3], [-1, 1, 4, 4, -10, 4, -7, 5]]
    np.testing.assert_array_equal(y[0, 0], first)
    np.testing.assert_array_equal(y[1, 5], last)


def test_conv_in_three_dimensions() -> None:
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(1, 2, 3, 4, 3)), rng.normal(size=(2, 2, 2, 2, 2))
    y = nn.conv(x, w)
    assert y.shape == (1, 2, 2, 3, 2)
    assert y[0, 1, 1, 2, 0] == pytest.approx(np.sum(x[0, :, 1:3, 2:4, 0:2] * w[1]))
    wg.check_grads(nn.conv, (x, w), order=1)


@pytest.mark.parametrize("block", [2 * 2 * 4 * 6 * 8, 2 * 4 * 2 * 8, 1])
def test_conv_of_large_arrays_works_in_blocks(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    shapes = [
        ((5, 2, 9), (3, 2, 4)),
        ((2, 2, 5), (3, 2, 4)),
        ((3, 1, 6, 5), (2, 1, 3, 2)),
        ((1, 2, 3, 4), (2, 2, 3, 3)),
    ]
    arrays = [(rng.normal(size=x), rng.normal(size=w)) for x, w in shapes]
    whole = [nn.conv(x, w) for x, w in arrays]
    # Two entries at a time, two places at a time, one place at a time.
    monkeypatch.setattr("wengert.ops.convolution._BLOCK", block)
    for (x, w), wanted in zip(arrays, whole, strict=True):
        np.testing.assert_allclose(nn.conv(x, w), wanted, rtol=1e-12, atol=1e-14)


def test_long_signals_need_little_memory() -> None:
    x, w = np.ones(20_000), np.ones(10_000)
    tracemalloc.start()
    y = nn.conv(x[None, None], w[None, None])
    two = nn.conv(np.stack([x, x])[None], np.stack([w, w])[None])  # two channels: the general way
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert y.shape == (1, 1, 10_001)
    assert np.all(y == 10_000)
    assert np.all(two == 20_000)
    assert peak < 100e6  # all windows at once: 1.6 GB


def test_same_padding() -> None:
    for n, k, stride in itertools.product((5, 6, 7), (1, 2, 3, 4), (1, 2, 3)):
        y = nn.conv(np.ones((1, 1, n)), np.ones((1, 1, k)), padding="same", stride=stride)
        assert y.shape[2] == -(-n // stride)


def test_conv_transpose() -> None:
    y = nn.conv_transpose(X[:1, :2], W[:2, :1], stride=2, padding=1, output_padding=1)
    assert y.shape == (1, 1, 10, 11)
    np.testing.assert_array_equal(y[0, 0, 0], [-1, 0, -2, 2, -3, 4, -4, 6, -5, -6, 8])
    np.testing.assert_array_equal(y[0, 0, 3], [-11, -11, 1, 2, 6, 1, 4, 0, 2, -1, 0])
    np.testing.assert_array_equal(y[0, 0, 9], [0, -1, -2, 7, -4, 8, -6, -5, 6, -4, 4])


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (3, 0, 2), (2, 2, 2)])
def test_conv_transpose_is_the_transpose(stride: int, padding: int, dilation: int) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(2, 3, 10)), rng.normal(size=(4, 3, 3))
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    y, pull = wg.vjp(lambda x: nn.conv(x, w, **how), x)
    ct = rng.normal(size=y.shape)
    unread = (10 + 2 * padding - dilation * 2 - 1) % stride
    np.testing.assert_allclose(nn.conv_transpose(ct, w, output_padding=unread, **how), pull(ct)[0], atol=1e-13)
    wg.check_grads(lambda ct, w: nn.conv_transpose(ct, w, **how), (ct, w), order=1)


def test_a_gradient_by_the_input_is_one_equation() -> None:
    graph = wg.trace(wg.grad(lambda x: np.sum(nn.conv(x, W, groups=2))))(X)
    assert [e.primitive.name for e in graph.equations].count("conv") <= 1


def test_conv_has_a_label() -> None:
    assert PRIMITIVES["conv"].label == "gradient switcher"
    assert "mirrored kernel" in PRIMITIVES["conv"].explanation


def test_dtypes() -> None:
    assert nn.conv(X.astype(np.float32), W[:, :2].astype(np.float32), groups=2).dtype == np.float32
    assert nn.conv(X.astype(np.float32), W, groups=2).dtype == np.float64
    gradient = wg.grad(lambda w: np.sum(nn.conv(X.astype(np.float32), w, groups=2)))(W.astype(np.float32))
    assert gradient.dtype == np.float32
    assert nn.max_pool(X.astype(np.int32), 2, padding=1).dtype == np.int32


# -- pooling ----------------------------------------------------------------------------------------------------------


def test_pooling_values() -> None:
    largest = nn.max_pool(X, (3, 2), stride=2, padding=1)
    np.testing.assert_array_equal(largest[1, 2], [[2, 3, -1, 0], [1, 3, 3, -1], [-1, 1, 3, 3]])
    mean = nn.avg_pool(X, (3, 2), stride=2, padding=1)
    np.testing.assert_allclose(mean[1, 2, 0], [0.5, 5 / 6, -4 / 3, -1 / 6])
    mean = nn.avg_pool(X, (3, 2), stride=2, padding=1, count_padding=False)
    np.testing.assert_allclose(mean[1, 2], [[1.5, 1.25, -2, -0.5], [0, 1.5, 0, -2], [-1.5, 0, 2, 0]])


@pytest.mark.parametrize("how", [{}, {"stride": 1}, {"stride": 2, "padding": 1}, {"padding": ((1, 0), (0, 1))}])
@pytest.mark.parametrize("pool", [nn.max_pool, nn.avg_pool])
def test_pooling_derivatives(pool: object, how: dict) -> None:
    x = np.random.default_rng(4).permutation(2 * 5 * 6).reshape(1, 2, 5, 6) / 10.0  # no ties
    wg.check_grads(lambda x: pool(x, (2, 3), **how), (x,), order=1)  # type: ignore[operator]
    wg.check_grads(lambda x: pool(np.sin(x), (2, 3), **how), (x,), order=2)  # type: ignore[operator]


def test_ties_split_the_gradient() -> None:
    x = np.array([[[1.0, 1.0, 0.0, 2.0]]])
    np.testing.assert_array_equal(wg.grad(lambda x: np.sum(nn.max_pool(x, 2)))(x), [[[0.5, 0.5, 0, 1]]])
    overlapping = wg.grad(lambda x: np.sum(nn.max_pool(x, 3, stride=1)))(x)
    np.testing.assert_array_equal(overlapping, [[[0.5, 0.5, 0, 1]]])


def test_padding_never_wins() -> None:
    x = np.full((1, 1, 4), -5.0)
    np.testing.assert_array_equal(nn.max_pool(x, 3, stride=1, padding=1), x)


def test_batching() -> None:
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(3, 2, 4, 7)), rng.normal(size=(3, 5, 4, 3))
    out = wg.vmap(lambda x, w: nn.max_pool(nn.conv(x, w), 2))(x, w)
    np.testing.assert_allclose(out, [nn.max_pool(nn.conv(a, b), 2) for a, b in zip(x, w, strict=True)])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.conv(X[0], W), ShapeError, "adds an axis"),
        (lambda: nn.conv(X, W), ShapeError, "groups=1"),
        (lambda: nn.conv(X, W, groups=4), ShapeError, "groups=4"),
        (lambda: nn.conv(X, np.ones((1, 4, 6, 1))), ShapeError, "not larger than the padded input"),
        (lambda: nn.conv(X, W, groups=2, stride=0), ArgumentError, "stride=0"),
        (lambda: nn.conv(X, W, groups=2, stride=(1, 1, 1)), ArgumentError, "for 2 axes"),
        (lambda: nn.conv(X, W, groups=2, stride=1.5), ArgumentError, "stride=1.5"),
        (lambda: nn.conv(X, W, groups=2, padding="full"), ArgumentError, "padding='full'"),
        (lambda: nn.conv(X, W, groups=2, padding=-1), ArgumentError, "padding=-1"),
        (lambda: nn.max_pool(X, 2, padding=2), ShapeError, "smaller than its window"),
        (lambda: nn.max_pool(X, 7), ShapeError, "not larger"),
        (lambda: nn.max_pool(X[0, 0], 2), ShapeError, "channels"),
    ],
)
def test_refusals(call: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        call()  # type: ignore[operator]
