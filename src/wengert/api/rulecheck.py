"""Recording the user's derivative rules, and checking what they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..core.aval import Aval
from ..core.builder import Builder, inline
from ..core.graph import Equation, Graph
from ..core.source import Source
from ..core.symbol import Sym
from ..core.tree import Tree, flatten, shown, unflatten
from ..errors import ArgumentError, DtypeError, LeakedTracerError, MissingRuleError, ShapeError, explain
from ..ops.control import Literal, literal
from ..trace.force import UNKNOWN
from ..trace.rebind import rebound
from ..trace.record import Recording, record, value_aval
from ..trace.tracer import Tracer, is_traced
from ..transforms.linearize import linearize

_FIRST_LINE = -2  # an offset of no instruction: Source.lineno is then the function's first line


def where(function: Any) -> str:
    """Return where a function of the user's is defined."""
    while not hasattr(function, "__code__"):
        inside = [getattr(function, name, None) for name in ("__wrapped__", "func", "__func__")]
        function = next((f for f in inside if f is not None), None)
        if function is None:
            return ""
    return str(Source(function.__code__, _FIRST_LINE))


@dataclass(frozen=True)
class KnownCall:
    """The call whose rule is being recorded: asked for again by the rule, its result is there already.

    That is more than saving work: the function may have branched on values, which are not known while the rule is
    recorded.
    """

    owner: Any
    tree: Tree
    leaves: Sequence[Any]
    result: Any

    def matches(self, owner: Any, tree: Tree, leaves: Sequence[Any]) -> bool:
        """Say whether this is the same call: of the same function on the same values."""
        return owner is self.owner and tree == self.tree and all(map(_same, leaves, self.leaves))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tracer) and isinstance(b, Tracer):
        a.refresh()
        return a.builder is b.builder and a.id == b.id
    return a is b


_KNOWN: Final[ContextVar[KnownCall | None]] = ContextVar("wengert_rule", default=None)


def known_call(owner: Any, tree: Tree, leaves: Sequence[Any]) -> KnownCall | None:
    """Return the call whose rule is being recorded, if this is the same one."""
    known = _KNOWN.get()
    return known if known is not None and known.matches(owner, tree, leaves) else None


def record_rule(
    function: Any,
    name: str,
    make_args: Callable[[list[Any]], tuple[Sequence[Any], KnownCall | None]],
    avals: Sequence[Aval],
    keep: Callable[[Any], Any] | None = None,
) -> Recording:
    """Run a rule on tracers; the values are not known.

    ``make_args`` returns the rule's arguments and the call that it belongs to; ``keep`` says what of its result is
    recorded.
    """

    def run(args: Sequence[Any], known: KnownCall | None) -> Any:
        token = _KNOWN.set(known)
        try:
            result = rebound(function)[0](*args)
        finally:
            _KNOWN.reset(token)
        return result if keep is None else keep(result)

    try:
        return record(run, lambda tracers: (make_args(tracers), {}), avals, [UNKNOWN] * len(avals))
    except LeakedTracerError as error:
        raise captured(name, function) from error


def captured(name: str, function: Any) -> MissingRuleError:
    """Return the error for a rule that reads a traced value which is not among its arguments."""
    return MissingRuleError(
        explain(
            f"The derivative rule of {name} reads traced values from its arguments only.",
            found="a traced value captured from outside",
            line=where(function),
            fix=f"make the captured value an argument of {name}, so that the rule is given it",
        )
    )


def closed(recording: Recording, outputs: Sequence[Any], wanted: Sequence[Aval], name: str) -> Graph:
    """Return the graph of a recorded rule: inputs -> some of its results, in the dtypes wanted; captured arrays
    become literals."""
    recorder = recording.builder
    try:
        numbers = [recorder.number(out) for out in outputs]
        graph = recorder.build([Sym(recorder, i, recorder.avals[i]) for i in numbers])
    except LeakedTracerError as error:
        raise captured(name, None) from error
    builder = Builder(reuse=True)
    inputs = [builder.input(graph.avals[i]) for i in recorder.inputs]
    constants = [_constant(builder, value, name) for value in recording.constants()]
    outs = inline(graph, builder, [*inputs, *constants])
    return builder.build(
        [
            out if out.aval.dtype == of.dtype else builder.apply_named("convert", out, dtype=of.dtype)
            for out, of in zip(outs, wanted, strict=True)
        ]
    )


def _constant(builder: Builder, value: Any, name: str) -> Any:
    if isinstance(value, Sym):
        raise captured(name, None)
    array = np.asarray(value)
    if array.shape:
        return builder.apply(literal, (), (("value", Literal(array)),))
    return builder.full(array.item(), (), array.dtype)


class Residuals:
    """What a forward rule hands to its backward rule: traced values go through the graph, anything else stays as it
    is."""

    def __init__(self) -> None:
        self.leaves: list[Any] = []
        self.places: list[int] = []
        self.tree: Tree | None = None

    def keep(self, result: Any) -> Any:
        """Return the result of a forward rule with its traced residuals as a list."""
        if type(result) not in (tuple, list) or len(result) != 2:
            return result
        self.leaves, self.tree = flatten(result[1])
        self.places = [k for k, leaf in enumerate(self.leaves) if is_traced(leaf)]
        return result[0], [self.leaves[k] for k in self.places]

    def restore(self, values: Sequence[Any]) -> Any:
        """Return the residuals as the backward rule expects them."""
        leaves = list(self.leaves)
        for k, value in zip(self.places, values, strict=True):
            leaves[k] = value
        return unflatten(self.tree, leaves)  # type: ignore[arg-type]


# -- what rules return ------------------------------------------------------------------------------------------------


def parts_of(structure: Tree, count: int, form: str, function: Any) -> Sequence[Tree]:
    """Return the parts of a rule's result, a tuple of so many."""
    children = structure.children()
    if structure.type not in (tuple, list) or len(children) != count:
        raise ArgumentError(
            explain(
                f"This rule returns {form}.",
                found=f"{shown(structure)}, expected {count} entr{'y' if count == 1 else 'ies'}",
                line=where(function),
                fix="return (cotangent,)" if count == 1 else f"return a tuple of {count}",
            )
        )
    return children


def leaf_avals(leaves: Sequence[Any]) -> list[Aval]:
    """Return the avals of a rule's results."""
    return [value_aval(leaf) for leaf in leaves]


def check_like(
    tree: Tree, found: Sequence[Aval], wanted_tree: Tree, wanted: Sequence[Aval | None], what: str, function: Any
) -> None:
    """Check structure, shapes and dtypes; a Python number takes the dtype that is wanted, an aval of None takes
    anything."""
    if tree != wanted_tree:
        raise ArgumentError(
            explain(
                f"{what} comes in the same containers as what it belongs to.",
                found=f"{shown(tree)}, expected {shown(wanted_tree)}",
                line=where(function),
                fix="return it in the expected containers",
            )
        )
    for has, of in zip(found, wanted, strict=True):
        if of is None or not of.is_inexact:
            continue
        if has.shape != of.shape:
            raise ShapeError(
                explain(
                    f"{what} has the shape of what it belongs to.",
                    found=f"{has!r}, expected {of!r}",
                    line=where(function),
                    fix=f"reshape, sum or np.broadcast_to it to {of.shape}",
                )
            )
        if has.dtype != of.dtype and not has.weak and not of.weak:
            raise DtypeError(
                explain(
                    f"{what} has the dtype of what it belongs to.",
                    found=f"{has!r}, expected {of!r}",
                    line=where(function),
                    fix=f"convert it with .astype(np.{of.dtype.name})",
                )
            )


# -- linearity --------------------------------------------------------------------------------------------------------


def _reached(graph: Graph, flags: Sequence[bool]) -> set[int]:
    """Return the values that depend on the inputs marked."""
    found = {i for i, flag in zip(graph.inputs, flags, strict=True) if flag}
    for equation in graph.equations:
        if not found.isdisjoint(equation.inputs):
            found.update(equation.outputs)
    return found


def is_linear_in(graph: Graph, flags: Sequence[bool]) -> bool:
    """Say whether a graph is linear in the inputs marked: its derivative there exists and does not depend on them."""
    parts = linearize(graph, flags)
    moving = _reached(graph, flags)
    if any(i in moving and i not in parts.values for equation in graph.equations for i in equation.outputs):
        return False  # something like sign(t), whose derivative is zero
    given = _reached(parts.primal, flags)
    return given.isdisjoint(parts.primal.outputs[len(graph.outputs) :])


def check_linear(graph: Graph, flags: Sequence[bool], function: Any) -> None:
    """Refuse a rule whose result is not linear in the tangents."""
    if not is_linear_in(graph, flags):
        raise ArgumentError(
            explain(
                "The tangent that a rule returns is linear in the tangents that it is given.",
                found="a tangent that depends on them in another way (a product of two, a comparison, a clip ...)",
                line=where(function),
                fix="return a sum of (coefficient of the primals) * tangent",
            )
        )
    moving = _reached(graph, flags)
    makers = {i: equation for equation in graph.equations for i in equation.outputs}
    for i in graph.outputs:
        if i not in moving and graph.avals[i].is_inexact and any(flags) and not _is_zero(makers, i):
            raise ArgumentError(
                explain(
                    "The tangent that a rule returns is linear in the tangents that it is given.",
                    found=f"a tangent {graph.avals[i]!r} that does not depend on them",
                    line=where(function),
                    fix="multiply the derivative by the tangent; a tangent that is zero is np.zeros_like(x)",
                )
            )


def _is_zero(makers: dict[int, Equation], i: int) -> bool:
    maker = makers.get(i)
    while maker is not None and maker.primitive.name in ("broadcast", "reshape", "convert", "copy"):
        maker = makers.get(maker.inputs[0])
    if maker is None:
        return False
    params: dict[str, Any] = dict(maker.params)
    if maker.primitive.name == "full":
        return bool(params["value"] == 0)
    return maker.primitive.name == "literal" and not np.any(params["value"].array)
