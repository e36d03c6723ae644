"""Random programs against JAX, where it is installed: the same source with ``jax.numpy`` for ``numpy``.

``WENGERT_FUZZ=10000`` tries that many programs, others each time.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given

import wengert as wg

from .random_programs import Program, programs
from .test_random_programs import close, examples, is_single

jax = pytest.importorskip("jax", reason="JAX is not installed: nothing to compare with")

_VALUE = r"np.asarray(\4).astype(\2.dtype)"  # JAX warns where NumPy casts what is written
_WRITES = (
    (re.compile(r"^(\s*)(\w+)\[(.+?)\] \+= (.+)$", re.M), rf"\1\2 = \2.at[\3].add({_VALUE})"),
    (re.compile(r"^(\s*)(\w+)\[(.+?)\] -= (.+)$", re.M), rf"\1\2 = \2.at[\3].add(-{_VALUE})"),
    (re.compile(r"^(\s*)(\w+)\[(.+?)\] = (.+)$", re.M), rf"\1\2 = \2.at[\3].set({_VALUE})"),
)


def rewritten(source: str) -> str:
    """Return a program's source as JAX wants it: arrays are not written into, new ones are made."""
    for pattern, replacement in _WRITES:
        source = pattern.sub(replacement, source)
    return source


def in_jax(program: Program) -> Any:
    """Return value and gradients as JAX computes them; None where it cannot run the program."""
    scope: dict[str, Any] = {"np": jax.numpy}
    exec(rewritten(program.source), scope)
    with jax.enable_x64(True):
        try:
            args = [jax.numpy.asarray(a) for a in program.args]
            value, slopes = jax.value_and_grad(scope["f"], tuple(range(len(args))))(*args)
        except (TypeError, ValueError, AttributeError):
            return None
        return np.asarray(value), [np.asarray(s) for s in slopes]


def test_the_rewriting() -> None:
    assert rewritten("c[1:] += b\n    c[-1] -= d[0]\nc[...] = x\n") == (
        "c = c.at[1:].add(np.asarray(b).astype(c.dtype))\n"
        "    c = c.at[-1].add(-np.asarray(d[0]).astype(c.dtype))\n"
        "c = c.at[...].set(np.asarray(x).astype(c.dtype))\n"
    )


@given(programs())
@examples(5)
def test_values_and_gradients(program: Program) -> None:
    assume("view" not in program.source)  # views that share memory are what JAX does not have
    expected = in_jax(program)
    assume(expected is not None)
    single = is_single(program)
    every = tuple(range(len(program.args)))
    both = wg.value_and_grad(program.function(), every)
    for call in (both, both, wg.jit(both)):  # interpreted, compiled, compiled under jit
        value, slopes = call(*program.args)
        close(value, expected[0], single)
        for found, wanted in zip(slopes, expected[1], strict=True):
            close(found, wanted, single)
