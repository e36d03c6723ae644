"""Small functions as they occur inside larger programs; every one takes microseconds, so overhead decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case


def logsumexp(x):  # type: ignore[no-untyped-def]
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def norm(x):  # type: ignore[no-untyped-def]
    return np.sqrt(np.sum(x * x))


def sum_of_sines(x):  # type: ignore[no-untyped-def]
    return np.sum(np.sin(x))


def cross_entropy(logits, labels):  # type: ignore[no-untyped-def]
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=1))
    return np.mean(log_total - shifted[np.arange(len(labels)), labels])


def quadratic_form(x, a):  # type: ignore[no-untyped-def]
    return 0.5 * (x @ (a @ x))


def _norm_by_hand(x: Any) -> tuple[Any, Any]:
    size = np.sqrt(x @ x)
    return size, x / size


def _logsumexp_by_hand(x: Any) -> tuple[Any, Any]:
    top = x.max()
    e = np.exp(x - top)
    total = e.sum()
    return top + np.log(total), e / total


def _cross_entropy_by_hand(logits: Any, labels: Any) -> tuple[Any, Any]:
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1)
    gradient = e / total[:, None]
    gradient[rows, labels] -= 1.0
    return (np.log(total) - shifted[rows, labels]).mean(), gradient / len(labels)


def _quadratic_form_by_hand(x: Any, a: Any) -> tuple[Any, Any]:
    ax = a @ x
    return 0.5 * (x @ ax), 0.5 * (ax + x @ a)


def _torch(name: str) -> Callable[[], Callable[..., Any]]:
    def build() -> Callable[..., Any]:
        import torch

        versions: dict[str, Callable[..., Any]] = {
            "logsumexp": lambda x: torch.logsumexp(x, 0),
            "norm": lambda x: torch.linalg.vector_norm(x),
            "sum_of_sines": lambda x: torch.sin(x).sum(),
            "cross_entropy": lambda logits, labels: torch.nn.functional.cross_entropy(logits, labels),
            "quadratic_form": lambda x, a: 0.5 * (x @ (a @ x)),
        }
        return versions[name]

    return build


def _jax_logsumexp() -> Callable[..., Any]:
    import jax

    return jax.nn.logsumexp  # type: ignore[no-any-return]


def _labelled(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.standard_normal((10, 5)), rng.integers(0, 5, 10)


def cases() -> list[Case]:
    return [
        Case(
            "small/logsumexp of 10",
            "gradient",
            logsumexp,
            lambda rng: (rng.standard_normal(10),),
            versions={"numpy": lambda: _logsumexp_by_hand, "torch": _torch("logsumexp"), "jax": _jax_logsumexp},
        ),
        Case(
            "small/norm of 10",
            "gradient",
            norm,
            lambda rng: (rng.standard_normal(10),),
            versions={"numpy": lambda: _norm_by_hand, "torch": _torch("norm")},
        ),
        Case(
            "small/sum of sin of 100",
            "gradient",
            sum_of_sines,
            lambda rng: (rng.standard_normal(100),),
            versions={"numpy": lambda: lambda x: (np.sin(x).sum(), np.cos(x)), "torch": _torch("sum_of_sines")},
        ),
        Case(
            "small/cross-entropy of 10x5",
            "gradient",
            cross_entropy,
            _labelled,
            versions={"numpy": lambda: _cross_entropy_by_hand, "torch": _torch("cross_entropy")},
        ),
        Case(
            "small/quadratic form 20x20",
            "gradient",
            quadratic_form,
            lambda rng: (rng.standard_normal(20), rng.standard_normal((20, 20))),
            argnums=(0,),
            versions={"numpy": lambda: _quadratic_form_by_hand, "torch": _torch("quadratic_form")},
        ),
    ]
