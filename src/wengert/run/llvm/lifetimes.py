"""Which values of a graph share memory, and until when each of them is read."""

from __future__ import annotations

from ...core.graph import Equation, Graph
from . import views


class Lifetimes:
    """Values by the memory that they are views of.

    Attributes
    ----------
    last : dict
        Number of a value -> the last equation that reads it; the number of equations for outputs.
    """

    def __init__(self, graph: Graph) -> None:
        self.last: dict[int, int] = {}
        self._root: dict[int, int] = {}
        self._parent: dict[int, int] = {}
        self._views: dict[int, list[tuple[int, int]]] = {}
        for k, equation in enumerate(graph.equations):
            if equation.primitive.name in views.TABLE or is_part(graph, equation):
                root = self.root(equation.inputs[0])
                self._root[equation.outputs[0]] = root
                self._parent[equation.outputs[0]] = equation.inputs[0]
                self._views.setdefault(root, []).append((k, equation.outputs[0]))
            for i in equation.inputs:
                self.last[i] = k
        for i in graph.outputs:
            self.last[i] = len(graph.equations)

    def root(self, i: int) -> int:
        """Return the value whose memory a value is a view of."""
        return self._root.get(i, i)

    def later(self, i: int, k: int) -> list[int] | None:
        """Return the views of a value's memory that exist at equation k and are read after it.

        None if the memory is read after it through the value itself, or through views yet to be made of it.  Views yet
        to be made of the views returned are no obstacle: they will be views of what those are saved in.
        """
        root = self.root(i)
        if self.last.get(root, -1) > k:
            return None
        found: list[int] = []
        saved = set()
        for made, view in self._views.get(root, ()):
            if self._parent[view] in saved and made > k:
                saved.add(view)
            elif self.last.get(view, -1) > k:
                if view == i or made > k:
                    return None
                found.append(view)
                saved.add(view)
        return found


def is_part(graph: Graph, equation: Equation) -> bool:
    """Say whether an equation reads a part of an array at single computed places."""
    return equation.primitive.name == "gather" and not any(graph.avals[i].shape for i in equation.inputs[1:])
