"""Logistic regression, 500 samples of 20 features: the everyday objective of statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case


def logistic(w, x, y):  # type: ignore[no-untyped-def]
    """Mean log-loss with labels y in {-1, 1}, and a ridge."""
    margin = y * (x @ w)
    return np.mean(np.logaddexp(0.0, -margin)) + 0.005 * np.sum(w**2)


def by_hand(w: Any, x: Any, y: Any) -> tuple[Any, Any]:
    margin = y * (x @ w)
    value = np.logaddexp(0.0, -margin).mean() + 0.005 * (w @ w)
    weight = -y / (1.0 + np.exp(margin)) / len(y)
    return value, weight @ x + 0.01 * w


def torch_version() -> Callable[..., Any]:
    import torch

    def logistic(w: Any, x: Any, y: Any) -> Any:
        return torch.nn.functional.softplus(-(y * (x @ w))).mean() + 0.005 * (w**2).sum()

    return logistic


def make(rng: np.random.Generator) -> tuple[Any, ...]:
    x = rng.standard_normal((500, 20))
    y = np.where(x @ rng.standard_normal(20) + rng.standard_normal(500) > 0, 1.0, -1.0)
    return 0.1 * rng.standard_normal(20), x, y


def cases() -> list[Case]:
    return [
        Case(
            "logistic/500x20",
            "gradient",
            logistic,
            make,
            versions={"numpy": lambda: by_hand, "torch": torch_version},
        )
    ]
