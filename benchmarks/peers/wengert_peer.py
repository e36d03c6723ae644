"""Wengert, with and without ``jit``. It gets the NumPy definition of the case as it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case
from benchmarks.peers.base import Missing, Peer, Prepared, numpy_training, value_and_gradients


class Wengert(Peer):
    name = "wengert"
    library = "wengert"
    distribution = "wengert"
    note = "`wg.value_and_grad(f)` of the plain NumPy function, no jit: the function's Python runs in every call"
    needs = ("value_and_grad",)

    def load(self) -> None:
        super().load()
        for name in self.needs:
            if not hasattr(self.module, name):
                raise Missing(f"wengert has no {name!r}")

    def translated(self, case: Case) -> Callable[..., Any]:
        return case.function

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def derived(self, case: Case, program: Callable[..., Any]) -> Callable[..., Any]:
        argnums = case.argnums if len(case.argnums) > 1 else case.argnums[0]
        return self.module.value_and_grad(program, argnums=argnums)  # type: ignore[no-any-return]

    def gradient(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        derived, function = self.compiled(self.derived(case, program)), self.compiled(program)
        return Prepared(
            lambda: derived(*arguments),
            lambda: value_and_gradients(derived(*arguments)),
            lambda: function(*arguments),
        )

    def function(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        function = self.compiled(program)
        return Prepared(lambda: function(*arguments), lambda: [np.asarray(function(*arguments))])

    def step(self, case: Case, program: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
        derived = self.derived(case, program)
        rate = case.learning_rate

        def step(parameters: list[Any], *data: Any) -> tuple[Any, list[Any]]:
            loss, gradients = derived(parameters, *data)
            return loss, [p - rate * g for p, g in zip(parameters, gradients, strict=True)]

        return step

    def training(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        return numpy_training(case, self.step(case, program), arguments)


class WengertJit(Wengert):
    name = "wengert-jit"
    note = "`wg.jit(wg.value_and_grad(f))`; a training step is jitted whole, its parameters donated"
    needs = ("value_and_grad", "jit")

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self.module.jit(function)  # type: ignore[no-any-return]

    def step(self, case: Case, program: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
        return self.module.jit(super().step(case, program), donate_argnums=(0,))  # type: ignore[no-any-return]
