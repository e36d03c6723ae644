"""Loops for a whole batch: one loop, also where the entries of the batch run different numbers of iterations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.primitive import lookup
from .family import with_batch
from .loop_operands import Operands, avals, operands, parts
from .subgraph import SubGraph, batched, record_into, spreads, sub_graph, zeros


def batch(
    size: int,
    args: Sequence[Any],
    flags: Sequence[bool],
    *,
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> Any:
    given, on = operands(args, consts, carry, counted), operands(flags, consts, carry, counted)
    moving = tuple(on.carry)
    while True:
        found = spreads(body, (False, *on.consts, *moving, *on.xs))
        apart = bool(on.number and on.number[0])
        if test is not None:
            apart = spreads(test, (False, *on.consts, *moving))[0]
        later = tuple([a or b or apart for a, b in zip(moving, found, strict=False)])
        if later == moving:
            break
        moving = later
    inputs = (False, *on.consts, *moving, *on.xs)
    n_ys = len(body.outputs) - carry
    out_flags = (*moving, *(True,) * n_ys)
    inner = batched(body, size, inputs, out_flags)
    state = [with_batch(size, x, b) if m else x for x, b, m in zip(given.carry, on.carry, moving, strict=True)]
    # Rows come first: (batch, length, ...) -> (length, batch, ...).
    xs = [_swapped(x) if b else x for x, b in zip(given.xs, on.xs, strict=True)]
    extra: list[Any] = []
    inner_test = None
    if apart:
        extra, inner, inner_test = _apart(
            size, given, inner, test, inputs[: 1 + consts + carry], counted, bool(on.number and on.number[0])
        )
        if test is None and length is not None:
            inner_test = None  # all iterations run, of which each entry of the batch takes its own part
    elif test is not None:
        inner_test = batched(test, size, inputs[: 1 + consts + carry], (False,))
    made = lookup("loop")(
        *([] if apart else given.number),
        *given.consts,
        *extra,
        *state,
        *xs,
        body=inner,
        test=inner_test,
        consts=consts + len(extra),
        carry=carry,
        length=length,
        reverse=reverse,
        counted=counted and not apart,
        grows=grows,
    )
    finals = [with_batch(size, x, m) for x, m in zip(made[:carry], moving, strict=True)]
    return (*finals, *[_swapped(y) for y in made[carry:]])


def _swapped(x: Any) -> Any:
    return x.builder.apply_named("transpose", x, axes=(1, 0, *range(2, x.ndim)))


def _apart(
    size: int,
    given: Operands,
    inner: SubGraph,
    test: SubGraph | None,
    inputs: tuple[bool, ...],
    counted: bool,
    batched_count: bool,
) -> tuple[list[Any], SubGraph, SubGraph]:
    """Return a loop that goes on until all entries of a batch have ended; those that have keep their carry."""
    n_consts, n_carry = len(given.consts), len(given.carry)
    extra = [with_batch(size, given.number[0], batched_count)] if counted else []
    check = None if test is None else batched(test, size, inputs, (True,))

    def going(k: Any, cs: Sequence[Any], state: Sequence[Any], counts: Sequence[Any]) -> Any:
        b = k.builder
        goes = None if check is None else record_into(check, (k, *cs, *state))[0]
        for count in counts:
            more = b.apply_named("lt", with_batch(size, k, False), count)
            goes = more if goes is None else b.apply_named("logical_and", goes, more)
        return goes

    def write(k: Any, *rest: Any) -> list[Any]:
        cs, counts, state, rows = parts(rest, (n_consts, len(extra), n_carry))
        b = k.builder
        goes = going(k, cs, state, counts)

        def chosen(new: Any, old: Any) -> Any:
            wide = b.apply_named("broadcast", goes, shape=new.shape, axes=(0,))
            return b.apply_named("select", wide, new, old)

        outs = record_into(inner, (k, *cs, *state, *rows))
        kept = [chosen(new, old) for new, old in zip(outs, state, strict=False)]
        return [*kept, *[chosen(y, zeros(b, y.aval)) for y in outs[n_carry:]]]

    def test_any(k: Any, *rest: Any) -> list[Any]:
        cs, counts, state, _ = parts(rest, (n_consts, len(extra), n_carry))
        return [k.builder.apply_named("reduce_any", going(k, cs, state, counts), axes=(0,))]

    before = inner.in_avals
    ins = [*before[: 1 + n_consts], *avals(extra), *before[1 + n_consts :]]
    ending = 1 + n_consts + len(extra) + n_carry
    return extra, sub_graph(ins, write, inner.names), sub_graph(ins[:ending], test_any)
