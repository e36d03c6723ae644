"""A chain of 1,000 scalar operations: nothing but the cost of an operation on the tape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case

ROUNDS = 250  # of four operations


def chain(x):  # type: ignore[no-untyped-def]
    y = x
    for _ in range(ROUNDS):
        y = np.sin(y)
        y = y * x
        y = y + 1.0
        y = y / 2.0
    return y


def by_hand(x: float) -> tuple[float, float]:
    y, slope = x, 1.0
    for _ in range(ROUNDS):
        s = math.sin(y)
        slope = (math.cos(y) * slope * x + s) / 2.0
        y = (s * x + 1.0) / 2.0
    return y, slope


def jax_version() -> Callable[..., Any]:
    # A loop primitive, as JAX's documentation advises: compiles in a tenth of the time and runs three times
    # faster than the unrolled chain.
    import jax

    def chain(x: Any) -> Any:
        return jax.lax.fori_loop(0, ROUNDS, lambda _, y: (jax.numpy.sin(y) * x + 1.0) / 2.0, x)

    return chain


def torch_version() -> Callable[..., Any]:
    import torch

    def chain(x: Any) -> Any:
        y = x
        for _ in range(ROUNDS):
            y = torch.sin(y)
            y = y * x
            y = y + 1.0
            y = y / 2.0
        return y

    return chain


def cases() -> list[Case]:
    return [
        Case(
            "chain/1000 operations",
            "gradient",
            chain,
            lambda rng: (0.7,),
            versions={"numpy": lambda: by_hand, "torch": torch_version, "jax": jax_version},
        )
    ]
