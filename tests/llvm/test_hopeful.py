"""Zero wins over inf in vectors too, in their rest, and in scalar loops; vectors may run backwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm.hopeful import ends, fused_products, weighing
from wengert.run.llvm.loops import Const, Load, Loop, Op, Pick, Store


def rooted(x: Any, steps: int) -> Any:
    total = 0.0
    for _ in range(steps):
        x = np.where(x > 0, np.sqrt(x), 0.0)
        total += np.sum(x)
    return total


def rooted_one_by_one(x: Any, steps: int) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = np.where(x[i] > 0, np.sqrt(x[i]), 0.0) * steps
    return np.sum(y * y)


def chained(x: Any, steps: int) -> Any:
    last = 0.0
    for i in range(len(x)):
        last = 0.5 * last + np.where(x[i] > 0, np.sqrt(x[i]), last)
    return last * steps


@pytest.mark.parametrize("n", [5, 8, 13, 67])
@pytest.mark.parametrize("zeros", [(), (0,), (4,), (1, 3, 4)], ids=str)
@pytest.mark.parametrize("function", [rooted, rooted_one_by_one, chained])
def test_zero_wins(function: Any, zeros: tuple[int, ...], n: int) -> None:
    x = np.linspace(0.5, 2.0, n)
    x[list(zeros)] = 0.0
    expected = wg.grad(function)(x, 6)
    assert np.all(np.isfinite(expected))
    np.testing.assert_allclose(wg.jit(wg.grad(function), static_argnums=1)(x, 6), expected, rtol=1e-12)


def test_what_is_nan_stays_nan() -> None:
    x = np.linspace(0.5, 2.0, 13)
    x[[2, 11]] = np.nan
    found = wg.jit(wg.grad(lambda x: np.sum(x * x * x)))(x)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(x))


def turned(x: Any, steps: int) -> Any:
    y = np.zeros(len(x))
    for _ in range(steps):
        y[::-1] += 0.5 * x + x[::-1] * y
        y[1:] = y[:-1][::-1] - x[1:]
    return y


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [2, 7, 8, 13, 67])
def test_vectors_that_run_backwards(n: int, dtype: Any) -> None:
    x = np.cos(np.arange(n)).astype(dtype)
    tolerance = 1e-12 if dtype is np.float64 else 1e-4
    np.testing.assert_allclose(wg.jit(turned, static_argnums=1)(x, 5), turned(x, 5), rtol=tolerance, atol=tolerance)
    flip = wg.jit(lambda x: (x > 0)[::-1] & (x[::-1] < 0.5))
    np.testing.assert_array_equal(flip(x), (x > 0)[::-1] & (x[::-1] < 0.5))


def test_the_ends_of_chains_are_looked_at() -> None:
    """What arithmetic makes of nan is nan; a comparison, a power or a larger one of two may hide it."""
    f8, b1 = np.dtype("f8"), np.dtype("?")
    body = [Load(0), Load(1)]

    def op(name: str, *args: int, out: Any = f8) -> int:
        body.append(Op(name, args, (), (f8,) * len(args), out))
        return len(body) - 1

    first, second, third = (op("scale", 0, 1) for _ in range(3))
    total = op("add", first, second)
    negative = op("neg", total)
    op("gt", negative, 0, out=b1)
    op("max", third, negative)
    assert ends(body, [first, second, third]) == [third, negative]
    longer = op("scale", third, negative)
    assert ends(body, [first, second, third, longer]) == [longer]
    op("sqrt", longer)
    assert ends(body, [first]) == [longer]


def test_a_weight_that_is_zero_ends_a_chain() -> None:
    """A product with a number that conditions choose is zero where that is, also if the other factor is nan."""
    f8, b1 = np.dtype("f8"), np.dtype("?")
    body = [
        Load(0),
        Load(1),
        Op("scale", (0, 1), (), (f8, f8), f8),
        Op("gt", (0, 1), (), (f8, f8), b1),
        Const(1.0, f8),
        Const(0.0, f8),
        Op("select", (3, 4, 5), (), (b1, f8, f8), f8),
        Op("scale", (6, 2), (), (f8, f8), f8),
    ]
    assert [weighing(body, item) for item in body if isinstance(item, Op)] == [None, None, None, 0]
    assert ends(body, [2]) == [2]
    body[5] = Const(np.inf, f8)
    assert weighing(body, body[7]) is None
    assert ends(body, [2]) == [7]


def chosen(x: Any, y: Any, steps: int) -> Any:
    """Slopes are infinite where a root is of zero, and weights of minima and maxima are zero, one half or one."""
    total = 0.0
    for _ in range(steps):
        root = np.sqrt(np.maximum(x, 0.0)) * np.where(x > 0, y, 0.0)
        x, y = np.minimum(np.maximum(x, y), root), np.where(y > x, np.minimum(root, 2.0 * x), np.abs(y) * root)
        total += np.sum(x) + np.sum(root * y)
    return total


@pytest.mark.parametrize("n", [1, 5, 8, 13])
def test_weights_that_conditions_choose(n: int) -> None:
    x, y = np.linspace(0.0, 2.0, n), np.linspace(1.0, -1.0, n) ** 2
    x[n // 2 :: 3] = y[n // 2 :: 3]
    x[-1] = 0.0
    expected = wg.grad(chosen, argnums=(0, 1))(x, y, 5)
    found = wg.jit(wg.grad(chosen, argnums=(0, 1)), static_argnums=2)(x, y, 5)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def hidden(x: Any, steps: int) -> Any:
    """Nan in a product would be hidden by what follows."""
    total = 0.0
    for _ in range(steps):
        root = np.sqrt(x)
        total += np.sum(np.where(x > 0, np.maximum(root, 0.2 * root * root), 0.0))
        x = 0.9 * x
    return total


@pytest.mark.parametrize("n", [5, 8, 13])
def test_zero_wins_where_nan_would_be_hidden(n: int) -> None:
    x = np.linspace(0.0, 40.0, n)
    expected = wg.grad(hidden)(x, 6)
    assert np.all(np.isfinite(expected))
    np.testing.assert_allclose(wg.jit(wg.grad(hidden), static_argnums=1)(x, 6), expected, rtol=1e-12)


def looked_up(x: Any, table: Any) -> Any:
    """Where entries are read depends on a product in which zero wins."""
    out = np.zeros(len(x))
    for i in range(len(x)):
        slope = wg.grad(lambda z: np.where(z > 0, np.sqrt(z), 0.0))(x[i])
        out[i] = table[int(3 * slope)] + slope
    return out


@pytest.mark.parametrize("n", [5, 13])
def test_zero_wins_in_indices(n: int) -> None:
    x, table = np.linspace(0.5, 2.0, n), np.linspace(1.0, 2.0, 11)
    x[[0, 3]] = 0.0
    np.testing.assert_allclose(wg.jit(looked_up)(x, table), looked_up(x, table), rtol=1e-14)


def test_which_products_are_rounded_with_a_sum() -> None:
    """Those of derivatives that nothing else reads, whose factors are not chosen, and that no place depends on."""
    f8, i8 = np.dtype("f8"), np.dtype("i8")
    body: list[Any] = [Load(0), Load(1)]

    def op(name: str, *args: int, out: Any = f8) -> int:
        body.append(Op(name, args, (), tuple(f8 for _ in args), out))
        return len(body) - 1

    def found(stores: Any = (), exact: Any = (), constant: Any = ()) -> dict[int, int]:
        return fused_products(Loop((), [], body, list(stores)), exact, constant)

    first, second, third = op("scale", 0, 1), op("scale", 1, 1), op("mul", 0, 0)
    total, difference = op("add", first, second), op("sub", third, 0)
    assert found() == {total: 1}
    assert found([Store(0, second)]) == {total: 0}
    assert found([Store(0, first), Store(0, second)]) == {}
    assert found(exact={total}) == {}
    assert found(constant={0, second}) == {total: 0}
    assert difference not in found()
    body.append(Pick(0, (second,)))
    assert found() == {total: 0}
    body[first] = Op("scale", (body.index(Load(0)), 1), (), (i8, i8), i8)
    body[total] = Op("add", (first, second), (), (i8, i8), i8)
    assert found() == {}


def tangents(x: Any, y: Any, z: Any, steps: int) -> Any:
    """Sums and differences, either way around, of products of tangents; whole numbers are exact however rounded."""
    for _ in range(steps):
        x, y, z = z - x * y, x * z - y, (x + 2.0 * y) * z + y * x
        x, y, z = x % 5.0 - 2.0, y % 3.0 - 1.0, z % 4.0 - 2.0
    return x * y - y * z, x - z * z, x * 3.0 - 2.0 * y


@pytest.mark.parametrize("n", [1, 3, 8, 13])
@pytest.mark.parametrize("steps", [1, 6])
def test_products_rounded_with_sums_are_the_same_sums(n: int, steps: int) -> None:
    rng = np.random.default_rng(n)
    args, directions = (tuple(rng.integers(-3, 4, (3, n)).astype(float)) for _ in range(2))

    def pushforward(*given: Any) -> Any:
        return wg.jvp(lambda *a: tangents(*a, steps), given[:3], given[3:])

    expected = pushforward(*args, *directions)
    found = wg.jit(pushforward)(*args, *directions)
    for part, other in zip(found, expected, strict=True):
        for a, b in zip(part, other, strict=True):
            np.testing.assert_array_equal(a, b)
    one_by_one = wg.jit(pushforward)
    for k in range(n):
        numbers = [float(a[k]) for a in (*args, *directions)]
        for part, other in zip(one_by_one(*numbers), expected, strict=True):
            np.testing.assert_array_equal(part, [b[k] for b in other])


SUMS = {
    "p - z": lambda p, b: p - b,
    "z - p": lambda p, b: b - p,
    "p + z": lambda p, b: p + b,
    "p + 2 * z": lambda p, b: p + 2.0 * b,
    "2 * z - p": lambda p, b: 2.0 * b - p,
    "2 * z + p": lambda p, b: 2.0 * b + p,
}


@pytest.mark.parametrize("n", [11, 32])
@pytest.mark.parametrize("how", SUMS.values(), ids=SUMS)
def test_zero_wins_in_products_that_are_rounded_with_sums(how: Any, n: int) -> None:
    w, x, z = np.full(n, 2.0), np.full(n, 3.0), np.arange(n) + 1.0
    w[5], x[5] = np.inf, 0.0
    found = wg.jit(lambda w, x, z: wg.jvp(lambda a, b: how(w * a, b), (x, z), (x, z))[1])(w, x, z)
    np.testing.assert_array_equal(found, how(np.where(x == 0, 0.0, 6.0), z))


@pytest.mark.parametrize("n", [3, 8, 21])
@pytest.mark.parametrize("factor", [0.0, -0.0, np.inf, np.nan, 5e-324, 1e308, -2.0])
def test_a_factor_that_is_the_same_everywhere(factor: float, n: int) -> None:
    """It is looked at once, in front of the loop: finite and not zero, its products are plain ones."""

    def pulled(w: Any, v: Any, cotangent: Any) -> Any:
        _, pullback = wg.vjp(lambda x, y: (w * x, v * x + y), np.ones(n), np.ones(n))
        return pullback((cotangent, 2.0 * cotangent))

    cotangent = np.tile([1.0, 0.0, np.inf, -3.0, -np.inf, np.nan, 1e300, -0.0], n)[:n]
    expected = pulled(factor, 3.0, cotangent)
    with np.errstate(all="ignore"):
        first = np.where((factor == 0) | (cotangent == 0), 0.0, factor * cotangent)
        np.testing.assert_array_equal(expected[0], first + 6.0 * cotangent)
    for a, b in zip(wg.jit(pulled)(factor, 3.0, cotangent), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_factor_of_zero_in_a_loop() -> None:
    """Where each iteration has a factor of its own, one that is zero takes the other way for that iteration only."""

    def weighted(w: Any, x: Any) -> Any:
        total = np.zeros(len(x))
        for k in range(len(w)):
            total += w[k] * np.sqrt(x) * w[k]
        return np.sum(total * total)

    w = np.array([1.0, 0.0, 2.0, 0.0, -1.0])
    x = np.linspace(1.0, 3.0, 19)
    x[[2, 11]] = 1e-320
    expected = wg.grad(weighted, argnums=(0, 1))(w, x)
    for a, b in zip(wg.jit(wg.grad(weighted, argnums=(0, 1)))(w, x), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def recurred(x: Any, c: Any) -> Any:
    """Backwards, the sums of c's derivatives have factors that differ from point to point."""
    y = np.zeros(len(x))
    for k in range(1, len(x)):
        for i in range(k):
            y[i] += c[k] * x[i] * x[k - i]
    return np.sum(y[::2])


def recurred_with_a_factor(x: Any, c: Any) -> Any:
    """Beside the sums, products are added up that have a factor which is the same for all points."""
    y, a = np.zeros(len(x)), 1.0
    for k in range(1, len(x)):
        a = np.cos(a) * c[k]
        y[:k] += a * x[:k]
    return np.sum(y[::2])


def recurred_over_itself(x: Any, c: Any) -> Any:
    """What the sums are made of is overwritten by the loop that makes them."""
    y, z = x.copy(), np.zeros(len(x))
    for k in range(1, len(x)):
        for i in range(k):
            z[i] = y[i] + c[k] * y[k - i - 1]
        for i in range(k):
            y[i] = z[i] * x[i]
    return np.sum(y[::2])


@pytest.mark.parametrize("n", [6, 9, 20, 41])
@pytest.mark.parametrize("worst", [np.inf, np.nan])
@pytest.mark.parametrize("function", [recurred, recurred_with_a_factor, recurred_over_itself])
def test_sums_that_are_nan_are_taken_again(function: Any, worst: float, n: int) -> None:
    x, c = np.random.default_rng(n).normal(size=(2, n))
    for places in ([], [1], [3], [n - 1], [1, n - 2]):
        at = x.copy()
        at[places] = worst
        with np.errstate(all="ignore"):
            expected = wg.grad(function, argnums=(0, 1))(at, c)
            found = wg.jit(wg.grad(function, argnums=(0, 1)))(at, c)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
