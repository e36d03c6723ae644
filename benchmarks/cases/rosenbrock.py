"""Rosenbrock's function: few operations, so calls cost more than arithmetic until n is large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case


def rosenbrock(x):  # type: ignore[no-untyped-def]
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def by_hand(x: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    head = x[:-1]
    gap = x[1:] - head * head
    rest = 1.0 - head
    gradient = np.zeros_like(x)
    gradient[1:] = 200.0 * gap
    gradient[:-1] -= 400.0 * head * gap + 2.0 * rest
    return 100.0 * (gap @ gap) + rest @ rest, gradient


def torch_version() -> Callable[..., Any]:
    def rosenbrock(x: Any) -> Any:
        return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()

    return rosenbrock


def cases() -> list[Case]:
    return [
        Case(
            f"rosenbrock/n={n}",
            "gradient",
            rosenbrock,
            lambda rng, n=n: (rng.uniform(-1.0, 1.0, n),),  # type: ignore[misc]
            versions={"numpy": lambda: by_hand, "torch": torch_version},
        )
        for n in (2, 10, 100, 10_000, 1_000_000)
    ]
