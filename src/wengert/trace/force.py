"""Python asks for the value of a traced value: ``if x > 0``, ``range(n)``, ``x[mask]``.

The equations recorded so far that the value depends on are run at once, and what Python saw is noted as a guard: a
call in which it comes out otherwise is another program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.builder import Builder, leaked
from ..core.source import user_line
from ..core.symbol import Sym
from ..errors import BatchedBranchError, UntraceableError, WengertError, explain


class Unknown:
    """Stands for a value that is not known while recording: the rule of a custom derivative is recorded once for all
    values.
    """

    def refusal(self, symbol: Sym) -> WengertError:
        """Return the error for asking all the same."""
        return UntraceableError(
            explain(
                "The derivative rule of a custom function is recorded once for all values, so Python's if, while or "
                "index cannot ask for one.",
                found=repr(symbol),
                line=user_line(),
                fix="use np.where(condition, a, b); what steers the rule and is no array goes into nondiff_argnums",
            )
        )


class Batched(Unknown):
    """Stands for the value of a batch entry under ``vmap``: it has no single value."""

    def refusal(self, symbol: Sym) -> WengertError:
        """Return the error for asking all the same."""
        return BatchedBranchError(
            explain(
                "Under vmap a value that differs between batch entries cannot steer Python's if, while or index.",
                found=repr(symbol),
                line=user_line(),
                fix="use np.where(condition, a, b) or wg.cond, which choose for each entry",
            )
        )


BATCHED = Batched()
UNKNOWN = Unknown()


class Values:
    """The values of a trace that have been asked for; kept with its builder as ``builder.context``.

    ``part`` is the builder of the innermost loop body or branch that is being recorded, if any; ``lifted`` are arrays
    that are constants of it, ``ranges`` bounds of loop counters, and ``outer`` is the enclosing trace.  ``rows`` says
    of values that are rows of an array which array that is, and which row.
    """

    __slots__ = (
        "_first",
        "_scanned",
        "guarded",
        "inputs",
        "known",
        "lifted",
        "makers",
        "outer",
        "part",
        "ranges",
        "rows",
    )

    def __init__(
        self, known: dict[int, Any], guarded: bool, part: Builder | None = None, outer: Builder | None = None
    ) -> None:
        self.part = part
        self.outer = outer
        self.ranges: dict[int, tuple[int, int]] = {}
        self.lifted: dict[Any, Any] = {}
        self.rows: dict[int, tuple[int, Aval, int]] = {}
        self.known = known
        self.inputs = dict(known) if guarded else known
        self.guarded = guarded
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
    if isinstance(found, Unknown):
        raise found.refusal(symbol)
    return found


def _run(known: dict[int, Any], outs: tuple[int, ...], entry: Any) -> None:
    record, ins, params, _ = entry
    args = [known[i] for i in ins]
    missing = [arg for arg in args if isinstance(arg, Unknown)]
    if missing:
        made: Any = (missing[0],) * len(outs)
    else:
        made = record.evaluate(*args, **dict(params))
        if not record.multiple:
            made = (made,)
    known.update(zip(outs, made, strict=True))


def observe(symbol: Sym, kind: str, read: Callable[[Any], Any]) -> Any:
    """Return what Python sees of a value, and note it as a guard.

    Where the recording is kept for other values (under ``jit``), the guard is also noted in the outer traces that
    the value depends on, because only the outermost one is there when the program runs again.
    """
    seen = read(value(symbol))
    symbol.builder.guard(kind, symbol.id, seen)
    if symbol.builder.guarded:  # type: ignore[attr-defined]
        outer = in_outer_trace(symbol)
        if outer is not None:
            observe(outer, kind, read)
    return seen


def in_outer_trace(symbol: Sym) -> Sym | None:
    """Record the equations that a value depends on in the enclosing trace; None where it depends on nothing there."""
    builder = symbol.builder
    values: Values = builder.context
    values.scan(builder)
    constants = dict(builder.constants)
    needed, order, leaves = [symbol.id], {}, {}
    while needed:
        i = needed.pop()
        if i in leaves or values.makers.get(i, (None,))[0] in order:
            continue
        if i not in values.makers:
            leaves[i] = values.inputs[i] if i in values.inputs else constants[i]
            continue
        maker = values.makers[i]
        order[maker[0]] = maker
        needed.extend(maker[2][1])
    if not any(isinstance(leaf, Sym) for leaf in leaves.values()):
        return None
    env: dict[int, Any] = leaves
    for k in sorted(order):
        _, outs, (record, ins, params, _) = order[k]
        made = record(*[env[i] for i in ins], **dict(params))
        env.update(zip(outs, made if record.multiple else (made,), strict=True))
    found = env[symbol.id]
    return found if isinstance(found, Sym) else None
