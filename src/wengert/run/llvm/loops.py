"""Loop nests as data: what the fuser makes and the emitter turns into LLVM IR.

A :class:`Loop` runs over one iteration space.  For each point it loads entries, computes a list of scalar operations
and stores or accumulates results.  Which entry an access touches is linear in the point's coordinates: a base, an
offset and one stride per axis; a stride of 0 is a broadcast (in a load) or a reduction (in a store).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ...core.bounds import Affine, Counter
from .order import outside_in

Shape = tuple[int, ...]

SMALL: Final = 64
"""Points up to which a loop inside of a loop has its sizes in the code, so that it can be unrolled."""


@dataclass(eq=False, slots=True)
class Buffer:
    """Memory for one value: a part of the arena, or an array that is handed in or out.

    Attributes
    ----------
    size : int
        Number of entries.
    dtype : numpy.dtype
    kind : str
        ``"arena"``, ``"input"``, ``"output"``, ``"scalar"`` (an input or output kept in the arena's head) or
        ``"python"`` (made by an interpreted step).
    number : int
        Place among the arrays handed in, or -1.
    """

    size: int
    dtype: Any
    kind: str = "arena"
    number: int = -1
    offset: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How a value lies in a buffer: offset and strides, counted in entries.

    ``indexed`` holds size and stride of further axes, whose coordinates are computed by the loop (gather), or lie in
    memory: then ``at`` says where (``a[i]`` for a computed i), and ``safe`` whether all are certain to lie inside.
    ``forms`` holds what is known of those places, if all of them are axes of the whole buffer.
    """

    buffer: Buffer
    offset: int
    strides: Shape
    shape: Shape
    indexed: tuple[tuple[int, int], ...] = ()
    at: tuple[View, ...] = ()
    safe: bool = False
    forms: tuple[Affine | None, ...] = ()

    @property
    def dtype(self) -> Any:
        return self.buffer.dtype


def c_strides(shape: Shape) -> Shape:
    """Return the strides of a C-contiguous array, in entries."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def whole(buffer: Buffer, shape: Shape) -> View:
    """Return the view of a buffer that holds a C-contiguous array."""
    return View(buffer, 0, c_strides(shape), shape)


def is_whole(view: View) -> bool:
    """Say whether a view is C-contiguous (axes of size 1 do not matter)."""
    expected = c_strides(view.shape)
    return all(n == 1 or s == e for n, s, e in zip(view.shape, view.strides, expected, strict=True))


@dataclass(frozen=True, slots=True)
class Op:
    """A scalar operation: name, operands (numbers of earlier items of the loop's body), parameters, dtypes."""

    name: str
    args: tuple[int, ...]
    params: tuple[tuple[str, Any], ...]
    dtypes: tuple[Any, ...]
    out: Any


@dataclass(frozen=True, slots=True)
class Load:
    """Read an entry; ``access`` numbers the loop's accesses."""

    access: int


@dataclass(frozen=True, slots=True)
class Pick:
    """Read the entry of an access that computed coordinates (items ``at``) point to; negative ones count from the
    end, unless all are known to be ``safe``: inside, and not negative.
    """

    access: int
    at: tuple[int, ...]
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Outside:
    """1 where computed coordinates point outside of the array, else 0.  Reads and writes are clipped to the inside."""

    access: int
    at: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """A number that belongs to the structure.

    Numbers that are written differently are different: 0.0 and -0.0 compare equal, nan does not with itself.
    """

    value: Any
    dtype: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Const) and self.dtype == other.dtype and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash((repr(self.value), self.dtype))


@dataclass(frozen=True, slots=True)
class Store:
    """Write item ``item`` to an access; ``how`` is ``"set"`` or the operation to accumulate with.

    With coordinates ``at`` it goes where they point to (scatter).  With a ``shift`` it goes to the entry so many places
    behind the point's; see :mod:`.sliding`.
    """

    access: int
    item: int
    how: str = "set"
    at: tuple[int, ...] = ()
    safe: bool = False
    shift: int = 0


ACCUMULATE: Final = {
    "reduce_sum": "add",
    "reduce_max": "max",
    "reduce_min": "min",
    "reduce_prod": "mul",
    "reduce_any": "or",
    "reduce_all": "and",
}


@dataclass(frozen=True, slots=True)
class Together:
    """How a loop runs with those next to it that are of one ``group``.

    Loops with 0 in ``when`` have the same rows: each row of all of them is done before the next one.  Those with -1 are
    done before the first row, and those with 1 behind the last one, each group in order.  Otherwise they need nothing
    of each other, so that threads may share the rows.
    """

    group: object
    when: int


@dataclass(eq=False, slots=True)
class Loop:
    """A fused loop nest over ``shape``."""

    shape: Shape
    accesses: list[View] = field(default_factory=list)
    body: list[Any] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    equations: list[int] = field(default_factory=list)
    together: Together | None = None

    @property
    def written(self) -> list[Buffer]:
        """Return the buffers that the stores go to, in their order."""
        return [self.accesses[store.access].buffer for store in self.stores]


def needed_for(loop: Loop, stores: Sequence[Store]) -> set[int]:
    """Return the items that stores of a loop depend on."""
    needed = {j for store in stores for j in (store.item, *store.at)}
    for j in range(len(loop.body) - 1, -1, -1):
        if j in needed:
            needed |= {*getattr(loop.body[j], "args", ()), *getattr(loop.body[j], "at", ())}
    return needed


def used(loop: Loop) -> Loop:
    """Return a loop without what its stores do not need."""
    needed = needed_for(loop, loop.stores)
    items = {j: k for k, j in enumerate(sorted(needed))}
    body = [loop.body[j] for j in sorted(needed)]
    kept = {store.access for store in loop.stores} | {item.access for item in body if hasattr(item, "access")}
    accesses = {j: k for k, j in enumerate(sorted(kept))}

    def renumbered(item: Any) -> Any:
        changes: dict[str, Any] = {}
        if hasattr(item, "access"):
            changes["access"] = accesses[item.access]
        for name in ("args", "at"):
            if hasattr(item, name):
                changes[name] = tuple(items[j] for j in getattr(item, name))
        return replace(item, **changes) if changes else item

    stores = [replace(renumbered(store), item=items[store.item]) for store in loop.stores]
    return Loop(loop.shape, [loop.accesses[k] for k in sorted(kept)], list(map(renumbered, body)), stores)


@dataclass(eq=False, slots=True)
class Fill:
    """Set a buffer, or ``count`` of its entries from ``start`` on, to one number."""

    buffer: Buffer
    value: Any
    start: int = 0
    count: int = -1

    @property
    def length(self) -> int:
        """How many entries."""
        return self.buffer.size if self.count < 0 else self.count


@dataclass(eq=False, slots=True)
class Product:
    """A matrix product by BLAS: out[b] = alpha x[b] @ y[b] (+ out[b]), matrices as views with a batch axis in front.

    ``cut`` says how threads share it; see :func:`.blas.cut`.
    """

    x: View
    y: View
    out: View
    accumulate: bool = False
    alpha: float = 1.0
    cut: Any = None


@dataclass(eq=False, slots=True)
class Rows:
    """Loops that run together over blocks of rows, and in several threads; see :mod:`.rows`.

    Attributes
    ----------
    loops : list of Loop
    leading : list of int
        How many axes of each loop make up the rows; -1 for a lone loop, whose rows are its outermost loop's steps.
    count, block, part, tasks : int
        Number of rows, rows of a block, rows of a task, and tasks that threads share.
    scratch : list of (Buffer, int)
        Memory for one block, for each thread; bytes of a row.
    partial : list of (Buffer, int)
        Sums over rows, a part for each task; bytes of a part.
    """

    loops: list[Loop]
    leading: list[int]
    count: int
    block: int
    part: int
    tasks: int
    scratch: list[tuple[Buffer, int]] = field(default_factory=list)
    partial: list[tuple[Buffer, int]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Python:
    """An equation that the interpreter computes between native steps."""

    run: Any
    inputs: list[View]
    outputs: list[Buffer]
    shapes: list[Shape]
    multiple: bool
    equation: int


@dataclass(eq=False, slots=True)
class Call(Python):
    """An equation with a native form written by hand; see :mod:`.forms`.

    Attributes
    ----------
    form : tuple
        What its code depends on: name, dtype, and whatever else.
    count : int
        Over how many matrices or rows it loops.
    scratch : list of Buffer
        Further memory; the last one may be the status word.
    numbers : list of int
        Sizes and addresses of functions.
    """

    form: tuple[Any, ...] = ()
    count: int = 0
    scratch: list[Buffer] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """How often a loop runs: where the number lies, and the most that it may be; None where there is none."""

    count: View | None
    most: int | None


@dataclass(eq=False, slots=True)
class Nest:
    """A loop whose axes are loops of the program; see :mod:`.nests`.

    Attributes
    ----------
    loop : Loop
    extents : list of Extent
        The lengths of its axes.
    counters : list of Counter
    forms : list of tuple
        For each access its place, as expressions of the counters.
    apart : bool
        Whether no access reaches what another one writes.
    """

    loop: Loop
    extents: list[Extent]
    counters: list[Counter]
    forms: list[tuple[Affine | None, ...]]
    apart: bool = False


@dataclass(eq=False, slots=True)
class Skew:
    """How iterations of a loop run side by side; see :mod:`.skewed`.

    Attributes
    ----------
    inner : int
        Which of the loop's steps is the loop within it.
    rows, shift : int
        How many iterations, and how many of the inner loop's each is behind the one before.
    private : list of Buffer
        Memory of one entry that each has for itself.
    """

    inner: int
    rows: int
    shift: int
    private: list[Buffer]


@dataclass(eq=False, slots=True)
class Blocks:
    """How iterations of a loop share what their nests have in common; see :mod:`.blocked`.

    Attributes
    ----------
    inner : int
        Which of the loop's steps is the nest.
    axis, more : int
        Which of its axes gets longer from iteration to iteration, and how much longer than the counter it is.
    early : bool
        Whether the common part is done before the iterations of a block, and not behind them.
    counter : Counter
        The loop's own.
    """

    inner: int
    axis: int
    more: int
    early: bool
    counter: Counter


@dataclass(eq=False, slots=True)
class Skip:
    """Which entry of an array an iteration does nothing for if it is zero; see :mod:`.skipping`.

    Attributes
    ----------
    buffer : Buffer
    offset : int
    terms : list of (Buffer, int)
        Counters, and how far the entry moves with each.
    way : int
        How far it moves from one iteration to the next: 1 or -1.
    """

    buffer: Buffer
    offset: int
    terms: list[tuple[Buffer, int]]
    way: int


@dataclass(eq=False, slots=True)
class Repeat:
    """Steps that are repeated: the primitive ``loop``; see :mod:`.control`.

    Attributes
    ----------
    counter : Buffer
        Holds the number of the iteration.
    count : View or None
        Where the number of iterations lies, if it is computed.
    length : int or None
        The number of iterations, or the most that there may be.
    reverse : bool
        Count down.
    test, going
        Steps to take before each iteration, and where they say whether there is to be one.
    body : list
        Steps of an iteration.
    inner : list of Buffer
        Memory of an iteration, within ``scratch``.
    outer : list of Buffer
        Memory around the loop that it reads or writes.
    tape : int
        What to report when ``length`` is too short; 0 if it cannot be.
    recipe : tuple
        What the code is made of; see :mod:`.region`.
    nests : list of Nest
        What runs instead, one after the other, where iterations need nothing of each other; see :mod:`.nests`.
    before, after : list
        Steps to take in front of the first iteration and behind the last one, with its counter, if there are any
        iterations; see :mod:`.rolling`.
    skew : Skew or None
        How iterations run side by side.
    blocks : Blocks or None
        How iterations share what their nests have in common.
    skip : Skip or None
        Which iterations are skipped.
    """

    counter: Buffer
    count: View | None
    length: int | None
    reverse: bool
    test: list[Any]
    going: View | None
    body: list[Any]
    scratch: Buffer
    inner: list[Buffer]
    outer: list[Buffer]
    tape: int
    equation: int
    recipe: Any = None
    nests: list[Nest] = field(default_factory=list)
    before: list[Any] = field(default_factory=list)
    after: list[Any] = field(default_factory=list)
    skew: Skew | None = None
    blocks: Blocks | None = None
    skip: Skip | None = None


@dataclass(eq=False, slots=True)
class Choice:
    """Alternative lists of steps, of which one is taken: the primitive ``cond``.

    ``turns`` is how often it comes to that before a branch with something in it is taken, where that is known.
    """

    index: View
    branches: list[list[Any]]
    scratch: Buffer
    inner: list[Buffer]
    outer: list[Buffer]
    equation: int
    recipe: Any = None
    turns: int = 1


def fill_loop(fill: Fill) -> Loop:
    """Return a fill as a loop without loads."""
    view = View(fill.buffer, fill.start, (1,), (fill.length,))
    return Loop((fill.length,), [view], [Const(fill.value, fill.buffer.dtype)], [Store(0, 0)])


def only(loop: Loop, stores: Sequence[Store]) -> Loop:
    """Return a loop with some of its stores, and what they need."""
    made = used(Loop(loop.shape, loop.accesses, loop.body, list(stores)))
    made.equations = loop.equations
    return made


# -- bringing loops into canonical form -------------------------------------------------------------------------------


def canonical(shape: Shape, accesses: list[View], leading: int = 0) -> tuple[Shape, list[Shape], int]:
    """Return a simpler nest with the same points: axes of size 1 dropped, axes merged, the best one innermost.

    Parameters
    ----------
    shape, accesses
    leading : int
        So many axes at the front, which must be one for all accesses, stay outside.

    Returns
    -------
    shape, strides
        Sizes of the loops from the outside in, and for each access its strides.
    steps : int
        Steps of the outermost loop for each step of the leading axes.
    """
    axes = [a for a, n in enumerate(shape) if n != 1 and a >= leading]
    if axes:
        inner = innermost(axes, accesses)
        rest = [a for a in axes if a != inner]
        rest.sort(key=lambda a: (-max(abs(v.strides[a]) for v in accesses), a))
        axes = [*outside_in(rest, inner, shape, accesses), inner]
    sizes = [shape[a] for a in axes]
    strides = [[v.strides[a] for a in axes] for v in accesses]
    if leading:
        sizes.insert(0, math.prod(shape[:leading]))
        for s, v in zip(strides, accesses, strict=True):
            s.insert(0, row_stride(v.strides, shape, leading))
    steps = 1
    k = len(sizes) - 2
    while k >= 0:
        if all(s[k] == s[k + 1] * sizes[k + 1] for s in strides):
            if k == 0:
                steps = sizes[1]
            sizes[k + 1] *= sizes[k]
            del sizes[k]
            for s in strides:
                del s[k]
        k -= 1
    if not sizes:
        sizes = [1]
        strides = [[0] for _ in strides]
    return tuple(sizes), [tuple(s) for s in strides], steps


def innermost(axes: list[int], accesses: list[View]) -> int:
    """Return the axis along which a step touches the least memory."""

    def cost(a: int) -> tuple[float, int]:
        return sum(stride_cost(v.strides[a]) for v in accesses), -a

    return min(axes, key=cost)


def stride_cost(stride: int) -> float:
    """Return how many cache lines, or nearly, a step of so many entries reaches."""
    return 0.0 if stride == 0 else 1 / 8 if stride == 1 else 1.0


def row_stride(strides: Shape, shape: Shape, leading: int) -> int:
    """Return the stride of the first axes taken as one."""
    return next((strides[a] for a in range(leading - 1, -1, -1) if shape[a] != 1), 0)
