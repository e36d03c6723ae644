"""The choice: one of several branches is run, the others are not.

Derivatives follow the branch that was taken.  Linearized, a choice becomes two with the same index: the first saves
the residuals of the branch taken, the second, linear one reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.builder import inline
from ..core.evaluate import evaluate
from ..core.graph import Graph
from ..core.primitive import Primitive, Sample, primitive
from ..errors import ShapeError, explain
from .family import is_linear, with_batch
from .loop_operands import Gathered, builder_of, flags_of
from .residuals import plan
from .subgraph import (
    SubGraph,
    batched,
    pushforward,
    record_into,
    remake,
    split,
    spreads,
    sub_graph,
    transposed,
    zeros,
)

Branches = tuple[SubGraph, ...]


def taken(index: Any, count: int) -> int:
    """Return the number of the branch that an index chooses: clipped to those that there are."""
    return min(max(int(index), 0), count - 1)


def _evaluate(index: Any, *args: Any, branches: Branches) -> tuple[Any, ...]:
    graph = branches[taken(index, len(branches))]
    values = evaluate(graph, args)
    outs = [values[i] for i in graph.outputs]
    return tuple([np.array(x) if i in graph.inputs else x for x, i in zip(outs, graph.outputs, strict=True)])


def _infer(index: Aval, *avals: Aval, branches: Branches) -> tuple[Aval, ...]:
    if index.shape or index.dtype.kind not in "biu":
        raise ShapeError(explain("A choice is steered by one whole number or bool.", found=repr(index)))
    said = [[(of.shape, of.dtype) for of in branch.out_avals] for branch in branches]
    for k, branch in enumerate(branches):
        if [(of.shape, of.dtype) for of in branch.in_avals] != [(of.shape, of.dtype) for of in avals]:
            raise ShapeError(
                explain(
                    "A choice's operands are what its branches take.",
                    found=f"{list(avals)}, but branch {k} takes {list(branch.in_avals)}",
                )
            )
        if said[k] != said[0]:
            raise ShapeError(
                explain(
                    "All branches of a choice return values of the same shapes and dtypes.",
                    found=f"{list(branch.out_avals)} from branch {k}, {list(branches[0].out_avals)} from branch 0",
                )
            )
    weak = [all(of.weak for of in column) for column in zip(*[b.out_avals for b in branches], strict=True)]
    return tuple([aval(of.shape, of.dtype, w) for of, w in zip(branches[0].out_avals, weak, strict=True)])


# -- forward mode -----------------------------------------------------------------------------------------------------


def _push(
    primals: Sequence[Any], tangents: Sequence[Any], outs: Any, *, branches: Branches
) -> tuple[Sequence[Any], Sequence[Any]]:
    active = flags_of(tangents[1:])
    pushed = [pushforward(branch, active) for branch in branches]
    moving = _any([found for _, found in pushed])
    ts = [t for t in tangents[1:] if t is not None]
    n, n_out = len(primals) - 1, len(outs)
    avals = [x.aval for x in [*primals[1:], *ts]]

    def writing(graph: SubGraph, found: Sequence[bool]) -> Any:
        def write(*args: Any) -> list[Any]:
            made = record_into(graph, args)
            dots = iter(made[n_out:])
            by_output = [next(dots) if on else None for on in found]
            return [*made[:n_out], *_filled(args, graph, by_output, moving)]

        return write

    inner = tuple([sub_graph(avals, writing(graph, found)) for graph, found in pushed])
    made = cond(primals[0], *primals[1 : n + 1], *ts, branches=inner)
    dots = iter(made[n_out:])
    return made[:n_out], [next(dots) if on else None for on in moving]


def _any(flags: Sequence[Sequence[bool]]) -> tuple[bool, ...]:
    return tuple([any(column) for column in zip(*flags, strict=True)])


def _filled(args: Sequence[Any], graph: Graph, found: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    """Return the tangents wanted, zeros where a branch has none."""
    b = args[0].builder
    return [zeros(b, of) if t is None else t for t, of, on in zip(found, graph.out_avals, wanted, strict=False) if on]


# -- linearization ----------------------------------------------------------------------------------------------------


def _linearize(
    primals: Sequence[Any], tangents: Sequence[Any], *, branches: Branches
) -> tuple[Sequence[Any], Sequence[Any]]:
    index, args = primals[0], primals[1:]
    active = flags_of(tangents[1:])
    builder = builder_of(tangents)
    parts = [split(branch, active) for branch in branches]
    moving = _any([found for _, found in parts])
    n_out = len(branches[0].outputs)
    plans = [plan(p.primal, p.primal.outputs[n_out:], p.primal.inputs, (), free=False) for p, _ in parts]
    slots: list[Aval] = []
    places = [_places(p.primal, keep.saved, slots) for (p, _), keep in zip(parts, plans, strict=True)]

    def saving(k: int) -> Any:
        primal, saved = parts[k][0].primal, plans[k].saved
        graph = Graph(primal.avals, primal.inputs, primal.equations, (*primal.outputs[:n_out], *saved))

        def write(*xs: Any) -> list[Any]:
            made = record_into(graph, xs)
            held: list[Any] = [zeros(xs[0].builder, of) for of in slots]
            for place, value in zip(places[k], made[n_out:], strict=True):
                held[place] = value
            return [*made[:n_out], *held]

        return write

    ins = [x.aval for x in args]
    made = builder.apply(
        cond, [index, *args], (("branches", tuple([sub_graph(ins, saving(k)) for k in range(len(branches))])),)
    )
    read = sorted({p.primal.inputs.index(i) for (p, _), keep in zip(parts, plans, strict=True) for i in keep.given})
    ts = [t for t in tangents[1:] if t is not None]

    def linear(k: int) -> Any:
        p, keep = parts[k][0], plans[k]

        def write(*xs: Any) -> list[Any]:
            given, held, dots = xs[: len(read)], xs[len(read) : len(read) + len(slots)], xs[len(read) + len(slots) :]
            env = {p.primal.inputs[j]: x for j, x in zip(read, given, strict=True)}
            env.update({i: held[place] for i, place in zip(keep.saved, places[k], strict=True)})
            remake(xs[0].builder, env, keep.again)
            found = iter(record_into(p.linear, [*[env[i] for i in p.primal.outputs[n_out:]], *dots]))
            return _filled(xs, branches[k], [next(found) if on else None for on in parts[k][1]], moving)

        return write

    operands = [*[args[j] for j in read], *made[n_out:], *ts]
    avals = [x.aval for x in operands]
    inner = tuple([sub_graph(avals, linear(k)) for k in range(len(branches))])
    dots = iter(builder.apply(cond, [index, *operands], (("branches", inner),)))
    return made[:n_out], [next(dots) if on else None for on in moving]


def _places(primal: Graph, saved: Sequence[int], slots: list[Aval]) -> list[int]:
    """Give each saved value a slot of its aval; branches share slots, of which only one is ever taken."""
    free = list(range(len(slots)))
    places = []
    for i in saved:
        of = aval(primal.avals[i].shape, primal.avals[i].dtype)
        place = next((k for k in free if slots[k] is of), None)
        if place is None:
            slots.append(of)
            place = len(slots) - 1
        else:
            free.remove(place)
        places.append(place)
    return places


# -- transposition ----------------------------------------------------------------------------------------------------


def _gather(cts: Sequence[Any], so_far: Sequence[Any], index: Any, *args: Any, branches: Branches) -> list[Any]:
    builder = builder_of(cts)
    linear = tuple(map(is_linear, args))
    come = tuple([ct is not None for ct in cts])
    # Only what has something to be added to goes in: zeros would have to be made, and added to whole arrays.
    before = [x for x, on in zip(so_far[1:], linear, strict=True) if on]
    gathers = tuple([x is not None for x in before])
    back = tuple([transposed(branch, linear, gathers, come) for branch in branches])
    known = [x for x, on in zip(args, linear, strict=True) if not on]
    given = [*known, *[ct for ct in cts if ct is not None], *[x for x in before if x is not None]]
    made = builder.apply(cond, [index, *given], (("branches", back),))
    found = iter([Gathered(ct) if on else ct for ct, on in zip(made, gathers, strict=True)])
    return [None, *[next(found) if on else None for on in linear]]


def _transpose(cts: Sequence[Any], *args: Any, branches: Branches) -> list[Any]:
    found = _gather(cts, [None] * len(args), *args, branches=branches)
    return [x.ct if isinstance(x, Gathered) else x for x in found]


# -- batching ---------------------------------------------------------------------------------------------------------


def _batch(size: int, args: Sequence[Any], flags: Sequence[bool], *, branches: Branches) -> Any:
    index, *xs = args
    on = tuple(flags[1:])
    if not flags[0]:
        found = _any([spreads(branch, on) for branch in branches])
        inner = tuple([batched(branch, size, on, found) for branch in branches])
        made = cond(index, *xs, branches=inner)
        return tuple([with_batch(size, x, b) for x, b in zip(made, found, strict=True)])
    # Entries of the batch choose differently: all branches run, and each entry takes its own.
    every = (True,) * len(branches[0].outputs)
    b = index.builder
    results = [inline(batched(branch, size, on, every), b, xs) for branch in branches]
    number = index if index.dtype.kind != "b" else b.apply_named("convert", index, dtype=np.dtype(np.int64))
    outs = list(results[-1])
    for k in range(len(branches) - 2, -1, -1):
        here = b.apply_named("le", number, b.full(k, number.shape, number.dtype))
        outs = [
            b.apply_named("select", b.apply_named("broadcast", here, shape=x.shape, axes=(0,)), x, y)
            for x, y in zip(results[k], outs, strict=True)
        ]
    return tuple(outs)


def _samples() -> list[Sample]:
    f, v = aval((), np.float64), aval((3,), np.float64)

    def named(x: Any, name: str, *args: Any, **params: Any) -> Any:
        return x.builder.apply_named(name, x, *args, **params)

    pair = (
        sub_graph([f, v], lambda c, x: [named(x, "sin"), c * c]),
        sub_graph([f, v], lambda c, x: [x * x * x, c * 2.0]),
    )
    three = (*pair, sub_graph([f, v], lambda c, x: [x, c]))
    c, x = np.asarray(0.7), np.array([0.3, -1.2, 0.8])
    return [
        Sample((np.asarray(False), c, x), {"branches": pair}),
        Sample((np.asarray(True), c, x), {"branches": pair}),
        *[Sample((np.asarray(k), c, x), {"branches": three}) for k in (-1, 1, 7)],
    ]


cond: Primitive = primitive(
    "cond",
    "one of several branches, chosen by a number",
    evaluate=_evaluate,
    infer=_infer,
    jvp=lambda primals, tangents, outs, **params: _push(primals, tangents, outs, **params)[1],
    push=_push,
    linearize=_linearize,
    transpose=_transpose,
    gather=_gather,
    batch=_batch,
    samples=_samples,
    multiple=True,
    remember=False,
    label="gradient router",
    explanation="routes the gradient through the branch that was taken",
)
