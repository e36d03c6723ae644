"""What a program of the suite is: one plain NumPy function, its inputs at two sizes, and how others write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

LONGER = 16
"""How many times the measured trip count the one is that memory and compile times are compared at."""
TWICE = 2
"""How many times as large a program is made whose trip counts are the lengths of its arrays."""
COUNTS = ("steps", "sweeps", "iterations", "years", "levels")
"""Names of sizes that are trip counts."""


@dataclass(frozen=True)
class Program:
    """A scalar function of arrays and trip counts, written as its author would write it for plain NumPy.

    Attributes
    ----------
    function
        Value of the program.  Wengert differentiates this very function, without a change.
    arguments
        Builds the arguments from a random generator and the sizes (keyword arguments).
    small, measured
        Sizes for tests, and for figures.
    argnums
        Positions of the arguments to differentiate; by default those that hold floating-point numbers.
    numba
        The primal for Numba where Numba does not take `function` as it stands (the comment beside it says why).
    jax
        Builds the version rewritten for JAX (``lax.fori_loop``, ``lax.scan``, ``.at``), with the same arguments; None
        where there is no natural one (`without_jax` says why).
    linear
        Name of the trip count's size, where steps are linear and in place: reversing them has to save nothing per
        step, so the memory of the gradient must not depend on this size.
    kinks
        The function has many kinks (minima, choices), so differences are to be taken with short steps.
    """

    function: Callable[..., Any]
    arguments: Callable[..., tuple[Any, ...]]
    small: Mapping[str, int]
    measured: Mapping[str, int]
    argnums: tuple[int, ...] = ()
    numba: Callable[..., Any] | None = None
    jax: Callable[[], Callable[..., Any]] | None = None
    without_jax: str = ""
    linear: str = ""
    kinks: bool = False

    def __post_init__(self) -> None:
        if (self.jax is None) != bool(self.without_jax):
            raise ValueError(f"{self.name}: either a version for JAX or the reason why there is none")

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def summary(self) -> str:
        """First line of the module's documentation."""
        return (self.function.__globals__["__doc__"] or "").strip().splitlines()[0]

    def make(self, size: str) -> tuple[Any, ...]:
        """The same arguments in every process and library.

        `size` is ``small``, ``measured``, or ``longer``: the measured one with `LONGER` times the steps, or `TWICE` as
        large where the trip counts are the lengths of arrays.
        """
        sizes = dict(self.small if size == "small" else self.measured)
        if size == "longer":
            for name in self.trips or sizes:
                sizes[name] *= LONGER if self.trips else TWICE
        return self.arguments(np.random.default_rng(20), **sizes)

    @property
    def trips(self) -> tuple[str, ...]:
        """The size that says how long a program runs; none where all its trip counts are lengths of arrays."""
        return (self.linear,) if self.linear else tuple(name for name in self.measured if name in COUNTS)[:1]

    def differentiated(self, arguments: tuple[Any, ...]) -> tuple[int, ...]:
        """Positions of the arguments that the gradient is taken of."""
        return self.argnums or tuple(k for k, x in enumerate(arguments) if np.asarray(x).dtype.kind == "f")


def static_positions(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """Positions of the trip counts, which JAX has to know when it compiles a loop that is to be reversed."""
    return tuple(k for k, x in enumerate(arguments) if isinstance(x, int))
