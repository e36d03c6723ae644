"""Loop nests within loops that threads share.

The pool's threads look for work for a while before they sleep (:mod:`.runtime`), so that within a loop handing them
a part of a nest takes about a microsecond.  A nest is cut along its outermost axis, into a part for each thread.  Where
it adds up, the number of parts does not depend on that of the threads: each has sums of its own, which are added up in
order, so that results do not depend on it either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from . import ir
from .cost import nanoseconds
from .emit import ARGUMENTS, KERNEL
from .layout import IDENTITY
from .loops import Load, Loop, Shape
from .rows import injective
from .scalars import BYTE, INDEX, constant

SUMS: Final = 4
"""Parts of a nest that adds up."""
WORTHWHILE: Final = 12e3
"""Nanoseconds of work, as estimated, from which on it pays to share a nest."""
_APART: Final = 8
"""Entries between the sums of two parts, so that they lie in different cache lines."""
_LINE: Final = 16
"""Words of two cache lines, which processors fetch together."""

Code = tuple[ir.Builder, ir.Builder]


def is_shared(loop: Loop, sizes: Shape, strides: Sequence[Shape], worthwhile: float | None = None) -> bool:
    """Say whether threads share a nest: parts must not write to the same entries."""
    if nanoseconds(loop) < (WORTHWHILE if worthwhile is None else worthwhile) or sizes[0] < SUMS:
        return False
    for store in loop.stores:
        steps = strides[store.access]
        for j in store.at:
            place = loop.body[j]
            if not isinstance(place, Load) or any(strides[place.access]):
                return False
        if any(steps):
            if not steps[0] or not injective(sizes, steps):
                return False
            continue
        view = loop.accesses[store.access]
        users = [other.buffer is view.buffer for other in loop.accesses]
        if store.how != "add" or store.at or view.indexed or view.dtype.kind != "f" or sum(users) > 1:
            return False
    return True


def emit_part(module: ir.Module, name: str, nest: ir.Function, arrays: int, sums: Sequence[int]) -> ir.Function:
    """Write the kernel that runs a part of a nest.

    Its table holds the addresses of the nest's accesses, its description the length of a part, and then the numbers
    that the nest takes.
    """
    part = ir.Function(module, KERNEL, name, ARGUMENTS, linkage="internal")
    table, description, start, stop = part.args
    b = ir.Builder(part.append_basic_block("entry"))
    kinds = nest.signature.parameters
    number = b.udiv(start, b.load(description))
    args = []
    for k, kind in enumerate(kinds[:arrays]):
        pointer = b.bitcast(b.load(b.gep(table, ir.Constant(INDEX, k))), kind)
        args.append(b.gep(pointer, b.mul(number, ir.Constant(INDEX, _APART))) if k in sums else pointer)
    for k in range(len(kinds) - arrays - 2):
        args.append(b.load(b.gep(description, ir.Constant(INDEX, k + 1))))
    b.call(nest, [*args, start, stop])
    b.ret_void()
    return part


def emit_team(module: ir.Module, name: str, nests: Sequence[tuple[ir.Function, int]]) -> ir.Function:
    """Write the kernel that runs a part of several nests, one after the other; see :mod:`.team`.

    Its table holds the addresses of all accesses.  Its description holds the number of parts and the rows of one, then
    for each nest its rows, steps of its outermost loop for a row, how many rows later it is cut, and what it takes.

    Parameters
    ----------
    module, name
    nests : sequence of (Function, int)
        With the number of accesses of each.
    """
    part = ir.Function(module, KERNEL, name, ARGUMENTS, linkage="internal")
    table, description, number, _ = part.args
    b = ir.Builder(part.append_basic_block("entry"))
    zero, one = ir.Constant(INDEX, 0), ir.Constant(INDEX, 1)
    position = arrays = 0

    def following() -> Any:
        nonlocal position
        found = b.load(b.gep(description, ir.Constant(INDEX, position)))
        position += 1
        return found

    parts, length = following(), following()
    last = b.sub(parts, one)

    def cut(at: Any, rows: Any, later: Any) -> Any:
        """Return the row before which a nest is cut."""
        row = b.add(b.mul(at, length), later)
        row = b.select(b.icmp_signed("<", row, zero), zero, row)
        return b.select(b.icmp_signed(">", row, rows), rows, row)

    for nest, count in nests:
        rows, steps, later = following(), following(), following()
        start = b.select(b.icmp_signed("==", number, zero), zero, cut(number, rows, later))
        stop = b.select(b.icmp_signed("==", number, last), rows, cut(b.add(number, one), rows, later))
        kinds = nest.signature.parameters
        args = []
        for kind in kinds[:count]:
            args.append(b.bitcast(b.load(b.gep(table, ir.Constant(INDEX, arrays))), kind))
            arrays += 1
        args += [following() for _ in range(len(kinds) - count - 2)]
        b.call(nest, [*args, b.mul(start, steps), b.mul(stop, steps)])
    b.ret_void()
    return part


def emit_beside(module: ir.Module, name: str, nests: Sequence[tuple[int, ir.Function, Any, Any]], rows: Any) -> Any:
    """Write the kernel that does a range of rows of several nests; see :class:`.loops.Together`.

    Parameters
    ----------
    module, name
    nests : sequence of (when, Function, arrays, numbers)
        Where each array is: its place in the table, and a distance in bytes from there.  Numbers are those that the
        nest takes, but for the range, behind the steps of its outermost loop for a row.  A number is ``("is", value)``
        or ``("at", place)``, in the description.
    rows : tuple
        The number of rows.
    """
    part = ir.Function(module, KERNEL, name, ARGUMENTS, linkage="internal")
    table, description, start, stop = part.args
    b = ir.Builder(part.append_basic_block("entry"))
    read: dict[Any, Any] = {}

    def number(given: tuple[str, int]) -> Any:
        kind, value = given
        if kind == "is":
            return ir.Constant(INDEX, value)
        if given not in read:
            read[given] = b.load(b.gep(description, ir.Constant(INDEX, value)))
        return read[given]

    def address(place: int, distance: tuple[str, int], kind: Any) -> Any:
        if place not in read:
            read[place] = b.load(b.gep(table, ir.Constant(INDEX, place)))
        return b.bitcast(b.gep(read[place], number(distance)), kind)

    calls: dict[int, list[Any]] = {-1: [], 0: [], 1: []}
    for when, nest, arrays, numbers in nests:
        kinds = nest.signature.parameters
        pointers = [address(place, distance, kind) for (place, distance), kind in zip(arrays, kinds, strict=False)]
        steps, *others = map(number, numbers)
        calls[when].append((nest, [*pointers, *others], steps, others[0]))
    zero, one, count = ir.Constant(INDEX, 0), ir.Constant(INDEX, 1), number(rows)

    def write_end(when: int, here: Any) -> None:
        if calls[when]:
            end, on = b.append_basic_block("end"), b.append_basic_block("on")
            b.cbranch(here, end, on)
            b.position_at_end(end)
            for nest, args, _, size in calls[when]:
                b.call(nest, [*args, zero, size])
            b.branch(on)
            b.position_at_end(on)

    write_end(-1, b.icmp_signed("==", start, zero))
    entry, body, done = b.block, b.append_basic_block("row"), b.append_basic_block("done")
    b.cbranch(b.icmp_signed("<", start, stop), body, done)
    b.position_at_end(body)
    row = b.phi(INDEX)
    later = b.add(row, one, flags=("nsw", "nuw"))
    for nest, args, steps, _ in calls[0]:
        b.call(nest, [*args, b.mul(row, steps), b.mul(later, steps)])
    row.add_incoming(start, entry)
    row.add_incoming(later, b.block)
    b.cbranch(b.icmp_signed("<", later, stop), body, done)
    b.position_at_end(done)
    write_end(1, b.icmp_signed("==", stop, count))
    b.ret_void()
    return part


def call_beside(
    code: Code, part: ir.Function, runtime: Sequence[Any] | None, arrays: Sequence[Any], rows: Any, numbers: Any
) -> None:
    """Write the call of what :func:`emit_beside` wrote, by several threads if there is a ``runtime``."""
    if runtime is None:
        table, description = _lines(code[0], [arrays, numbers])
        code[1].call(part, [table, description, ir.Constant(INDEX, 0), rows])
        return
    parallel, pool, parts = runtime
    _share(code, (parallel, pool), (rows, parts, _length(code[0], rows, parts)), part, arrays, numbers)


def call_parts(code: Code, part: ir.Function, runtime: Sequence[Any], arrays: Sequence[Any], numbers: Any) -> None:
    """Write the call that lets threads share a nest.

    Parameters
    ----------
    code : two of Builder
        Where the function begins, and where the call goes.
    part : Function
    runtime : three of Value
        The addresses of ``wengert_parallel`` and of the pool's state, and the number of parts.
    arrays, numbers : sequences of Value
        What the nest takes, known where the function begins; the first number is the length of its outermost axis.
    """
    parallel, pool, parts = runtime
    length = _length(code[0], numbers[0], parts)
    _share(code, (parallel, pool), (numbers[0], parts, length), part, arrays, [length, *numbers])


def call_team(code: Code, part: ir.Function, runtime: Sequence[Any], arrays: Sequence[Any], numbers: Any) -> None:
    """Write the call that lets threads share several nests; arguments as above, the first number counts rows."""
    parallel, pool, parts = runtime
    numbers = [parts, _length(code[0], numbers[0], parts), *numbers]
    _share(code, (parallel, pool), (parts, parts, ir.Constant(INDEX, 1)), part, arrays, numbers)


def call_tasks(
    code: Code, parallel: Any, pool: Any, tasks: Sequence[Any], callee: tuple[Any, Any], table: Any, blas: Sequence[Any]
) -> None:
    """Write the call of ``wengert_parallel`` for tasks of a kernel.

    Parameters
    ----------
    code
        As above.
    parallel, pool : Value
        Its address, and that of the pool's state.
    tasks : three of Value
        The length of the whole range, the number of tasks, the length of each.
    callee : tuple of Function and Value
        The kernel and its description.
    table : Value
        Of the bases that the kernel is called with.
    blas : two of Value
        The addresses of the functions that tell and set the number of BLAS's threads.
    """
    none = ir.Constant(INDEX, 0)
    (job,) = _lines(code[0], [[*tasks, *callee, pool, *blas, none, none]])
    _call(code, parallel, callee[0], table, job, tasks[0])


def _share(
    code: Code, runtime: Sequence[Any], tasks: Sequence[Any], part: ir.Function, arrays: Sequence[Any], numbers: Any
) -> None:
    """Write the call of ``wengert_parallel`` for a part of nests, which finds its arrays and numbers behind the job."""
    parallel, pool = runtime
    none = ir.Constant(INDEX, 0)
    head = [*tasks, part, none, pool, none, none, none, none]
    job, table, description = _lines(code[0], [head, arrays, numbers])
    place = code[0].gep(job, ir.Constant(INDEX, 4))
    code[0].store(description, code[0].bitcast(place, description.type.as_pointer()))
    _call(code, parallel, part, code[0].bitcast(table, BYTE.as_pointer().as_pointer()), job, tasks[0])


def _call(code: Code, parallel: Any, kernel: ir.Function, table: Any, job: Any, count: Any) -> None:
    b = code[1]
    b.function.calls[kernel.name] = kernel
    b.call(b.inttoptr(parallel, KERNEL.as_pointer()), [table, job, ir.Constant(INDEX, 0), count])


def emit_by_rows(
    module: ir.Module,
    name: str,
    nest: ir.Function,
    arrays: int,
    sums: Sequence[int],
    own: Sequence[int],
    reverse: bool,
) -> ir.Function:
    """Write the kernel that runs all iterations of a loop for some rows, block by block; see :mod:`.by_rows`.

    Its table holds the addresses of the nest's accesses, of which those in ``own`` read an iteration's number, and
    of the number of iterations.  Its description holds the rows of a part and of a block, steps of the nest's outermost
    loop for a row, and then the numbers that the nest takes.
    """
    part = ir.Function(module, KERNEL, name, ARGUMENTS, linkage="internal")
    table, description, start, stop = part.args
    b = ir.Builder(part.append_basic_block("entry"))
    kinds = nest.signature.parameters
    zero, one = ir.Constant(INDEX, 0), ir.Constant(INDEX, 1)
    length, block, steps, *numbers = (
        b.load(b.gep(description, ir.Constant(INDEX, k))) for k in range(3 + len(kinds) - arrays - 2)
    )
    count = b.load(b.bitcast(b.load(b.gep(table, ir.Constant(INDEX, arrays))), INDEX.as_pointer()))
    number = b.udiv(start, length)
    counter = b.alloca(INDEX)
    args = []
    for k, kind in enumerate(kinds[:arrays]):
        pointer = counter if k in own else b.bitcast(b.load(b.gep(table, ir.Constant(INDEX, k))), kind)
        args.append(b.gep(pointer, b.mul(number, ir.Constant(INDEX, _APART))) if k in sums else pointer)
    last = b.sub(count, one)
    entry = b.block
    blocks, turns, following, done = (part.append_basic_block(label) for label in ("rows", "turn", "next", "done"))
    any_turns = b.and_(b.icmp_signed("<", start, stop), b.icmp_signed("<", zero, count))
    b.cbranch(any_turns, blocks, done)
    b.position_at_end(blocks)
    low = b.phi(INDEX)
    beyond = b.add(low, block, flags=("nsw",))
    high = b.select(b.icmp_signed("<", beyond, stop), beyond, stop)
    b.branch(turns)
    b.position_at_end(turns)
    turn = b.phi(INDEX)
    b.store(b.sub(last, turn) if reverse else turn, counter)
    b.call(nest, [*args, *numbers, b.mul(low, steps), b.mul(high, steps)])
    later = b.add(turn, one, flags=("nsw", "nuw"))
    turn.add_incoming(zero, blocks)
    turn.add_incoming(later, b.block)
    b.cbranch(b.icmp_signed("<", later, count), turns, following)
    b.position_at_end(following)
    low.add_incoming(start, entry)
    low.add_incoming(high, b.block)
    b.cbranch(b.icmp_signed("<", high, stop), blocks, done)
    b.position_at_end(done)
    b.ret_void()
    return part


def call_by_rows(code: Code, part: ir.Function, runtime: Any, arrays: Sequence[Any], rows: Any, numbers: Any) -> None:
    """Write the call of what :func:`emit_by_rows` wrote; ``numbers`` are those of its description but the first."""
    parallel, pool, parts = runtime
    length = _length(code[0], rows, parts)
    _share(code, (parallel, pool), (rows, parts, length), part, arrays, [length, *numbers])


def sums_of(accesses: Sequence[Any], stores: Sequence[Any]) -> list[int]:
    """Return the accesses of a nest's node to which it adds at all points."""
    still = {k for k, (_, _, _, _, strides, _) in enumerate(accesses) if all(s == ("is", 0) for s in strides)}
    return [store.access for store in stores if store.access in still and not store.at]


def _length(b: ir.Builder, count: Any, parts: Any) -> Any:
    """Return how long a part is."""
    return b.udiv(b.add(count, b.sub(parts, ir.Constant(INDEX, 1))), parts)


def _lines(b: ir.Builder, groups: Sequence[Sequence[Any]]) -> list[Any]:
    """Write numbers and addresses one behind the other, into cache lines of their own; return where each group begins.

    Whatever is written into a line that another thread has read has to be fetched by that thread again.  So what
    threads are told is written where a function begins, once for all iterations of its loops.
    """
    count = -(-sum(map(len, groups)) // _LINE) * _LINE
    lines = b.bitcast(b.alloca(ir.Type(f"[{count} x i64]"), align=8 * _LINE), INDEX.as_pointer())
    found, position = [], 0
    for group in groups:
        found.append(b.gep(lines, ir.Constant(INDEX, position)))
        for value in group:
            place = b.gep(lines, ir.Constant(INDEX, position))
            b.store(value, b.bitcast(place, value.type.as_pointer()))
            position += 1
    return found


def sums_begin(b: ir.Builder, kind: Any, dtype: Any) -> Any:
    """Return memory for a sum of each part, set to what a sum begins with."""
    cells = b.bitcast(b.alloca(ir.Type(f"[{SUMS * _APART} x {kind}]")), kind.as_pointer())
    for k in range(SUMS):
        b.store(constant(IDENTITY["add"], dtype), b.gep(cells, ir.Constant(INDEX, k * _APART)))
    return cells


def sums_end(b: ir.Builder, cells: Any, target: Any) -> None:
    """Add the sums of all parts to what is in memory."""
    total = b.load(target)
    for k in range(SUMS):
        total = b.fadd(total, b.load(b.gep(cells, ir.Constant(INDEX, k * _APART))))
    b.store(total, target)
