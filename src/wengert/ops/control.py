"""Calls of sub-graphs: functions whose derivative the user has given (``custom_jvp``, ``custom_vjp``), and literal
arrays.

The rules in the parameters can run the user's Python and belong to the public API; what is asked of them here is the
protocol of :class:`CallRule` and :class:`PullbackRule`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..core.aval import Aval, aval, aval_of
from ..core.builder import Builder
from ..core.evaluate import evaluate
from ..core.graph import Graph
from ..core.primitive import NoRule, Sample, primitive
from .family import full_like, scaled, with_batch, zero_jvp
from .subgraph import SubGraph


class Literal:
    """An array that belongs to the structure of a graph, compared by identity."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = np.array(array)
        self.array.flags.writeable = False

    def __repr__(self) -> str:
        return repr(aval_of(self.array))


literal = primitive(
    "literal",
    "a constant array",
    evaluate=lambda value: value.array,
    infer=lambda value: aval_of(value.array),
    jvp=zero_jvp,
    transpose=NoRule("a literal has no operand that a cotangent could go to"),
    batch=NoRule("a literal has no operand that could be batched"),
    samples=lambda: [Sample((), {"value": Literal(np.arange(3.0))}, smooth=False)],
    label="gradient stop",
    explanation="a constant has a zero derivative",
)


# -- a function with a rule of its own --------------------------------------------------------------------------------


class CallRule(Protocol):
    """The derivative of a function, given by the user.

    The operands of a ``custom_call`` are the function's ``arguments``, which the rule knows of, and then what it
    captured.
    """

    @property
    def arguments(self) -> int:
        """How many operands are arguments."""

    def push(
        self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any]
    ) -> tuple[Sequence[Any], Sequence[Any]]:
        """Record the outputs and their tangents, with equations linear in ``tangents``, of which None is zero."""

    def refuse_captured(self) -> Exception:
        """Return the error for a tangent of a captured value."""

    def batched(self, size: int, flags: Sequence[bool]) -> CallRule:
        """Return the rule of the batched function."""

    def batched_graph(self, graph: SubGraph, size: int, flags: Sequence[bool]) -> SubGraph:
        """Return the batched function."""


def _run(*args: Any, graph: SubGraph, rule: CallRule) -> tuple[Any, ...]:
    values = evaluate(graph, args)
    return tuple([values[i] for i in graph.outputs])


def _push(primals: Sequence[Any], tangents: Sequence[Any], outs: Any, graph: SubGraph, rule: CallRule) -> Any:
    n = rule.arguments
    if any(t is not None for t in tangents[n:]):
        raise rule.refuse_captured()
    return rule.push(primals[:n], tangents[:n], outs)


def _batch(size: int, args: Sequence[Any], batched: Sequence[bool], graph: SubGraph, rule: CallRule) -> Any:
    inner = rule.batched(size, batched[: rule.arguments])
    return custom_call(*args, graph=rule.batched_graph(graph, size, batched), rule=inner)


custom_call = primitive(
    "custom_call",
    "a function whose derivative the user has given",
    evaluate=_run,
    infer=lambda *avals, graph, rule: graph.out_avals,
    jvp=lambda primals, tangents, outs, **params: _push(primals, tangents, outs, **params)[1],
    push=_push,
    transpose=NoRule("a custom_call is not linear; its pushforward is made of linear equations"),
    batch=_batch,
    samples=lambda: [
        Sample((np.array([0.5, -2.0, 3.0]),), _twice((3,))),
        Sample((np.array(0.5, np.float32),), _twice((), np.float32)),
        Sample((np.empty((0, 2)),), _twice((0, 2))),
    ],
    multiple=True,
    remember=False,
    label="custom rule",
    explanation="the derivative of this part is what the user says it is",
)


@dataclass(frozen=True)
class _TwoX:
    """The rule of x -> 2 x, for the generated tests."""

    arguments: int = 1

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any]) -> Any:
        return outs, (scaled(full_like(primals[0], 2), tangents[0]),)

    def refuse_captured(self) -> Exception:
        raise AssertionError("nothing is captured")

    def batched(self, size: int, flags: Sequence[bool]) -> CallRule:
        return self

    def batched_graph(self, graph: SubGraph, size: int, flags: Sequence[bool]) -> SubGraph:
        (of,) = graph.in_avals
        return _double(aval((size, *of.shape), of.dtype))


def _double(of: Aval) -> SubGraph:
    builder = Builder()
    return SubGraph.of(builder.build([builder.input(of) * 2]), of)


def _twice(shape: tuple[int, ...], dtype: Any = np.float64) -> dict[str, Any]:
    return {"graph": _double(aval(shape, dtype)), "rule": _TwoX()}


# -- the linear part of a custom_vjp ----------------------------------------------------------------------------------


class PullbackRule(Protocol):
    """A linear map that is known by its transpose, the user's backward function.

    The operands of a ``custom_pullback`` are residuals and then tangents of those arguments that ``active`` marks.
    """

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        """What the map makes."""

    def pull(
        self, builder: Builder, residuals: Sequence[Any], cotangents: Sequence[Any], active: tuple[bool, ...]
    ) -> Sequence[Any]:
        """Record what the backward function does; return the cotangents of the active arguments."""

    def forward(self, active: tuple[bool, ...]) -> Graph:
        """Return the map itself, residuals and active tangents -> tangents of the outputs, or raise
        MissingRuleError."""

    def push_all(self, primals: Sequence[Any], tangents: Sequence[Any], active: tuple[bool, ...]) -> Sequence[Any]:
        """Record the pushforward of the map with respect to residuals and tangents."""

    def batched(self, size: int, flags: Sequence[bool], active: tuple[bool, ...]) -> PullbackRule:
        """Return the rule of the batched function; ``flags`` says which active tangents have the batch axis."""


def _pulled_run(*args: Any, rule: PullbackRule, residuals: int, active: tuple[bool, ...]) -> tuple[Any, ...]:
    graph = rule.forward(active)
    values = evaluate(graph, args)
    return tuple([values[i] for i in graph.outputs])


def _pulled_transpose(
    cts: Sequence[Any], *operands: Any, rule: PullbackRule, residuals: int, active: tuple[bool, ...]
) -> Any:
    builder = next(ct.builder for ct in cts if ct is not None)
    cts = [
        builder.full(0, of.shape, of.dtype) if ct is None else ct for ct, of in zip(cts, rule.out_avals, strict=True)
    ]
    return (*(None,) * residuals, *rule.pull(builder, operands[:residuals], cts, active))


def _pulled_jvp(
    primals: Sequence[Any],
    tangents: Sequence[Any],
    outs: Any,
    rule: PullbackRule,
    residuals: int,
    active: tuple[bool, ...],
) -> Any:
    # Linear in the last operands: for constant residuals it is its own pushforward, and can still be transposed.
    if all(t is None for t in tangents[:residuals]):
        moving = tuple([t is not None for t in tangents[residuals:]])
        flags = iter(moving)
        still = tuple([on and next(flags) for on in active])
        ts = [t for t in tangents[residuals:] if t is not None]
        return custom_pullback(*primals[:residuals], *ts, rule=rule, residuals=residuals, active=still)
    return rule.push_all(primals, tangents, active)


def _pulled_batch(
    size: int,
    args: Sequence[Any],
    batched: Sequence[bool],
    rule: PullbackRule,
    residuals: int,
    active: tuple[bool, ...],
) -> Any:
    # A residual gets the batch axis in any case; a tangent without it has a cotangent that is summed over the batch.
    args = [with_batch(size, x, b) for x, b in zip(args[:residuals], batched, strict=False)] + list(args[residuals:])
    return custom_pullback(
        *args, rule=rule.batched(size, batched[residuals:], active), residuals=residuals, active=active
    )


custom_pullback = primitive(
    "custom_pullback",
    "the linear map whose transpose is the user's backward function",
    evaluate=_pulled_run,
    infer=lambda *avals, rule, residuals, active: rule.out_avals,
    jvp=_pulled_jvp,
    transpose=_pulled_transpose,
    batch=_pulled_batch,
    samples=lambda: [
        Sample((np.array([0.5, -2.0]), np.array([1.0, 3.0])), _scaling((2,))),
        Sample((np.array(0.5, np.float32), np.array(2.0, np.float32)), _scaling((), np.float32)),
        Sample((np.empty((0, 2)), np.empty((0, 2))), _scaling((0, 2))),
    ],
    multiple=True,
    remember=False,
    label="custom rule",
    explanation="hands back what the user's backward function computes",
)


@dataclass(frozen=True)
class _Scaling:
    """The map t -> a t with the residual a, for the generated tests."""

    out_avals: tuple[Aval, ...]

    def pull(self, builder: Builder, residuals: Sequence[Any], cotangents: Sequence[Any], active: Any) -> Sequence[Any]:
        return (scaled(residuals[0], cotangents[0]),)

    def forward(self, active: tuple[bool, ...]) -> Graph:
        builder = Builder()
        (of,) = self.out_avals
        return builder.build([scaled(builder.input(of), builder.input(of))])

    def push_all(self, primals: Sequence[Any], tangents: Sequence[Any], active: Any) -> Sequence[Any]:
        (a, t), (da, dt) = primals, tangents
        moved = [scaled(x, y) for x, y in ((t, da), (a, dt)) if y is not None]
        return (moved[0] if len(moved) == 1 else moved[0] + moved[1],)

    def batched(self, size: int, flags: Sequence[bool], active: Any) -> PullbackRule:
        (of,) = self.out_avals
        return _Scaling((aval((size, *of.shape), of.dtype),)) if all(flags) else _Spread(self, size)


@dataclass(frozen=True)
class _Spread:
    """That map with a batch of residuals and one tangent for all."""

    one: _Scaling
    size: int

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        return tuple(aval((self.size, *of.shape), of.dtype) for of in self.one.out_avals)

    def pull(self, builder: Builder, residuals: Sequence[Any], cotangents: Sequence[Any], active: Any) -> Sequence[Any]:
        return (builder.apply_named("reduce_sum", scaled(residuals[0], cotangents[0]), axes=(0,)),)

    def forward(self, active: tuple[bool, ...]) -> Graph:
        builder = Builder()
        a, t = builder.input(self.out_avals[0]), builder.input(self.one.out_avals[0])
        return builder.build([scaled(a, with_batch(self.size, t, False))])

    def push_all(self, primals: Sequence[Any], tangents: Sequence[Any], active: Any) -> Sequence[Any]:
        a, t = primals[0], with_batch(self.size, primals[1], False)
        dt = None if tangents[1] is None else with_batch(self.size, tangents[1], False)
        return _Scaling(self.out_avals).push_all((a, t), (tangents[0], dt), active)

    def batched(self, size: int, flags: Sequence[bool], active: Any) -> PullbackRule:
        raise NotImplementedError("the generated tests batch once")


def _scaling(shape: tuple[int, ...], dtype: Any = np.float64) -> dict[str, Any]:
    return {"rule": _Scaling((aval(shape, dtype),)), "residuals": 1, "active": (True,)}
