"""NumPy with the derivative worked out by hand: what a careful person without a library would run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Unsupported
from benchmarks.peers.base import Peer, Prepared, numpy_training, value_and_gradients


class ByHand(Peer):
    name = "numpy"
    library = "numpy"
    distribution = "numpy"
    note = "plain NumPy; the derivative was worked out by hand"

    def program(self, case: Case) -> Callable[..., Any]:
        if case.kind == "function":
            return case.function
        if "numpy" not in case.versions:
            raise Unsupported("no derivative by hand")
        return case.versions["numpy"]()

    def gradient(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        def call() -> Any:
            return program(*arguments)

        return Prepared(call, lambda: value_and_gradients(call()), lambda: case.function(*arguments))

    def function(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        def call() -> Any:
            return program(*arguments)

        return Prepared(call, lambda: [np.asarray(call())])

    def training(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        rate = case.learning_rate

        def step(parameters: list[Any], *data: Any) -> tuple[Any, list[Any]]:
            loss, gradients = program(parameters, *data)
            return loss, [p - rate * g for p, g in zip(parameters, gradients, strict=True)]

        return numpy_training(case, step, arguments)
