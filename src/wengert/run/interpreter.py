"""The interpreter: any graph, run with NumPy, equation by equation.

It is the reference for compiled code and the first tier of execution.  A graph is prepared once (:class:`Program`):
broadcasts that NumPy does by itself disappear, constants are computed, operations are specialised to their shapes,
buffers that are dead are overwritten; running it is then a loop over a list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from ..core.graph import Equation, Graph
from ..ops.branch import taken
from ..ops.loop import iterate

_LARGE: Final = 1 << 16
"""Bytes from which on a dead buffer is given back at once."""


class Program:
    """A graph made ready to run.

    Parameters
    ----------
    graph : Graph
    owned : sequence of int
        Inputs that may be overwritten: the carry of a loop, for its body.

    Notes
    -----
    Products with a partial derivative (the primitive ``scale``) are first run as plain multiplications.  Only if a
    nan comes out
    is the program run again with the exact rule, in which zero wins over inf and nan.
    """

    __slots__ = ("_exact", "_fresh", "_optimistic", "_slots", "_template", "graph")

    def __init__(self, graph: Graph, owned: Sequence[int] = ()) -> None:
        self.graph = graph
        elided = _implicit_broadcasts(graph)
        self._template: list[Any] = [None] * len(graph.avals)
        constants = _constants(graph, self._template)
        self._slots = graph.inputs
        # What has overwritten its inputs cannot be run again, and does not hope for the best.
        steps = _steps(graph, elided, constants, optimistic=not owned, owned=owned)
        self._optimistic = steps
        has_scale = any(e.primitive.name == "scale" for e in graph.equations) and not owned
        self._exact = _steps(graph, elided, constants, optimistic=False) if has_scale else None
        given = set(graph.inputs) | constants
        makers = {i: e.primitive for e in graph.equations for i in e.outputs}
        self._fresh = [i not in given and not makers[i].view and graph.outputs.count(i) == 1 for i in graph.outputs]

    def __call__(self, args: Sequence[Any]) -> list[Any]:
        """Run the program; the results are arrays of their own (C-contiguous) or scalars.

        No floating-point warnings are given: a derivative may pass through inf and nan on branches that are not taken.
        """
        with np.errstate(all="ignore"):
            outs = self._run(self._optimistic, args)
            if self._exact is not None and any(map(_has_nan, outs)):
                outs = self._run(self._exact, args)
        return outs

    def _run(self, steps: list[tuple[Any, ...]], args: Sequence[Any]) -> list[Any]:
        env = self._template.copy()
        for i, arg in zip(self._slots, args, strict=True):
            env[i] = arg
        for run, ins, out, dead in steps:
            if len(ins) == 2:
                value = run(env[ins[0]], env[ins[1]])
            elif len(ins) == 1:
                value = run(env[ins[0]])
            else:
                value = run(*[env[i] for i in ins])
            if type(out) is int:
                env[out] = value
            else:
                for i, part in zip(out, value, strict=True):
                    env[i] = part
            if dead is not None:
                for i in dead:
                    env[i] = None
        return [
            result(env[i], self.graph.avals[i], fresh) for i, fresh in zip(self.graph.outputs, self._fresh, strict=True)
        ]


def result(value: Any, of: Any, fresh: bool) -> Any:
    """Return a value as something that may be given to the user: of the right shape, owned by nobody else,
    C-contiguous.
    """
    if not of.shape and (fresh or not isinstance(value, np.ndarray)):
        return of.dtype.type(value)
    if isinstance(value, np.ndarray) and value.shape == of.shape and value.dtype == of.dtype:
        if fresh and value.base is None and value.flags.c_contiguous:
            return value
        return np.array(value, order="C")
    return np.array(np.broadcast_to(value, of.shape), dtype=of.dtype, order="C")


def _has_nan(value: Any) -> bool:
    if value.dtype.kind not in "fc":
        return False
    if not value.shape:
        return bool(value != value)
    whole = np.add.reduce(value, None)
    return bool(whole != whole and np.isnan(value).any())


# -- preparation ------------------------------------------------------------------------------------------------------


def _constants(graph: Graph, template: list[Any]) -> set[int]:
    """Compute the ``full`` and ``literal`` equations; as read-only views with stride 0 they need no memory."""
    found = set()
    for equation in graph.equations:
        if equation.primitive.name == "full":
            params = dict(equation.params)
            one = params["dtype"].type(params["value"])
            template[equation.outputs[0]] = one if not params["shape"] else np.broadcast_to(one, params["shape"])
            found.add(equation.outputs[0])
        elif equation.primitive.name == "literal":
            template[equation.outputs[0]] = dict(equation.params)["value"].array
            found.add(equation.outputs[0])
    return found


def _implicit_broadcasts(graph: Graph) -> dict[int, int]:
    """Find values whose elementwise readers may read something smaller and let NumPy broadcast: value -> substitute."""
    smaller: dict[int, int] = {}
    for equation in graph.equations:
        if equation.primitive.name == "broadcast":
            params = dict(equation.params)
            shape, axes = params["shape"], params["axes"]
            if axes == tuple(range(len(shape) - len(axes), len(shape))):
                smaller[equation.outputs[0]] = equation.inputs[0]
    return smaller


def _steps(
    graph: Graph, smaller: dict[int, int], constants: set[int], optimistic: bool, owned: Sequence[int] = ()
) -> list[tuple[Any, ...]]:
    """Turn equations into (function, inputs, output, dead values)."""
    substituted, equations = _substitute(graph, smaller)
    last = _last_reads(graph, equations, substituted)
    groups = _Groups(graph, equations, substituted, constants)
    groups.fresh.update(owned)
    steps: list[tuple[Any, ...]] = []
    for k, equation in enumerate(equations):
        if equation.primitive.name in ("full", "literal"):
            continue
        ins = substituted[k]
        record = equation.primitive
        params = dict(equation.params)
        run: Callable[..., Any]
        if record.name in _CONTROL:
            run = _CONTROL[record.name](**params)
        elif record.inplace is not None and groups.may_overwrite(k, ins[0]):
            run = partial(record.inplace, **params)
        elif record.stage is not None and (optimistic or record.name != "scale"):
            run = record.stage(*[graph.avals[i] for i in ins], **params)
        else:
            run = partial(record.evaluate, **params) if params else record.evaluate
        out: Any = equation.outputs if record.multiple else equation.outputs[0]
        dead = [i for i in set(ins) if last[i] == k and graph.avals[i].nbytes >= _LARGE]
        steps.append((run, ins, out, dead or None))
    return steps


def _substitute(graph: Graph, smaller: dict[int, int]) -> tuple[list[tuple[int, ...]], list[Equation]]:
    """Let elementwise equations read unbroadcast operands, and drop the broadcasts that nobody reads any more."""
    reads: list[tuple[int, ...]] = []
    kept: list[Equation] = []
    needed = set(graph.outputs)
    for equation in reversed(graph.equations):
        if needed.isdisjoint(equation.outputs):
            continue
        ins = equation.inputs
        if equation.primitive.elementwise and len(ins) > 1:
            shape = graph.avals[equation.outputs[0]].shape
            ins = tuple([smaller.get(i, i) for i in ins])
            # At least the broadcast of what is read must still have the output's shape.
            if np.broadcast_shapes(*[graph.avals[i].shape for i in ins]) != shape:
                ins = equation.inputs
        needed.update(ins)
        reads.append(ins)
        kept.append(equation)
    return reads[::-1], kept[::-1]


def _last_reads(graph: Graph, equations: list[Equation], reads: list[tuple[int, ...]]) -> list[int]:
    last = [-1] * len(graph.avals)
    for k, ins in enumerate(reads):
        for i in ins:
            last[i] = k
    for i in graph.outputs:
        last[i] = len(equations)
    return last


class _Groups:
    """Which values share memory, and until when the memory of each group is read."""

    def __init__(
        self, graph: Graph, equations: list[Equation], reads: list[tuple[int, ...]], constants: set[int]
    ) -> None:
        self.root: dict[int, int] = {}
        fresh: set[int] = set()
        for equation, ins in zip(equations, reads, strict=True):
            for i in equation.outputs:
                if equation.primitive.view:
                    self.root[i] = self.root.get(ins[0], ins[0])
                elif equation.primitive.inplace is not None:
                    fresh.add(i)
        self.fresh = fresh
        self.last: dict[int, int] = {}
        for k, ins in enumerate(reads):
            for i in ins:
                self.last[self.root.get(i, i)] = k
        for i in graph.outputs:
            self.last[self.root.get(i, i)] = len(equations)

    def may_overwrite(self, k: int, i: int) -> bool:
        """Say whether equation k may write into value i: made by a writing equation, read here for the last time."""
        return i in self.fresh and self.last.get(i) == k


# -- loops and choices ------------------------------------------------------------------------------------------------


class _Parts:
    """Programs of the graphs that an equation holds, made when they are first run."""

    def __init__(self, first_owned: int, last_owned: int) -> None:
        self.range = first_owned, last_owned
        self.programs: dict[int, Program] = {}

    def run(self, graph: Graph, args: Sequence[Any]) -> list[Any]:
        """Run one of the graphs."""
        program = self.programs.get(id(graph))
        if program is None:
            program = self.programs[id(graph)] = Program(graph, graph.inputs[self.range[0] : self.range[1]])
        return program(args)


def _loop(**params: Any) -> Callable[..., Any]:
    """Return what runs a loop: its carry is updated where it stands."""
    first = 1 + params["consts"]
    body, test = _Parts(first, first + params["carry"]), _Parts(0, 0)
    return lambda *args: iterate(body.run, test.run, args, **params)


def _cond(branches: tuple[Graph, ...]) -> Callable[..., Any]:
    """Return what runs one of several branches."""
    parts = _Parts(0, 0)
    return lambda index, *args: parts.run(branches[taken(index, len(branches))], args)


_CONTROL: Final[dict[str, Callable[..., Any]]] = {"loop": _loop, "cond": _cond}
