"""One call of a transformed function: arguments in, recording, derived graph from the cache, results out."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval, aval_of
from ..core.builder import inline, leaked
from ..core.graph import Graph
from ..core.source import user_line
from ..core.symbol import Sym
from ..core.tree import Tree, flatten, unflatten
from ..errors import ArgumentError, IntegerInputError, explain
from ..run.cache import PROGRAMS
from ..run.tiers import Tiered
from ..trace import functions
from ..trace.context import current
from ..trace.record import LEAF, Recording, record
from ..trace.tracer import Tracer, wrap_result
from ..transforms.simplify import simplify

__all__ = ["functions"]


class Derived:
    """A graph made by a transform, with the program that runs it once it is needed."""

    __slots__ = ("__weakref__", "_program", "eager", "era", "graph", "used")

    def __init__(self, graph: Graph, eager: bool = False) -> None:
        self.eager = eager
        self.used = True
        self.era = PROGRAMS.era
        self.graph = simplify(graph)
        self._program: Tiered | None = None

    def run(self, args: Sequence[Any]) -> list[Any]:
        """Run the graph on concrete values; record it where one of them is a value of an outer trace."""
        if not _SYMBOLS.isdisjoint(map(type, args)):
            return self._record(args)
        program = self._program
        if program is None:
            program = self._program = Tiered(self.graph, self.eager)
        outs = (program.native or program)(args)
        return outs if current() is None else [wrap_result(out) for out in outs]

    def _record(self, args: Sequence[Any]) -> list[Any]:
        """Record the graph in the innermost trace that one of the arguments belongs to."""
        builder = max((arg.builder for arg in args if isinstance(arg, Sym)), key=lambda b: b.level)
        return inline(self.graph, builder, [symbol(builder, arg) for arg in args])


class Primal(Derived):
    """The primal part of a linearized graph: its first outputs are ``results``, the others residuals."""

    __slots__ = ("results",)

    def __init__(self, graph: Graph, residuals: int, eager: bool = False) -> None:
        super().__init__(graph, eager)
        self.results = len(graph.outputs) - residuals


def symbol(builder: Any, value: Any) -> Any:
    """Return a value as a symbol of a builder."""
    if isinstance(value, Sym) and value.builder is builder:
        return value
    number = builder.number(value)
    return builder.wrap(builder, number, builder.avals[number])


def derived(kind: Any, recording: Recording, make: Callable[[Graph], Graph], eager: bool = False) -> Derived:
    """Return what a transform makes of a recording, from the cache where the structure has been seen before.

    With ``eager`` it is never interpreted: memory is planned for the compiled program.
    """
    # Where a recording has ended says what its structure is: see trace/recorder.py.  The cache decides how long a
    # program lives; the node only knows where it is.
    end, outcome = recording.builder.end, (kind, recording.outcome())
    known = end.get(outcome)
    found = None if known is None else known()
    if found is None or found.era != PROGRAMS.era:
        key = (kind, recording.key())
        found = PROGRAMS.get(key, lambda: Derived(make(recording.graph()), eager))
        end[outcome] = weakref.ref(found)
    found.used = True
    return found


class Call:
    """Arguments of one call, taken apart into leaves, some of which are traced.

    Parameters
    ----------
    function
        The user's function.
    args, kwargs
        The call's arguments.
    argnums
        Positions of the arguments to trace.
    name
        The transform's name, for messages.
    promote
        Convert Python integers to float64 and refuse integer arrays, as derivatives need.
    """

    __slots__ = ("args", "avals", "function", "kwargs", "leaves", "name", "positions", "single", "trees")

    def __init__(
        self, function: Any, args: Any, kwargs: Any, argnums: tuple[int, ...], name: str, promote: bool = True
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.name = name
        self.positions = argnums if argnums == _FIRST and args else check_argnums(argnums, len(args), name)
        # One entry for each chosen argument: its container, and how many leaves that has.
        self.trees: list[tuple[Tree, int]] = []
        self.leaves: list[Any] = []
        self.avals: list[Aval] = []
        self.single = True
        for k in self.positions:
            arg = args[k]
            kind = type(arg)
            if kind in _LEAVES:
                self.trees.append(_ONE_LEAF)
                key = (arg.shape, arg.dtype) if kind is np.ndarray else kind
                found = _ACCEPTED.get(key) if promote else None
                if found is not None:
                    of = found
                else:
                    arg, of = differentiable(arg, name) if promote else array_like(arg, name)
                    if promote and kind is np.ndarray:
                        _ACCEPTED[key] = of
                self.leaves.append(arg)
                self.avals.append(of)
                continue
            self.single = False
            leaves, tree = flatten(arg)
            self.trees.append((tree, len(leaves)))
            for leaf in leaves:
                leaf, of = differentiable(leaf, name) if promote else array_like(leaf, name)
                self.leaves.append(leaf)
                self.avals.append(of)

    def record(
        self,
        avals: Sequence[Aval] | None = None,
        values: Sequence[Any] | None = None,
        guarded: bool = False,
        kept: bool = False,
    ) -> Recording:
        """Run the function on tracers in place of the chosen arguments."""
        values = self.leaves if values is None else values
        return record(self.function, self._make_args, avals or self.avals, values, guarded=guarded, kept=kept)

    def _make_args(self, tracers: list[Tracer]) -> tuple[list[Any], dict[str, Any]]:
        if self.positions == _FIRST and self.single:
            return [tracers[0], *self.args[1:]], self.kwargs
        args = list(self.args)
        for k, tree in zip(self.positions, self.containers(tracers), strict=True):
            args[k] = tree
        return args, self.kwargs

    def containers(self, leaves: Sequence[Any]) -> list[Any]:
        """Put one value per leaf back into the containers of the chosen arguments."""
        if self.single:
            return list(leaves)
        out, start = [], 0
        for tree, count in self.trees:
            out.append(leaves[start] if tree is LEAF else unflatten(tree, leaves[start : start + count]))
            start += count
        return out

    def like_arguments(self, leaves: Sequence[Any], single: bool) -> Any:
        """Return one value per leaf in the arguments' containers: a tuple, or the only one."""
        if self.single:
            return leaves[0] if single else tuple(leaves)
        containers = self.containers(leaves)
        return containers[0] if single else tuple(containers)

    def write_back(self, recording: Recording, values: Sequence[Any]) -> None:
        """Change the caller's arrays as the function itself would have."""
        check_apart(self.leaves, recording.written)
        for k, value in zip(recording.written, values, strict=True):
            target = self.leaves[k]
            if isinstance(target, Sym):
                target.assign(value)  # type: ignore[attr-defined]
            elif isinstance(target, np.ndarray):
                target[...] = value


def check_apart(leaves: Sequence[Any], written: Sequence[int]) -> None:
    """Refuse arguments that share memory where one of them is written into: they were traced as arrays of their own."""
    for k in written:
        for j, other in enumerate(leaves):
            both = isinstance(leaves[k], np.ndarray) and isinstance(other, np.ndarray)
            if j != k and both and _share_memory(leaves[k], other):
                raise ArgumentError(
                    explain(
                        "An argument that the function writes into does not share memory with another argument.",
                        found=f"arrays of the shapes {leaves[k].shape} and {other.shape} that overlap",
                        line=user_line(),
                        fix="pass a copy of one of them, or pass the array once and take its parts inside the function",
                    )
                )


def _share_memory(a: Any, b: Any) -> bool:
    try:
        return np.shares_memory(a, b, max_work=1000)  # type: ignore[arg-type]  # any number is allowed
    except np.exceptions.TooHardError:
        return True


def check_argnums(argnums: tuple[int, ...], count: int, name: str) -> tuple[int, ...]:
    """Return argnums counted from the front."""
    if min(argnums, default=0) >= 0 and max(argnums, default=-1) < count:
        return argnums
    for k in argnums:
        if not -count <= k < count:
            raise ArgumentError(
                explain(
                    f"{name} differentiates with respect to positional arguments.",
                    found=f"argnums={k}, but the call has {count} positional argument{'s' * (count != 1)}",
                    line=user_line(),
                    fix="pass the argument by position, or give other argnums",
                )
            )
    return tuple(k % count for k in argnums)


def differentiable(leaf: Any, name: str) -> tuple[Any, Aval]:
    """Return a leaf that a derivative can be taken with respect to, and its aval."""
    kind = type(leaf)
    if kind is float:
        return leaf, _FLOAT
    if kind is np.ndarray and leaf.dtype.kind in "fc":
        return leaf, aval(leaf.shape, leaf.dtype)
    if kind is int:
        return float(leaf), _FLOAT
    leaf, of = array_like(leaf, name)
    if not of.is_inexact:
        raise IntegerInputError(
            explain(
                f"{name} needs floating-point inputs: a derivative with respect to a whole number does not exist.",
                found=f"{of!r}",
                line=user_line(),
                fix="convert it with x.astype(float), or choose other arguments with argnums",
            )
        )
    return leaf, of


_FLOAT = aval((), np.float64, True)
_LEAVES = frozenset({np.ndarray, np.float64, float, Tracer})
_SYMBOLS = frozenset({Sym, Tracer})
_FIRST = (0,)
_ONE_LEAF = (LEAF, 1)
_ACCEPTED: dict[Any, Aval] = {float: _FLOAT, np.float64: aval((), np.float64)}
"""Type, or shape and dtype, of leaves that :func:`differentiable` has accepted as they are -> aval."""


def array_like(leaf: Any, name: str) -> tuple[Any, Aval]:
    """Return a leaf as something with an aval: an array, a scalar, or a symbol of an outer trace."""
    if isinstance(leaf, Tracer):
        leaf.refresh()
        if leaf.builder is not None and leaf.builder.finished:
            raise leaked(leaf)
        if leaf.builder is None:
            leaf = leaf.share()
            return leaf, aval_of(leaf)
        return Sym(leaf.builder, leaf.id, leaf.aval) if not leaf.aval.shape else leaf, leaf.aval
    if isinstance(leaf, (np.ndarray, np.generic, bool, int, float, complex)):
        of = aval_of(leaf)
        if of.dtype.kind in "biufc":
            return leaf, of
    raise ArgumentError(
        explain(
            f"{name} takes arrays and numbers, in any nested containers.",
            found=f"{leaf!r} of type {type(leaf).__name__}",
            line=user_line(),
            fix="make it a closure variable or another argument (argnums), or register its class with "
            "wg.register_dataclass",
        )
    )


def as_tuple(argnums: int | Sequence[int]) -> tuple[int, ...]:
    """Return argnums as a tuple."""
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for k in positions:
        if not isinstance(k, int):
            raise ArgumentError(
                explain(
                    "argnums is the position of an argument, or a sequence of positions.",
                    found=f"argnums={argnums!r}",
                    line=user_line(),
                    fix="argnums=0 for the first argument, argnums=(0, 1) for the first two",
                )
            )
    return positions
