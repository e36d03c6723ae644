"""The recorder: the builder of traces, which recognises what it has recorded before while it records.

A function that is called again mostly does what it did last time.  What it did is therefore kept as a tree: a
:class:`Node` stands for everything recorded from the start of the function up to some operation, and its items lead to
what came next.  Recording an operation that came next before is a look-up, makes no entry, and infers no shape; and the
node that a recording ends at *is* its structure, so that the compiled program is found without comparing or hashing
the structure as a whole.

Items of two kinds lead from one node to another:

* a single entry (an equation, a captured value, a guard), which is looked up by what it is;
* a *shortcut*: a whole operation of the user's (``100.0 * x``, ``np.mean(x)``), which may consist of several entries,
  is looked up by its operands' numbers before any of NumPy's rules are applied to it.

The tree only saves time.  It is dropped when it has grown too large, and no result depends on it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import Any, Final

import numpy as np

from ..core.aval import Aval, aval_of
from ..core.builder import GUARD, Builder, infer, leaked
from ..core.graph import Params
from ..core.primitive import Primitive
from ..core.symbol import Sym
from .dispatch import VIEWS
from .force import Values

_MAX_NODES: Final = 50_000
"""Nodes kept, of all functions together; some 600 bytes each."""


class Node(dict[Any, Any]):
    """Everything recorded up to here; its items lead to what came next.

    Attributes
    ----------
    parent : Node or None
        Everything but the last entry.
    entry, place
        The last entry, as in ``Builder.code``, and the user's code object that it is attributed to.
    first : int
        The number of the entry's first value.
    outs : tuple of Aval
        The values that it makes.
    """

    __slots__ = ("entry", "first", "outs", "parent", "place")

    entry: Any
    first: int
    outs: tuple[Aval, ...]
    parent: Node | None
    place: Any

    def __init__(self, parent: Node | None = None, entry: Any = None, place: Any = None, outs: Any = ()) -> None:
        self.parent = parent
        self.entry = entry
        self.place = place
        self.first = 0 if parent is None else parent.first + len(parent.outs)
        self.outs = outs


_ROOTS: Final[dict[int, tuple[Any, Node]]] = {}
_OVER: Final = Node()
"""Where recorders stand whose trace has ended: nothing came next here, nor will it."""
_kept = 0


def root(function: Any) -> Node:
    """Return where recordings of a function begin.

    There is one place for each code object, so that a lambda that is made anew for each call begins where it did
    before, and lines are attributed to the right function.
    """
    owner: Any = function
    while type(owner) is not FunctionType or owner.__dict__:
        wrapped = getattr(owner, "__wrapped__", None)  # by a transform: all of its functions have the same code
        if wrapped is not None:
            owner = wrapped
        elif type(owner) is FunctionType:
            break
        elif isinstance(owner, functools.partial):
            owner = owner.func
        elif isinstance(owner, MethodType):
            owner = owner.__func__
        else:
            owner = getattr(type(owner), "__call__", None)  # noqa: B004  (whose code, not whether)
            break
    owner = owner.__code__ if type(owner) is FunctionType else owner
    found = _ROOTS.get(id(owner))
    if found is None:
        found = _ROOTS[id(owner)] = (owner, Node())  # the reference keeps the id from being given out again
    return found[1]


def forget() -> None:
    """Drop the tree."""
    global _kept
    _ROOTS.clear()
    _kept = 0


class _Lists:
    """A builder's lists, made of the nodes from the start to one node."""

    __slots__ = ("avals", "captured", "code", "node", "places")

    def __init__(self, start: Node) -> None:
        self.node = start
        self.code: list[tuple[Any, ...]] = []
        self.avals: list[Aval] = []
        self.places: list[Any] = []
        self.captured: list[int] = []

    def extend(self, end: Node, n_inputs: int) -> None:
        """Go on to a later node."""
        path = []
        node = end
        while node is not self.node:
            path.append(node)
            node = node.parent  # type: ignore[assignment]
        self.node = end
        for node in reversed(path):
            self.code.append(node.entry)
            self.places.append(node.place)
            self.avals.extend(node.outs)
            if node.entry[0] is None and node.first >= n_inputs:
                self.captured.append(node.first)


class Recorder(Builder):
    """The builder of a trace; see the module.

    Its lists (``code``, ``avals``, ``places``, ``constants``) are made from the nodes when somebody asks for them.

    Attributes
    ----------
    node : Node
        What has been recorded so far.
    given : sequence
        What the inputs are in this run.
    guarded : bool
        The recording is used for other values, too.
    part : Builder or None
        That of the innermost loop body or branch that is being recorded, if any.
    outer : Builder or None
        The enclosing trace.
    values : list
        What the captured values are in this run, in the order of their capture.
    """

    __slots__ = (
        "_end",
        "_lasting",
        "_lists",
        "_values",
        "given",
        "guarded",
        "node",
        "outer",
        "part",
        "start",
        "values",
    )

    def __init__(self, level: int, wrap: Any, start: Node | None, snapshot: bool) -> None:
        # Not Builder's: the lists are not made before somebody asks for them.
        self.level = level
        self.wrap = wrap
        self.snapshot = snapshot
        self.guarded = False
        self.part: Builder | None = None
        self.outer: Builder | None = None
        self._values: Values | None = None
        self.given: Sequence[Any] = ()
        self.finished = False
        self.place = None
        self.lasti = 0
        self.values: list[Any] = []
        self._by_identity = {}
        self._lasting = start is not None
        self.start = self.node = Node() if start is None else start
        self._end: Node | None = None
        self._lists: _Lists | None = None

    def begin(self, avals: Sequence[Aval], values: Sequence[Any]) -> list[Any]:
        """Number the inputs and return them; ``values`` is what they are in this run."""
        self.given = values
        key = tuple(avals)
        node = self.node.get(key)
        if node is None:
            start = self.node
            for of in avals:
                self._go(("input", of), (None, of), None, (of,))
            start[key] = node = self.node
        self.node = node
        inputs: list[Any] = []
        for of in key:
            x: Any = self.wrap(self, len(inputs), of)
            if not of.shape:
                x.is_array = type(values[len(inputs)]) is np.ndarray
            inputs.append(x)
        return inputs

    @property
    def context(self) -> Values:
        """The values that have been asked for."""
        if self._values is None:
            self._values = Values(dict(enumerate(self.given)), self.guarded, self.part, self.outer)
        return self._values

    @property
    def inputs(self) -> list[int]:  # type: ignore[override]
        return list(range(len(self.given)))

    # -- lists --------------------------------------------------------------------------------------------------------

    def _synced(self) -> _Lists:
        """Return the lists, brought up to the present node."""
        lists = self._lists
        if lists is None:
            lists = self._lists = _Lists(self.start)
        end = self.node if self._end is None else self._end
        if lists.node is not end:
            lists.extend(end, len(self.given))
        return lists

    @property
    def code(self) -> list[tuple[Any, ...]]:  # type: ignore[override]
        return self._synced().code

    @property
    def avals(self) -> list[Aval]:  # type: ignore[override]
        return self._synced().avals

    @property
    def places(self) -> list[Any]:  # type: ignore[override]
        return self._synced().places

    @property
    def constants(self) -> list[tuple[int, Any]]:  # type: ignore[override]
        return list(zip(self._synced().captured, self.values, strict=True))

    @property
    def end(self) -> Node:
        """The last node of a trace that has ended."""
        assert self._end is not None
        return self._end

    def finish(self) -> None:
        """End the trace."""
        self.finished = True
        self._end = self.node
        self.node = _OVER

    # -- single entries -----------------------------------------------------------------------------------------------

    def _go(self, key: Any, entry: Any, place: Any, outs: tuple[Aval, ...]) -> Node:
        """Go on to the node after an entry, made now if the entry has not come next here before."""
        node = self.node if self._end is None else self._end
        found: Node | None = node.get(key)
        if found is None:
            found = Node(node, entry, place, outs)
            if self._lasting:
                found = node.setdefault(key, found)
                _count()
        if self._end is None:
            self.node = found
        else:  # constants that the result of a custom rule consists of
            self._end = found
        return found

    def capture(self, value: Any, of: Aval) -> int:
        found = self.node.get(of)
        if found is None:
            found = self._go(of, (None, of), None, (of,))
        else:
            self.node = found
        self.values.append(value)
        number: int = found.first
        return number

    def guard(self, kind: str, number: int, value: Any) -> None:
        entry = (GUARD, kind, number, value)
        self._go(entry, entry, None, ())

    def emit(self, record: Primitive, ins: tuple[int, ...], params: Params = ()) -> int:
        key = (record, ins, params)
        found = self.node.get(key)
        if found is None:
            found = self._equation(key)
        else:
            self.node = found
        first: int = found.first
        return first

    def _equation(self, key: tuple[Primitive, tuple[int, ...], Params]) -> Node:
        record, ins, params = key
        avals = self.avals
        kinds = (params, *[avals[i] for i in ins])
        outs = record.inferred.get(kinds) or infer(record, kinds)
        if not record.remember:  # its parameters hold the user's functions, which the tree must not keep alive
            self._lasting = False
        return self._go(key, (record, ins, params, self.lasti), self.place, outs)

    def apply(self, record: Primitive, args: Any, params: Params = ()) -> Any:
        if self.finished:
            raise leaked(args[0] if args else None)
        ins = []
        for arg in args:
            if isinstance(arg, Sym):
                if arg.base is not None:
                    arg.refresh()
                ins.append(arg.id if arg.builder is self else self.lift(arg))
            else:
                ins.append(self.lift(arg))
        first = self.emit(record, tuple(ins), params)
        if not record.multiple:
            return self.wrap(self, first, self.node.outs[0])
        return tuple([self.wrap(self, first + k, of) for k, of in enumerate(self.node.outs)])

    def output(self, number: int) -> Any:
        node = self.node
        if number == node.first and node.outs:
            return self.wrap(self, number, node.outs[0])
        return self.wrap(self, number, self.avals[number])

    # -- shortcuts ----------------------------------------------------------------------------------------------------

    def operands(self, head: Any, operands: Any) -> tuple[Any, list[Any]] | None:
        """Return what an operation on traced values, arrays and numbers is looked up by, and the values to capture.

        None where there is no telling.  The structure must not depend on the values of arrays and numbers.
        """
        key = [head]
        captured = []
        traced = self.wrap
        for x in operands:
            kind = type(x)
            if kind is traced:
                if x.base is not None:
                    x.refresh()
                if x.builder is not self:
                    return None
                key.append(x.id)
            elif kind in NUMBERS:
                key.append(kind)
                captured.append(x)
            elif kind is np.ndarray:
                found = self._by_identity.get(id(x))
                if found is not None and not (self.snapshot and x.flags.writeable):
                    key.append(found[0])
                else:
                    key.append(aval_of(x))
                    captured.append(x)
            else:
                return None
        return tuple(key), captured

    def recall(self, key: Any, captured: list[Any]) -> Any:
        """Record an operation that came next here before, and return its result; None if it did not."""
        step = self.node.get(key)
        if step is None:
            return None
        node, number, of, hows = step
        if captured:
            # Nothing is captured before every number is known to fit its dtype.
            made = []
            for k, how in enumerate(hows):
                x = captured[k]
                if how is None:
                    made.append(x)
                elif type(how) is int:
                    if self.snapshot and x.flags.writeable:
                        x = x.copy()
                    self._by_identity[id(x)] = (how, x)
                    made.append(x)
                else:
                    made.append(how(x))
            self.values += made
        self.node = node
        return self.wrap(self, number, of)

    def learn(self, before: Node, key: Any, captured: list[Any], hows: Any, out: Any) -> Any:
        """Note that an operation led from one node to the present one, and return its result.

        Parameters
        ----------
        before
            The node that it began at.
        key, captured
            What it is looked up by, and the operands that it captured; see :meth:`operands`.
        hows
            For each of these: what a number is converted by, the number of an array among this trace's values, or
            None.
        out
            The result.
        """
        if len(captured) == len(hows):
            self.shortcut(before, key, out, tuple(hows))
        return out

    def shortcut(self, before: Node, key: Any, out: Any, extra: Any) -> None:
        """Let a look-up lead from one node to the present one."""
        if self._lasting and not self.finished and out.aval is self.avals[out.id]:
            before[key] = (self.node, out.id, out.aval, extra)

    def pure(self, function: Any, implementation: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call a function of one traced value and options, unless that came next here before.

        What it does may depend on nothing but the value's aval and the options; and on its strides, if it is one of
        ``VIEWS``.
        """
        x = args[0]
        if x.base is not None:
            x.refresh()
            if function in VIEWS:  # what is a view then depends on the strides
                return implementation(*args, **kwargs)
        key: Any = (function, x.id)
        if len(args) > 1 or kwargs:
            options = (*args[1:], *kwargs.values())
            if not _OPTIONS.issuperset(map(type, options)) and not _are_plain(options):
                return implementation(*args, **kwargs)
            key = (function, x.id, options, *kwargs)
        step = self.node.get(key)
        if step is not None:
            self.node, number, of, (values, window) = step
            if values:
                self.values += values
            out: Any = self.wrap(self, number, of)
            if window is not None:
                out.base, out.window, out.seen = x, window, x.version
            return out
        before, count = self.node, len(self.values)
        out = implementation(*args, **kwargs)
        if type(out) is self.wrap and out.builder is self and out is not x and (out.base is None or out.base is x):
            values = tuple(self.values[count:])
            if not any(isinstance(value, Sym) for value in values):
                window = None if out.base is None else out.window  # type: ignore[attr-defined]
                self.shortcut(before, key, out, (values, window))
        return out

    def operate(self, function: Any, implementation: Callable[..., Any], args: Any) -> Any:
        """Call a function of traced values, arrays and numbers, unless that came next here before.

        What it does may depend on nothing but their avals, and it must capture arrays and numbers in their order.
        """
        look_up = self.operands(function, args)
        if look_up is None:
            return implementation(*args)
        key, captured = look_up
        out = self.recall(key, captured)
        if out is not None:
            return out
        before, count = self.node, len(self.values)
        out = implementation(*args)
        made = self.values[count:]
        if type(out) is self.wrap and out.builder is self and out.base is None and len(made) == len(captured):
            hows = [self._how(x, value) for x, value in zip(captured, made, strict=True)]
            if self._lasting and _UNLIKE not in hows:
                self.shortcut(before, key, out, tuple(hows))
        return out

    def _how(self, x: Any, value: Any) -> Any:
        """Say how a captured value was made of an operand."""
        if type(x) is np.ndarray:
            found = self._by_identity.get(id(value))
            copied = self.snapshot and x.flags.writeable
            alike = type(value) is np.ndarray and (value is x or (copied and np.array_equal(value, x)))
            return found[0] if found is not None and alike else _UNLIKE
        if isinstance(value, (np.ndarray, np.generic)) and not value.shape and value == x:
            return functools.partial(np.asarray, dtype=value.dtype)
        return _UNLIKE


_UNLIKE: Final = "a captured value that is not the operand itself"


def _are_plain(options: tuple[Any, ...]) -> bool:
    """Say whether options are whole numbers, booleans, None, and tuples of whole numbers.

    Of those, ones that are equal mean the same.
    """
    for option in options:
        kind = type(option)
        if not (_WHOLE.issuperset(map(type, option)) if kind is tuple else kind in _OPTIONS):
            return False
    return True


_OPTIONS: Final = frozenset({int, bool, type(None)})
_WHOLE: Final = frozenset({int})


NUMBERS: Final = frozenset({float, int, complex, np.float64, np.float32, np.int64, np.complex128})
"""Numbers of these types can be exchanged for one another without changing the structure of arithmetic."""


def _count() -> None:
    """Note that a node is kept; there may be too many of them now."""
    global _kept
    _kept += 1
    if _kept > _MAX_NODES:
        forget()
