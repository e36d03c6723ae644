"""Before anything is timed: did every library compute the same thing, and the right thing?"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.case import Case

# Relative to the largest entry of the reference.
TOLERANCE = {"float64": 1e-9, "float32": 2e-4}
# The differences are taken in float64; the float32 figure is the rounding of the gradient that is compared.
SLOPE_TOLERANCE = {"float64": 1e-6, "float32": 1e-3}


class WrongResult(Exception):
    """A library's result differs from the reference; it is reported and not timed."""


def _widen(value: Any) -> Any:
    if isinstance(value, list):
        return [_widen(item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(np.float64)
    return value


def expected_value(case: Case, arguments: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """The plain NumPy definition in float64."""
    return np.asarray(case.function(*(_widen(argument) for argument in arguments)))


class Checker:
    """Compares results with plain NumPy in float64, with differences along a line, and with each other."""

    def __init__(self, case: Case, arguments: tuple[Any, ...]) -> None:
        self.case = case
        self.value = expected_value(case, arguments)
        self.reference: list[np.ndarray[Any, Any]] | None = None
        self.reference_name = ""
        if case.kind != "function":
            self.directions, self.slope = self._slope(arguments)

    def _slope(self, arguments: tuple[Any, ...]) -> tuple[list[np.ndarray[Any, Any]], float]:
        """Derivative of the NumPy definition along one random line, by central differences of fourth order."""
        rng = np.random.default_rng(5)
        wide = [_widen(argument) for argument in arguments]
        if self.case.kind == "training":
            directions = [np.asarray(rng.standard_normal(parameter.shape)) for parameter in wide[0]]
        else:
            directions = [np.asarray(rng.standard_normal(np.shape(wide[i]))) for i in self.case.argnums]

        def along(t: float) -> float:
            moved = list(wide)
            if self.case.kind == "training":
                moved[0] = [p + t * d for p, d in zip(wide[0], directions, strict=True)]
            else:
                for i, direction in zip(self.case.argnums, directions, strict=True):
                    moved[i] = wide[i] + t * direction
            return float(self.case.function(*moved))

        h = 1e-4
        slope = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
        return directions, slope

    def check(self, name: str, results: list[np.ndarray[Any, Any]]) -> None:
        """Raise `WrongResult` unless `results` are right; the first right results become the reference."""
        wrong_dtype = {r.dtype.name for r in results if r.ndim and r.dtype.name != self.case.dtype}
        if wrong_dtype:
            raise WrongResult(f"{name} computed in {', '.join(sorted(wrong_dtype))}, not in {self.case.dtype}")
        tolerance = TOLERANCE[self.case.dtype]
        self._compare(name, "plain NumPy", 0, results[0], self.value, tolerance)
        if self.case.kind == "training":
            tolerance *= 10  # the gradient is read off the updated parameters, whose rounding it inherits
        if self.case.kind != "function":
            pairs = list(zip(results[1:], self.directions, strict=True))
            found = sum(float(np.vdot(g.astype(np.float64), d)) for g, d in pairs)
            scale = sum(float(np.linalg.norm(g.astype(np.float64)) * np.linalg.norm(d)) for g, d in pairs)
            # Differences of the value cannot see below the rounding of the value itself.
            rounding = 1e-15 * abs(float(self.value)) * 1e4
            if not abs(found - self.slope) <= SLOPE_TOLERANCE[self.case.dtype] * scale + 100 * rounding:
                raise WrongResult(f"{name}: slope {found:.10g} along a random line, by differences {self.slope:.10g}")
        if self.reference is None:
            self.reference, self.reference_name = [np.array(r) for r in results], name
            return
        if len(results) != len(self.reference):
            raise WrongResult(f"{name} returned {len(results)} arrays, {self.reference_name} {len(self.reference)}")
        for i, (got, want) in enumerate(zip(results, self.reference, strict=True)):
            self._compare(name, self.reference_name, i, got, want, tolerance)

    def _compare(self, name: str, other: str, index: int, got: Any, want: Any, tolerance: float) -> None:
        if np.shape(got) != np.shape(want):
            raise WrongResult(f"{name}: result {index} has shape {np.shape(got)}, {other} {np.shape(want)}")
        error = float(np.max(np.abs(np.subtract(got, want, dtype=np.float64)), initial=0.0))
        scale = float(np.max(np.abs(want), initial=0.0))
        if not error <= tolerance * max(scale, 1e-300):
            raise WrongResult(
                f"{name}: result {index} is off from {other} by {error:.3g} where the largest entry is {scale:.3g} "
                f"({self.case.dtype}, allowed {tolerance:g} of it)"
            )
