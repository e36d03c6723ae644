"""Derivatives of loops.

The pushforward of a loop is a loop over its body's pushforward.  Linearized it is two loops: one that runs the body and
saves residuals, and one, linear in its carry, that reads them.  The transpose of a linear loop runs backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from ..core.aval import aval
from ..core.graph import Graph
from ..core.primitive import lookup
from .family import is_linear
from .loop_operands import (
    CAPACITY,
    COUNTER,
    Gathered,
    Loop,
    Operands,
    avals,
    builder_of,
    flags_of,
    once,
    operands,
    parameters,
    parts,
    row_avals,
)
from .residuals import compute_again, plan
from .subgraph import SubGraph, pushforward, record_into, remake, split, sub_graph, transposed, zeros

FIRST_CAPACITY: Final = 1024
"""Iterations that there is room for at first, where their number is not known."""


def _moving(
    body: SubGraph, given: Operands, outputs_of: Callable[[SubGraph, tuple[bool, ...]], tuple[bool, ...]]
) -> tuple[bool, ...]:
    """Return which parts of the carry have a tangent: those that start with one or get one in some iteration."""
    moving = flags_of(given.carry)
    while True:
        active = (False, *flags_of(given.consts), *moving, *flags_of(given.xs))
        found = outputs_of(body, active)
        later = tuple([a or b for a, b in zip(moving, found, strict=False)])
        if later == moving:
            return moving
        moving = later


def push(
    primals: Sequence[Any],
    tangents: Sequence[Any],
    outs: Any,
    *,
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> tuple[Sequence[Any], Sequence[Any]]:
    """One loop over the body's pushforward: nothing has to be saved."""
    primals, tangents, body, test, consts = once(primals, tangents, body, test, consts, carry, counted)
    given, dots = operands(primals, consts, carry, counted), operands(tangents, consts, carry, counted)
    moving = _moving(body, dots, lambda graph, active: pushforward(graph, active)[1])
    on_consts, on_xs = flags_of(dots.consts), flags_of(dots.xs)
    pushed, out_moving = pushforward(body, (False, *on_consts, *moving, *on_xs))
    m, n_out = sum(moving), len(body.outputs)
    t_consts = [t for t in dots.consts if t is not None]
    t_xs = [t for t in dots.xs if t is not None]
    t_carry = _start_tangents(given, dots, moving)
    sizes = (consts, len(t_consts), carry, m, len(given.xs))

    def write(k: Any, *rest: Any) -> list[Any]:
        cs, dcs, state, dstate, x, dx = parts(rest, sizes)
        made = record_into(pushed, (k, *cs, *state, *x, *dcs, *dstate, *dx))
        values, found = made[:n_out], iter(made[n_out:])
        dots_of = [next(found) if on else None for on in out_moving]
        dcarry = [
            zeros(k.builder, body.out_avals[j]) if dots_of[j] is None else dots_of[j] for j in range(carry) if moving[j]
        ]
        return [*values[:carry], *dcarry, *values[carry:], *[d for d in dots_of[carry:] if d is not None]]

    ins = [COUNTER, *avals(given.consts), *avals(t_consts), *avals(given.carry), *avals(t_carry)]
    inner = sub_graph([*ins, *row_avals(given.xs), *row_avals(t_xs)], write, body.names)
    inner_test = None
    if test is not None:
        graph = test

        def check(k: Any, *rest: Any) -> list[Any]:
            cs, _, state, _ = parts(rest, sizes[:3])
            return record_into(graph, (k, *cs, *state))

        inner_test = sub_graph(ins, check)
    made = lookup("loop")(
        *given.number,
        *given.consts,
        *t_consts,
        *given.carry,
        *t_carry,
        *given.xs,
        *t_xs,
        body=inner,
        test=inner_test,
        consts=consts + len(t_consts),
        carry=carry + m,
        length=length,
        reverse=reverse,
        counted=counted,
        grows=grows,
    )
    n_ys = n_out - carry
    values = [*made[:carry], *made[carry + m : carry + m + n_ys]]
    carried, stacked = iter(made[carry : carry + m]), iter(made[carry + m + n_ys :])
    return values, [
        *[next(carried) if on else None for on in moving],
        *[next(stacked) if on else None for on in out_moving[carry:]],
    ]


def _start_tangents(given: Operands, dots: Operands, moving: Sequence[bool]) -> list[Any]:
    builder = builder_of(dots.carry, dots.consts, dots.xs)
    return [
        zeros(builder, aval(p.aval.shape, p.aval.dtype)) if t is None else t
        for p, t, on in zip(given.carry, dots.carry, moving, strict=True)
        if on
    ]


# -- linearization ----------------------------------------------------------------------------------------------------


def linearize(
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Two loops: the program with residuals saved, and the linear one that reads them."""
    primals, tangents, body, test, consts = once(primals, tangents, body, test, consts, carry, counted)
    given, dots = operands(primals, consts, carry, counted), operands(tangents, consts, carry, counted)
    builder = builder_of(dots.carry, dots.consts, dots.xs)
    moving = _moving(body, dots, lambda graph, active: split(graph, active)[1])
    linearized, out_moving = split(body, (False, *flags_of(dots.consts), *moving, *flags_of(dots.xs)))
    primal = linearized.primal
    n_out = len(body.outputs)
    ids = operands(primal.inputs[1:], consts, carry, False)
    residuals = primal.outputs[n_out:]
    keep = plan(primal, residuals, [primal.inputs[0], *ids.consts, *ids.xs], ids.consts)

    if keep.saved and length is None:
        grows = Loop(test, body)
        length = CAPACITY.get(grows, FIRST_CAPACITY)
    made = _saving(builder, given, primal, body, test, keep.saved, carry, length, reverse, counted, grows)
    counts = [made[carry]] if test is not None else given.number
    finals, ys = made[:carry], made[carry + (test is not None) :]
    saved = ys[n_out - carry :]

    hoisted = []
    if keep.hoisted:
        invariant = Graph(primal.avals, tuple(ids.consts), _needed(primal, keep.hoisted), tuple(keep.hoisted))
        hoisted = _record(builder, invariant, given.consts)
    again_consts = [(i, x) for i, x in zip(ids.consts, given.consts, strict=True) if i in keep.given]
    again_xs = [(i, x) for i, x in zip(ids.xs, given.xs, strict=True) if i in keep.given]
    t_consts = [t for t in dots.consts if t is not None]
    t_xs = [t for t in dots.xs if t is not None]
    t_carry = _start_tangents(given, dots, moving)
    const_ids = [*[i for i, _ in again_consts], *keep.hoisted]
    x_ids = [*[i for i, _ in again_xs], *keep.saved]
    sizes = (len(const_ids), len(t_consts), len(t_carry), len(x_ids))

    def write(k: Any, *rest: Any) -> list[Any]:
        known, dcs, dstate, rows, dx = parts(rest, sizes)
        env = dict(zip([primal.inputs[0], *const_ids, *x_ids], [k, *known, *rows], strict=True))
        compute_again(k.builder, env, keep.again, linearized.linear)
        made = record_into(linearized.linear, [*[env[i] for i in residuals], *dcs, *dstate, *dx])
        found = iter(made)
        by_output = [next(found) if on else None for on in out_moving]
        dcarry = [
            zeros(k.builder, body.out_avals[j]) if by_output[j] is None else by_output[j]
            for j in range(carry)
            if moving[j]
        ]
        return [*dcarry, *[d for d in by_output[carry:] if d is not None]]

    const_operands = [*[x for _, x in again_consts], *hoisted, *t_consts]
    x_operands = [*[x for _, x in again_xs], *saved, *t_xs]
    inner = sub_graph([COUNTER, *avals(const_operands), *avals(t_carry), *row_avals(x_operands)], write, ())
    linear = builder.apply(
        lookup("loop"),
        [*counts, *const_operands, *t_carry, *x_operands],
        parameters(inner, None, len(const_operands), len(t_carry), length, reverse, bool(counts), None),
    )
    carried, stacked = iter(linear[: len(t_carry)]), iter(linear[len(t_carry) :])
    return [*finals, *ys[: n_out - carry]], [
        *[next(carried) if on else None for on in moving],
        *[next(stacked) if on else None for on in out_moving[carry:]],
    ]


def _saving(
    builder: Any,
    given: Operands,
    primal: Graph,
    body: SubGraph,
    test: SubGraph | None,
    saved: Sequence[int],
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> Sequence[Any]:
    """Record the loop that saves residuals, and counts its iterations if it has a test."""
    n_out = len(body.outputs)
    graph = Graph(primal.avals, primal.inputs, primal.equations, (*primal.outputs[:n_out], *saved))
    n_consts = len(given.consts)

    def write(k: Any, *rest: Any) -> list[Any]:
        cs, state, ticks, rows = parts(rest, (n_consts, carry, int(test is not None)))
        outs = record_into(graph, (k, *cs, *state, *rows))
        return [*outs[:carry], *[t + k.builder.full(1, (), np.int64) for t in ticks], *outs[carry:]]

    ticks = [] if test is None else [builder.full(0, (), np.int64)]
    state = [*given.carry, *ticks]
    ins = [COUNTER, *avals(given.consts), *avals(state)]
    inner = sub_graph([*ins, *row_avals(given.xs)], write, body.names)
    inner_test = None
    if test is not None:
        check = test
        inner_test = sub_graph(ins, lambda k, *rest: record_into(check, (k, *rest[: n_consts + carry])))
    params = parameters(inner, inner_test, n_consts, len(state), length, reverse, counted, grows)
    return builder.apply(lookup("loop"), [*given.number, *given.consts, *state, *given.xs], params)  # type: ignore[no-any-return]


def _needed(graph: Graph, outputs: Sequence[int]) -> tuple[Any, ...]:
    """Return the equations that some values depend on."""
    needed, kept = set(outputs), []
    for equation in reversed(graph.equations):
        if not needed.isdisjoint(equation.outputs):
            needed.update(equation.inputs)
            kept.append(equation)
    return tuple(reversed(kept))


def _record(builder: Any, graph: Graph, args: Sequence[Any]) -> list[Any]:
    env = dict(zip(graph.inputs, args, strict=True))
    remake(builder, env, graph.equations)
    return [env[i] for i in graph.outputs]


# -- transposition ----------------------------------------------------------------------------------------------------


def gather(
    cts: Sequence[Any],
    so_far: Sequence[Any],
    *args: Any,
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> list[Any]:
    """The loop backwards: its carry is the cotangent of the carry, and what flows back to the constants adds up."""
    if test is not None:
        raise AssertionError("linearization leaves no test in a linear loop")
    given, before = operands(args, consts, carry, counted), operands(so_far, consts, carry, counted)
    builder = builder_of(cts)
    lin_consts, lin_xs = [is_linear(x) for x in given.consts], [is_linear(x) for x in given.xs]
    linear = (False, *lin_consts, *(True,) * carry, *lin_xs)
    order = (*lin_consts, *(True,) * carry, *lin_xs)
    gathers = tuple([j < len(lin_consts) for j, on in enumerate(order) if on])
    come = (*(True,) * carry, *[ct is not None for ct in cts[carry:]])
    back = transposed(body, linear, gathers, come)
    known_consts = [x for x, on in zip(given.consts, lin_consts, strict=True) if not on]
    known_xs = [x for x, on in zip(given.xs, lin_xs, strict=True) if not on]
    ct_carry = [zeros(builder, of) if ct is None else ct for ct, of in zip(cts[:carry], body.out_avals, strict=False)]
    ct_ys = [ct for ct in cts[carry:] if ct is not None]
    sums = [
        zeros(builder, x.aval) if b is None else b
        for x, b, on in zip(given.consts, before.consts, lin_consts, strict=True)
        if on
    ]
    n, s, x = len(known_consts), len(sums), len(known_xs)

    def write(k: Any, *rest: Any) -> list[Any]:
        cs, state, totals, rows, ct_rows = parts(rest, (n, carry, s, x))
        made = record_into(back, (k, *cs, *rows, *state, *ct_rows, *totals))
        return [*made[s : s + carry], *made[:s], *made[s + carry :]]

    state = [*ct_carry, *sums]
    inner = sub_graph([COUNTER, *avals(known_consts), *avals(state), *row_avals(known_xs), *row_avals(ct_ys)], write)
    made = builder.apply(
        lookup("loop"),
        [*given.number, *known_consts, *state, *known_xs, *ct_ys],
        parameters(inner, None, n, len(state), length, not reverse, counted, None),
    )
    totals, rows = iter(made[carry : carry + s]), iter(made[carry + s :])
    return [
        *(None for _ in given.number),
        *[Gathered(next(totals)) if on else None for on in lin_consts],
        *[ct if is_linear(x) else None for ct, x in zip(made[:carry], given.carry, strict=True)],
        *[next(rows) if on else None for on in lin_xs],
    ]


def transpose(cts: Sequence[Any], *args: Any, **params: Any) -> list[Any]:
    found = gather(cts, [None] * len(args), *args, **params)
    return [x.ct if isinstance(x, Gathered) else x for x in found]
