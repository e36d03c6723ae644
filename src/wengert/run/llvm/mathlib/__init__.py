"""Elementary and special functions as LLVM IR that LLVM's loop vectoriser can turn into SIMD code.

Each function is straight-line scalar code without calls or branches, marked ``alwaysinline``; a loop over it becomes a
loop over vectors of whatever width the CPU has, and the same formula can be had for vectors at once. There are no
target intrinsics, no vector math library, no fast-math.

    function = declare(module, "exp", ir.DOUBLE)
    builder.call(function, [x])

``emit`` holds the notation the formulas are written in, ``ieee`` the bit-level pieces, ``coefficients`` the polynomials
(made by ``tools/minimax.py``), and each family of functions has a file.
"""

from __future__ import annotations

import functools

from wengert.run.llvm import ir
from wengert.run.llvm.mathlib import (
    error_function,
    exponential,
    gamma_function,
    hyperbolic,
    logarithm,
    power,
    trigonometric,
)
from wengert.run.llvm.mathlib.emit import Value, format_of
from wengert.run.llvm.mathlib.rare import edition
from wengert.run.llvm.mathlib.registry import FUNCTIONS

__all__ = ["ACCURACY", "FUNCTIONS", "declare", "declare_called"]

FAMILIES = (error_function, exponential, gamma_function, hyperbolic, logarithm, power, trigonometric)

ACCURACY: dict[str, dict[str, float]] = {name: dict(d.ulps) for name, d in sorted(FUNCTIONS.items())}
"""The largest error of each function in units in the last place, by function and dtype.

Two exceptions: sin, cos and tan beyond ``trigonometric.LIMIT`` are as good as the platform's libm, and lgamma and
digamma of negative arguments are accurate relative to the terms of the reflection formula, which may cancel.
"""


def declare(module: ir.Module, name: str, type: ir.Type) -> ir.Function:
    """The function of this name and float type, to be called in the module.

    It is written once in a process, and printed in each module that calls it.

    Parameters
    ----------
    module : ir.Module
    name : str
        A key of :data:`FUNCTIONS`, for instance ``"exp"``.
    type : ir.Type
        Of the arguments and the result: float, double, or a vector of them.

    Returns
    -------
    ir.Function
        Internal and ``alwaysinline``.

    Raises
    ------
    KeyError
        There is no function of that name.
    TypeError
        The type is neither float nor double.

    Examples
    --------
    >>> module = ir.Module()
    >>> declare(module, "exp", ir.DOUBLE).name
    'wengert.exp.f64'
    >>> declare(module, "exp", ir.DOUBLE) is declare(module, "exp", ir.DOUBLE)
    True
    """
    return _inlined(name, type, edition(module))


def declare_called(module: ir.Module, name: str, type: ir.Type) -> ir.Function:
    """The same function, but called and not inlined: for code that runs once and is not worth compiling anew."""
    return _called(name, type, edition(module))


@functools.cache
def _inlined(name: str, type: ir.Type, edition: str) -> ir.Function:
    if name not in FUNCTIONS:
        raise KeyError(f"mathlib has no function {name!r}; it has {', '.join(sorted(FUNCTIONS))}")
    form = format_of(type)
    if form is None:
        raise TypeError(f"mathlib functions exist for float and double, not for IR type {type}")
    definition = FUNCTIONS[name]
    signature = ir.FunctionType(type, [type] * definition.arity)
    function = ir.Function(ir.Module(edition), signature, f"wengert.{name}.{form.suffix}", linkage="internal")
    function.attributes += ["alwaysinline", "nounwind"]
    builder = ir.Builder(function.append_basic_block("entry"))
    builder.ret(definition.emit(*(Value(builder, argument) for argument in function.args)).ir)
    return function


@functools.cache
def _called(name: str, type: ir.Type, edition: str) -> ir.Function:
    inlined = _inlined(name, type, edition)
    function = ir.Function(ir.Module(edition), inlined.signature, f"{inlined.name}.called", linkage="internal")
    function.attributes += ["noinline", "nounwind"]
    builder = ir.Builder(function.append_basic_block("entry"))
    builder.ret(builder.call(inlined, function.args))
    return function
