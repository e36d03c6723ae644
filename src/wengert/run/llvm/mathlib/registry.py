"""The table of functions: a family file registers each one with its accuracy, where its formula stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wengert.run.llvm.mathlib.emit import Value

Emitter = Callable[..., Value]


@dataclass(frozen=True)
class Definition:
    """How to emit a function, and how far its result may be from the exact one, in ulps, by dtype."""

    name: str
    arity: int
    emit: Emitter
    ulps: dict[str, float]


FUNCTIONS: dict[str, Definition] = {}


def function(name: str, *, float64: float, float32: float, arity: int = 1) -> Callable[[Emitter], Emitter]:
    """Register the decorated formula."""

    def register(emit: Emitter) -> Emitter:
        if name in FUNCTIONS:
            raise ValueError(f"mathlib function {name!r} is defined twice")
        FUNCTIONS[name] = Definition(name, arity, emit, {"float64": float64, "float32": float32})
        return emit

    return register
