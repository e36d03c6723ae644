"""A program as each library runs it: a function without arguments that returns the value, or value and gradient."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import wengert as wg
from benchmarks.programs.harness.program import Program, static_positions

Arguments = tuple[Any, ...]


def copied(arguments: Arguments) -> Arguments:
    """Arrays of its own for each library, so that none can disturb another's."""
    return tuple(x.copy() if hasattr(x, "copy") else x for x in arguments)


def wengert_gradient(program: Program, arguments: Arguments) -> Callable[..., Any]:
    """Value and gradient of the function as it stands, compiled."""
    return wg.jit(wg.value_and_grad(program.function, argnums=program.differentiated(arguments)))


def numba_primal(program: Program) -> Callable[..., Any]:
    """The function alone, compiled by Numba, with the helpers that stand beside it."""
    import numba

    return _compiled_by_numba(program.numba or program.function, numba.njit)


def _compiled_by_numba(function: FunctionType, njit: Callable[..., Any]) -> Any:
    """Compile a function; names of plain functions of the same module mean their compiled versions."""
    module = function.__module__
    helpers = {
        name: _compiled_by_numba(value, njit)
        for name, value in function.__globals__.items()
        if name in function.__code__.co_names and isinstance(value, FunctionType) and value.__module__ == module
    }
    copy = FunctionType(function.__code__, function.__globals__ | helpers, function.__name__, function.__defaults__)
    return njit(copy)


def jax_gradient(program: Program, arguments: Arguments) -> Callable[..., Any]:
    """Value and gradient of the version for JAX under ``jit``; every call waits for its results.

    The arguments stand on JAX's device beforehand and the trip counts are static, without which JAX reverses no loop.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    assert program.jax is not None
    derived = jax.value_and_grad(program.jax(), argnums=program.differentiated(arguments))
    compiled = jax.jit(derived, static_argnums=static_positions(arguments))
    native = [x if k in static_positions(arguments) else jax.device_put(x) for k, x in enumerate(arguments)]
    return lambda *_: jax.block_until_ready(compiled(*native))
