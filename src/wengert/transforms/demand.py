"""Rows that nobody reads are not computed.

``surface[nearest]`` reads 800 rows of the 10,000 that a product of matrices and a sum have made.  The rows of a sum are
the sums of rows, those of a product the products of rows: so the rows are taken first, of what the computation starts
from, and the computation is that much smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..core.builder import Builder
from ..core.graph import Equation, Graph, makers, uses
from ..ops.subgraph import remake

_SMALLER: Final = 2
"""How many times fewer entries must be read than there are."""


def only_read(graph: Graph) -> Graph:
    """Return a graph in which what is computed in order to read some rows of it is computed for those rows."""
    if not any(equation.primitive.name == "gather" for equation in graph.equations):
        return graph
    return _Reader(graph).graph()


class _Reader:
    """Records a graph anew, gathers moved towards the inputs."""

    def __init__(self, graph: Graph) -> None:
        self.old = graph
        self.builder = Builder(reuse=True)
        self.env: dict[int, Any] = {i: self.builder.input(graph.avals[i]) for i in graph.inputs}
        self.uses, self.makers = uses(graph), makers(graph)

    def graph(self) -> Graph:
        """Return the graph recorded anew."""
        for equation in self.old.equations:
            found = self._read(equation) if equation.primitive.name == "gather" else None
            if found is None:
                remake(self.builder, self.env, [equation])
            else:
                self.env[equation.outputs[0]] = found
        return self.builder.build([self.env[i] for i in self.old.outputs], self.old.names)

    def _read(self, equation: Equation) -> Any:
        x, *indices = equation.inputs
        params, avals = dict(equation.params), self.old.avals
        lead = avals[indices[0]].shape
        made = self.makers.get(x)
        # Single places are looked up in loops, out of which the whole may be moved.
        if "window" in params or not lead or made is None or made.primitive.name in ("literal", "full"):
            return None
        if self.uses[x] != 1:
            return None
        self.builder.place = equation.source
        if _SMALLER * avals[equation.outputs[0]].size > avals[x].size:
            return self._from_where_they_lie(x, tuple([self.env[i] for i in indices]), params["axes"])
        found, looks = self._rows(x, tuple([self.env[i] for i in indices]), params["axes"])
        self.builder.place = None
        # Somebody has to notice indices that are out of bounds.
        return found if looks else None

    def _from_where_they_lie(self, x: int, indices: tuple[Any, ...], axes: tuple[int, ...]) -> Any:
        """Return rows of what is computed from a transposed array, read where the array has them in one piece."""
        order = self._order(x)
        if order is None:
            return None
        rows = tuple([order[a] for a in axes])
        found = self.builder.apply_named("gather", self._straight(x, order), *indices, axes=rows)
        lead, left = indices[0].ndim, [a for a in range(len(order)) if a not in rows]
        back = [lead + left.index(order[a]) for a in range(len(order)) if a not in axes]
        return self.builder.apply_named("transpose", found, axes=(*range(lead), *back))

    def _order(self, x: int) -> tuple[int, ...] | None:
        """Return the order of axes by which a value, read once, is computed entry by entry from transposed arrays."""
        made = self.makers.get(x)
        if made is None or self.uses[x] != 1:
            return None
        if made.primitive.name == "transpose":
            return tuple(dict(made.params)["axes"])
        if not made.primitive.elementwise:
            return None
        found = {self._order(i) for i in made.inputs if not self._is_spread(i)}
        return found.pop() if len(found) == 1 else None

    def _is_spread(self, x: int) -> bool:
        made = self.makers.get(x)
        return made is not None and made.primitive.name in ("broadcast", "full")

    def _straight(self, x: int, order: tuple[int, ...]) -> Any:
        """Return a value as it is before it is transposed."""
        made, shape = self.makers[x], self.old.avals[x].shape
        params = dict(made.params)
        if made.primitive.name == "transpose":
            return self.env[made.inputs[0]]
        if made.primitive.elementwise:
            parts = [self._straight(i, order) for i in made.inputs]
            return self.builder.apply(made.primitive, parts, made.params)
        before = [0] * len(shape)
        for a, n in enumerate(shape):
            before[order[a]] = n
        if made.primitive.name == "full":
            return self.builder.full(params["value"], tuple(before), params["dtype"])
        axes = tuple([order[a] for a in params["axes"]])
        return self.builder.apply_named("broadcast", self.env[made.inputs[0]], shape=tuple(before), axes=axes)

    def _rows(self, x: int, indices: tuple[Any, ...], axes: tuple[int, ...]) -> tuple[Any, bool]:
        """Return the rows of a value, and whether indices are looked at for it."""
        made = self.makers.get(x)
        if made is not None and made.primitive.name == "full":
            params = dict(made.params)
            shape = (*indices[0].shape, *_rest(self.old.avals[x].shape, axes))
            return self.builder.full(params["value"], shape, params["dtype"]), False
        if made is not None and self.uses[x] == 1:
            if made.primitive.elementwise:
                parts = [self._rows(i, indices, axes) for i in made.inputs]
                out = self.builder.apply(made.primitive, [part for part, _ in parts], made.params)
                return out, any(looks for _, looks in parts)
            rule = _RULES.get(made.primitive.name)
            found = None if rule is None else rule(self, made, indices, axes, dict(made.params))
            if found is not None:
                return found  # type: ignore[no-any-return]
        return self.builder.apply_named("gather", self.env[x], *indices, axes=axes), True

    # -- one rule for each kind of equation: the rows of its result, from rows of its operands ------------------------

    def _broadcast(self, made: Equation, indices: Any, axes: Any, params: Any) -> Any:
        (x,), shape, placed = made.inputs, params["shape"], params["axes"]
        sizes, lead = self.old.avals[x].shape, indices[0].ndim
        rest = [a for a in range(len(shape)) if a not in axes]
        inner = [placed.index(a) for a in axes if a in placed]
        if any(sizes[j] != shape[placed[j]] for j in inner) or len(inner) not in (0, len(axes)):
            return None
        full = (*indices[0].shape, *[shape[a] for a in rest])
        found, looks, first = self.env[x], False, []
        if inner:
            found, looks = self._rows(x, indices, tuple(inner))
            first = list(range(lead))
        others = [lead + rest.index(a) for j, a in enumerate(placed) if j not in inner]
        return self.builder.apply_named("broadcast", found, shape=full, axes=(*first, *others)), looks

    def _transpose(self, made: Equation, indices: Any, axes: Any, params: Any) -> Any:
        order = params["axes"]
        found, looks = self._rows(made.inputs[0], indices, tuple([order[a] for a in axes]))
        lead = indices[0].ndim
        left = [a for a in range(len(order)) if a not in [order[b] for b in axes]]
        back = [lead + left.index(order[a]) for a in range(len(order)) if a not in axes]
        return self.builder.apply_named("transpose", found, axes=(*range(lead), *back)), looks

    def _reshape(self, made: Equation, indices: Any, axes: Any, params: Any) -> Any:
        (x,), shape = made.inputs, params["shape"]
        before = self.old.avals[x].shape
        if axes != (0,) or not before or before[0] != shape[0]:
            return None
        found, looks = self._rows(x, indices, axes)
        return self.builder.apply_named("reshape", found, shape=(*indices[0].shape, *shape[1:])), looks

    def _dot(self, made: Equation, indices: Any, axes: Any, params: Any) -> Any:
        contract, batch = params["contract"], params["batch"]
        if len(axes) != 1 or axes[0] < len(batch[0]):
            return None
        ndims = [len(self.old.avals[i].shape) for i in made.inputs]
        free = [[a for a in range(ndims[k]) if a not in (*contract[k], *batch[k])] for k in (0, 1)]
        places: list[Any] = [("batch", j) for j in range(len(batch[0]))]
        places += [(k, a) for k in (0, 1) for a in free[k]]
        k, axis = places[axes[0]]
        found, looks = self._rows(made.inputs[k], indices, (axis,))
        lead = indices[0].ndim
        kept = [a for a in range(ndims[k]) if a != axis]
        moved = {a: lead + j for j, a in enumerate(kept)}
        groups = [[tuple(c), tuple(b)] for c, b in zip(contract, batch, strict=True)]
        groups[k] = [tuple([moved[a] for a in group]) for group in groups[k]]
        operands = [self.env[i] for i in made.inputs]
        operands[k] = found
        out = self.builder.apply_named(
            "dot", *operands, contract=(groups[0][0], groups[1][0]), batch=(groups[0][1], groups[1][1])
        )
        rows = [("lead", j) for j in range(lead)]
        now: list[Any] = [("batch", j) for j in range(len(batch[0]))]
        for side in (0, 1):
            now += [*(rows if side == k else ()), *[(side, a) for a in free[side] if (side, a) != (k, axis)]]
        wanted = [*rows, *[place for place in places if place != (k, axis)]]
        return self.builder.apply_named("transpose", out, axes=tuple([now.index(place) for place in wanted])), looks


def _rest(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    return tuple([n for a, n in enumerate(shape) if a not in axes])


_RULES: Final[dict[str, Any]] = {
    "broadcast": _Reader._broadcast,
    "transpose": _Reader._transpose,
    "reshape": _Reader._reshape,
    "dot": _Reader._dot,
}
