"""Is what an iteration reads ever overwritten later?

An in-place factorisation reads entries that are final: row i of L is complete before row i + 1 uses it.  That no later
write touches a place is shown as compilers show it.  Both places are affine expressions of loop counters, and a later
write has larger counters, so "the same place, later" is a set of linear inequalities; where these have no solution,
which Fourier-Motzkin elimination finds out, nothing is overwritten (U. Banerjee, *Loop Transformations for
Restructuring Compilers*, 1993; W. Pugh, "The Omega test", 1991).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from ..core.bounds import Affine, Counter, counter_of, extend, inside
from ..core.graph import Equation, Graph
from ..ops.loop_operands import operands

Axis = Affine | tuple[int, int]
"""Where along an axis: an expression of counters, or anywhere from a first to a last place."""
Place = tuple[Axis, ...]

_WRITES: Final = frozenset({"gather_set", "gather_add", "slice_set", "slice_add"})
_MOST: Final = 300
"""Inequalities from which on a question is left open."""


@dataclass(frozen=True)
class Read:
    """A read of an array whose entry is still there when the loops have ended.

    Attributes
    ----------
    array : int
        A result of the outermost loop, or what it is given as constant: a value of the graph that it is part of.
    index : tuple of Affine
        Where, in terms of the counters of the loops around it, which say how deep they are.
    params : tuple
        Parameters of the ``gather``.
    depth : int
        How many loops are around it.
    whole : bool
        The array itself, of which entries are read that are still there.
    """

    array: int
    index: tuple[Affine, ...]
    params: tuple[tuple[str, Any], ...]
    depth: int
    whole: bool = False


class Nest:
    """A loop with what is known of integers in its body.

    Parameters
    ----------
    equation : Equation
    known : mapping
        What is known of the integers around it.
    outer : Nest, optional
    """

    def __init__(self, equation: Equation, known: Mapping[int, Affine], outer: Nest | None = None) -> None:
        self.equation, self.outer = equation, outer
        self._inner: dict[int, Nest] = {}
        params = dict(equation.params)
        self.body: Graph = params["body"]
        self.carry: int = params["carry"]
        self.reverse: bool = params["reverse"]
        sizes = params["consts"], self.carry
        self.given = operands(equation.inputs, *sizes, params["counted"])
        self.inputs = operands(self.body.inputs[1:], *sizes, False)
        count = known.get(self.given.number[0]) if params["counted"] else None
        self.path: tuple[Counter, ...] = () if outer is None else outer.path
        self.path += (counter_of(len(self.path), params["length"], count),)
        self.known = {self.body.inputs[0]: Affine(0, ((self.path[-1], 1),))}
        for i, j in zip(self.inputs.consts, self.given.consts, strict=True):
            if j in known:
                self.known[i] = known[j]
        for inner in self.body.equations:
            extend(self.known, self.body, inner)

    @cached_property
    def makers(self) -> dict[int, Equation]:
        return {i: equation for equation in self.body.equations for i in equation.outputs}

    @cached_property
    def lineages(self) -> list[Lineage | None]:
        """For each part of the carry, how an iteration overwrites it; None where it is not only overwritten."""
        return [Lineage.of(self, k) for k in range(self.carry)]

    def within(self, equation: Equation) -> Nest:
        """Return a loop of the body."""
        found = self._inner.get(equation.outputs[0])
        if found is None:
            found = self._inner[equation.outputs[0]] = Nest(equation, self.known, self)
        return found

    def place(self, equation: Equation, indices: Sequence[int]) -> Place | None:
        """Return where an equation reads its first operand, or writes it; None where that is not known."""
        params = dict(equation.params)
        shape = self.body.avals[equation.inputs[0]].shape
        if "starts" in params:
            return tuple([(a, b - 1) for a, b in zip(params["starts"], params["stops"], strict=True)])
        found: list[Axis] = [(0, n - 1) for n in shape]
        rest = [a for a in range(len(shape)) if a not in params["axes"]]
        for axis, (start, stop, _) in zip(rest, params.get("window") or (), strict=False):
            found[axis] = (start, stop - 1)
        for axis, i in zip(params["axes"], indices, strict=True):
            form = self.known.get(i)
            if form is None or self.body.avals[i].shape or not inside(form, shape[axis]):
                return None  # a negative index would be another place than it says
            found[axis] = form
        return tuple(found)


@dataclass
class Lineage:
    """The versions of an array within an iteration, and what makes each of the last one: equation, number of the
    output.
    """

    versions: list[int]
    steps: list[tuple[Equation, int]]
    writes: list[list[tuple[Nest, Place]]]
    """For each step, all that it writes, in loops within it too."""

    @staticmethod
    def of(nest: Nest, k: int) -> Lineage | None:
        i = nest.body.outputs[k]
        found = Lineage([i], [], [])
        while i != nest.inputs.carry[k]:
            equation = nest.makers.get(i)
            if equation is None:
                return None
            name, number = equation.primitive.name, equation.outputs.index(i)
            writes: list[tuple[Nest, Place]] = []
            if name in _WRITES:
                i = equation.inputs[0]
                place = nest.place(equation, equation.inputs[2:])
                if place is None:
                    return None
                writes.append((nest, place))
            elif name == "loop" and number < dict(equation.params)["carry"]:
                inner = nest.within(equation)
                lineage = inner.lineages[number]
                if lineage is None:
                    return None
                i = inner.given.carry[number]
                writes += [write for step in lineage.writes for write in step]
            else:
                return None
            found.versions.insert(0, i)
            found.steps.insert(0, (equation, number))
            found.writes.insert(0, writes)
        return found


def final_read(nest: Nest, value: int) -> Read | None:
    """Return the read that makes a value of an iteration, if what it reads is still there after all loops."""
    equation = nest.makers.get(value)
    if equation is None or equation.primitive.name != "gather":
        return None
    place = nest.place(equation, equation.inputs[1:])
    if place is None:
        return None
    index, depth = tuple([nest.known[i] for i in equation.inputs[1:]]), len(nest.path)
    array, around = equation.inputs[0], nest
    while array in around.inputs.consts:
        array = around.given.consts[around.inputs.consts.index(array)]
        if around.outer is None:
            return Read(array, index, equation.params, depth)
        around = around.outer
    for k, lineage in enumerate(around.lineages):
        if lineage is not None and array in lineage.versions:
            step = lineage.versions.index(array)
            carry = _kept(nest, place, around, k, step)
            return None if carry is None else Read(_result(nest, carry), index, equation.params, depth)
    return None


def _result(nest: Nest, carry: int) -> int:
    """Return which result of the outermost loop a part of its carry is."""
    while nest.outer is not None:
        nest = nest.outer
    return nest.equation.outputs[carry]


def final_version(nest: Nest, row: int, reader: Nest, value: int) -> int | None:
    """Return which part of a loop's carry ``row``, a version of it, may be taken for: by what ``reader`` reads of it.

    Parameters
    ----------
    nest : Nest
        The outermost loop, of whose body ``row`` is a value.
    row : int
    reader : Nest
        A loop with the same iterations.
    value : int
        The input of its body that is ``row``.

    Returns
    -------
    int or None
        None if another iteration may overwrite what is read, or the reader looks at all of it.
    """
    for k, lineage in enumerate(nest.lineages):
        if lineage is not None and row in lineage.versions:
            step = lineage.versions.index(row)
            return k if _all_kept(reader, value, nest, k, step) else None
    return None


def _all_kept(reader: Nest, value: int, nest: Nest, k: int, step: int) -> bool:
    """Say whether no entry that a loop reads of a value is overwritten, from a step of an iteration on."""
    if value in reader.body.outputs:
        return False
    for equation in reader.body.equations:
        if value not in equation.inputs:
            continue
        if equation.primitive.name == "gather" and equation.inputs.count(value) == 1:
            place = reader.place(equation, equation.inputs[1:])
            if place is None or _kept(reader, place, nest, k, step) is None:
                return False
        elif equation.primitive.name == "loop":
            inner = reader.within(equation)
            given = inner.given
            if value in (*given.number, *given.carry, *given.xs) or dict(equation.params)["test"] is not None:
                return False
            mine = [i for i, j in zip(inner.inputs.consts, given.consts, strict=True) if j == value]
            if not all(_all_kept(inner, i, nest, k, step) for i in mine):
                return False
        else:
            return False
    return True


def _kept(reader: Nest, place: Place, nest: Nest, k: int, step: int) -> int | None:
    """Return which part of the outermost carry an array is, if what ``reader`` reads is not overwritten.

    What may overwrite it: in this iteration, the steps from ``step`` on; in later iterations, all; and likewise in the
    loops around.
    """
    lineage = nest.lineages[k]
    if lineage is None:
        return None
    level = len(nest.path)
    for number, writes in enumerate(lineage.writes):
        for writer, target in writes:
            if number >= step and _meet(reader, place, writer, target, level, None):
                return None
            if _meet(reader, place, writer, target, level - 1, nest.reverse):
                return None
    if nest.outer is None:
        return k
    for j, around in enumerate(nest.outer.lineages):
        if around is not None and (nest.equation, k) in around.steps:
            return _kept(reader, place, nest.outer, j, around.steps.index((nest.equation, k)) + 1)
    return None


def _meet(reader: Nest, place: Place, writer: Nest, target: Place, same: int, reverse: bool | None) -> bool:
    """Say whether a write may touch what is read.

    The first ``same`` counters are the same for both; the next one of the write is later, unless ``reverse`` is None.
    """

    def of_read(depth: int) -> Any:
        return depth, 0

    def of_write(depth: int) -> Any:
        return depth, int(depth >= same)

    rows = [*_bounds(reader.path, of_read), *_bounds(writer.path, of_write)]
    if reverse is not None:
        sign = -1 if reverse else 1
        rows.append({of_write(same): sign, of_read(same): -sign, None: -1})
    for axis, (x, y) in enumerate(zip(place, target, strict=True)):
        entry = ("entry", axis)
        rows += [*_equal(entry, x, of_read), *_equal(entry, y, of_write)]
    return _has_solution(rows)


Row = dict[Any, int]
"""An inequality: the sum of numbers times variables, with that of None alone, is not negative."""


def _row(form: Affine, names: Any, sign: int = 1) -> Row:
    return {None: sign * form.constant, **{names(counter.depth): sign * c for counter, c in form.terms}}


def _plus(row: Row, variable: Any, c: int) -> Row:
    return row | {variable: row.get(variable, 0) + c}


def _bounds(path: Sequence[Counter], names: Any) -> list[Row]:
    rows: list[Row] = []
    for counter in path:
        rows.append({names(counter.depth): 1, None: 0})
        if counter.last is not None:
            rows.append(_plus(_row(counter.last, names), names(counter.depth), -1))
    return rows


def _equal(variable: Any, axis: Axis, names: Any) -> list[Row]:
    if isinstance(axis, tuple):
        return [{variable: 1, None: -axis[0]}, {variable: -1, None: axis[1]}]
    return [_plus(_row(axis, names, sign), variable, -sign) for sign in (1, -1)]


def _has_solution(rows: list[Row]) -> bool:
    """Say whether inequalities have a solution in rational numbers; also where there are too many to tell."""
    rows = [{v: c for v, c in row.items() if c or v is None} for row in rows]
    while True:
        if any(len(row) == 1 and row.get(None, 0) < 0 for row in rows):
            return False
        variables = {v for row in rows for v in row if v is not None}
        if not variables:
            return True

        def work(v: Any, rows: list[Row] = rows) -> int:
            above = sum(row.get(v, 0) > 0 for row in rows)
            return above * sum(row.get(v, 0) < 0 for row in rows)

        chosen = min(variables, key=work)
        above = [row for row in rows if row.get(chosen, 0) > 0]
        below = [row for row in rows if row.get(chosen, 0) < 0]
        others = [row for row in rows if not row.get(chosen, 0)]
        if len(others) + len(above) * len(below) > _MOST:
            return True
        rows = others
        for low in above:
            for high in below:
                a, b = -high[chosen], low[chosen]
                both = {v: a * low.get(v, 0) + b * high.get(v, 0) for v in {*low, *high} - {chosen}}
                rows.append({v: c for v, c in both.items() if c or v is None})
