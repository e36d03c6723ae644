"""Python asks for the value of a traced value: ``if x > 0``, ``range(n)``, ``x[mask]``.

The equations recorded so far that the value depends on are run at once, and what Python saw is noted as a guard: a call in
which it comes out otherwise is another program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.builder import Builder, leaked
from ..core.source import user_line
from ..core.symbol import Sym
from ..errors import BatchedBranchError, explain


class Batched:
    """Stands for the value of a batch entry under ``vmap``: it has no single value."""


BATCHED = Batched()


class Values:
    """The values of a trace that have been asked for; kept with its builder as ``builder.context``."""

    __slots__ = ("_first", "_scanned", "known", "makers")

    def __init__(self, known: dict[int, Any]) -> None:
        self.known = known
        self.makers: dict[int, tuple[int, tuple[int, ...], Any]] = {}
        self._scanned = 0
        self._first = 0

    def scan(self, builder: Builder) -> None:
        """Note the makers of values recorded since the last time."""
        for k, outs, entry, _ in builder.entries(self._scanned, self._first):
            for i in outs:
                self.makers[i] = (k, outs, entry)
        self._scanned, self._first = len(builder.code), len(builder.avals)


def value(symbol: Sym) -> Any:
    """Return the value of a traced value."""
    symbol.refresh()
    builder = symbol.builder
    if builder.finished:
        raise leaked(symbol)
    values: Values = builder.context
    values.scan(builder)
    constants = None
    known = values.known
    needed = [symbol.id]
    order = {}
    seen = set()
    while needed:
        i = needed.pop()
        if i in seen:
            continue
        seen.add(i)
        if i in known:
            if isinstance(known[i], Sym):  # an input that is a value of an outer trace
                known[i] = value(known[i])
            continue
        maker = values.makers.get(i)
        if maker is None:
            if constants is None:
                constants = dict(builder.constants)
            outer = constants[i]
            known[i] = value(outer) if isinstance(outer, Sym) else outer
            continue
        order[maker[0]] = maker
        needed.extend(maker[2][1])
    with np.errstate(all="ignore"):
        for k in sorted(order):
            _run(known, *order[k][1:])
    found = known[symbol.id]
    if found is BATCHED:
        raise BatchedBranchError(
            explain(
                "Under vmap a value that differs between batch entries cannot steer Python's if, while or index.",
                found=repr(symbol),
                line=user_line(),
                fix="use np.where(condition, a, b) or wg.cond, which choose for each entry",
            )
        )
    return found


def _run(known: dict[int, Any], outs: tuple[int, ...], entry: Any) -> None:
    record, ins, params, _ = entry
    args = [known[i] for i in ins]
    if any(arg is BATCHED for arg in args):
        made: Any = (BATCHED,) * len(outs)
    else:
        made = record.evaluate(*args, **dict(params))
        if not record.multiple:
            made = (made,)
    known.update(zip(outs, made, strict=True))


def observe(symbol: Sym, kind: str, read: Callable[[Any], Any]) -> Any:
    """Return what Python sees of a value, and note it as a guard in this trace and in the outer ones it depends on."""
    seen = read(value(symbol))
    symbol.builder.guard(kind, symbol.id, seen)
    return seen
