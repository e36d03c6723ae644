"""The if statement: both branches are recorded, and the variables that they leave different become a choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CellType
from typing import Any, Final

import numpy as np

from ...core.aval import Aval, aval, aval_of
from ...core.symbol import Sym
from ...core.tree import flatten, unflatten
from ..bodies import Part, record_part
from ..context import current
from ..outside import OuterWriteError, is_outside, root_of
from ..record import value_aval
from ..tracer import Tracer, is_traced
from .notes import NotCapturedError, attempt, goes_on, keep_apart, note, note_unrolled, reason_of, refusal
from .parts import Captured, apply, common, converted, operand, result, rewritten
from .places import UNSET, cells_of, changed, content, fill, is_mutable, is_value, restored, snapshot, standing_for
from .signals import Signal, kinds_of, settled
from .site import NEXT, RESULT, SITES, Site

_SIGNAL = aval((), np.int64)
Block = Callable[[], Any]

_ATTEMPTS: Final = 24
"""Arrays that branches write into up to which they are recorded anew when another one is found."""


def choice(test: Any, then: Block, other: Block, number: int) -> None:
    """Run an if statement in which there is no jump."""
    site = SITES[number]
    if is_traced(test):
        names = site.bound & site.after
        if _captured(test, [other, then], names, site) is not None:
            return
        test = bool(test)
    (then if test else other)()


def jump(test: Any, then: Block, other: Block, rest: Block | None, number: int, final: bool) -> Any:
    """Run an if statement that may end in a jump, and what stands behind it; return the signal."""
    site = SITES[number]
    if is_traced(test):
        behind = rest or _nothing
        if site.always[0] or site.always[1]:
            # One branch always jumps: what stands behind the statement belongs to the other.
            first = then if site.always[0] else _followed(then, behind, site)
            second = other if site.always[1] else _followed(other, behind, site)
            found = _captured(test, [second, first], site.bound & site.exits | {RESULT}, site)
            if found is not None:
                return settled(found.signal) if final else found.signal
        else:
            found = _captured(test, [other, then], site.bound & (site.after | site.exits) | {RESULT}, site)
            if found is not None:
                return _behind(found.signal, rest, site, final)
        test = bool(test)
    return _behind((then if test else other)(), rest, site, final)


def after(signal: Any, rest: Block | None, number: int, final: bool) -> Any:
    """Run what stands behind a statement unless a signal says that it is skipped; return the signal."""
    return _behind(signal, rest, SITES[number], final)


def chosen(test: Any, then: Block, other: Block) -> Any:
    """Evaluate ``a if test else b``."""
    if is_traced(test):
        found = _chosen(test, then, other)
        if found is not None:
            return found[0]
        test = bool(test)
    return then() if test else other()


def _nothing() -> None:
    return None


def _followed(block: Block, rest: Block, site: Site) -> Block:
    def run() -> Any:
        return _behind(block(), rest, site, False)

    run.parts = (block, rest)  # type: ignore[attr-defined]
    return run


def _behind(signal: Any, rest: Block | None, site: Site, final: bool) -> Any:
    kinds = kinds_of(signal)
    if kinds == {NEXT}:
        signal = rest() if rest is not None else None
    elif isinstance(signal, Signal) and NEXT in kinds and rest is not None:
        given = signal

        def skipped() -> Any:
            return Signal(given.value, given.kinds - {NEXT})

        found = _captured(signal.value == NEXT, [skipped, rest], site.bound & site.exits | {RESULT}, site)
        if found is not None:
            signal = found.signal
        else:
            signal = settled(signal)
            return _behind(signal, rest, site, final)
    return settled(signal) if final else signal


# -- recording --------------------------------------------------------------------------------------------------------


class _Done:
    def __init__(self, signal: Any) -> None:
        self.signal = signal


def _captured(test: Any, blocks: Sequence[Block], names: frozenset[str], site: Site) -> _Done | None:
    """Record a choice between blocks; None, with everything as it was, if that cannot be done."""
    why = refusal(site)
    if why:
        note_unrolled(site, why)
        return None
    functions = [f for block in blocks for f in getattr(block, "parts", (block,))]
    cells = cells_of(functions)
    try:
        with attempt():
            signal = _Choice(test, blocks, cells, sorted(names & cells.keys()), site).emit()
    except OuterWriteError:
        raise
    except Exception as error:
        reason = reason_of(error)
        note_unrolled(site, reason)
        if current().context.part is not None:  # type: ignore[union-attr]
            raise NotCapturedError(reason) from error
        return None
    note(site, "choice")
    return _Done(signal)


class _Choice:
    """A choice between two blocks that is being recorded."""

    def __init__(
        self,
        test: Any,
        blocks: Sequence[Block],
        cells: dict[str, CellType],
        names: list[str],
        site: Site,
    ) -> None:
        self.test, self.blocks, self.cells, self.names = test, blocks, cells, names
        self.site = site
        self.targets: list[Tracer] = []

    def emit(self) -> Any:
        """Record the choice; give variables and arrays their new values; return the signal."""
        branches: list[_Branch] = []
        while not branches:
            try:
                with attempt():
                    branches = [_Branch(self, block) for block in self.blocks]
            except OuterWriteError as error:
                if len(self.targets) >= _ATTEMPTS:
                    raise NotCapturedError("which arrays a branch writes into does not settle") from error
                self._add(error)
        merged = [self._merged(name, [b.ends[name] for b in branches]) for name in self.names]
        rows = [row for item in merged for row in item.rows]
        n = len(self.targets)
        kinds = [kinds_of(b.signal) for b in branches]
        signals = any(isinstance(b.signal, Signal) for b in branches) or kinds[0] != kinds[1]
        captured = Captured([b.part for b in branches])
        avals = [t.aval for t in self.targets]
        graphs = []
        for side, branch in enumerate(branches):

            def write(builder: Any, outs: list[Any], side: int = side, branch: Any = branch) -> list[Any]:
                made = [converted(builder, outs[k], of) for k, of in enumerate(avals)]
                for row in rows:
                    place = row.places[side]
                    made.append(converted(builder, None if place is None else outs[n + place], row.aval))
                if signals:
                    if isinstance(branch.signal, Signal):
                        made.append(outs[-1])
                    else:
                        made.append(builder.full(branch.signal or NEXT, (), np.int64))
                return made

            graphs.append(rewritten(branch.part, captured, avals, (), write))
        outs: list[Any] = []
        if n or rows or signals:
            index = self.test if self.test.aval.dtype.kind == "b" else self.test != 0
            operands = [np.reshape(index, ()), *[operand(t, t.aval) for t in self.targets], *captured.values]
            outs = list(apply("cond", operands, (("branches", tuple(graphs)),)))
        for target, out in zip(self.targets, outs, strict=False):
            target.assign(out)
        for row, out in zip(rows, outs[n:], strict=False):
            row.out = result(out, row.aval, row.is_array)
            goes_on(row.out, *row.objects)
            if row.shared:
                keep_apart(self.site, row.out, *row.shared)
        for item in merged:
            fill(self.cells[item.name], item.content())
        if not signals:
            return branches[0].signal
        return Signal(outs[-1], kinds[0] | kinds[1])

    def _add(self, error: OuterWriteError) -> None:
        root = error.target
        part = current().context.part  # type: ignore[union-attr]
        if (part is not None and is_outside(root, part)) or any(root is t for t in self.targets):
            raise error
        self.targets.append(root)

    def _merged(self, name: str, ends: list[Any]) -> _Merged:
        a, b = ends
        if a is UNSET and b is UNSET:
            return _Merged(name, None, [UNSET])
        if a is UNSET or b is UNSET:
            one = b if a is UNSET else a
            leaves = [self._row(name, [None, x] if a is UNSET else [x, None]) for x in one.leaves]
            return _Merged(name, one.tree, leaves)
        if a.content is b.content:
            return _Merged(name, None, [a.content])
        if a.tree != b.tree:
            raise NotCapturedError(_differ(name, a.content, b.content))
        return _Merged(name, a.tree, [self._row(name, list(pair)) for pair in zip(a.leaves, b.leaves, strict=True)])

    def _row(self, name: str, pair: list[Any]) -> Any:
        known = [leaf for leaf in pair if leaf is not None]
        x, y = known[0], known[-1]
        if x.object is y.object:
            if len(known) == 2 or not is_value(x.object):
                return x.object
        elif not (is_value(x.object) and is_value(y.object)):
            if type(x.object) is type(y.object) and x.object == y.object:
                return x.object
            raise NotCapturedError(_differ(name, x.object, y.object))
        elif not isinstance(x.object, (Sym, np.ndarray)) and type(x.object) is type(y.object) and x.object == y.object:
            return x.object
        mutable = any(is_mutable(leaf.object) for leaf in known)
        shared = [leaf.object for leaf in known if leaf.outside and is_mutable(leaf.object)]
        if shared and name in self.site.written:
            raise NotCapturedError(f"{name} is another name of an array after one branch, and is written into")
        places = [None if leaf is None else leaf.place for leaf in pair]
        return _Row(common(x.aval, y.aval, name), mutable, places, shared, [leaf.object for leaf in known])


class _Leaf:
    def __init__(self, value: Any, place: int, of: Aval | None, outside: bool) -> None:
        self.object, self.place, self.aval, self.outside = value, place, of, outside


class _End:
    """What a variable holds at the end of a branch."""

    def __init__(self, value: Any, tree: Any, leaves: list[_Leaf]) -> None:
        self.content, self.tree, self.leaves = value, tree, leaves


class _Row:
    """A result of the choice."""

    def __init__(
        self, of: Aval, is_array: bool, places: list[int | None], shared: list[Any], objects: list[Any]
    ) -> None:
        self.aval, self.is_array, self.places, self.shared, self.objects = of, is_array, places, shared, objects
        self.out: Any = None


class _Merged:
    """What a variable holds after the choice."""

    def __init__(self, name: str, tree: Any, leaves: list[Any]) -> None:
        self.name, self.tree, self.leaves = name, tree, leaves
        self.rows = [leaf for leaf in leaves if isinstance(leaf, _Row)]

    def content(self) -> Any:
        if self.tree is None:
            return self.leaves[0]
        return unflatten(self.tree, [leaf.out if isinstance(leaf, _Row) else leaf for leaf in self.leaves])


class _Branch:
    """One recorded branch: its part, how its variables end, its signal."""

    def __init__(self, owner: _Choice, block: Block) -> None:
        self.ends: dict[str, Any] = {}
        self.signal: Any = None
        targets = owner.targets

        def run(*given: Any) -> list[Any]:
            inside = current()
            with restored(owner.cells), standing_for(targets, given):
                ask = changed(owner.cells)
                self.signal = block()
                if ask():
                    raise NotCapturedError(f"{ask()} is changed in place: a branch cannot do so to a list, dict or set")
                outs = [snapshot(t) for t in targets]
                place = 0
                for name in owner.names:
                    value = content(owner.cells[name])
                    if value is UNSET:
                        self.ends[name] = UNSET
                        continue
                    leaves, tree = flatten(value)
                    made = []
                    for leaf in leaves:
                        if not is_value(leaf):
                            made.append(_Leaf(leaf, -1, None, True))
                            continue
                        outside = not isinstance(leaf, Tracer) or is_outside(root_of(leaf), inside)
                        outside = outside or any(root_of(leaf) is t for t in targets)
                        seen = snapshot(leaf)
                        made.append(
                            _Leaf(leaf, place, value_aval(seen) if isinstance(seen, Sym) else aval_of(seen), outside)
                        )
                        outs.append(seen)
                        place += 1
                    self.ends[name] = _End(value, tree, made)
                if isinstance(self.signal, Signal):
                    outs.append(snapshot(self.signal.value))
                return outs

        self.part: Part = record_part(run, [t.aval for t in targets])


def _chosen(test: Any, then: Block, other: Block) -> Any:
    """Record ``a if test else b``; None if that cannot be done."""
    site = _site_of(then)
    if refusal(site):
        return None
    made: list[Any] = []

    def branch(block: Block) -> Block:
        def run() -> Any:
            box.cell_contents = block()

        return run

    box = CellType()
    choice_ = _Choice(test, [branch(other), branch(then)], {"the value": box}, ["the value"], site)
    try:
        with attempt():
            choice_.emit()
    except OuterWriteError:
        raise
    except Exception as error:
        if current().context.part is not None:  # type: ignore[union-attr]
            raise NotCapturedError(reason_of(error)) from error
        return None
    made.append(box.cell_contents)
    return made


def _site_of(block: Block) -> Site:
    """Return where a conditional expression stands; those of one line are one."""
    code = block.__code__
    none: frozenset[str] = frozenset()
    return Site(code.co_filename, code.co_firstlineno, code.co_name, "if", none, none, none, none, none, none)


def _differ(name: str, a: Any, b: Any) -> str:
    return f"{name} is {_shown(a)} after one branch and {_shown(b)} after the other"


def _shown(value: Any) -> str:
    if isinstance(value, Tracer):
        return repr(value.aval)
    text = repr(value)
    return text if len(text) < 40 else type(value).__name__
