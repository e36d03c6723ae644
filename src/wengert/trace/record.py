"""Recording: run a function on tracers and keep what it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ..core.aval import Aval, aval_of
from ..core.graph import Graph
from ..core.symbol import Sym
from ..core.tree import Tree, flatten
from ..errors import WengertError
from .context import current, enter, leave
from .rebind import rebound
from .recorder import Recorder, root
from .tracer import Tracer

LEAF: Final = flatten(0.0)[1]
"""The container of a function that returns a single value."""


class Recording:
    """One run of a function, written down.

    Attributes
    ----------
    builder : Builder
    outputs : list
        Leaves of what the function returned: tracers or concrete values.
    structure : Tree
        The container they came in.
    inputs : list of Tracer
        The tracers given to the function, in order.
    written : list of int
        Which of them the function wrote into.
    """

    __slots__ = ("builder", "inputs", "outputs", "structure", "written")

    def __init__(
        self, builder: Recorder, inputs: list[Tracer], outputs: list[Any], structure: Tree, written: list[int]
    ) -> None:
        self.builder = builder
        self.inputs = inputs
        self.outputs = outputs
        self.structure = structure
        self.written = written

    def outcome(self) -> Any:
        """Which values are returned, and which the inputs written into have in the end."""
        if len(self.outputs) == 1 and not self.written:
            return self.outputs[0].id
        outs = tuple([out.id for out in self.outputs])
        return (outs, tuple([(k, self.inputs[k].id) for k in self.written])) if self.written else outs

    def key(self) -> tuple[Any, ...]:
        """What compiled programs are kept under: structure and outcome."""
        return (*self.builder.key(), self.outcome())

    def graph(self, names: tuple[str, ...] = (), extra: Sequence[int] = ()) -> Graph:
        """Return the graph: (inputs, constants) -> (outputs, final values of the inputs written into, ``extra``
        values).
        """
        builder = self.builder
        more = [builder.wrap(builder, number, builder.avals[number]) for number in extra]
        return builder.build([*self.outputs, *[self.inputs[k] for k in self.written], *more], names)

    def constants(self) -> list[Any]:
        """Values of the constants captured: concrete, or symbols of outer traces."""
        return self.builder.values


def record(
    function: Callable[..., Any],
    make_args: Callable[[list[Tracer]], tuple[Sequence[Any], dict[str, Any]]],
    avals: Sequence[Aval],
    values: Sequence[Any],
    guarded: bool = False,
    part: bool = False,
    kept: bool = False,
) -> Recording:
    """Run a function on tracers.

    Parameters
    ----------
    function
        The user's function.
    make_args
        Takes the tracers and returns positional and keyword arguments for it.
    avals
        Shapes and dtypes of the tracers.
    values
        Their values, for Python's questions (``if x > 0``): concrete, or symbols of an outer trace, or
        :data:`~wengert.trace.force.BATCHED`.
    guarded
        The recording will be used for other values than these, so that all that Python sees must be noted as guards.
    part
        The function is a loop's body or a branch: it may run many times or not at all, so that it must not write into
        arrays from outside.
    kept
        What is recorded is kept, so that it is recognised when the function is called again.  Lines of the user's
        program are then those of the first recording: not for graphs that are shown.
    """
    outer = current()
    runnable, mutates = rebound(function)
    start = root(function) if kept else None
    builder = Recorder(0 if outer is None else outer.level + 1, Tracer, start, mutates)
    builder.guarded = guarded or (outer is not None and outer.guarded)
    token = enter(builder)
    try:
        builder.part = builder if part else None if outer is None else outer.part
        builder.outer = outer
        inputs = builder.begin(avals, values)
        args, kwargs = make_args(inputs)
        try:
            result = runnable(*args, **kwargs)
        except ValueError as error:
            if isinstance(error.__cause__, WengertError):
                raise error.__cause__ from None  # NumPy puts "setting an array element with a sequence" over it
            raise
        if type(result) is Tracer:
            outputs: list[Any] = [result]
            structure = LEAF
        else:
            outputs, structure = flatten(result)
        written = []
        for k, x in enumerate(inputs):
            if x.base is not None:
                x.refresh()
            if x.id != k:
                written.append(k)
        for k, out in enumerate(outputs):
            # A constant is captured here and once, not at every look at the recording.
            if type(out) is not Tracer or out.base is not None or out.builder is not builder:
                outputs[k] = builder.output(builder.number(out))
        return Recording(builder, inputs, outputs, structure, written)
    finally:
        leave(builder, token)


def value_aval(value: Any) -> Aval:
    """Return the aval of an argument: concrete, or a tracer of an outer trace."""
    return value.aval if isinstance(value, Sym) else aval_of(value)
