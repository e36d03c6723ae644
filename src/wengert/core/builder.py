"""The builder: where graphs grow, one equation at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from ..errors import DtypeError, LeakedTracerError, ShapeError, explain, located
from .aval import Aval, aval_of
from .graph import Equation, Graph, Params, prune
from .primitive import PRIMITIVES, Primitive
from .source import Source, user_line, user_source
from .symbol import Sym

_MAX_INFERRED: Final = 20_000
GUARD: Final = "guard"
"""First item of a code entry that is not an equation but something that Python saw."""


class Builder:
    """A graph under construction.

    An operation appends an entry to ``code`` and runs nothing.  The list of entries, with the avals of the inputs,
    *is* the structure of the program: two recordings with equal lists are the same program with other numbers in
    it, and
    :meth:`key` is therefore what compiled programs are kept under.

    Parameters
    ----------
    level : int
        Nesting depth of the trace.  Where symbols of several builders meet, the innermost (highest) records, and
        the others' become explicit inputs of it: nested derivatives cannot be confused.
    wrap : type
        What to hand out for a value: :class:`Sym` in transforms, the NumPy-like tracer when user code runs.
    reuse : bool
        Give out an existing value where the same operation is asked for again (common subexpressions).
    snapshot : bool
        Copy captured arrays, because the code being recorded may overwrite them before the graph runs.

    Attributes
    ----------
    place, lasti
        The user's code object and instruction offset (or a whole :class:`Source`) that equations are attributed to.
    context
        What the trace keeps with its builder.
    """

    __slots__ = (
        "_by_identity",
        "_seen",
        "avals",
        "code",
        "constants",
        "context",
        "finished",
        "inputs",
        "lasti",
        "level",
        "place",
        "places",
        "snapshot",
        "wrap",
    )

    def __init__(
        self, level: int = 0, wrap: type[Sym] = Sym, *, reuse: bool = False, snapshot: bool = False, context: Any = None
    ) -> None:
        self.level = level
        self.wrap = wrap
        self.snapshot = snapshot
        self.context = context
        self.avals: list[Aval] = []
        self.code: list[tuple[Any, ...]] = []
        self.places: list[Any] = []
        self.inputs: list[int] = []
        self.constants: list[tuple[int, Any]] = []
        self.finished = False
        self.place: Any = None
        self.lasti = 0
        self._by_identity: dict[Any, tuple[int, Any]] = {}
        self._seen: dict[Any, int] | None = {} if reuse else None

    # -- inputs ---------------------------------------------------------------------------------------------------

    def input(self, of: Aval) -> Any:
        """Add an input."""
        number = self._given(of)
        self.inputs.append(number)
        return self.wrap(self, number, of)

    def _given(self, of: Aval) -> int:
        """Number a value that no equation makes; its entry in the code is just its aval."""
        number = len(self.avals)
        self.avals.append(of)
        self.code.append((None, of))
        self.places.append(None)
        return number

    def constant(self, value: Any, of: Aval | None = None) -> int:
        """Capture a concrete value as an input whose value belongs to this run, not to the structure."""
        if isinstance(value, np.ndarray):
            if self.snapshot and value.flags.writeable:
                value = value.copy()
            else:
                found = self._by_identity.get(id(value))
                if found is not None:
                    return found[0]
        number = self.capture(value, aval_of(value) if of is None else of)
        if isinstance(value, np.ndarray):
            self._by_identity[id(value)] = (number, value)  # the reference keeps the id from being given out again
        return number

    def capture(self, value: Any, of: Aval) -> int:
        """Capture a value; as :meth:`constant`, without looking at it."""
        number = self._given(of)
        self.constants.append((number, value))
        return number

    def lift(self, value: Any) -> int:
        """Return the number here of something that is not a value of this builder yet."""
        if not isinstance(value, Sym):
            return self.constant(value)
        owner = value.builder
        if owner is None:
            return self.constant(value.share())
        if owner is self:
            return value.id
        if owner.finished:
            raise leaked(value)
        key = (id(owner), value.id)
        found = self._by_identity.get(key)
        if found is None:
            outer = Sym(owner, value.id, value.aval)
            number = self.capture(outer, value.aval)
            found = self._by_identity[key] = (number, outer)
        return found[0]

    # -- equations ------------------------------------------------------------------------------------------------

    def apply(self, record: Primitive, args: Sequence[Any], params: Params = ()) -> Any:
        """Append an equation; return its output, or the tuple of its outputs."""
        if self.finished:
            raise leaked(args[0] if args else None)
        ins = []
        for arg in args:
            if isinstance(arg, Sym):
                if arg.base is not None:
                    arg.refresh()
                ins.append(arg.id if arg.builder is self else self.lift(arg))
            else:
                ins.append(self.lift(arg))
        first = self.emit(record, tuple(ins), params)
        if not record.multiple:
            return self.wrap(self, first, self.avals[first])
        count = len(self.inferred(record, tuple(ins), params))
        return tuple([self.wrap(self, i, self.avals[i]) for i in range(first, first + count)])

    def emit(self, record: Primitive, ins: tuple[int, ...], params: Params = ()) -> int:
        """Append an equation over values given by number; return the number of its first output."""
        seen = self._seen
        if seen is not None:
            same = seen.get((record, ins, params))
            if same is not None:
                return same
        avals = self.avals
        key = (params, *[avals[i] for i in ins])
        outs = record.inferred.get(key)
        if outs is None:
            outs = infer(record, key)
        first = len(avals)
        # The instruction's offset is part of the structure: what a cached program says of the user's line is then
        # right.
        self.code.append((record, ins, params, self.lasti))
        self.places.append(self.place)
        avals.extend(outs)
        if seen is not None:
            seen[(record, ins, params)] = first
        return first

    def at_user_line(self) -> None:
        """Attribute the equations that follow to the user's line that is running, whatever was recorded before."""
        source = user_source()
        if source is not None:
            self.place, self.lasti = source.code, source.lasti

    def output(self, number: int) -> Any:
        """Return the value that :meth:`emit` has just numbered."""
        return self.wrap(self, number, self.avals[number])

    def apply_named(self, name: str, *args: Any, **params: Any) -> Any:
        """Apply the primitive of this name."""
        return PRIMITIVES[name](*args, **params)

    def operator(self, name: str, x: Any, y: Any) -> Any:
        """Apply an elementwise primitive to symbols of one shape and dtype, or one symbol and a Python number."""
        if not isinstance(x, Sym):
            x = self.full_like(y, x)
        elif not isinstance(y, Sym):
            y = self.full_like(x, y)
        return PRIMITIVES[name](x, y)

    def full(self, value: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an array filled with one number that belongs to the structure."""
        if isinstance(value, float) and value == 0 and math.copysign(1.0, value) < 0:
            # Structures are compared, and -0.0 == 0.0; no parameter is ever -0.0.
            return self.apply_named("neg", self.full(0.0, shape, dtype))
        return self.apply(PRIMITIVES["full"], (), (("value", value), ("shape", shape), ("dtype", np.dtype(dtype))))

    def full_like(self, like: Sym, value: Any) -> Any:
        return self.full(value, like.aval.shape, like.aval.dtype)

    def finish(self) -> None:
        """End the trace: its symbols are dead from now on."""
        self.finished = True

    def guard(self, kind: str, number: int, value: Any) -> None:
        """Note that Python saw this value: a recording in which it comes out otherwise is another structure."""
        self.code.append((GUARD, kind, number, value))
        self.places.append(None)

    # -- the result -----------------------------------------------------------------------------------------------

    def key(self) -> tuple[Any, ...]:
        """The structure: equal keys mean the same program."""
        return (tuple(self.inputs), tuple(self.code))

    def entries(self, start: int = 0, first: int = 0) -> Iterator[tuple[int, tuple[int, ...], tuple[Any, ...], Any]]:
        """Yield position, output numbers, entry and place of each equation.

        Values are numbered as they come, so that where the numbers of one entry begin follows from the entries before
        it:
        ``start`` and ``first`` say where to go on.
        """
        for k in range(start, len(self.code)):
            entry = self.code[k]
            record = entry[0]
            if record is None:
                first += 1
            elif record is not GUARD:
                count = len(self.inferred(record, entry[1], entry[2])) if record.multiple else 1
                yield k, tuple(range(first, first + count)), entry, self.places[k]
                first += count

    def equations(self) -> list[Equation]:
        """All equations so far, in the order of recording, which is topological."""
        result = []
        for _, outs, (record, ins, params, lasti), place in self.entries():
            source = place if place is None or isinstance(place, Source) else Source(place, lasti)
            result.append(Equation(record, ins, outs, params, source))
        return result

    def build(self, outputs: Iterable[Any], names: tuple[str, ...] = ()) -> Graph:
        """Return the graph that computes ``outputs`` (symbols) from the inputs and then the constants."""
        outs = tuple([self.number(out) for out in outputs])
        equations = tuple(prune(self.equations(), outs))
        inputs = tuple(self.inputs) + tuple([number for number, _ in self.constants])
        return Graph(tuple(self.avals), inputs, equations, outs, names)

    def number(self, value: Any) -> int:
        """Return the number of a symbol or of a concrete value in this builder."""
        if isinstance(value, Sym):
            if value.base is not None:
                value.refresh()
            if value.builder is self:
                return value.id
        return self.lift(value)

    def inferred(self, record: Primitive, ins: tuple[int, ...], params: Params) -> tuple[Aval, ...]:
        """Avals of the outputs, by the primitive's shape rule."""
        key = (params, *[self.avals[i] for i in ins])
        return record.inferred.get(key) or infer(record, key)


def infer(record: Primitive, key: tuple[Any, ...]) -> tuple[Aval, ...]:
    """Run a shape rule and remember what it says."""
    params, *avals = key
    try:
        outs = record.infer(*avals, **dict(params))
    except (ShapeError, DtypeError) as error:
        raise type(error)(located(str(error), user_line())) from None
    if not record.multiple:
        outs = (outs,)
    if record.remember:
        if len(record.inferred) > _MAX_INFERRED:
            record.inferred.clear()
        record.inferred[key] = outs
    return tuple(outs)


def leaked(value: Any) -> LeakedTracerError:
    """Return the error for a traced value that is used after its trace has ended."""
    return LeakedTracerError(
        explain(
            "A traced value lives only as long as the function call that it was made in.",
            found=f"{value!r}, used after its function had returned",
            line=user_line(),
            fix="return the value from the differentiated function (has_aux=True gives it back beside the gradient) "
            "instead of keeping it in a global, an attribute or a closure",
        )
    )


def inline(graph: Graph, builder: Builder, args: Sequence[Any]) -> list[Any]:
    """Record a graph's equations in another builder, with ``args`` for its inputs; return its outputs."""
    env: list[Any] = [None] * len(graph.avals)
    for i, arg in zip(graph.inputs, args, strict=True):
        env[i] = arg
    outer = builder.place
    for equation in graph.equations:
        builder.place = equation.source
        outs = builder.apply(equation.primitive, [env[i] for i in equation.inputs], equation.params)
        if equation.primitive.multiple:
            for i, out in zip(equation.outputs, outs, strict=True):
                env[i] = out
        else:
            env[equation.outputs[0]] = outs
    builder.place = outer
    return [env[i] for i in graph.outputs]
