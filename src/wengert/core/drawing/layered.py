"""Placing the nodes of a directed acyclic graph in layers (K. Sugiyama, S. Tagawa, M. Toda 1981), without a browser.

Three steps: every node gets the layer after the last of the nodes that it reads; within layers nodes are put into an
order with few crossings, each at the mean place of its neighbours, up and down in turn; at last coordinates bring nodes
as near to their neighbours as their order and their sizes allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_SWEEPS: Final = 6
_ROUTED: Final = 24
"""An edge over more layers than this is drawn straight; leading it around all nodes would cost too much."""
_THIN: Final = 8.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Where nodes and edges are.

    Attributes
    ----------
    centres : list of (along, across)
        Of each node: ``along`` is the direction of the edges.
    routes : list of list of points
        Of each edge, from centre to centre.
    length, breadth : float
    """

    centres: list[Point]
    routes: list[list[Point]]
    length: float
    breadth: float


def layered(
    lengths: Sequence[float], breadths: Sequence[float], edges: Sequence[tuple[int, int]], gap: Point
) -> Layout:
    """Return a layout of nodes that have these sizes; an edge leads from a node to a later one.

    Examples
    --------
    >>> layered([10, 10], [4, 4], [(0, 1)], (30, 6)).centres
    [(5.0, 2.0), (45.0, 2.0)]
    """
    count = len(lengths)
    layer = _layers(count, edges)
    breadths = list(breadths)
    near: tuple[list[list[int]], list[list[int]]] = ([[] for _ in range(count)], [[] for _ in range(count)])
    paths = []
    for a, b in edges:
        path = [a]
        if layer[b] - layer[a] <= _ROUTED:
            for step in range(layer[a] + 1, layer[b]):  # a bend in each layer that the edge passes
                path.append(len(layer))
                layer.append(step)
                breadths.append(_THIN)
                near[0].append([])
                near[1].append([])
            for one, other in zip(path, [*path[1:], b], strict=True):
                near[0][other].append(one)
                near[1][one].append(other)
        paths.append([*path, b])
    rows: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    for node, row in enumerate(layer):
        rows[row].append(node)
    _order(rows, near)
    across = _coordinates(rows, near, breadths, gap[1])
    tall = [max((lengths[node] for node in row if node < count), default=0.0) for row in rows]
    starts = [0.0]
    for size in tall:
        starts.append(starts[-1] + size + gap[0])
    centres = [(starts[row] + tall[row] / 2, across[node]) for node, row in enumerate(layer)]
    low = min((across[node] - breadths[node] / 2 for node in range(len(layer))), default=0.0)
    high = max((across[node] + breadths[node] / 2 for node in range(len(layer))), default=0.0)
    centres = [(along, place - low) for along, place in centres]
    routes = [[centres[node] for node in path] for path in paths]
    return Layout(centres[:count], routes, max(0.0, starts[-1] - gap[0]), high - low)


def _layers(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """Return the longest path to each node; what reads nothing is put just before its first reader."""
    reads: list[list[int]] = [[] for _ in range(count)]
    read_by: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        reads[b].append(a)
        read_by[a].append(b)
    layer = [0] * count
    for node in range(count):  # numbered in topological order
        layer[node] = max((layer[a] + 1 for a in reads[node]), default=0)
    for node in range(count):
        if not reads[node] and read_by[node]:
            layer[node] = min(layer[b] for b in read_by[node]) - 1
    return layer


def _order(rows: list[list[int]], near: tuple[list[list[int]], list[list[int]]]) -> None:
    """Sort each layer by the mean place of its neighbours in the layer before, and then after."""
    place = {node: float(k) for row in rows for k, node in enumerate(row)}
    for sweep in range(_SWEEPS):
        side = near[sweep % 2]
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = {n: sum(place[m] for m in side[n]) / len(side[n]) if side[n] else place[n] for n in row}
            row.sort(key=wanted.__getitem__)
            place.update((node, float(k)) for k, node in enumerate(row))


def _coordinates(
    rows: list[list[int]], near: tuple[list[list[int]], list[list[int]]], breadths: Sequence[float], gap: float
) -> list[float]:
    at = [0.0] * len(breadths)
    for row in rows:
        edge = 0.0
        for node in row:
            at[node] = edge + breadths[node] / 2
            edge += breadths[node] + gap
    for sweep in range(_SWEEPS):
        side = near[sweep % 2]
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [sum(at[m] for m in side[n]) / len(side[n]) if side[n] else at[n] for n in row]
            for node, place in zip(row, _apart(wanted, [breadths[n] for n in row], gap), strict=True):
                at[node] = place
    return at


def _apart(wanted: Sequence[float], breadths: Sequence[float], gap: float) -> list[float]:
    """Return places in the given order that do not overlap, nearest to those wanted in the sense of least squares.

    Without the room that nodes take up, this is isotonic regression: neighbours that want to be in the wrong order get
    their mean (the algorithm "pool adjacent violators").
    """
    offsets, edge = [], 0.0
    for breadth in breadths:
        offsets.append(edge + breadth / 2)
        edge += breadth + gap
    pools: list[list[float]] = []  # sum, count
    for want, offset in zip(wanted, offsets, strict=True):
        pools.append([want - offset, 1.0])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]:
            total, number = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += number
    means = [total / number for total, number in pools for _ in range(int(number))]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
