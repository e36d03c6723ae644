"""The inside of arrays apart from the rim, and zeros that need not be written: random steps do the same as before."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm import region, rim, shared, team, windows
from wengert.run.llvm.loops import Buffer, Const, Load, Loop, Op, Store, View, c_strides
from wengert.run.llvm.rim import rim_apart
from wengert.run.llvm.zeros import clear_less

from ..test_random_programs import examples

FLOAT = np.dtype(np.float64)
HALF = (("factor", 0.5),)


@pytest.fixture(scope="module", autouse=True)
def everything_is_worth_it() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(rim, "_LEAST", 1)
    patch.setattr(rim, "_INSIDE", 0.3)
    patch.setattr(rim, "_CELLS", 25)
    patch.setattr(windows, "_LEAST", 1)
    patch.setattr(shared, "WORTHWHILE", 0.0)
    patch.setattr(team, "JOINING", 0.0)
    yield
    patch.undo()


# -- steps, and what they do ------------------------------------------------------------------------------------------


def window(buffer: Buffer, of: Any, start: Any, shape: Any) -> View:
    """Return the view of a part of an array of shape ``of``."""
    strides = c_strides(of)
    return View(buffer, sum(a * s for a, s in zip(start, strides, strict=True)), strides, tuple(shape))


def op(name: str, *args: int) -> Op:
    return Op(name, args, HALF if name == "scale" else (), (FLOAT,) * len(args), FLOAT)


def value_of(op: Op, args: list[Any]) -> Any:
    if op.name == "scale":
        return dict(op.params)["factor"] * args[0]
    return {"add": np.add, "sub": np.subtract, "mul": np.multiply, "neg": np.negative}[op.name](*args)


def run(steps: list[Loop], memory: dict[Buffer, Any]) -> None:
    """Do what loops say, all points at once."""
    for loop in steps:
        views = [
            np.lib.stride_tricks.as_strided(memory[v.buffer][v.offset :], v.shape, [8 * s for s in v.strides])
            for v in loop.accesses
        ]
        values: list[Any] = []
        for item in loop.body:
            if isinstance(item, Load):
                values.append(views[item.access].copy())
            elif isinstance(item, Const):
                values.append(item.value)
            else:
                values.append(value_of(item, [values[j] for j in item.args]))
        for store in loop.stores:
            if store.how == "set":
                views[store.access][...] = values[store.item]
            else:
                views[store.access][...] += values[store.item]


@st.composite
def iterations(draw: Any) -> Any:
    """Draw the steps of an iteration: windows that are written with borders and added up, and other loops among them.

    Returns the steps, the arrays, the memory with borders, and which arrays are zero at first.
    """
    shape = draw(st.sampled_from([(6, 7), (7, 9), (8, 6), (6, 6, 7)]))
    arrays = [Buffer(int(np.prod(shape)), FLOAT) for _ in range(3)]
    borders: list[Buffer] = []
    steps: list[Loop] = []
    later: list[tuple[int, Loop]] = []

    def clear(buffer: Buffer, start: Any, width: Any) -> Loop:
        return Loop(tuple(width), [window(buffer, shape, start, width)], [Const(0.0, FLOAT)], [Store(0, 0)])

    last = 0
    for _ in range(draw(st.integers(2, 6))):
        source, target, other = draw(st.permutations(range(3)))
        kind = draw(st.sampled_from(["stencil", "stencil", "stencil", "add", "clear"]))
        if kind == "stencil":
            last = source
        elif draw(st.booleans()):
            source, target = last, (last + 1) % 3  # what a stencil sets to zero, perhaps, while it is under way
        width = [n - draw(st.integers(0, 2)) for n in shape]
        start = [draw(st.integers(0, n - w)) for n, w in zip(shape, width, strict=True)]
        given_part = window(arrays[source], shape, start, width)
        if kind == "clear":
            steps.append(clear(arrays[source], start, width))
        elif kind == "add":
            out = window(arrays[target], shape, [n - w for n, w in zip(shape, width, strict=True)], width)
            steps.append(Loop(tuple(width), [given_part, out], [Load(0)], [Store(1, 0, "add")]))
        else:
            starts = draw(
                st.lists(
                    st.tuples(*[st.integers(0, n - w) for n, w in zip(shape, width, strict=True)]),
                    min_size=1,
                    max_size=4,
                )
            )
            low, least = np.max(starts, 0), np.min(starts, 0)
            bordered = tuple(int(n + a - b) for n, a, b in zip(shape, low, least, strict=True))
            made = Buffer(int(np.prod(bordered)), FLOAT)
            borders.append(made)
            inside = window(made, bordered, [int(a) for a in low], width)
            form = draw(st.sampled_from(["scale", "neg", "more", "dear"]))
            accesses, body = [given_part, inside], [Load(0), op("scale", 0)]
            if form == "neg":
                body.append(op("neg", 1))
            elif form == "more":
                body.append(op("sub", 0, 1))
            elif form == "dear":
                accesses.append(window(arrays[other], shape, start, width))
                body += [Load(2), op("add", 1, 2)]
            stores = [Store(1, len(body) - 1)]
            clears = draw(st.sampled_from(["no", "here", "apart"]))
            if clears == "here":
                body.append(Const(0.0, FLOAT))
                stores.append(Store(0, len(body) - 1))
            steps.append(Loop(tuple(width), accesses, body, stores))
            if clears == "apart":
                steps.append(clear(arrays[source], start, width))
            before = [sum(a * s for a, s in zip(at, inside.strides, strict=True)) for at in starts]
            views = [View(made, inside.offset - n, inside.strides, shape) for n in before]
            total: list[Any] = [Load(0)]
            for k in range(1, len(views)):
                total += [Load(k), op(draw(st.sampled_from(["add", "sub"])), len(total) - 1, len(total))]
            out = window(arrays[target], shape, [0] * len(shape), shape)
            how = draw(st.sampled_from(["add", "add", "add", "set"]))
            reader = Loop(shape, [*views, out], total, [Store(len(views), len(total) - 1, how)])
            later.append((len(steps) + draw(st.sampled_from([0, 0, 1, 1, 2])), reader))
            if draw(st.integers(0, 4)) == 0:
                more = window(arrays[other], shape, [0] * len(shape), shape)
                steps.append(Loop(shape, [views[0], more], [Load(0)], [Store(1, 0, "add")]))
        steps += [reader for at, reader in later if at <= len(steps)]
        later = [(at, reader) for at, reader in later if reader not in steps]
    zeros = draw(st.sets(st.sampled_from(arrays), max_size=2)) if draw(st.booleans()) else set()
    return [*steps, *[reader for _, reader in later]], arrays, borders, zeros


@st.composite
def clearings(draw: Any) -> Any:
    """Draw the steps of an iteration that set parts of arrays to zero, add to boxes of them, and read them."""
    shape = (5, 8)
    arrays = [Buffer(40, FLOAT) for _ in range(2)]
    still = Buffer(40, FLOAT)
    steps: list[Loop] = []
    box = st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(4, 5), st.integers(6, 8))
    usual = draw(box)
    for _ in range(draw(st.integers(2, 6))):
        into, other = draw(st.permutations(arrays))
        top, left, bottom, right = draw(st.one_of(st.just(usual), st.just(usual), box))
        low, high = [top, left], [bottom, right]
        whole = [b - a for a, b in zip(low, high, strict=True)]
        kind = draw(st.sampled_from(["clear", "clear", "add", "add", "move"]))
        if kind == "clear":
            target = window(into, shape, low, whole)
            steps.append(Loop(target.shape, [target], [Const(0.0, FLOAT)], [Store(0, 0)]))
            continue
        cuts = sorted({low[1], high[1], *draw(st.lists(st.integers(low[1] + 1, high[1] - 1), max_size=2))})
        source = still if kind == "add" else other
        for left, right in itertools.pairwise(cuts):
            part = [whole[0], right - left]
            views = [window(v, shape, [low[0], left], part) for v in (source, into)]
            steps.append(Loop(views[0].shape, views, [Load(0)], [Store(1, 0, "add")]))
    zeros = {b for b in arrays if draw(st.booleans())}
    return steps, [*arrays, still], [], zeros


def changes(case: Any) -> tuple[bool, bool, bool]:
    """Compare what steps do before and after; return what changed: loops split, zeros not written, zeros at the end."""
    steps, arrays, borders, zeros = case
    rng = np.random.default_rng(0)
    start = {b: (0.0 if b in zeros else 1.0) * rng.integers(-8, 9, b.size) for b in arrays}
    start |= {b: np.zeros(b.size) for b in borders}
    expected = {b: values.copy() for b, values in start.items()}
    found = {b: values.copy() for b, values in start.items()}
    split = rim_apart(steps, borders)
    fewer, after = clear_less(split, zeros)
    for times in range(4):
        at_end = {b: values.copy() for b, values in found.items()}
        run(after, at_end)
        for buffer in arrays:
            np.testing.assert_array_equal(at_end[buffer], expected[buffer], f"{times} iterations")
        run(steps, expected)
        run(fewer, found)
    return split != steps, fewer != split, bool(after)


@pytest.mark.parametrize(("cases", "least"), [(iterations(), (40, 0, 0)), (clearings(), (0, 20, 10))])
def test_random_steps(cases: Any, least: Any) -> None:
    seen: list[Any] = []

    @given(cases)
    @examples(150)
    def check(case: Any) -> None:
        seen.append(changes(case))

    check()
    counts = tuple(map(sum, zip(*seen, strict=True)))
    assert all(a >= b for a, b in zip(counts, least, strict=True)), counts  # or the test says little


def test_what_is_set_to_zero_is_not_read_before() -> None:
    shape, borders = (9, 9), [Buffer(11 * 11, FLOAT)]
    source, target, other = [Buffer(81, FLOAT) for _ in range(3)]
    inside = window(source, shape, (0, 0), shape)
    made = window(borders[0], (11, 11), (1, 1), shape)
    makes = Loop(shape, [inside, made], [Load(0), op("scale", 0), Const(0.0, FLOAT)], [Store(1, 1), Store(0, 2)])
    reads = Loop(shape, [inside, window(other, shape, (0, 0), shape)], [Load(0)], [Store(1, 0, "add")])
    views = [View(made.buffer, at, made.strides, shape) for at in (1, 12)]
    out = window(target, shape, (0, 0), shape)
    total = Loop(shape, [*views, out], [Load(0), Load(1), op("add", 0, 1)], [Store(2, 2)])
    assert len(rim_apart([makes, total], borders)) > 2
    assert rim_apart([makes, reads, total], borders) == [makes, reads, total]


def test_cells_beside_each_other_that_do_the_same_are_one() -> None:
    shape = (8, 9, 10)
    source, target, other = [Buffer(720, FLOAT) for _ in range(3)]

    def cell(low: Any, size: Any, by: int = 1, out: Buffer = target, name: str = "scale", how: str = "set") -> Any:
        moved = (*low[:2], low[2] + by)
        views = [window(source, shape, moved, size), window(out, shape, low, size)]
        return rim._Cell(low, Loop(size, views, [Load(0), op(name, 0)], [Store(1, 1, how)]))

    first = cell((2, 3, 1), (4, 2, 3))
    for low, size, whole in [((2, 3, 4), (4, 2, 2), (4, 2, 5)), ((2, 5, 1), (4, 1, 3), (4, 3, 3))]:
        (one,) = rim._together([cell(low, size), first])
        assert (one.shape, one.accesses[0].shape) == (whole, whole)
        memory = {b: np.arange(720.0) if b is source else np.zeros(720) for b in (source, target)}
        expected = {b: values.copy() for b, values in memory.items()}
        run([one], memory)
        run([first.loop, cell(low, size).loop], expected)
        np.testing.assert_array_equal(memory[target], expected[target])
    different = [
        cell((2, 3, 4), (4, 2, 2), by=0),
        cell((2, 3, 4), (4, 2, 2), out=other),
        cell((2, 3, 4), (4, 2, 2), name="neg"),
        cell((2, 3, 4), (4, 2, 2), how="add"),
        cell((2, 3, 5), (4, 2, 2)),
        cell((2, 3, 4), (4, 1, 2)),
        cell((2, 4, 4), (4, 2, 2)),
        cell((6, 3, 1), (1, 2, 3)),  # rows of their own
    ]
    for second in different:
        assert len(rim._together([first, second])) == 2, second


# -- programs ---------------------------------------------------------------------------------------------------------


def agrees(f: Any, *args: Any) -> list[str]:
    """Compare compiled gradients with interpreted ones; return the steps of the loop that runs backwards."""
    numbers = tuple(k for k, a in enumerate(args) if isinstance(a, np.ndarray))
    found = wg.jit(wg.value_and_grad(f, argnums=numbers))
    value, expected = f(*args), wg.grad(f, argnums=numbers)(*args)
    for _ in range(2):
        got, slopes = found(*args)
        np.testing.assert_allclose(got, value, rtol=1e-12)
        for a, b in zip(slopes, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
    (back,) = [step for step in found.lower(*args).steps if "backwards" in step]
    return back.splitlines()


def jacobi(a: Any, steps: Any) -> Any:
    a = a.copy()
    b = a.copy()
    for _ in range(steps):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a[1:-1, 1:-1] = 0.3 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])
    return np.sum(a * a)


def jacobi_both(a: Any, steps: Any) -> Any:
    a = a.copy()
    b = a.copy()
    for _ in range(steps):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a[1:-1, 1:-1] = 0.3 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])
    return np.sum(a * a) + np.sum(b[2:] * b[1:-1])


def waves(a: Any, b: Any, c: Any, steps: Any) -> Any:
    a, b, c = a.copy(), b.copy(), c.copy()
    for _ in range(steps):
        b[1:, :] -= 0.5 * (c[1:, :] - c[:-1, :])
        a[:, 1:] -= 0.5 * (c[:, 1:] - c[:, :-1])
        c[:-1, :-1] -= 0.7 * (a[:-1, 1:] - a[:-1, :-1] + b[1:, :-1] - b[:-1, :-1])
    return np.sum(c * c * c)


def heat(a: Any, steps: Any) -> Any:
    a = a.copy()
    b = a.copy()
    for _ in range(steps):
        for x, y in ((a, b), (b, a)):
            inside = x[1:-1, 1:-1, 1:-1]
            rows = x[2:, 1:-1, 1:-1] - 2.0 * inside + x[:-2, 1:-1, 1:-1] + x[1:-1, :-2, 1:-1]
            y[1:-1, 1:-1, 1:-1] = 0.9 * inside + 0.1 * rows - 0.2 * (x[1:-1, 1:-1, 2:] - x[1:-1, 1:-1, :-2])
    return np.sum(a * a)


@pytest.mark.parametrize("shape", [(17, 15), (30, 41)])
@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize(("f", "adding"), [(jacobi, 0), (jacobi_both, 1)])
def test_jacobi(f: Any, adding: int, shape: Any, steps: int) -> None:
    """What was set to zero is written, and not added to; before the first iteration, one of them may not be zero."""
    lines = agrees(f, np.random.default_rng(0).standard_normal(shape), steps)
    rows, columns = shape[0] - 4, shape[1] - 4
    inside = [line for line in lines if f"loop {rows}x{columns}:" in line]
    assert len(inside) == 2, lines
    assert sum("add into" in line for line in inside) == adding, lines


def test_jacobi_without_a_step() -> None:
    a = np.random.default_rng(0).standard_normal((8, 9))
    found, slope = wg.jit(wg.value_and_grad(jacobi))(a, 0)
    np.testing.assert_allclose(found, jacobi(a, 0))
    np.testing.assert_allclose(slope, wg.grad(jacobi)(a, 0), atol=1e-12)


@pytest.mark.parametrize("shape", [(9, 7), (30, 50)])
def test_waves(shape: Any) -> None:
    rng = np.random.default_rng(0)
    lines = agrees(waves, *[rng.standard_normal(shape) for _ in range(3)], 4)
    assert len([line for line in lines if f"loop {shape[0] - 2}x{shape[1] - 2}:" in line]) == 2, lines


def test_heat() -> None:
    lines = agrees(heat, np.random.default_rng(0).standard_normal((20, 21, 22)), 4)
    assert len([line for line in lines if "loop 16x18x18:" in line]) == 2, lines
    assert len([line for line in lines if "loop 16x1x20:" in line]) == 2, lines  # where one term is left, all along it


def test_rows_run_in_one_thread_where_that_is_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "WORTHWHILE", 1e12)
    seen: list[Any] = []
    beside = region.Region._beside
    monkeypatch.setattr(region.Region, "_beside", lambda self, loops: seen.append(beside(self, loops)) or seen[-1])
    agrees(jacobi, np.random.default_rng(0).standard_normal((17, 18)), 3)
    assert seen, "no rows run beside each other"
    assert all(node[1] is None for node in seen)
