"""HIPS autograd: an eager tape over a wrapped NumPy."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.case import Case
from benchmarks.peers.base import Peer, Prepared, numpy_training, value_and_gradients


class Autograd(Peer):
    name = "autograd"
    library = "autograd"
    distribution = "autograd"
    note = "HIPS autograd, `value_and_grad`"

    def namespace(self) -> ModuleType:
        return self.imported("autograd.numpy")

    def derived(self, case: Case, program: Callable[..., Any]) -> Callable[..., Any]:
        argnum = case.argnums if len(case.argnums) > 1 else case.argnums[0]
        return self.module.value_and_grad(program, argnum)  # type: ignore[no-any-return]

    def gradient(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        derived = self.derived(case, program)
        return Prepared(
            lambda: derived(*arguments),
            lambda: value_and_gradients(derived(*arguments)),
            lambda: program(*arguments),
        )

    def function(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        return Prepared(lambda: program(*arguments), lambda: [np.asarray(program(*arguments))])

    def training(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        derived = self.derived(case, program)
        rate = case.learning_rate

        def step(parameters: list[Any], *data: Any) -> tuple[Any, list[Any]]:
            loss, gradients = derived(parameters, *data)
            return loss, [p - rate * g for p, g in zip(parameters, gradients, strict=True)]

        return numpy_training(case, step, arguments)
