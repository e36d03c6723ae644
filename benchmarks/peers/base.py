"""What every library's adaptor gives the runner."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from benchmarks.case import Case, with_import
from benchmarks.environment import version

Arrays = list[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Prepared:
    """One case in one library, ready to be called.

    `call` computes and waits for the result. `results` calls once or more on fresh state and gives NumPy arrays:
    the value, then one gradient per differentiated argument (or parameter). `function` is the undifferentiated
    function under the same conditions, for the ratio of the two.
    """

    call: Callable[[], Any]
    results: Callable[[], Arrays]
    function: Callable[[], Any] | None = None


class Missing(Exception):
    """The library is not installed, or has not got what this adaptor needs."""


class Peer(ABC):
    """An adaptor for one way of using one library."""

    name: ClassVar[str]
    library: ClassVar[str]  # key in Case.versions, and the module to import
    distribution: ClassVar[str]
    note: ClassVar[str]  # how the library is used, for the table's legend

    def load(self) -> None:
        """Import the library and set it up, or raise `Missing`."""
        self.module = self.imported(self.library)

    @staticmethod
    def imported(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise Missing(f"not installed (no module named {error.name!r})") from None

    def version(self) -> str:
        return version(self.distribution)

    def program(self, case: Case) -> Callable[..., Any]:
        """The library's own version of the case, else the NumPy definition under the library's import line."""
        if self.library in case.versions:
            return case.versions[self.library]()
        return self.translated(case)

    def translated(self, case: Case) -> Callable[..., Any]:
        return with_import(case.function, self.namespace())

    def namespace(self) -> ModuleType:
        return self.module

    def prepare(self, case: Case, arguments: tuple[Any, ...]) -> Prepared:
        """`case` at `arguments` in this library; raises `Unsupported` where it has no version of it."""
        return getattr(self, case.kind)(case, self.program(case), arguments)  # type: ignore[no-any-return]

    @abstractmethod
    def gradient(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared: ...

    @abstractmethod
    def function(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared: ...

    @abstractmethod
    def training(self, case: Case, program: Callable[..., Any], arguments: tuple[Any, ...]) -> Prepared: ...


def value_and_gradients(output: tuple[Any, Any]) -> Arrays:
    """`(value, gradient)` or `(value, (gradient, ...))` as a flat list of arrays."""
    value, gradients = output
    if not isinstance(gradients, tuple | list):
        gradients = (gradients,)
    return [np.asarray(value), *(np.asarray(g) for g in gradients)]


class Training:
    """Parameters that change with every step; the first step shows the loss and, by the update, the gradient.

    Parameters
    ----------
    step
        ``step(parameters) -> loss, new parameters``.
    start
        Builds fresh parameters in the library's own arrays.
    to_numpy
        Turns one of the library's arrays into NumPy's.
    """

    def __init__(
        self,
        case: Case,
        step: Callable[[Any], tuple[Any, Any]],
        start: Callable[[], Any],
        to_numpy: Callable[[Any], Any],
    ) -> None:
        self.case, self.step, self.start, self.to_numpy = case, step, start, to_numpy
        self.parameters = start()

    def call(self) -> Any:
        loss, self.parameters = self.step(self.parameters)
        return loss

    def results(self) -> Arrays:
        # Copies: a step may write into the arrays that it was given.
        before = [np.array(self.to_numpy(p), dtype=np.float64) for p in self.start()]
        self.parameters = self.start()
        loss = np.array(self.to_numpy(self.call()))
        after = [self.to_numpy(p) for p in self.parameters]
        gradients = [
            np.asarray((b - a) / self.case.learning_rate, dtype=a.dtype) for b, a in zip(before, after, strict=True)
        ]
        return [loss, *gradients]

    def prepared(self) -> Prepared:
        return Prepared(self.call, self.results)


def numpy_training(case: Case, step: Callable[..., tuple[Any, Any]], arguments: tuple[Any, ...]) -> Prepared:
    """Training on NumPy arrays: ``step(parameters, *data) -> loss, new parameters``."""
    parameters, *data = arguments
    return Training(case, lambda p: step(p, *data), lambda: [p.copy() for p in parameters], np.asarray).prepared()
