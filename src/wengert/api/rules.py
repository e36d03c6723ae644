"""Derivative rules given by the user, as graphs.

A rule is Python that is run once, on tracers; everything after that (transposition, batching, higher derivatives)
works on the graph of what it did.  ``custom_jvp`` gives the pushforward itself.  ``custom_vjp`` gives the pullback;
its pushforward is the equation ``custom_pullback``, a linear map that is known by its transpose.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.builder import Builder, inline
from ..core.graph import Graph
from ..core.tree import Tree, flatten, unflatten
from ..errors import MissingRuleError, explain
from ..ops.control import CallRule, custom_pullback
from ..ops.subgraph import SubGraph
from ..trace.fingerprint import Fingerprint, fingerprint
from ..transforms.batch import batch
from ..transforms.forward import instantiate, push, tangent_aval
from ..transforms.linearize import linearize
from ..transforms.transpose import pull
from .rulecheck import (
    KnownCall,
    Residuals,
    check_like,
    check_linear,
    closed,
    is_linear_in,
    leaf_avals,
    parts_of,
    record_rule,
    where,
)

Pushed = tuple[Sequence[Any], Sequence[Any]]


class Site:
    """The arguments of one call of a custom function.

    Attributes
    ----------
    args : tuple
        All arguments, by position.
    nondiff : tuple
        Those that ``nondiff_argnums`` names.
    tree : Tree
        Containers of the others, as a tuple.
    leaves : list
        Their leaves.
    dynamic : tuple of int
        Which leaves are arrays; the rest (strings, whole numbers, flags, functions) is handed to the rule as it is.
    avals : tuple of Aval
        Of the dynamic leaves.
    """

    __slots__ = ("args", "avals", "dynamic", "leaves", "nondiff", "positions", "tree")

    def __init__(
        self, args: Sequence[Any], nondiff: Sequence[int], tree: Tree, leaves: list[Any], dynamic: Any, avals: Any
    ) -> None:
        self.args = tuple(args)
        self.nondiff = tuple([args[k] for k in nondiff])
        self.positions = tuple([k for k in range(len(args)) if k not in nondiff])
        self.tree = tree
        self.leaves = leaves
        self.dynamic: tuple[int, ...] = tuple(dynamic)
        self.avals: tuple[Aval, ...] = tuple(avals)

    @property
    def moving(self) -> list[int]:
        """Which dynamic leaves have tangents."""
        return [k for k, of in enumerate(self.avals) if of.is_inexact]

    def static(self) -> list[Any]:
        """Return what is handed to the rule as it is."""
        return [leaf for k, leaf in enumerate(self.leaves) if k not in self.dynamic]

    def primals(self, values: Sequence[Any]) -> Any:
        """Return the differentiable arguments, with ``values`` for the dynamic leaves."""
        leaves = list(self.leaves)
        for k, value in zip(self.dynamic, values, strict=True):
            leaves[k] = value
        return unflatten(self.tree, leaves)

    def tangents(self, values: Sequence[Any]) -> Any:
        """Return the tangents, with ``values`` for the moving leaves: zeros for integers, None for what is no
        number."""
        leaves: list[Any] = [0.0 if isinstance(leaf, int | float) else None for leaf in self.leaves]
        for k, of in zip(self.dynamic, self.avals, strict=True):
            leaves[k] = np.zeros(of.shape)
        for k, value in zip(self.moving, values, strict=True):
            leaves[self.dynamic[k]] = value
        return unflatten(self.tree, leaves)

    def known(self, owner: Any, primals: Any, result: Any) -> KnownCall:
        """Return this call, on tracers, with its result."""
        return KnownCall(owner, self.tree, flatten(primals)[0], result)

    def all(self, primals: Sequence[Any]) -> list[Any]:
        """Return all arguments by position."""
        args = list(self.args)
        for k, value in zip(self.positions, primals, strict=True):
            args[k] = value
        return args


class Rule:
    """What the two kinds have in common.

    Two rules are equal only where it is certain that they do the same: programs derived from one are then used for
    the other.
    """

    def __init__(self, owner: Any, site: Site, structure: Tree, out_avals: Sequence[Aval]) -> None:
        self.owner = owner
        self.site = site
        self.structure = structure
        self.out_avals = tuple(out_avals)
        self.arguments = len(site.dynamic)
        self.mark = self._read()
        self._hash = hash((self.mark.parts, structure))

    def _read(self) -> Fingerprint:
        return fingerprint((self.owner, self.site.nondiff, tuple(self.site.static())))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is type(self)
            and isinstance(other, Rule)
            and self._hash == other._hash
            and self.structure == other.structure
            and self.site.tree == other.site.tree
            and self.site.dynamic == other.site.dynamic
            and self.site.avals == other.site.avals
            and self.out_avals == other.out_avals
            and self.mark.same(other.mark)
        )

    def __repr__(self) -> str:
        return str(self.owner.__name__)

    def verify(self) -> None:
        """Refuse to run the rule if what it reads has changed since the function was called."""
        if self._read().parts != self.mark.parts:
            raise MissingRuleError(
                explain(
                    f"What the derivative rule of {self.owner.__name__} reads from its closure or from globals "
                    "stays as it is until the differentiated function has returned, when the derivative is made.",
                    found="a variable or array with other contents than at the call",
                    line=where(self.owner.rule_function),
                    fix="pass it to the function as an argument (nondiff_argnums for what is no array)",
                )
            )

    def refuse_captured(self) -> Exception:
        return MissingRuleError(
            explain(
                f"{self.owner.__name__} has a derivative rule for its arguments, not for what it captures.",
                found="a derivative with respect to a captured value",
                line=where(self.owner.fun),
                fix=f"make the captured value an argument of {self.owner.__name__} and of its rule",
            )
        )

    def batched_graph(self, graph: SubGraph, size: int, flags: Sequence[bool]) -> SubGraph:
        return batched_graph(graph, size, flags)


def batched_graph(graph: SubGraph, size: int, flags: Sequence[bool]) -> SubGraph:
    """Return a batched sub-graph; all its outputs have the batch axis."""
    made = batch(graph, size, _axes(flags), (0,) * len(graph.outputs))
    return SubGraph.of(made, ("batched", size, tuple(flags), graph.key))


def _axes(flags: Sequence[bool]) -> list[int | None]:
    return [0 if flag else None for flag in flags]


# -- custom_jvp -------------------------------------------------------------------------------------------------------


class JvpRule(Rule):
    """The rule of a ``custom_jvp``."""

    @functools.cached_property
    def graph(self) -> Graph:
        """What the user's rule does: arguments, tangents of the inexact ones, outputs -> tangents of the outputs."""
        self.verify()
        site, function, name = self.site, self.owner.rule_function, self.owner.__name__
        n = self.arguments

        m = n + len(site.moving)

        def make_args(tracers: list[Any]) -> tuple[list[Any], KnownCall]:
            primals = site.primals(tracers[:n])
            known = site.known(self.owner, primals, unflatten(self.structure, tracers[m:]))
            return [*site.nondiff, primals, site.tangents(tracers[n:m])], known

        avals = [*site.avals, *[site.avals[k] for k in site.moving], *self.out_avals]
        recording = record_rule(function, name, make_args, avals)
        form = "(result, tangent of the result)"
        out_tree, tangent_tree = parts_of(recording.structure, 2, form, function)
        outs, tangents = recording.outputs[: out_tree.num_leaves], recording.outputs[out_tree.num_leaves :]
        check_like(out_tree, leaf_avals(outs), self.structure, self.out_avals, "The result of a rule", function)
        wanted = [tangent_aval(of) for of in self.out_avals]
        check_like(tangent_tree, leaf_avals(tangents), self.structure, wanted, "The tangent of a result", function)
        graph = closed(recording, tangents, wanted, name)
        flags = [n <= k < m for k in range(len(avals))]
        check_linear(graph, flags, function)
        return graph

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any]) -> Pushed:
        return outs, push_rule(self.graph, primals, [tangents[k] for k in self.site.moving], outs)

    def batched(self, size: int, flags: Sequence[bool]) -> CallRule:
        return BatchedJvp(self, size, tuple(flags), tuple(self.site.moving))


def push_rule(graph: Graph, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any]) -> list[Any]:
    """Record the tangents that a rule's graph gives.

    The user writes ``np.cos(x) * t`` with ordinary operations.  What is recorded is the pushforward of the rule's graph
    with respect to its tangents alone: for a linear rule that is the same map, made of linear equations.
    """
    builder = next(t.builder for t in tangents if t is not None)
    n = len(primals)
    zeros = [builder.full(0, of.shape, of.dtype) for of in graph.in_avals[n : n + len(tangents)]]
    moving = [*(None,) * n, *tangents, *(None,) * len(outs)]
    _, dots = push(graph, builder, [*primals, *zeros, *outs], moving, apart=True)
    return [dots[i] if x.aval.is_inexact else None for i, x in zip(graph.outputs, outs, strict=True)]


@dataclass(frozen=True)
class BatchedJvp:
    """The rule of a batched ``custom_jvp``."""

    inner: Any
    size: int
    flags: tuple[bool, ...]
    moving: tuple[int, ...]

    @property
    def arguments(self) -> int:
        return len(self.flags)

    @property
    def graph(self) -> Graph:
        inner: Graph = self.inner.graph
        n = len(inner.outputs)
        flags = [*self.flags, *[self.flags[k] for k in self.moving], *(True,) * n]
        return batch(inner, self.size, _axes(flags), (0,) * n)

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any]) -> Pushed:
        return outs, push_rule(self.graph, primals, [tangents[k] for k in self.moving], outs)

    def refuse_captured(self) -> Exception:
        error: Exception = self.inner.refuse_captured()
        return error

    def batched(self, size: int, flags: Sequence[bool]) -> CallRule:
        return BatchedJvp(self, size, tuple(flags), self.moving)

    def batched_graph(self, graph: SubGraph, size: int, flags: Sequence[bool]) -> SubGraph:
        return batched_graph(graph, size, flags)


# -- custom_vjp -------------------------------------------------------------------------------------------------------


class VjpRule(Rule):
    """The rule of a ``custom_vjp``."""

    @functools.cached_property
    def split(self) -> tuple[Graph, Pullback]:
        """What the forward function does (arguments, outputs -> outputs, residuals), and the pullback."""
        self.verify()
        site, owner = self.site, self.owner
        forward = owner.forward_function

        def make_args(tracers: list[Any]) -> tuple[list[Any], KnownCall]:
            primals = site.primals(tracers[: self.arguments])
            result = unflatten(self.structure, tracers[self.arguments :])
            return site.all(primals), site.known(owner, primals, result)

        kept = Residuals()
        recording = record_rule(forward, owner.__name__, make_args, [*site.avals, *self.out_avals], kept.keep)
        out_tree, _ = parts_of(recording.structure, 2, "(result, residuals)", forward)
        n = out_tree.num_leaves
        outs, residuals = recording.outputs[:n], recording.outputs[n:]
        check_like(out_tree, leaf_avals(outs), self.structure, self.out_avals, "The result of a forward rule", forward)
        avals = leaf_avals(residuals)
        graph = closed(recording, [*outs, *residuals], [*self.out_avals, *avals], owner.__name__)
        make = functools.partial(self._backward, avals, kept.restore)
        moving = [tangent_aval(of) for of in self.out_avals if of.is_inexact]
        return graph, Pullback(make, len(residuals), moving, owner.__name__, owner.backward_function)

    def _backward(self, avals: Sequence[Aval], restore: Callable[[Sequence[Any]], Any]) -> Graph:
        """Return what the backward function does: residuals, cotangents -> cotangents of the moving leaves."""
        site, owner = self.site, self.owner
        function = owner.backward_function
        k = len(avals)
        moving = [of for of in self.out_avals if of.is_inexact]

        def make_args(tracers: list[Any]) -> tuple[list[Any], None]:
            given = iter(tracers[k:])
            cts = [next(given) if of.is_inexact else np.zeros(of.shape) for of in self.out_avals]
            return [*site.nondiff, restore(tracers[:k]), unflatten(self.structure, cts)], None

        recording = record_rule(function, owner.__name__, make_args, [*avals, *moving])
        args = site.tree.children()
        form = "one cotangent for each differentiable argument, as a tuple"
        returned = parts_of(recording.structure, len(args), form, function)
        outs: list[Any] = []
        wanted: list[Aval] = []
        leaf = given = 0
        by_leaf = dict(zip(site.dynamic, site.avals, strict=True))
        for tree, expected in zip(returned, args, strict=True):
            leaves = recording.outputs[given : given + tree.num_leaves]
            given += tree.num_leaves
            avals_here = [by_leaf.get(leaf + j) for j in range(expected.num_leaves)]
            leaf += expected.num_leaves
            kept = [None if of is None or not of.is_inexact else tangent_aval(of) for of in avals_here]
            if not any(kept):
                continue
            if tree.num_leaves == 0:
                leaves = [None if of is None else np.zeros(of.shape, of.dtype) for of in kept]
            else:
                what = "A cotangent from a backward rule"
                check_like(tree, leaf_avals(leaves), expected, kept, what, function)
            outs += [x for x, of in zip(leaves, kept, strict=True) if of is not None]
            wanted += [of for of in kept if of is not None]
        return closed(recording, outs, wanted, owner.__name__)

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any]) -> Pushed:
        return push_pullback(*self.split, primals, [tangents[k] for k in self.site.moving], outs)

    def batched(self, size: int, flags: Sequence[bool]) -> CallRule:
        return BatchedVjp(self, size, tuple(flags), tuple(self.site.moving))


def push_pullback(graph: Graph, pullback: Pullback, primals: Any, tangents: Any, outs: Sequence[Any]) -> Pushed:
    """Record what the forward function does and the linear map whose transpose is the backward function."""
    active = tuple([t is not None for t in tangents])
    builder = next(t.builder for t in tangents if t is not None)
    made = inline(graph, builder, [*primals, *outs])
    outs, residuals = made[: len(outs)], made[len(outs) :]
    moving = [t for t in tangents if t is not None]
    ts = iter(custom_pullback(*residuals, *moving, rule=pullback, residuals=len(residuals), active=active))
    return outs, [next(ts) if x.aval.is_inexact else None for x in outs]


@dataclass(frozen=True)
class BatchedVjp:
    """The rule of a batched ``custom_vjp``."""

    inner: Any
    size: int
    flags: tuple[bool, ...]
    moving: tuple[int, ...]

    @property
    def arguments(self) -> int:
        return len(self.flags)

    @functools.cached_property
    def split(self) -> tuple[Graph, Pullback]:
        graph, pullback = self.inner.split
        flags = [self.flags[k] for k in self.moving]
        outs = len(graph.inputs) - len(self.flags)
        made = batch(graph, self.size, _axes([*self.flags, *(True,) * outs]), (0,) * len(graph.outputs))
        return made, pullback.batched(self.size, flags, (True,) * len(flags))

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any]) -> Pushed:
        return push_pullback(*self.split, primals, [tangents[k] for k in self.moving], outs)

    def refuse_captured(self) -> Exception:
        error: Exception = self.inner.refuse_captured()
        return error

    def batched(self, size: int, flags: Sequence[bool]) -> CallRule:
        return BatchedVjp(self, size, tuple(flags), self.moving)

    def batched_graph(self, graph: SubGraph, size: int, flags: Sequence[bool]) -> SubGraph:
        return batched_graph(graph, size, flags)


class Pullback:
    """A linear map that is known by its transpose, the user's backward function.

    Parameters
    ----------
    make : callable
        Returns the graph of the backward function: residuals, cotangents -> cotangents of the arguments.
    residuals : int
        How many of its inputs are residuals.
    out_avals
        Avals of the cotangents, which are those of the map's outputs.
    name, function
        For messages.
    """

    def __init__(
        self, make: Callable[[], Graph], residuals: int, out_avals: Sequence[Aval], name: str, function: Any
    ) -> None:
        self._make = make
        self.residuals = residuals
        self.out_avals = tuple(out_avals)
        self.name = name
        self.function = function
        self._forward: dict[tuple[bool, ...], Graph] = {}

    def __repr__(self) -> str:
        return self.name

    @functools.cached_property
    def graph(self) -> Graph:
        """The backward function."""
        return self._make()

    def pull(self, builder: Builder, residuals: Any, cotangents: Any, active: tuple[bool, ...]) -> list[Any]:
        """Record the backward function, which need not be linear."""
        outs = inline(self.graph, builder, [*residuals, *cotangents])
        return [ct for ct, on in zip(outs, active, strict=True) if on]

    def forward(self, active: tuple[bool, ...]) -> Graph:
        """Return the map itself: the transpose of the backward function, where that is linear."""
        found = self._forward.get(active)
        if found is None:
            found = self._forward[active] = self._transposed(active)
        return found

    def _transposed(self, active: tuple[bool, ...]) -> Graph:
        graph, k = self.graph, self.residuals
        flags = [j >= k for j in range(len(graph.inputs))]
        if not is_linear_in(graph, flags):
            raise MissingRuleError(
                explain(
                    f"Forward mode goes through the custom_vjp function {self.name} only where its backward rule is "
                    "linear in the cotangent.",
                    found="a backward rule that is not",
                    line=where(self.function),
                    fix="use reverse mode (wg.grad, wg.vjp, mode='reverse'), or give it a rule with wg.custom_jvp",
                )
            )
        parts = linearize(graph, flags)
        builder = Builder(reuse=True)
        given = [builder.input(of) for of in graph.in_avals[:k]]
        zeros = [builder.full(0, of.shape, of.dtype) for of in graph.in_avals[k:]]
        moved = [builder.input(of) if on else None for of, on in zip(graph.out_avals, active, strict=True)]
        known = inline(parts.primal, builder, [*given, *zeros])[len(graph.outputs) :]
        sums = pull(parts.linear, parts.residuals, builder, known, moved)
        wanted = parts.linear.inputs[parts.residuals :]
        return builder.build([instantiate(builder, sums.get(i), parts.linear.avals[i]) for i in wanted])

    def push_all(self, primals: Sequence[Any], tangents: Sequence[Any], active: tuple[bool, ...]) -> Sequence[Any]:
        """Record the pushforward of the map with respect to residuals and tangents."""
        graph = self.forward(active)
        _, dots = push(graph, primals[0].builder, primals, tangents, apart=True)
        return [dots[i] for i in graph.outputs]

    def batched(self, size: int, flags: Sequence[bool], active: tuple[bool, ...]) -> Pullback:
        """Return the batched map; the cotangent of a tangent that all entries share is a sum over the batch."""
        given = iter(flags)
        own = [on and next(given) for on in active]

        def make() -> Graph:
            graph = self.graph
            whole = batch(graph, size, (0,) * len(graph.inputs), (0,) * len(graph.outputs))
            builder = Builder(reuse=True)
            outs = inline(whole, builder, [builder.input(of) for of in whole.in_avals])
            summed = [
                x if keep else builder.apply_named("reduce_sum", x, axes=(0,))
                for x, keep in zip(outs, own, strict=True)
            ]
            return builder.build(summed)

        avals = [aval((size, *of.shape), of.dtype) for of in self.out_avals]
        return Pullback(make, self.residuals, avals, self.name, self.function)
