"""Writes out of a loop's body or a branch into an array that was there before.

A part of control flow is recorded once, and runs many times or not at all.  What it writes into must therefore be among
its operands and results.  Who records the part finds out which arrays those are from the error that is raised here.
"""

from __future__ import annotations

from typing import Any

from ..core.source import user_line
from ..errors import UntraceableError, explain
from .context import capturing, current


class OuterWriteError(UntraceableError):
    """A part of control flow wrote into an array from outside; ``target`` is that array."""

    target: Any


def root_of(x: Any) -> Any:
    """Return the array that a view is, in the end, a view of."""
    while x.base is not None:
        x = x.base
    return x


def is_outside(root: Any, part: Any) -> bool:
    """Say whether an array that is no view was there before a part was entered."""
    home = root.builder if root.builder is not None else root.home
    return home is not part and (home is None or home.level < part.level)


def check_write(x: Any) -> None:
    """Refuse to write into an array from outside of the part of control flow that is being recorded."""
    root = root_of(x)
    notes = capturing()
    if notes is not None:
        notes.check_write(root)
    inner = current()
    part = None if inner is None or inner.context is None else inner.context.part
    if part is None:
        return
    if is_outside(root, part):
        error = OuterWriteError(
            explain(
                "The body of a loop and the branches of a choice do not write into arrays from outside: they return "
                "what they change.",
                found=f"a write into {root!r}",
                line=user_line(),
                fix="make the array part of the carry or of the operands; under wg.jit, for, while and if statements "
                "do so by themselves",
            )
        )
        error.target = root
        raise error
