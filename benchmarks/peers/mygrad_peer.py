"""MyGrad: eager tensors with NumPy's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case
from benchmarks.peers.base import Peer, Prepared, numpy_training, value_and_gradients


class MyGrad(Peer):
    name = "mygrad"
    library = "mygrad"
    distribution = "mygrad"
    note = "MyGrad, `backward()`, with its memory guard off as its documentation advises for speed"

    def load(self) -> None:
        super().load()
        self.module.turn_memory_guarding_off()

    def derived(self, case: Case, program: Callable[..., Any]) -> Callable[..., Any]:
        tensor = self.module.tensor

        def derived(*arguments: Any) -> tuple[Any, tuple[Any, ...]]:
            values = list(arguments)
            for i in case.argnums:
                values[i] = tensor(values[i], copy=False)
            value = program(*values)
            value.backward()
            return value.data, tuple(values[i].grad for i in case.argnums)

        return derived

    def gradient(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        derived = self.derived(case, program)
        return Prepared(
            lambda: derived(*arguments),
            lambda: value_and_gradients(derived(*arguments)),
            self._without_tape(program, arguments),
        )

    def _without_tape(self, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[[], Any]:
        def call() -> Any:
            with self.module.no_autodiff:
                return program(*arguments)

        return call

    def function(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        call = self._without_tape(program, arguments)
        return Prepared(call, lambda: [np.asarray(call())])

    def training(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        tensor = self.module.tensor
        rate = case.learning_rate

        def step(parameters: list[Any], *data: Any) -> tuple[Any, list[Any]]:
            tensors = [tensor(p, copy=False) for p in parameters]
            loss = program(tensors, *data)
            loss.backward()
            return loss.data, [t.data - rate * t.grad for t in tensors]

        return numpy_training(case, step, arguments)
