"""Groups of equations that can be shown as one node: layers, functions, passes of a loop, parts.

A group is a stretch of the schedule.  Stretches of a topological order have no cycle among each other, so the graph of
collapsed groups is again a directed acyclic graph, whichever groups are collapsed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from itertools import groupby, pairwise
from typing import Any, Final

MOST_CHILDREN: Final = 40
"""A level with more members than this is divided further, so that no view of the graph is crowded."""

Place = list[int] | None
"""Block and line of an equation, as :meth:`~wengert.view.sources.Sources.place` gives them."""


class Groups:
    """The tree of groups over a schedule.

    Attributes
    ----------
    found : list of dict
        ``label``, ``kind``, ``first`` and ``last`` (places in the schedule), and ``parent`` (number of a group, or -1).
    """

    def __init__(
        self, places: Sequence[Place], functions: Sequence[str], layers: Sequence[tuple[str, int, int]]
    ) -> None:
        self.found: list[dict[str, Any]] = []
        self._places = places
        self._functions = functions
        top = next((place[0] for place in places if place), -1)
        self._inside(0, len(places), -1, top, list(layers))

    def _inside(self, start: int, stop: int, parent: int, code: int, layers: list[tuple[str, int, int]]) -> None:
        """Divide the stretch ``start:stop`` of the schedule, whose own lines are those of the block ``code``."""
        pieces = self._pieces(start, stop, code, layers)
        self._level(pieces, parent)

    def _pieces(self, start: int, stop: int, code: int, layers: list[tuple[str, int, int]]) -> list[Any]:
        """Return single equations (numbers) and sub-stretches (label, kind, start, stop, code, layers)."""
        if layers:
            made: list[Any] = []
            at = start
            for label, first, last in layers:
                made += self._pieces(at, first, code, [])
                made.append((label, "layer", first, last + 1, code, []))
                at = last + 1
            return made + self._pieces(at, stop, code, [])
        runs = _runs(range(start, stop), lambda k: self._code(k, code))
        if len(runs) > 1 or (runs and self._code(start, code) != code):
            made = []
            for own, first, last in runs:
                if own == code:
                    made += self._passes(first, last, code)
                elif last - first > 1:
                    made.append((self._functions[own], "function", first, last, own, []))
                else:
                    made.append(first)
            return made
        return self._passes(start, stop, code)

    def _passes(self, start: int, stop: int, code: int) -> list[Any]:
        """Divide where the program goes back to an earlier line: a loop that Python has unrolled."""
        if stop - start <= MOST_CHILDREN:
            return list(range(start, stop))
        cuts = [k for k in range(start + 1, stop) if self._line(k) < self._line(k - 1)]
        edges = [start, *cuts, stop]
        if len(edges) < 4 or len(edges) - 1 > (stop - start) * 2 // 3:
            return list(range(start, stop))
        return [
            (f"pass {n}", "pass", a, b, code, None) if b - a > 1 else a for n, (a, b) in enumerate(pairwise(edges), 1)
        ]

    def _level(self, pieces: list[Any], parent: int) -> None:
        """Enter a level's groups; a crowded level is divided into parts of equal length."""
        if len(pieces) > MOST_CHILDREN:
            size = math.ceil(len(pieces) / max(2, min(MOST_CHILDREN, math.isqrt(len(pieces)))))
            for k in range(0, len(pieces), size):
                part = pieces[k : k + size]
                number = self._enter(_part_label(part), "part", _first(part[0]), _last(part[-1]), parent)
                self._level(part, number)
            return
        for piece in pieces:
            if isinstance(piece, tuple):
                label, kind, start, stop, code, layers = piece
                number = self._enter(label, kind, start, stop - 1, parent)
                if layers is None:
                    self._level(list(range(start, stop)), number)
                else:
                    self._inside(start, stop, number, code, layers)

    def _enter(self, label: str, kind: str, first: int, last: int, parent: int) -> int:
        self.found.append({"label": label, "kind": kind, "first": first, "last": last, "parent": parent})
        return len(self.found) - 1

    def _code(self, k: int, default: int) -> int:
        place = self._places[k]
        return default if place is None else place[0]

    def _line(self, k: int) -> int:
        place = self._places[k]
        return 0 if place is None else place[1]


def _runs(items: Sequence[int], key: Callable[[int], Hashable]) -> list[tuple[Any, int, int]]:
    found = []
    for value, run in groupby(items, key):
        members = list(run)
        found.append((value, members[0], members[-1] + 1))
    return found


def _first(piece: Any) -> int:
    return int(piece[2] if isinstance(piece, tuple) else piece)


def _last(piece: Any) -> int:
    return int(piece[3] - 1 if isinstance(piece, tuple) else piece)


def _part_label(part: list[Any]) -> str:
    first, last = part[0], part[-1]
    if isinstance(first, tuple) and isinstance(last, tuple) and first[1] == last[1] == "pass":
        return f"passes {first[0].removeprefix('pass ')} to {last[0].removeprefix('pass ')}"
    return f"equations {_first(first) + 1} to {_last(last) + 1}"
