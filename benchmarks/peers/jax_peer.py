"""JAX under ``jit``, as it is meant to be used; every call waits for its results."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.case import Case
from benchmarks.peers.base import Peer, Prepared, Training, value_and_gradients


class Jax(Peer):
    name = "jax"
    library = "jax"
    distribution = "jax"
    note = "JAX, `jit(value_and_grad(f))`, float64 enabled, results waited for; a training step is jitted whole"

    def load(self) -> None:
        super().load()
        # Lets float64 arrays stay float64; float32 arrays stay float32 either way.
        self.module.config.update("jax_enable_x64", True)

    def namespace(self) -> ModuleType:
        return self.imported("jax.numpy")

    def compiled(self, function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        return self.module.jit(function, **options)  # type: ignore[no-any-return]

    def native(self, value: Any) -> Any:
        return self.module.device_put(value) if isinstance(value, np.ndarray) else value

    def _derived(self, case: Case, program: Callable[..., Any]) -> Callable[..., Any]:
        argnums = case.argnums if len(case.argnums) > 1 else case.argnums[0]
        return self.module.value_and_grad(program, argnums=argnums)  # type: ignore[no-any-return]

    def gradient(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        derived, function = self.compiled(self._derived(case, program)), self.compiled(program)
        wait = self.module.block_until_ready
        if case.io == "numpy":

            def call() -> Any:
                return value_and_gradients(derived(*arguments))  # np.asarray waits

            return Prepared(call, call, lambda: np.asarray(function(*arguments)))
        native = [self.native(argument) for argument in arguments]
        return Prepared(
            lambda: wait(derived(*native)),
            lambda: value_and_gradients(derived(*native)),
            lambda: wait(function(*native)),
        )

    def function(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        function = self.compiled(program)
        wait = self.module.block_until_ready
        native = [self.native(argument) for argument in arguments]
        return Prepared(lambda: wait(function(*native)), lambda: [np.asarray(function(*native))])

    def training(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        parameters, *rest = arguments
        data = [self.native(argument) for argument in rest]
        rate = case.learning_rate
        wait = self.module.block_until_ready
        derived = self._derived(case, program)

        def step(parameters: list[Any], *data: Any) -> tuple[Any, list[Any]]:
            loss, gradients = derived(parameters, *data)
            return loss, [p - rate * g for p, g in zip(parameters, gradients, strict=True)]

        compiled = self.compiled(step, donate_argnums=(0,))

        def start() -> list[Any]:
            return [self.module.numpy.array(p, copy=True) for p in parameters]

        return Training(case, lambda p: wait(compiled(p, *data)), start, np.asarray).prepared()


class JaxEager(Jax):
    name = "jax-eager"
    note = "JAX without jit (not how it is meant to be used; shown on request)"

    def compiled(self, function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        return function
