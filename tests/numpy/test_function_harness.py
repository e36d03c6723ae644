"""The harness of this folder notices what it is there to notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg

from .harness import check

X = np.random.default_rng(0).normal(size=(3, 4))


def wrong_derivative(x: Any) -> Any:
    return x * wg.stop_gradient(x)


@wg.custom_jvp
def _cube(x: Any) -> Any:
    return x**3


@_cube.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    # The first derivative is right; the second one lacks a factor.
    return x**3, (wg.stop_gradient(x) * x * 3) * t


def wrong_second_derivative(x: Any) -> Any:
    return _cube(x)


def another_value_under_trace(x: Any) -> Any:
    return x + 1 if isinstance(x, np.ndarray) and type(x) is np.ndarray else x


def another_dtype_under_trace(x: Any) -> Any:
    return x if type(x) is np.ndarray else x.astype(np.float32)


def another_container_under_trace(x: Any) -> Any:
    return (x, x) if type(x) is np.ndarray else [x, x]


@pytest.mark.parametrize(
    "wrong",
    [
        wrong_derivative,
        wrong_second_derivative,
        another_value_under_trace,
        another_dtype_under_trace,
        another_container_under_trace,
    ],
)
def test_planted_faults_are_found(wrong: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError):
        check(wrong, X)


def test_right_functions_pass() -> None:
    def writes(a: Any) -> Any:
        a[0] = a[1] * 2
        return a, [np.argmax(a), np.exp(a[1:])]

    check(lambda a: np.sum(a * a, axis=0), X)
    check(lambda a: np.sum(a * a, axis=0), X.astype(np.float32))
    check(lambda a: a * a[::-1], X + 1j * X[::-1])
    check(writes, X)
    check(np.floor, X, smooth=False)
