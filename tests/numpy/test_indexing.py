"""Indexing, views and writes, tried at random against NumPy itself.

Every program here is affine in its argument: its derivative along t is f(t) - f(0), computed by NumPy, exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import wengert as wg

many = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def check_affine(f: Callable[[Any], Any], x: Any) -> None:
    """Compare values, both modes and vmap of a program that is affine in x with what NumPy makes of it."""
    rng = np.random.default_rng(x.size + 1)
    t = rng.normal(size=x.shape)
    expected = f(x.copy())
    tangent = f(t.copy()) - f(np.zeros_like(x))
    value, pushed = wg.jvp(f, (x.copy(),), (t,))
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(pushed, tangent, rtol=0, atol=1e-12)
    assert np.shape(value) == np.shape(expected)
    w = rng.normal(size=np.shape(expected))
    value, pullback = wg.vjp(f, x.copy())
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12)
    (gradient,) = pullback(w)
    assert np.shape(gradient) == x.shape
    np.testing.assert_allclose(np.sum(gradient * t), np.sum(w * tangent), rtol=0, atol=1e-10)


# -- indices ----------------------------------------------------------------------------------------------------------


@st.composite
def indices(draw: Any, shape: tuple[int, ...]) -> Any:
    """An index of any kind into an array of this shape."""
    kind = draw(st.sampled_from(["basic", "basic", "integer", "mask", "mixed", "mixed", "scalar mask"]))
    if kind == "basic":
        return draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=5))
    if kind == "mask":
        return draw(hnp.arrays(bool, shape[: draw(st.integers(0, len(shape)))]))
    if kind == "scalar mask":
        return draw(st.sampled_from([True, False, np.True_, np.False_, np.array(True)]))
    if kind == "integer" and shape and 0 not in shape:
        return draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)))
    return tuple(draw(mixed(shape)))


@st.composite
def mixed(draw: Any, shape: tuple[int, ...]) -> Any:
    """Slices, integers, lists, arrays, masks, None and ... side by side."""
    common = draw(st.sampled_from([(2,), (1,), (2, 2), (3, 1)]))
    items: list[Any] = []
    axis = 0
    dots = False
    while axis < len(shape):
        n = shape[axis]
        choices = ["slice", "none"] if n == 0 else ["slice", "int", "array", "list", "mask", "none", "0-d"]
        choice = draw(st.sampled_from([*choices, *([] if dots else ["dots"])]))
        if choice == "dots":
            items.append(Ellipsis)
            axis += draw(st.integers(0, len(shape) - axis))
            dots = True
            continue
        if choice == "none":
            if len(items) < 5:
                items.append(None)
            else:
                axis += 1
                items.append(slice(None))
            continue
        if choice == "slice":
            items.append(draw(st.slices(n)))
        elif choice == "int":
            items.append(draw(st.integers(-n, n - 1)))
        elif choice == "0-d":
            items.append(np.array(draw(st.integers(-n, n - 1))))
        elif choice == "list":
            items.append(draw(st.lists(st.integers(-n, n - 1), min_size=common[-1], max_size=common[-1])))
        elif choice == "mask":
            mask = np.zeros(n, bool)
            mask[: common[-1]] = True
            items.append(mask)
        else:
            items.append(draw(hnp.arrays(np.intp, common, elements=st.integers(-n, n - 1))))
        axis += 1
        if not dots and draw(st.integers(0, 9)) == 0:
            break
    return items


shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def numbers(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(len(shape) + 7).normal(size=shape)


def outcome(f: Callable[[], Any]) -> Any:
    """Return the result, or the error's class."""
    try:
        return f()
    except (IndexError, ValueError) as error:
        return type(error)


@many
@given(st.data())
def test_reading(data: Any) -> None:
    shape = data.draw(shapes)
    index = data.draw(indices(shape))
    x = numbers(shape)
    expected = outcome(lambda: x[index])
    if isinstance(expected, type):
        with pytest.raises(expected):
            wg.vjp(lambda x: x[index], x)
        return
    check_affine(lambda x: x[index] * 2.0, x)


@many
@given(st.data())
def test_writing(data: Any) -> None:
    shape = data.draw(shapes)
    index = data.draw(indices(shape))
    x = numbers(shape)
    part = outcome(lambda: x[index])
    if isinstance(part, type):
        return
    how = data.draw(st.sampled_from(["set", "add", "scale", "scalar", "add.at", "fresh", "fresh add.at", "row"]))

    def write(x: Any) -> Any:
        y = np.zeros(shape) if how.startswith("fresh") else np.array(x)
        value = 3.0 * x[index]
        if how in ("set", "fresh"):
            y[index] = value
        elif how == "add":
            y[index] += value
        elif how == "scale":
            y[index] *= 2.0
        elif how == "scalar":
            y[index] = np.sum(x)
        elif how == "row":
            y[index] = value[-1:] if np.ndim(value) and len(value) else value
        else:
            np.add.at(y, index, value)
        return y

    check_affine(write, x)


# -- programs of views and writes -------------------------------------------------------------------------------------

Step = tuple[Any, ...]


def step(arrays: list[Any], step: Step) -> None:
    """Do one step of a program on a list of arrays."""
    name, k, *rest = step
    a = arrays[k % len(arrays)]
    if name == "zeros":
        arrays.append(np.zeros(rest[0]))
    elif name == "ones":
        arrays.append(np.ones(rest[0]))
    elif name == "array":
        arrays.append(np.array([[2.0, 3.0, 4.0], [5.0, 6.0, 7.0]]))
    elif name == "copy":
        arrays.append(np.copy(a) if rest[0] else a.copy())
    elif name == "index":
        view = a[cut(rest[0], a.ndim)]
        if view.ndim:
            arrays.append(view)
    elif name == "T":
        arrays.append(a.T)
    elif name == "reshape":
        arrays.append(a.reshape(-1) if rest[0] else np.reshape(a, (a.shape[0], -1)) if a.size else a)
    elif name == "ravel":
        arrays.append(np.ravel(a) if rest[0] else a.ravel())
    elif name == "flatten":
        arrays.append(a.flatten())
    elif name == "diagonal":
        arrays.append(np.diagonal(a) if a.ndim > 1 else a[...])
    elif name == "flip":
        arrays.append(np.flip(a))
    elif name == "swapaxes":
        arrays.append(np.swapaxes(a, 0, -1))
    elif name == "split":
        arrays.extend(np.array_split(a, 2))
    elif name == "expand":
        arrays.append(np.expand_dims(a, 0) if a.ndim < 3 else np.squeeze(a))
    elif name == "set":
        a[cut(rest[0], a.ndim)] = 2.0 * total(arrays[rest[1] % len(arrays)])
    elif name == "add":
        a[cut(rest[0], a.ndim)] += total(arrays[rest[1] % len(arrays)])
    elif name == "whole":
        a *= 2.0
    elif name == "plus":
        a += total(arrays[rest[1] % len(arrays)])
    elif name == "out":
        np.add(a, total(arrays[rest[1] % len(arrays)]), out=a)
    elif name == "fill":
        a.fill(total(arrays[rest[1] % len(arrays)]))
    elif name == "add.at":
        a[:0] = 0.0  # np.add.at itself writes into read-only arrays
        np.add.at(a, np.zeros(2, int) if a.size else slice(None), total(arrays[rest[1] % len(arrays)]))
    elif name == "constant":
        a[cut(rest[0], a.ndim)] = 7.0
    elif name == "rows":
        for row in a:
            if np.ndim(row):
                row[0:1] = total(arrays[rest[1] % len(arrays)])
    elif name == "mean":
        arrays.append(a * 0.5)


def total(a: Any) -> Any:
    """A number that depends on all entries, of moderate size."""
    return np.sum(a) / (a.size + 1)


def cut(index: Any, ndim: int) -> Any:
    """Make an index fit an array with so many axes."""
    return index[:ndim]


def run(program: list[Step], x: Any) -> Any:
    arrays = [x]
    for s in program:
        if len(arrays) < 12 or s[0] not in MAKERS:
            try:
                step(arrays, s)
            except ValueError as error:
                assert "read-only" in str(error), error
    return np.concatenate([np.ravel(a) * (k + 1) for k, a in enumerate(arrays)])


MAKERS = ("index", "T", "reshape", "ravel", "diagonal", "flip", "swapaxes", "split", "expand", "copy", "zeros", "ones",
          "array", "flatten", "mean")  # fmt: skip
WRITERS = ("set", "add", "whole", "plus", "out", "fill", "add.at", "constant", "rows")
BASIC = [
    (slice(None),), (slice(1, None), slice(None, None, 2)), (slice(None, None, -1),), (0,), (slice(None), 0),
    (slice(0, 1), slice(None, None, -1)), (-1, slice(1, 3)), (..., None), (slice(None, None, 2), slice(1, None)),
]  # fmt: skip


@st.composite
def steps(draw: Any) -> Step:
    name = draw(st.sampled_from(MAKERS + WRITERS * 2))
    k = draw(st.integers(0, 11))
    if name in ("zeros", "ones"):
        return (name, k, draw(st.sampled_from([(2, 3), (4,), (3, 3), (2, 1, 2)])))
    if name in ("copy", "reshape", "ravel"):
        return (name, k, draw(st.booleans()))
    return (name, k, draw(st.sampled_from(BASIC)), draw(st.integers(0, 11)))


@settings(many, max_examples=600)
@given(st.lists(steps(), min_size=1, max_size=8), st.sampled_from([(6,), (2, 3), (3, 3), (2, 2, 2)]))
def test_programs(program: list[Step], shape: tuple[int, ...]) -> None:
    x = numbers(shape)
    try:
        expected = run(program, x.copy())
    except IndexError:
        return  # an index that does not fit; errors are compared in test_reading
    if expected.size and not np.all(np.isfinite(expected)):
        return
    check_affine(lambda x: run(program, x), x)
