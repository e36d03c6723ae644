"""Sums, products, extremes, means and spreads with all of their arguments.  A row per call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from .harness import check

_rng = np.random.default_rng(5)
X = _rng.permutation(0.7 * np.arange(12) - 4 + _rng.uniform(-0.1, 0.1, 12)).reshape(3, 4)
X32 = X.astype(np.float32)
Z = X + 1j * _rng.normal(size=(3, 4))
T = _rng.permutation(0.7 * np.arange(24) - 8 + _rng.uniform(-0.1, 0.1, 24)).reshape(2, 3, 4)
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])

CALLS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("sum complex", lambda x: np.sum(x, axis=0), (Z,)),
    ("prod complex", lambda x: np.prod(x, axis=0), (Z,)),
    ("var complex", lambda x: np.var(x, axis=0), (Z,)),
    ("var complex, entry equal to the mean", lambda x: np.var(x, axis=1), (np.array([[1 + 2j, 0, -1 - 2j]]),)),
    ("std complex", lambda x: np.std(x), (Z,)),
    ("max initial", lambda x: np.max(x, axis=1, initial=0.2), (X,)),
    ("min where", lambda x: np.min(x, axis=0, where=MASK, initial=9.0), (X,)),
    ("sum dtype", lambda x: np.sum(x, dtype=np.float64), (X32,)),
    ("sum initial", lambda x: np.sum(x, axis=0, initial=2.5), (X,)),
    ("prod initial", lambda x: np.prod(x, axis=(0, 2), initial=2.5), (T / 5,)),
    ("mean dtype", lambda x: np.mean(x, 0, np.float64), (X32,)),
    ("mean traced mask", lambda x: np.mean(x, axis=1, where=x > -1.0), (X,)),
    ("var traced mask", lambda x: np.var(x, axis=1, where=x > -1.5, keepdims=True), (X,)),
    ("var ddof", lambda x: np.var(x, ddof=1, axis=(0, 2)), (T,)),
    ("std correction", lambda x: np.std(x, axis=1, correction=1), (X,)),
    ("var mean", lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), (X,)),
    ("std float32", lambda x: np.std(x, axis=0), (X32,)),
    ("ptp float32", lambda x: np.ptp(x), (X32,)),
    ("amax", lambda x: np.amax(x) + np.amin(x, 0), (X,)),
    ("sum of one", lambda x: np.sum(x[0, 0]) + np.mean(x[1, 1]), (X,)),
]
for _name in "sum prod mean var std max min".split():
    _f = getattr(np, _name)
    CALLS += [
        (_name, lambda x, f=_f: f(x), (X,)),
        (f"{_name} axis", lambda x, f=_f: f(x, axis=-1), (X,)),
        (f"{_name} axes", lambda x, f=_f: f(x, (0, 2)), (T / 5,)),
        (f"{_name} keepdims", lambda x, f=_f: f(x, axis=1, keepdims=True), (T,)),
        (f"{_name} out", lambda x, f=_f: f(x, axis=1, out=np.zeros(3)), (X,)),
        (f"{_name} method", lambda x, n=_name: getattr(x, n)(0, keepdims=True), (X,)),
        (f"{_name} float32", lambda x, f=_f: f(x, axis=0), (X32,)),
        (f"{_name} no axis", lambda x, f=_f: f(x, axis=()) + 0.1 * x, (X,)),
    ]
    if _name not in ("max", "min"):
        CALLS.append((f"{_name} where", lambda x, f=_f: f(x, axis=1, where=MASK, keepdims=True), (X,)))


@pytest.mark.parametrize(("f", "args"), [pytest.param(f, args, id=name) for name, f, args in CALLS])
def test_call(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    # The spread of a single number is 0, at a kink.
    check(f, *args)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.any(x > 0, axis=1),
        lambda x: np.all(x > -9, axis=(0, 1), keepdims=True),
        lambda x: np.any(x, where=MASK),
        lambda x: np.all(x, axis=0, where=MASK),
        lambda x: (x > 0).all(axis=1, out=np.zeros(3, bool)),
        lambda x: np.count_nonzero(x > 0, axis=0),
        lambda x: np.argmax(x),
        lambda x: np.argmin(x, axis=1, keepdims=True),
        lambda x: np.sum(x > 0),
        lambda x: np.sum((x * 3).astype(np.int8), axis=0),
        lambda x: np.prod((x * 3).astype(np.uint8), axis=0),
        lambda x: np.mean((x * 3).astype(np.int32), axis=0),
        lambda x: np.max((x * 3).astype(np.int16), axis=0),
    ],
)
def test_constant_almost_everywhere(f: Callable[..., Any]) -> None:
    check(f, X, smooth=False)
