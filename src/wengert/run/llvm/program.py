"""A graph as a native program: fused, planned, compiled, and called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ...core.graph import Graph
from ...ops.loop_operands import TapeFull
from ...transforms.rows import without_rows
from .blas import Cut, cut, describe_product, product_form
from .callback import FAILED, raise_failure
from .clearing import write_over_zeros
from .control import TAPE, settle
from .delayed import delayed
from .donate import take_over
from .fission import parted
from .fold import fold_products
from .form import complain
from .forms import describe_call, describe_fill, fill_form
from .fuse import Fused
from .idle import without_idle
from .kernels import Kernel, compile_kernels
from .layout import describe, emission, structure
from .loops import Buffer, Call, Choice, Fill, Loop, Product, Python, Repeat, Rows, canonical, fill_loop
from .nests import find_nests
from .once import write_once
from .plan import place, with_fills
from .pointers import blas_threads
from .prefixes import save_less
from .refill import fill_the_rest
from .region import Region
from .rematerialize import rematerialize
from .results import LARGE, Block, fresh
from .rows import share
from .runtime import PARALLEL, ROWS, library, runner
from .threads import POOL
from .turned import turn
from .unrolled import unrolled

_WORD: Final = 8


class Frame:
    """Memory for one call at a time: the arena, the table of base addresses, and the arrays behind them.

    ``words`` is the head of the arena as float64 numbers: writing one there is quicker than through an array.
    ``objects`` holds the addresses of array *objects*; the native runner reads from them where their data is, which
    Python can only find out slowly.
    """

    __slots__ = ("address", "arena", "heads", "held", "objects", "table", "words")

    def __init__(self, size: int, n_bases: int) -> None:
        # NumPy aligns to 16 bytes only; the arena starts at the next cache line.
        raw = np.empty(size + 64, np.uint8)
        start = -raw.ctypes.data % 64
        self.arena = raw[start : start + size]
        self.table = np.zeros((2, n_bases), np.int64)
        self.table[0, 0] = self.arena.ctypes.data
        self.address = int(self.table.ctypes.data)
        self.objects = memoryview(self.table[1])
        self.words: Any = None
        self.heads: dict[Any, Any] = {}
        self.held: list[Any] = [None] * n_bases


class NativeProgram:
    """A compiled graph; call it with a list of inputs.

    Parameters
    ----------
    graph : Graph
    donated : sequence of int
        Inputs whose memory outputs may take over.

    Attributes
    ----------
    steps : list
        What it does, in order; for people.
    arena : int
        Bytes of working memory.
    """

    def __init__(self, graph: Graph, donated: Sequence[int] = ()) -> None:
        self._plan(graph, donated)
        for step in self.steps:
            if isinstance(step, Repeat | Choice):
                settle(step)
        self._compile()
        self._interprets = any(isinstance(step, Python) and not isinstance(step, Call) for step in self.steps)
        self._frames: list[Frame] = []
        self._run = runner()

    @classmethod
    def memory(cls, graph: Graph) -> int:
        """Return the bytes that a program of this graph needs beside its inputs: working memory and results.

        Nothing is compiled.
        """
        planned = cls.__new__(cls)
        planned._plan(graph, ())
        interpreted = [s for s in planned.steps if isinstance(s, Python) and not isinstance(s, Call)]
        made = [b.size * b.dtype.itemsize for s in interpreted for b in s.outputs]
        return planned.arena + int(sum(made)) + sum(int(of.nbytes) for base, of, _ in planned._outputs if base >= 0)

    # -- preparation --------------------------------------------------------------------------------------------------

    def _plan(self, graph: Graph, donated: Sequence[int]) -> None:
        """Find the steps, and a place for everything that they read and write."""
        self.graph = graph = without_rows(graph)
        fused = Fused(graph)
        fold_products(fused.steps)
        rematerialize(fused.steps)
        self._taken = take_over(fused, donated) if donated else []
        self.steps = delayed(share(turn(with_fills(unrolled(parted(fused.steps)), fused.fills)), POOL.size))
        tasks = [step.tasks for step in self.steps if isinstance(step, Rows)]
        for step in self.steps:
            if isinstance(step, Product):
                step.cut = cut(step, POOL.size)
                tasks.append(step.cut.tasks)
        self._parallel = max(tasks, default=1) > 1
        self._number(fused)
        self.arena = place(self.steps, self._head)
        self._tapes = fused.tapes

    def _number(self, fused: Fused) -> None:
        """Give each buffer outside of the arena a place in the table of bases, and scalars a place in the arena's
        head.
        """
        graph = self.graph
        self._bases: dict[Buffer, tuple[int, int]] = {}
        head = 0
        number = 1
        self._arrays: list[tuple[int, int]] = []  # (input, base)
        self._scalars: list[tuple[int, Any, int]] = []  # (input, dtype, offset)
        for k, view in enumerate(fused.inputs):
            if view.buffer.kind == "scalar":
                self._bases[view.buffer] = (0, head)
                self._scalars.append((k, view.dtype, head))
                head += 2 * _WORD
            else:
                self._bases[view.buffer] = (number, 0)
                self._arrays.append((k, number))
                number += 1
        self._outputs: list[tuple[int, Any, Any]] = []  # (base or -1, aval, offset in the head or whether it is large)
        for i, view in zip(graph.outputs, fused.outputs, strict=True):
            of = graph.avals[i]
            if view.buffer.kind == "result":
                self._bases[view.buffer] = (0, head)
                self._outputs.append((-1, of, head))
                head += 2 * _WORD
            elif view.buffer.kind == "input":
                self._outputs.append((-1, of, -1))
            else:
                self._bases[view.buffer] = (number, 0)
                self._outputs.append((number, of, int(of.size * of.dtype.itemsize >= LARGE)))
                number += 1
        self._literals = []
        for buffer, array in fused.literals:
            self._bases[buffer] = (number, 0)
            self._literals.append((number, array))
            number += 1
        for step in self.steps:
            if isinstance(step, Python) and not isinstance(step, Call):
                for buffer in step.outputs:
                    if buffer not in self._bases:
                        self._bases[buffer] = (number, 0)
                        number += 1
        self._moving: list[tuple[int, Buffer]] = []  # (base, buffer): in the arena, but moved by tasks and blocks
        for step in self.steps:
            if isinstance(step, Rows):
                for buffer, _ in (*step.scratch, *step.partial):
                    self._bases[buffer] = (number, 0)
                    self._moving.append((number, buffer))
                    number += 1
        self._floats = [(k, offset // _WORD) for k, dtype, offset in self._scalars if dtype == np.float64]
        self._others = [k for k, dtype, _ in self._scalars if dtype != np.float64]
        self._results = [(k, offset) for k, (base, _, offset) in enumerate(self._outputs) if base < 0 and offset >= 0]
        self._status = -1
        if fused.status is not None:
            self._bases[fused.status] = (0, head)
            self._status = head
            head += _WORD
        self._head = head
        self._n_bases = number

    def _base(self, buffer: Buffer) -> tuple[int, int]:
        return self._bases.get(buffer, (0, buffer.offset))

    def _compile(self) -> None:
        """Compile what is not known yet, and lay out the segments: native stretches and interpreted steps in turn."""
        prepared: list[Any] = []
        wanted: dict[Any, Any] = {}
        self._callbacks: list[Any] = []

        def prepare(loop: Loop, leading: int = 0) -> tuple[Any, list[int], int]:
            sizes, strides, steps = canonical(loop.shape, loop.accesses, leading)
            key = structure(loop, sizes, strides)
            wanted[key] = emission(loop, sizes, strides)
            return key, describe(loop, sizes, strides, self._base), steps

        self.steps = without_idle(self.steps)
        for step in self.steps:
            if isinstance(step, Repeat | Choice):
                find_nests(step)
        self.steps = fill_the_rest(write_once(self.steps))
        write_over_zeros(self.steps)
        save_less(self.steps)
        for step in self.steps:
            if isinstance(step, Fill):
                if step.buffer.dtype.itemsize <= _WORD:
                    if step.length:
                        key = fill_form(step)
                        wanted[key] = key
                        prepared.append((key, describe_fill(step, self._base)))
                    continue
                step = fill_loop(step)
            if isinstance(step, Loop):
                if 0 not in step.shape and step.stores:
                    prepared.append(prepare(step)[:2])
            elif isinstance(step, Rows):
                loops = [prepare(loop, max(n, 0)) for loop, n in zip(step.loops, step.leading, strict=True)]
                prepared.append((step, loops))
            elif isinstance(step, Product):
                if 0 not in step.out.shape:
                    key = product_form(step)
                    wanted[key] = key
                    prepared.append((step, (key, describe_product(step, self._base))))
            elif isinstance(step, Call):
                if step.count:
                    wanted[step.form] = step.form
                    prepared.append((step.form, describe_call(step, self._base)))
            elif isinstance(step, Repeat | Choice):
                region = Region(step, self._base, (0, self._status))
                self._callbacks += region.keep
                self._parallel = self._parallel or region.shared
                step.recipe = region.recipe
                key = ("region", region.recipe)
                wanted[key] = key
                prepared.append((key, region.numbers))
            else:
                prepared.append(step)
        self.kernels: dict[Any, Kernel] = compile_kernels(wanted)
        self._keep: list[Any] = list(self._callbacks)
        self._segments: list[Any] = []
        stretch: list[tuple[int, int]] = []
        for item in [*prepared, None]:
            if isinstance(item, tuple):
                step, what = item
                if isinstance(step, Rows):
                    stretch.append(self._rows(step, what))
                elif isinstance(step, Product):
                    stretch.append(self._product(step.cut, *what))
                else:
                    stretch.append(self._native(step, what))
                continue
            if stretch:
                table = np.array(stretch, np.int64).T.copy()  # functions, descriptions
                self._keep.append(table)
                self._segments.append((len(stretch), table[0].ctypes.data, table[1].ctypes.data))
                stretch = []
            if item is not None:
                self._segments.append(item)

    def _kept(self, numbers: list[int]) -> int:
        """Keep numbers where native code can read them; return their address."""
        array = np.array(numbers, np.int64)
        self._keep.append(array)
        return int(array.ctypes.data)

    def _native(self, key: Any, numbers: list[int]) -> tuple[int, int]:
        """Return the addresses of a kernel and of its description."""
        return self.kernels[key].address, self._kept(numbers)

    def _rows(self, step: Rows, loops: list[tuple[Any, list[int], int]]) -> tuple[int, int]:
        """Return what runs loops over blocks of rows, in tasks; see :mod:`.runtime` for the descriptions."""
        calls = [(*self._native(key, numbers), steps) for key, numbers, steps in loops]
        scratch = [(self._bases[buffer][0], row, buffer) for buffer, row in step.scratch]
        if step.leading == [-1]:
            callee = calls[0][:2]
        else:
            numbers = [step.count, step.block, self._n_bases, len(scratch), len(calls)]
            numbers += [n for base, row, _ in scratch for n in (base, row)]
            numbers += [n for call in calls for n in call]
            callee = (library()[ROWS], self._kept(numbers))
        if step.tasks == 1:
            return callee
        changes = [(self._bases[buffer][0], part, 0) for buffer, part in step.partial]
        changes += [(base, 0, step.block * row) for base, row, _ in scratch]
        return self._parallel_call(step, callee, (0, 0), changes)

    def _product(self, cut: Cut, key: Any, numbers: list[int]) -> tuple[int, int]:
        """Return what computes a product, in tasks where it is cut, and with BLAS in one thread."""
        callee = self._native(key, numbers)
        return callee if cut.alone else self._parallel_call(cut, callee, blas_threads())

    def _parallel_call(
        self, shared: Any, callee: tuple[int, int], blas: tuple[int, int], changes: Sequence[tuple[int, ...]] = ()
    ) -> tuple[int, int]:
        """Return what calls something for each of its tasks."""
        numbers = [shared.count, shared.tasks, shared.part, *callee, POOL.address, *blas, self._n_bases, len(changes)]
        numbers += [n for change in changes for n in change]
        return library()[PARALLEL], self._kept(numbers)

    # -- a call -------------------------------------------------------------------------------------------------------

    def __call__(self, args: Sequence[Any]) -> list[Any]:
        """Run the program on arrays and scalars with the avals it was made for."""
        try:
            frame = self._frames.pop()
        except IndexError:
            frame = self._new_frame()
        try:
            return self._call(frame, args)
        finally:
            self._frames.append(frame)

    def _new_frame(self) -> Frame:
        frame = Frame(self.arena, self._n_bases)
        frame.words = frame.arena[: self._head].view(np.float64).data
        for number, array in self._literals:
            frame.table[0, number] = array.ctypes.data
            frame.held[number] = array
        for number, buffer in self._moving:
            frame.table[0, number] = frame.table[0, 0] + buffer.offset
        for k, dtype, offset in self._scalars:
            frame.heads[k] = frame.arena[offset : offset + dtype.itemsize].view(dtype)
        if self._status >= 0:
            frame.heads["status"] = frame.arena[self._status : self._status + _WORD].view(np.int64)
        for number, of, offset in self._outputs:
            if number < 0 and offset >= 0:
                frame.heads[-1 - offset] = frame.arena[offset : offset + of.dtype.itemsize].view(of.dtype)
        return frame

    def _call(self, frame: Frame, args: Sequence[Any]) -> list[Any]:
        if self._parallel and not POOL.ready:
            POOL.start()
        objects, heads = frame.objects, frame.heads
        if self._taken:
            args = self._given(args)
        words = frame.words
        for k, word in self._floats:
            words[word] = args[k]
        for k in self._others:
            heads[k][0] = args[k]
        keep = []
        for k, number in self._arrays:
            x = args[k]
            if not x.flags.c_contiguous:
                x = np.ascontiguousarray(x)
                keep.append(x)
            objects[number] = id(x)
            if self._interprets:
                frame.held[number] = x
        outs: list[Any] = []
        empty = np.empty
        for number, of, large in self._outputs:
            if number < 0:
                outs.append(None)
            else:
                out = fresh(of.shape, of.dtype) if large else empty(of.shape, of.dtype)
                objects[number] = id(out)
                if self._interprets:
                    frame.held[number] = out
                outs.append(out)
        if self._status >= 0:
            heads["status"][0] = 0
        try:
            for segment in self._segments:
                if type(segment) is tuple:
                    self._run(segment[0], segment[1], segment[2], frame.address, self._n_bases)
                else:
                    self._interpret(segment, frame)
        finally:
            if self._interprets:
                self._release(frame)
        if self._status >= 0 and heads["status"][0]:
            self._complain(int(heads["status"][0]), int(heads["status"].ctypes.data))
        for k, offset in self._results:
            outs[k] = heads[-1 - offset][0]
        for n, k in self._taken:
            outs[n] = args[k]
        return outs

    def _given(self, args: Sequence[Any]) -> list[Any]:
        """Return the arguments, donated arrays replaced by copies where something else may see their memory."""
        given = list(args)
        arrays = [args[k] for k, _ in self._arrays]
        alone = len({id(x) for x in arrays}) == len(arrays) and all(map(_is_own, arrays))
        for _, k in self._taken:
            x = args[k]
            flags = x.flags
            if not (flags.c_contiguous and flags.writeable and (alone or _is_alone(k, args, self._arrays))):
                given[k] = np.array(x, order="C")
        return given

    def _complain(self, status: int, address: int) -> None:
        """Raise what native code reports."""
        if status >= TAPE:
            raise TapeFull(*self._tapes[status - TAPE])
        if status == FAILED:
            raise_failure(address)
        complain(status)

    def _release(self, frame: Frame) -> None:
        """Let go of the arrays of this call; the runner must not look at them again."""
        literal = {number for number, _ in self._literals}
        for number in range(1, self._n_bases):
            if number not in literal:
                frame.held[number] = None
                frame.objects[number] = 0

    def _interpret(self, step: Python, frame: Frame) -> None:
        """Compute one equation with NumPy, on views of the program's own memory."""
        args = [self._array(view, frame) for view in step.inputs]
        with np.errstate(all="ignore"):
            made = step.run(*args)
        for buffer, shape, value in zip(step.outputs, step.shapes, made if step.multiple else (made,), strict=True):
            array = np.ascontiguousarray(np.broadcast_to(value, shape), dtype=buffer.dtype)
            number = self._bases[buffer][0]
            frame.held[number] = array
            frame.objects[number] = id(array)

    def _array(self, view: Any, frame: Frame) -> Any:
        """Return a view of memory as an array."""
        number, start = self._base(view.buffer)
        item = view.dtype.itemsize
        if number == 0:
            source = frame.arena[start : start + max(view.buffer.size, 1) * item].view(view.dtype)
        else:
            source = np.asarray(frame.held[number]).reshape(-1)
        if 0 in view.shape:
            return np.empty(view.shape, view.dtype)
        strides = tuple(s * item for s in view.strides)
        return np.lib.stride_tricks.as_strided(source[view.offset :], view.shape, strides)


def _is_own(x: Any) -> bool:
    """Say whether an array is no view of another one."""
    return x.base is None or type(x.base) is Block


def _is_alone(k: int, args: Sequence[Any], arrays: list[tuple[int, int]]) -> bool:
    """Say whether argument k shares its memory with nothing that is known."""
    x = args[k]
    return _is_own(x) and not any(np.may_share_memory(x, args[j]) for j, _ in arrays if j != k)
