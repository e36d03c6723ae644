"""Recording: run a function on tracers and keep what it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from ..core.aval import Aval, aval_of
from ..core.builder import Builder
from ..core.graph import Graph
from ..core.symbol import Sym
from ..core.tree import Tree, flatten
from ..errors import WengertError
from .context import current, enter, leave
from .force import Values
from .rebind import rebound
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

    def __init__(self, builder: Builder, inputs: list[Tracer], outputs: list[Any], structure: Tree) -> None:
        self.builder = builder
        self.inputs = inputs
        self.outputs = outputs
        self.structure = structure
        self.written = [k for k, x in enumerate(inputs) if x.id != builder.inputs[k]]

    def key(self) -> tuple[Any, ...]:
        """What compiled programs are kept under: structure, and which values are returned."""
        builder = self.builder
        outs = tuple([out.id for out in self.outputs])
        writes = tuple([(k, self.inputs[k].id) for k in self.written]) if self.written else ()
        return (*builder.key(), outs, writes)

    def graph(self, names: tuple[str, ...] = (), extra: Sequence[int] = ()) -> Graph:
        """Return the graph: (inputs, constants) -> (outputs, final values of the inputs written into, ``extra``
        values).
        """
        builder = self.builder
        more = [builder.wrap(builder, number, builder.avals[number]) for number in extra]
        return builder.build([*self.outputs, *[self.inputs[k] for k in self.written], *more], names)

    def constants(self) -> list[Any]:
        """Values of the constants captured: concrete, or symbols of outer traces."""
        return [value for _, value in self.builder.constants]


def record(
    function: Callable[..., Any],
    make_args: Callable[[list[Tracer]], tuple[Sequence[Any], dict[str, Any]]],
    avals: Sequence[Aval],
    values: Sequence[Any],
    guarded: bool = False,
    part: bool = False,
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
    """
    outer = current()
    runnable, mutates = rebound(function)
    builder = Builder(level=0 if outer is None else outer.level + 1, wrap=Tracer, snapshot=mutates)
    token = enter(builder)
    try:
        inputs = []
        known = {}
        for of, value in zip(avals, values, strict=True):
            tracer = builder.input(of)
            tracer.is_array = True if of.shape else isinstance(value, np.ndarray)
            known[tracer.id] = value
            inputs.append(tracer)
        guarded = guarded or (outer is not None and outer.context.guarded)
        builder.context = Values(known, guarded, builder if part else None if outer is None else outer.context.part)
        args, kwargs = make_args(inputs)
        try:
            result = runnable(*args, **kwargs)
        except ValueError as error:
            if isinstance(
                error.__cause__, WengertError
            ):  # NumPy puts "setting an array element with a sequence" over it
                raise error.__cause__ from None
            raise
        if type(result) is Tracer:
            outputs: list[Any] = [result]
            structure = LEAF
        else:
            outputs, structure = flatten(result)
        for x in inputs:
            if x.base is not None:
                x.refresh()
        for k, out in enumerate(outputs):
            # A constant is captured here and once, not at every look at the recording.
            if not isinstance(out, Sym) or out.base is not None or out.builder is not builder:
                number = builder.number(out)
                outputs[k] = builder.wrap(builder, number, builder.avals[number])
        return Recording(builder, inputs, outputs, structure)
    finally:
        leave(builder, token)


def value_aval(value: Any) -> Aval:
    """Return the aval of an argument: concrete, or a tracer of an outer trace."""
    return value.aval if isinstance(value, Sym) else aval_of(value)
