"""Checks of the rules that say what a primitive computes: shape rule, fast variants, batching, edges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from ..core.aval import aval, aval_of
from ..core.primitive import Primitive, Sample
from ..core.verify import verify
from ..run.interpreter import Program
from ..transforms.batch import batch
from ..transforms.simplify import simplify
from .single import difference, evaluated, fail, one_equation, operands, run

_EDGES: Final = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-310, 1e300)


def rounding(record: Primitive, outs: list[Any]) -> float:
    """Return how far two ways to compute the same may differ, relative to the largest entry."""
    kinds = [o.dtype for o in outs if o.dtype.kind in "fc"]
    return max((64 * float(np.finfo(kind).eps) for kind in kinds), default=0.0)


def compare(record: Primitive, sample: Sample, rule: str, found: list[Any], expected: list[Any]) -> None:
    """Raise unless two lists of outputs agree in number, shape, dtype and values."""
    if len(found) != len(expected):
        raise fail(record, sample, rule, f"{len(found)} outputs, expected {len(expected)}")
    tolerance = rounding(record, expected)
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        a = np.asarray(a)
        if a.dtype != b.dtype:
            raise fail(record, sample, rule, f"output {k} has dtype {a.dtype}, expected {b.dtype}")
        text = difference(a, b, tolerance)
        if text:
            raise fail(record, sample, rule, f"output {k}: {text}")


def check_record(record: Primitive, sample: Sample) -> None:
    """The record says what it is in words, for the reader and for the viewer."""
    for name in ("doc", "label", "explanation"):
        if not getattr(record, name).strip():
            raise fail(record, sample, "a record has doc, label and explanation", f"{name} is empty")


def check_infer(record: Primitive, sample: Sample) -> None:
    """``evaluate`` gives the shapes and dtypes that ``infer`` says, and leaves its operands alone."""
    args = operands(sample)
    outs = evaluated(record, args, sample.params)
    said = record.infer(*[aval_of(a) for a in args], **sample.params)
    for k, (out, of) in enumerate(zip(outs, said if record.multiple else (said,), strict=True)):
        if out.shape != of.shape or out.dtype != of.dtype:
            raise fail(record, sample, "evaluate gives what infer says", f"output {k}: {aval_of(out)!r}, infer: {of!r}")
    _check_operands(record, sample, args, "evaluate leaves its operands alone")
    if not record.view:
        for out, arg in itertools.product(outs, args):
            if np.shares_memory(out, arg):
                raise fail(record, sample, "only a record with view=True returns its operand's memory", "shared memory")


def _check_operands(record: Primitive, sample: Sample, args: list[Any], rule: str) -> None:
    for k, (arg, original) in enumerate(zip(args, sample.args, strict=True)):
        text = difference(arg, np.asarray(original), 0.0)
        if text:
            raise fail(record, sample, rule, f"operand {k}: {text}")


def check_stage(record: Primitive, sample: Sample) -> None:
    """``stage`` gives a function that computes what ``evaluate`` does."""
    if record.stage is None:
        return
    args = operands(sample)
    expected = evaluated(record, args, sample.params)
    with np.errstate(all="ignore"):
        out = record.stage(*[aval_of(a) for a in args], **sample.params)(*args)
    found = [np.asarray(o) for o in (out if record.multiple else (out,))]
    if record.name == "scale":
        # Its stage is the optimistic variant: the interpreter runs the exact one instead wherever a nan comes out.
        found = [np.where(np.isnan(a), b, a) for a, b in zip(found, expected, strict=True)]
    compare(record, sample, "stage(avals)(*args) equals evaluate(*args)", found, expected)
    _check_operands(record, sample, args, "what stage returns leaves its operands alone")


def check_inplace(record: Primitive, sample: Sample) -> None:
    """``inplace`` computes what ``evaluate`` does, and overwrites at most its first operand."""
    if record.inplace is None:
        return
    args = operands(sample)
    expected = evaluated(record, operands(sample), sample.params)
    with np.errstate(all="ignore"):
        out = record.inplace(*args, **sample.params)
    found = [np.asarray(o) for o in (out if record.multiple else (out,))]
    compare(record, sample, "inplace(*args) equals evaluate(*args)", found, expected)
    args[0] = np.asarray(sample.args[0])
    _check_operands(record, sample, args, "inplace overwrites at most its first operand")


def check_claims(record: Primitive, sample: Sample) -> None:
    """``commutes`` and ``elementwise`` are true of ``evaluate``."""
    args = operands(sample)
    expected = evaluated(record, args, sample.params)
    if record.commutes:
        swapped = evaluated(record, [args[1], args[0], *args[2:]], sample.params)
        compare(record, sample, "a primitive that commutes may swap its first two operands", swapped, expected)
    if record.elementwise and args and args[0].ndim and args[0].size:
        for k in range(len(args)):
            small = [a[:1] if j == k else a for j, a in enumerate(args)]
            full = [np.broadcast_to(a, args[0].shape) for a in small]
            found = evaluated(record, small if len(args) > 1 else full, sample.params)
            rule = "an elementwise primitive broadcasts as NumPy does"
            compare(record, sample, rule, found, evaluated(record, full, sample.params))
        order = tuple(range(args[0].ndim))[::-1]
        turned = evaluated(record, [a.transpose(order) for a in args], sample.params)
        rule = "an elementwise primitive computes each entry from the entries at its place"
        compare(record, sample, rule, [t.transpose(order) for t in turned], expected)


def check_run(record: Primitive, sample: Sample) -> None:
    """The interpreter, and the interpreter after ``simplify``, give what ``evaluate`` does."""
    args = operands(sample)
    expected = evaluated(record, args, sample.params)
    graph = one_equation(record, args, sample.params)
    compare(record, sample, "the interpreter gives evaluate's values", run(graph, args), expected)
    compare(record, sample, "simplify leaves values alone", run(simplify(graph), args), expected)
    _check_operands(record, sample, args, "the interpreter leaves its inputs alone")


_PYTHON: Final = (np.dtype(float), np.dtype(np.int64), np.dtype(complex), np.dtype(bool))


def check_scalars(record: Primitive, sample: Sample) -> None:
    """Operands of no axes may be NumPy scalars and Python numbers; whatever runs a graph gets those from user code."""
    args = operands(sample)
    if record.elementwise and all(a.size for a in args):
        args = [a.reshape(-1)[:1].reshape(()) for a in args]
    if all(a.ndim for a in args):
        return
    expected = evaluated(record, args, sample.params)
    for python in (False, True):
        given = [(a.item() if python else a[()]) if a.ndim == 0 and a.dtype in _PYTHON else a for a in args]
        compare(record, sample, "evaluate takes scalars", evaluated(record, given, sample.params), expected)
        graph = one_equation(record, given, sample.params)
        compare(record, sample, "the interpreter takes scalars", run(graph, given), expected)


# -- batching ---------------------------------------------------------------------------------------------------------


def variants(x: Any) -> list[Any]:
    """Return three arrays like x with other entries, all as valid as x (as indices, positive, symmetric ...)."""
    if x.dtype == np.bool_:
        return [x, ~x, np.flip(x)]
    if x.dtype.kind in "iu":
        return [x, np.flip(x), x // 2 if x.size and x.min() >= 0 else np.flip(x)]
    return [x, np.flip(x), x * x.dtype.type(0.9)]


def check_batch(record: Primitive, sample: Sample) -> None:
    """``batch`` equals a loop over the batch, for every choice of the operands that are batched."""
    args = operands(sample)
    if not args:
        return
    graph = one_equation(record, args, sample.params)
    for flags in itertools.product((False, True), repeat=len(args)):
        if any(flags):
            _check_batched(record, sample, args, graph, flags)


def _check_batched(record: Primitive, sample: Sample, args: list[Any], graph: Any, flags: tuple[bool, ...]) -> None:
    entries = [variants(a) if flag else [a] * 3 for a, flag in zip(args, flags, strict=True)]
    axes = [0 if flag else None for flag in flags]
    rule = f"batch with batched operands {[k for k, flag in enumerate(flags) if flag]} equals a loop"
    for count in (3, 1, 0):
        stacked = [np.stack(e)[:count] if flag else e[0] for e, flag in zip(entries, flags, strict=True)]
        mapped = verify(batch(graph, count, axes, [0] * len(graph.outputs)))
        found = Program(mapped)(stacked)
        loop = [evaluated(record, [e[k] for e in entries], sample.params) for k in range(count)]
        expected = [
            np.stack([one[k] for one in loop]) if count else np.empty((0, *of.shape), of.dtype)
            for k, of in enumerate(graph.out_avals)
        ]
        compare(record, sample, rule, found, expected)


# -- edges ------------------------------------------------------------------------------------------------------------


def layouts(x: Any) -> Iterator[Any]:
    """Yield arrays equal to x in other memory: strided, reversed, Fortran order, read-only."""
    wide = np.zeros(tuple(2 * n for n in x.shape), x.dtype)
    half: Any = (..., *[slice(None, None, 2)] * x.ndim)
    every_other = wide[half]
    every_other[...] = x
    yield every_other
    yield np.flip(np.flip(x).copy())
    yield np.array(x, order="F")
    locked = x.copy()
    locked.flags.writeable = False
    yield locked


def check_layout(record: Primitive, sample: Sample) -> None:
    """Values do not depend on how an operand lies in memory."""
    args = operands(sample)
    expected = evaluated(record, args, sample.params)
    graph = one_equation(record, args, sample.params)
    program = Program(graph)
    for k, arg in enumerate(args):
        for other in layouts(arg):
            found = program([other if j == k else a for j, a in enumerate(args)])
            compare(record, sample, f"values do not depend on the memory layout of operand {k}", found, expected)
            if any(not np.asarray(out).flags.c_contiguous for out in found):
                raise fail(record, sample, "results are C-contiguous", "an output that is not")


def edge_samples(record: Primitive, sample: Sample) -> list[Sample]:
    """Return samples with every combination of 0, inf, nan ..., and with arrays of size 0 and 1 and of no axes."""
    args = operands(sample)
    if not record.elementwise or not args or any(a.dtype.kind not in "f" for a in args):
        return []
    columns = np.array(list(itertools.product(_EDGES, repeat=len(args)))).T
    with np.errstate(over="ignore", under="ignore"):
        made = [columns, columns[:, :1], columns[:, :0], columns[:, 0], columns[:, :4].reshape(len(args), 2, 1, 2)]
        return [
            Sample(tuple(np.asarray(c).astype(a.dtype) for c, a in zip(group, args, strict=True)), sample.params, False)
            for group in made
        ]


def check_edges(record: Primitive, sample: Sample) -> None:
    """At 0, inf, nan, on empty arrays and on 0-d ones it runs, and the interpreter agrees with ``evaluate``."""
    for edge in edge_samples(record, sample):
        for rule in (check_infer, check_stage, check_run):
            rule(record, edge)


def like(sample: Sample, dtype: Any) -> Sample:
    """Return a sample with its floating-point operands in another precision."""
    args = [np.array(a) for a in sample.args]
    single = np.dtype(dtype) == np.float32

    def kind(a: Any) -> Any:
        if a.dtype.kind == "c":
            return np.complex64 if single else np.complex128
        return dtype if a.dtype.kind == "f" else a.dtype

    return Sample(tuple(a.astype(kind(a)) for a in args), sample.params, sample.smooth)


def outputs_of(record: Primitive, sample: Sample) -> tuple[Any, ...]:
    """Return the avals of the outputs by the shape rule."""
    said = record.infer(*[aval(np.shape(a), np.asarray(a).dtype) for a in sample.args], **sample.params)
    return tuple(said) if record.multiple else (said,)
