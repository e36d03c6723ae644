"""PyTorch, eager and through ``torch.compile``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Unsupported
from benchmarks.peers.base import Peer, Prepared, Training, value_and_gradients


class Torch(Peer):
    name = "torch"
    library = "torch"
    distribution = "torch"
    note = "PyTorch eager, `torch.autograd.grad`; a training step updates its parameters in place (`_foreach_add_`)"

    def translated(self, case: Case) -> Callable[..., Any]:
        raise Unsupported("no PyTorch version of this case")

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def tensor(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return self.module.from_numpy(value)
        if isinstance(value, float):
            return self.module.tensor(value, dtype=self.module.float64)
        return value

    def gradient(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        torch, tensor = self.module, self.tensor
        program = self.compiled(program)
        wanted = frozenset(case.argnums)

        def leaves() -> list[Any]:
            values = [tensor(argument) for argument in arguments]
            for i in wanted:
                values[i].requires_grad_()
            return values

        def derived(values: list[Any]) -> tuple[Any, Any]:
            value = program(*values)
            return value.detach(), torch.autograd.grad(value, [values[i] for i in case.argnums])

        if case.io == "numpy":

            def call() -> Any:
                value, gradients = derived(leaves())
                return value.numpy(), tuple(g.numpy() for g in gradients)

            def function() -> Any:
                with torch.no_grad():
                    return program(*map(tensor, arguments)).numpy()

            return Prepared(call, lambda: value_and_gradients(call()), function)

        # Leaves of their own memory: the NumPy arrays belong to everyone.
        native = [a.clone() if isinstance(a, torch.Tensor) else a for a in map(tensor, arguments)]
        for i in wanted:
            native[i].requires_grad_()

        def native_function() -> Any:
            with torch.no_grad():
                return program(*native)

        return Prepared(lambda: derived(native), lambda: value_and_gradients(derived(native)), native_function)

    def function(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        program = self.compiled(program)
        native = [self.tensor(argument) for argument in arguments]

        def call() -> Any:
            with self.module.no_grad():
                return program(*native)

        return Prepared(call, lambda: [call().numpy()])

    def training(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared:
        torch = self.module
        program = self.compiled(program)
        first, *rest = arguments
        data = [self.tensor(argument) for argument in rest]
        rate = case.learning_rate

        def start() -> list[Any]:
            return [torch.from_numpy(p.copy()).requires_grad_() for p in first]

        def step(parameters: list[Any]) -> tuple[Any, list[Any]]:
            loss = program(parameters, *data)
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                torch._foreach_add_(parameters, gradients, alpha=-rate)
            return loss.detach(), parameters

        return Training(case, step, start, lambda t: t.detach().numpy()).prepared()


class TorchCompile(Torch):
    name = "torch-compile"
    note = "PyTorch with the function through `torch.compile` (both passes are compiled), otherwise as torch"

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.module._dynamo.reset()
        return self.module.compile(function, fullgraph=True, dynamic=False)  # type: ignore[no-any-return]
