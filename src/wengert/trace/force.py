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

    __slots__ = ("known", "makers", "scanned")

    def __init__(self, known: dict[int, Any]) -> None:
        self.known = known
        self.makers: dict[int, int] = {}
        self.scanned = 0

    def scan(self, builder: Builder) -> None:
        """Note the makers of values recorded since the last time."""
        for k in range(self.scanned, len(builder.code)):
            entry = builder.code[k]
            if entry[0] is None:
                continue
            record, ins, params, _ = entry
            first = builder.firsts[k]
            count = len(builder.inferred(record, ins, params)) if record.multiple else 1
            for i in range(first, first + count):
                self.makers[i] = k
        self.scanned = len(builder.code)


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
    order = []
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
        k = values.makers.get(i)
        if k is None:
            if constants is None:
                constants = dict(builder.constants)
            outer = constants[i]
            known[i] = value(outer) if isinstance(outer, Sym) else outer
            continue
        order.append(k)
        needed.extend(builder.code[k][1])
    with np.errstate(all="ignore"):
        for k in sorted(set(order)):
            _run(builder, k, known)
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


def _run(builder: Builder, k: int, known: dict[int, Any]) -> None:
    record, ins, params, _ = builder.code[k]
    first = builder.firsts[k]
    args = [known[i] for i in ins]
    batched = any(arg is BATCHED for arg in args)
    if record.multiple:
        count = len(builder.inferred(record, ins, params))
        outs = (BATCHED,) * count if batched else record.evaluate(*args, **dict(params))
        for n, out in enumerate(outs):
            known[first + n] = out
    else:
        known[first] = BATCHED if batched else record.evaluate(*args, **dict(params))


def observe(symbol: Sym, kind: str, read: Callable[[Any], Any]) -> Any:
    """Return what Python sees of a value, and note it as a guard in this trace and in the outer ones it depends on."""
    seen = read(value(symbol))
    symbol.builder.guard(kind, symbol.id, seen)
    return seen
