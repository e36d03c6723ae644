"""nan and inf: which equation made the first one, in which pass, on which line, in which iteration of a loop."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final

import numpy as np

from ..core.graph import Graph
from ..core.show import formula, name, value_names
from ..core.source import Source, user_line
from ..core.symbol import Sym, concrete
from ..core.tree import flatten, tree_map
from ..errors import ArgumentError, BadValueError, explain
from ..run.origin import KINDS, Origin, origin, worst
from ..trace.context import current
from ..transforms.reverse import reverse
from .call import Call, Derived, Primal
from .compile import Jitted
from .inspect import names

_PASSES: Final = {"": "forward", "cotangent": "backward", "tangent": "tangent"}
_SHOWN: Final = 6
"""Entries of an operand that a report shows."""


@dataclass(frozen=True)
class BadValue:
    """Where the first nan or inf comes from.  Made by :func:`find_nan`; false where there is none.

    Attributes
    ----------
    kind : str
        ``"nan"`` or ``"inf"``; empty where every result is finite.
    pass_ : str
        ``"forward"``, ``"backward"`` or, for tangents of forward mode, ``"tangent"``; ``"input"`` where an argument or
        a captured value was bad to begin with.
    equation : str
        The equation as text.
    primitive : str
        Its name.
    line : str
        The user's line that it comes from.
    operands : tuple
        The values that it read.
    value
        What it made of them.
    iteration : tuple of int
        Inside loops: the number of the iteration in each, the outermost first.
    loops : tuple of str
        The lines of these loops.
    cause : BadValue or None
        For a nan that was made from an inf: where the inf comes from.
    """

    kind: str = ""
    pass_: str = ""
    equation: str = ""
    primitive: str = ""
    line: str = ""
    operands: tuple[Any, ...] = ()
    value: Any = None
    iteration: tuple[int, ...] = ()
    loops: tuple[str, ...] = ()
    cause: BadValue | None = None
    labels: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.kind)

    def __str__(self) -> str:
        if not self.kind:
            return "no nan or inf in results and gradients"
        if self.pass_ == "input":
            return f"{self.kind} in {self.labels[0]}, which was given: {_entries(self.value, self.kind)}"
        passes = {"tangent": "tangent of the forward pass"}
        lines = [f"{self.kind} in the {passes.get(self.pass_, self.pass_ + ' pass')}"]
        for loop, k in zip(self.loops, self.iteration, strict=True):
            lines.append(f"  iteration {k} of the loop at {loop}" if loop else f"  iteration {k} of a loop")
        lines.append(f"  at:       {self.line or '(no line of yours)'}")
        lines.append(f"  equation: {self.equation}")
        for label, x in zip(self.labels, self.operands, strict=True):
            lines.append(f"  {label} = {_short(x)}")
        lines.append(f"  result:   {_entries(self.value, self.kind)}")
        if self.cause is not None:
            head, *rest = str(self.cause).split("\n")
            lines += [f"  because of {head}", *[f"  {line}" for line in rest]]
        return "\n".join(lines)


def _short(value: Any) -> str:
    array = np.asarray(value)
    with np.printoptions(threshold=_SHOWN, edgeitems=2, precision=6):
        text = " ".join(str(array).split())
    return text if not array.shape else f"{text}, shape {array.shape}"


def _entries(value: Any, kind: str) -> str:
    array = np.asarray(value)
    if not array.shape:
        return str(array)
    bad = KINDS[kind](array)
    first = [int(k) for k in np.argwhere(bad)[0]]
    return f"{int(bad.sum())} of {array.size} entries, the first at {first}"


def _report(found: Origin, pulls: bool, labels: Sequence[str]) -> BadValue:
    """Put a finding into words."""
    graph, equation = found.graph, found.equation
    known = value_names(graph)
    if found.whole:
        known |= {i: text for i, text in zip(graph.inputs, labels, strict=False) if text}
    value = found.values[found.number]
    if equation is None:
        place = graph.inputs.index(found.number)
        label = labels[place] if place < len(labels) and labels[place] else f"input {place}"
        return BadValue(found.kind, "input", value=value, labels=(label,))
    role = equation.source.role if equation.source is not None else ""
    if role == "tangent" and pulls:
        role = "cotangent"  # a factor of the chain rule, computed for the backward pass
    return BadValue(
        found.kind,
        _PASSES[role],
        f"{', '.join(known.get(i, name(i)) for i in equation.outputs)} = {formula(equation, known)}",
        equation.primitive.name,
        _line(equation.source),
        tuple([found.values[i] for i in equation.inputs]),
        value,
        tuple([k for _, k in found.iterations]),
        tuple([_line(loop.source) for loop, _ in found.iterations]),
        None if found.cause is None else _report(found.cause, pulls, labels),
        tuple([known.get(i, name(i)) for i in equation.inputs]),
    )


def _line(source: Source | None) -> str:
    return "" if source is None else str(source)


def _pulls(graph: Graph) -> bool:
    """Say whether there is a backward pass in a graph."""
    return any(e.source is not None and e.source.role == "cotangent" for e in graph.equations)


def examine(graph: Graph, args: Sequence[Any], kind: str, labels: Sequence[str] = (), pulls: bool = False) -> BadValue:
    """Run a graph and say where its first bad result comes from."""
    found = origin(graph, args, kind)
    return BadValue() if found is None else _report(found, pulls or _pulls(graph), labels)


# -- on request -------------------------------------------------------------------------------------------------------


def find_nan(fun: Callable[..., Any], inf: bool = True) -> Callable[..., BadValue]:
    """Return a function that says where the first nan or inf in a function or its gradient comes from.

    Parameters
    ----------
    fun : callable
        May itself be made by a transform (``wg.find_nan(wg.grad(f))``).
    inf : bool
        Look for inf, too, where there is no nan.

    Returns
    -------
    callable
        Same arguments as ``fun``.  Runs it equation by equation and, if its results are fine, the gradient of their sum
        with respect to all arguments.  Returns a :class:`BadValue`, which prints as a report and is false where there
        was nothing to find.  Bad values that reach no result do not count.

    Raises
    ------
    ArgumentError
        If an argument is no array, number or container of them.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> def length(x):
    ...     return np.sqrt(x)
    >>> found = wg.find_nan(length)(0.0)
    >>> found.kind, found.pass_, found.primitive
    ('inf', 'backward', 'reciprocal')
    >>> bool(wg.find_nan(length)(1.0))
    False
    """

    @functools.wraps(fun)
    def find(*args: Any, **kwargs: Any) -> BadValue:
        call = Call(fun, args, kwargs, tuple(range(len(args))), "find_nan", promote=False)
        recording = call.record()
        graph = recording.graph()
        values = [*call.leaves, *recording.constants()]
        if any(isinstance(x, Sym) and x.builder is not None for x in values):
            raise ArgumentError(
                explain(
                    "wg.find_nan looks at values, and is therefore called outside of transforms.",
                    found="an argument or captured value that is traced",
                    line=user_line(),
                    fix="wg.find_nan(wg.grad(f))(x) instead of wg.grad(wg.find_nan(f))(x)",
                )
            )
        values = [concrete(x) for x in values]
        labels = [*names(call), *["a captured value"] * (len(values) - len(call.leaves))]
        forward = _first(graph, values, labels, inf)
        if forward:
            return forward
        active = [of.is_inexact for of in graph.in_avals]
        active[len(call.leaves) :] = [False] * (len(active) - len(call.leaves))
        outputs = [of.is_inexact for of in graph.out_avals]
        if not any(active) or not any(outputs):
            return BadValue()
        whole = reverse(graph, active, outputs)
        ones = [np.ones(of.shape, of.dtype) for of, on in zip(graph.out_avals, outputs, strict=True) if on]
        return _first(whole, [*values, *ones], labels, inf)

    return find


def _first(graph: Graph, args: Sequence[Any], labels: Sequence[str], inf: bool) -> BadValue:
    for kind in KINDS if inf else ("nan",):
        found = examine(graph, args, kind, labels)
        if found:
            return found
    return BadValue()


# -- at every call ----------------------------------------------------------------------------------------------------


class debug_nans:
    """Check the results of every transformed or jitted call for nan and inf, and raise where one comes from.

    Works as a context manager and as a switch: ``wg.debug_nans()`` switches the checks on for the whole process,
    ``wg.debug_nans(False)`` off; at the end of a ``with`` block they are as they were before.

    While they are on, a call whose results are bad is run again, equation by equation, and raises a
    :class:`~wengert.errors.BadValueError` with a report as :func:`find_nan` makes it (in its attribute ``report``).
    While they are off, they cost nothing: no code for them is in the way.

    Parameters
    ----------
    on : bool
    inf : bool
        Take inf as bad, too.

    Raises
    ------
    BadValueError
        At calls made while the checks are on; it is also a ``FloatingPointError``.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> with wg.debug_nans():
    ...     try:
    ...         wg.grad(lambda x: np.log(x - 1.0))(0.5)
    ...     except FloatingPointError as error:
    ...         print(error.report.primitive, error.report.pass_)
    log forward
    """

    def __init__(self, on: bool = True, *, inf: bool = True) -> None:
        self._before = _STATE[:]
        _switch(on, inf)

    def __enter__(self) -> debug_nans:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _switch(*self._before)


_STATE: Final = [False, True]
"""Whether results are checked, and whether inf counts."""
_RUN: Final = Derived.run
_CALL: Final = Jitted.__call__
_SPLITS: Final[deque[tuple[Derived, Sequence[Any], list[Any]]]] = deque(maxlen=64)
"""Runs of primal parts whose residuals a linear part may be given: derivative, arguments, results."""


def _switch(on: bool, inf: bool) -> None:
    """Put the checks into the two places that all calls go through, or take them out."""
    _STATE[:] = [on, inf]
    _SPLITS.clear()
    Derived.run = _checked_run if on else _RUN  # type: ignore[method-assign]
    Jitted.__call__ = _checked_call if on else _CALL  # type: ignore[method-assign]


def _checked_run(self: Derived, args: Sequence[Any]) -> list[Any]:
    outs = _RUN(self, args)
    if any(isinstance(x, Sym) and x.builder is not None for x in args):
        return outs  # recorded, not run
    results = outs
    if isinstance(self, Primal):
        _SPLITS.append((self, args, outs))
        results = outs[: self.results]
    kind = worst([concrete(x) for x in results], _STATE[1])
    if kind:
        raise bad_value(_explained(self.graph, args, kind))
    return outs


def _explained(graph: Graph, args: Sequence[Any], kind: str) -> BadValue:
    """Examine a graph, and the primal part that its residuals were computed by."""
    args = [concrete(x) for x in args]
    found = origin(graph, args, kind)
    if found is None:
        return BadValue()
    if found.equation is None:
        given = args[graph.inputs.index(found.number)] if found.whole else None
        for primal, its, outs in reversed(_SPLITS):
            for i, out in zip(primal.graph.outputs, outs, strict=True):
                if given is not None and concrete(out) is given:
                    part = replace(primal.graph, outputs=(i,))
                    return examine(part, [concrete(x) for x in its], kind, pulls=_pulls(graph))
    return _report(found, _pulls(graph), ())


def _checked_call(self: Jitted, *args: Any, **kwargs: Any) -> Any:
    if current() is not None:
        return _CALL(self, *args, **kwargs)
    kept = tree_map(lambda x: x.copy() if isinstance(x, np.ndarray) else x, (args, kwargs))  # it may be written into
    result = _CALL(self, *args, **kwargs)
    kind = worst(flatten(result)[0], _STATE[1])
    if kind:
        leaves, graph = self.recorded(*kept)
        raise bad_value(examine(graph, leaves, kind))
    return result


def bad_value(report: BadValue) -> BadValueError:
    """Return the error for a bad result."""
    if not report:
        text = "Results of compiled code have nan or inf that the interpreter does not see; please report this."
        return BadValueError(explain(text, line=user_line()), report)
    head, *rest = str(report).split("\n")
    fix = "  fix:   keep the operands inside of the domain: np.where on the operand itself, np.clip, a small constant"
    called = [] if report.line else [f"  called:   {user_line()}"]  # np.log itself was transformed: no line inside
    return BadValueError("\n".join([f"Results are finite numbers: {head}.", *rest, *called, fix]), report)
