"""What the function computed and its derivative reads is computed again where that is cheaper than keeping it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.api.call import Call
from wengert.run.llvm import rematerialize as module
from wengert.run.llvm.loops import Buffer, Load, Loop, Op, Product, Store, View, whole
from wengert.run.llvm.program import NativeProgram
from wengert.run.llvm.rematerialize import rematerialize
from wengert.run.tiers import as_it_runs
from wengert.transforms.reverse import gradient
from wengert.transforms.simplify import simplify

from ..random_programs import Program, programs
from ..test_random_programs import examples, is_single
from .test_random_compiled import check_same

F8 = np.dtype(np.float64)
SHAPE = (64, 200)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small arrays are worth it as well."""
    monkeypatch.setattr(module, "_LEAST", 0)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every loop stands alone, as if matrix products lay between all of them."""
    monkeypatch.setattr(module, "runs", lambda steps: [range(k, k + 1) for run in all_runs(steps) for k in run])


all_runs = module.runs


def gelu(x: Any) -> Any:
    return 0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


def layer(weights: Any, shift: Any, back: Any, x: Any) -> Any:
    return np.sum((gelu(x @ weights + shift) @ back) ** 2)


def attention(weights: Any, x: Any) -> Any:
    scores = 0.3 * (x @ weights @ x.T)
    joint = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    return np.sum(((joint / np.sum(joint, axis=1, keepdims=True)) @ x) ** 2)


def written(lowered: Any, size: int) -> int:
    """Return how many arrays of that size loops of a program write."""
    program = NativeProgram(as_it_runs(lowered.graph))
    loops = [loop for step in program.steps for loop in getattr(step, "loops", [step]) if isinstance(loop, Loop)]
    return len({b for loop in loops for b in loop.written if b.size == size and b.kind == "arena"})


def test_a_gelu_keeps_its_argument_and_one_tanh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two arrays beside the derivative; the argument is what the product before wrote, and a row."""
    rng = np.random.default_rng(0)
    n, hidden = 256, 200
    args = (*(rng.standard_normal(s) for s in ((64, hidden), (hidden,), (hidden, 64))), rng.standard_normal((n, 64)))
    lowered = wg.jit(wg.grad(layer, argnums=(0, 1, 2))).lower(*args)
    assert written(lowered, n * hidden) == 3  # tanh, the layer's output, and the cotangent of its argument
    monkeypatch.setattr("wengert.run.llvm.program.rematerialize", lambda steps: None)
    assert written(lowered, n * hidden) > 6


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rounded", [False, True])
def test_attention_with_and_without_ties(dtype: Any, rounded: bool) -> None:
    """Which entries are the largest of their rows is found out again from the same numbers, bit by bit."""
    rng = np.random.default_rng(1)
    x, weights = rng.standard_normal((40, 8)), rng.standard_normal((8, 8))
    if rounded:
        x, weights = np.round(x), np.round(weights)
    x, weights = x.astype(dtype), weights.astype(dtype)
    compiled = wg.jit(wg.grad(attention, argnums=(0, 1)))(weights, x)
    expected = wg.grad(attention, argnums=(0, 1))(weights, x)
    for a, b in zip(compiled, expected, strict=True):
        scale = np.max(np.abs(b))
        np.testing.assert_allclose(a / scale, b / scale, atol=1e-4 if dtype == np.float32 else 1e-12)


@pytest.mark.usefixtures("eager", "apart")
@given(program=programs())
@examples(80)
def test_gradients_of_random_programs(program: Program) -> None:
    n = len(program.args)
    recording = Call(program.function(), tuple(program.args), {}, tuple(range(n)), "trace", promote=False).record()
    values = [*program.args, *recording.constants()]
    derived = gradient(recording.graph(), [True] * n + [False] * len(recording.constants()))
    check_same(simplify(derived), values, is_single(program))


# -- by hand ----------------------------------------------------------------------------------------------------------


def chain(rng: np.random.Generator, length: int) -> tuple[list[Any], list[Buffer]]:
    """Return loops over the same points that read what earlier ones or they themselves have written, with steps between
    that write something else, or one of them, and the buffers that are results.
    """
    buffers = [Buffer(math.prod(SHAPE), F8, "input", k) for k in range(2)]
    steps: list[Any] = []
    for _ in range(length):
        if rng.random() < 0.3:
            square = [View(Buffer(4, F8), 0, (4, 2, 1), (1, 2, 2)) for _ in range(3)]
            steps.append(Product(*square))
        loop = Loop(SHAPE)
        for _ in range(rng.integers(1, 4)):
            loop.accesses.append(whole(buffers[rng.integers(len(buffers))], SHAPE))
            loop.body.append(Load(len(loop.accesses) - 1))
        for _ in range(rng.integers(1, 6)):
            name = str(rng.choice(["add", "mul", "neg", "exp", "max", "div"]))
            args = tuple(int(i) for i in rng.integers(len(loop.body), size=1 if name in ("neg", "exp") else 2))
            loop.body.append(Op(name, args, (), (F8,) * len(args), F8))
        for item in {int(i) for i in rng.integers(len(loop.body), size=rng.integers(1, 4))}:
            read = {view.buffer for view in loop.accesses}
            old = [b for b in buffers[2:] if b not in read]
            buffer = old[rng.integers(len(old))] if old and rng.random() < 0.15 else Buffer(math.prod(SHAPE), F8)
            if buffer not in buffers:
                buffers.append(buffer)
            loop.accesses.append(whole(buffer, SHAPE))
            loop.stores.append(Store(len(loop.accesses) - 1, item))
        steps.append(loop)
    results = [b for b in buffers[2:] if rng.random() < 0.3] or buffers[-1:]
    for k, buffer in enumerate(results):
        buffer.kind, buffer.number = "output", k
    return steps, results


def run(steps: list[Any], results: list[Buffer], inputs: list[Any]) -> list[Any]:
    """Run loops point by point, over all points at once."""
    memory: dict[Buffer, Any] = {}
    names: dict[str, Any] = {
        "add": np.add,
        "mul": np.multiply,
        "neg": np.negative,
        "exp": np.exp,
        "max": np.maximum,
        "div": np.divide,
    }
    for step in steps:
        if not isinstance(step, Loop):
            continue
        items: list[Any] = []
        for item in step.body:
            if isinstance(item, Load):
                buffer = step.accesses[item.access].buffer
                items.append(inputs[buffer.number] if buffer.kind == "input" else memory[buffer])
            else:
                items.append(names[item.name](*[items[j] for j in item.args]))
        for store in step.stores:
            memory[step.accesses[store.access].buffer] = items[store.item]
    return [memory.get(buffer) for buffer in results]


def traffic(steps: list[Any]) -> int:
    return sum(len(step.accesses) for step in steps if isinstance(step, Loop))


@given(seed=st.integers(0, 1 << 30))
@examples(300)
@np.errstate(all="ignore")
def test_random_chains_of_loops(seed: int) -> None:
    """Arrays are written again, read by several loops, and results: everything must come out as before, bit by bit."""
    rng = np.random.default_rng(seed)
    steps, results = chain(rng, int(rng.integers(2, 12)))
    inputs = [rng.standard_normal(3), rng.standard_normal(3)]
    expected = run(steps, results, inputs)
    before = traffic(steps)
    rematerialize(steps)
    for a, b in zip(run(steps, results, inputs), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert traffic(steps) <= before


def test_chains_change_often_enough_to_test_something() -> None:
    changed = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        steps, _ = chain(rng, 8)
        before = traffic(steps)
        rematerialize(steps)
        changed += traffic(steps) < before
    assert changed > 20


def test_what_is_overwritten_meanwhile_is_not_read_again() -> None:
    """``y = x + x`` waits for ``z = y * y``, and x is written between the two."""
    x, y, z = (Buffer(math.prod(SHAPE), F8) for _ in range(3))

    def steps(between: Buffer) -> list[Any]:
        square = [View(Buffer(4, F8), 0, (4, 2, 1), (1, 2, 2)) for _ in range(3)]
        first = Loop(SHAPE, [whole(x, SHAPE), whole(y, SHAPE)], [Load(0), Op("add", (0, 0), (), (F8, F8), F8)])
        first.stores = [Store(1, 1)]
        over = Loop(SHAPE, [whole(between, SHAPE)], [Load(0), Op("neg", (0,), (), (F8,), F8)], [Store(0, 1)])
        last = Loop(SHAPE, [whole(y, SHAPE), whole(z, SHAPE)], [Load(0), Op("mul", (0, 0), (), (F8, F8), F8)])
        last.stores = [Store(1, 1)]
        return [first, Product(*square), over, last]

    free = steps(Buffer(math.prod(SHAPE), F8))
    rematerialize(free)
    assert not any(y in step.written for step in free if isinstance(step, Loop))
    bound = steps(x)
    rematerialize(bound)
    assert bound[0].written == [y]
    assert any(view.buffer is y for view in bound[-1].accesses)
