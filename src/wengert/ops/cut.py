"""Minimum cuts: the cheapest set of values that separates what is wanted from what cannot be had again.

Flow with unit-free integer capacities, by shortest augmenting paths in level graphs (E. A. Dinitz, *Soviet Mathematics
Doklady* 11, 1970).  What flows at most equals what must be cut at least (Ford and Fulkerson, 1956).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Final, TypeVar

WITHOUT_LIMIT: Final = 1 << 60
Value = TypeVar("Value", bound=Hashable)


def cheapest(
    wanted: Iterable[Value], cost: Callable[[Value], int], operands: Callable[[Value], Iterable[Value] | None]
) -> set[Value]:
    """Return the values to keep: the cheapest ones from which all that are wanted can be had again.

    Each value is an edge whose capacity is its cost; it begins where its operands end, or, if it cannot be had again,
    at the source.

    Parameters
    ----------
    wanted : iterable
    cost : callable
        What keeping a value costs.
    operands : callable
        The values from which a value can be had again, none if it is there anyway; None if it cannot be had again.
    """
    network = Network()
    source, sink = "source", "sink"
    network.join(source, sink, 0)
    waiting = list(wanted)
    for value in waiting:
        network.join((value, "out"), sink)
    seen: set[Value] = set()
    while waiting:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        network.join((value, "in"), (value, "out"), cost(value))
        before = operands(value)
        if before is None:
            network.join(source, (value, "in"))
            continue
        for operand in before:
            network.join((operand, "out"), (value, "in"))
            waiting.append(operand)
    after = network.reaching(source, sink)
    return {value for value in seen if (value, "out") in after and (value, "in") not in after}


class Network:
    """A directed graph with capacities.  Nodes are any hashable things."""

    def __init__(self) -> None:
        self._left: list[int] = []
        self._end: list[Hashable] = []
        self._edges: dict[Hashable, list[int]] = {}

    def join(self, start: Hashable, end: Hashable, capacity: int = WITHOUT_LIMIT) -> None:
        """Add an edge; its partner with the next number is its reverse, along which flow is taken back."""
        for node, other, room in ((start, end, capacity), (end, start, 0)):
            self._edges.setdefault(node, []).append(len(self._end))
            self._end.append(other)
            self._left.append(room)

    def reaching(self, source: Hashable, sink: Hashable) -> set[Hashable]:
        """Return the nodes that can still reach the sink once as much flows as can.

        The edges into this set from outside of it are a minimum cut, of all of those the one closest to the sink.
        """
        while (levels := self._levels(source, sink)) is not None:
            position = dict.fromkeys(self._edges, 0)
            while self._augment(source, sink, levels, position):
                pass
        found = {sink}
        waiting = [sink]
        while waiting:
            for edge in self._edges.get(waiting.pop(), ()):
                before = self._end[edge]
                if self._left[edge ^ 1] and before not in found:
                    found.add(before)
                    waiting.append(before)
        return found

    def _levels(self, source: Hashable, sink: Hashable) -> dict[Hashable, int] | None:
        """Return how many edges with room lead from the source to each node; None if none lead to the sink."""
        levels: dict[Hashable, int] = {source: 0}
        waiting = deque([source])
        while waiting:
            node = waiting.popleft()
            for edge in self._edges.get(node, ()):
                after = self._end[edge]
                if self._left[edge] and after not in levels:
                    levels[after] = levels[node] + 1
                    waiting.append(after)
        return levels if sink in levels else None

    def _augment(
        self, source: Hashable, sink: Hashable, levels: dict[Hashable, int], position: dict[Hashable, int]
    ) -> int:
        """Send flow along one path of the level graph; return how much, 0 if there is no path left."""
        path: list[int] = []
        node = source
        while node != sink:
            edge = self._onward(node, levels, position)
            if edge is not None:
                path.append(edge)
                node = self._end[edge]
            elif path:  # a dead end: back, and on with the next edge
                node = self._end[path.pop() ^ 1]
                position[node] += 1
            else:
                return 0
        flow = min(self._left[edge] for edge in path)
        for edge in path:
            self._left[edge] -= flow
            self._left[edge ^ 1] += flow
        return flow

    def _onward(self, node: Hashable, levels: dict[Hashable, int], position: dict[Hashable, int]) -> int | None:
        """Return the next edge with room that leads one level further."""
        edges = self._edges.get(node, [])
        while position[node] < len(edges):
            edge = edges[position[node]]
            if self._left[edge] and levels.get(self._end[edge]) == levels[node] + 1:
                return edge
            position[node] += 1
        return None
