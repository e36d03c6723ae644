"""Loops whose rows go their own ways: random loops do the same row by row, and what mixes rows does not run so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm import by_rows, region, shared
from wengert.run.llvm.loops import Buffer, Fill, Load, Loop, Op, Pick, Repeat, Store, View

from ..test_random_programs import examples
from .comparison import said

FLOAT, WHOLE = np.dtype(float), np.dtype(np.int64)


@pytest.fixture(scope="module", autouse=True)
def everything_pays() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(shared, "WORTHWHILE", 0.0)
    patch.setattr(by_rows, "_BLOCK", 300)
    yield
    patch.undo()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list to which is added, for each loop, whether it runs row by row."""
    found: list[bool] = []
    own_rows = by_rows.own_rows

    def watched(*args: Any) -> Any:
        loop = own_rows(*args)
        found.append(loop is not None)
        return loop

    monkeypatch.setattr(region, "own_rows", watched)
    return found


# -- programs ---------------------------------------------------------------------------------------------------------

APART = {
    "product": lambda x, y, s, k, a: (x * a - 0.1 * y * y, y, s),
    "sine": lambda x, y, s, k, a: (x, np.sin(x) + 0.5 * y, s),
    "choice": lambda x, y, s, k, a: (np.where(y > 0.1, 0.9 * x + a, y), x * y, s),
    "sum": lambda x, y, s, k, a: (0.9 * x, y, s + np.sum(x * y)),
    "two sums": lambda x, y, s, k, a: (0.9 * y, x, s + np.sum(x) + np.sum(y * y)),
}
MIXED = {
    "a number is computed first": lambda x, y, s, k, a: (x + 0.01 * k * y, y, s),
    "shift": lambda x, y, s, k, a: (np.concatenate([x[1:], 0.5 * x[:1]]), 0.7 * y, s),
    "turn": lambda x, y, s, k, a: (0.8 * x[::-1] + y, y, s),
    "sum is read": lambda x, y, s, k, a: (x + 0.01 * s, y, 0.5 * s + np.sum(x * y)),
    "largest": lambda x, y, s, k, a: (0.9 * x, y, np.maximum(s, np.max(x * y))),
    "first": lambda x, y, s, k, a: (0.9 * x + 0.1 * x[0], y, s),
}


def running(names: Any) -> Any:
    def program(x: Any, y: Any, a: Any, steps: Any) -> Any:
        s = 0.0
        for k in range(steps):
            for name in names:
                x, y, s = (APART | MIXED)[name](x, y, s, k, a)
        return np.sum(x * y) + np.sum(np.cos(y)) + s

    return program


def agree(names: Any, shape: Any, steps: int) -> None:
    rng = np.random.default_rng(len(names))
    x, y = rng.standard_normal((2, *shape))
    a = 0.3 * rng.standard_normal(shape[-1:])
    program = running(names)
    found = wg.jit(wg.value_and_grad(program, argnums=(0, 1, 2)))
    expected, slopes = wg.value_and_grad(lambda *given: program(*given, steps), argnums=(0, 1, 2))(x, y, a)
    for _ in range(2):
        got, mine = found(x, y, a, steps)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
        for p, q in zip(mine, slopes, strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-9)


@given(
    st.lists(st.sampled_from([*APART, *APART, *MIXED]), min_size=1, max_size=4),
    st.sampled_from([(5,), (67,), (150,), (6, 5), (40, 9), (3, 70)]),
    st.integers(0, 4),
)
@examples(20)
def test_random_loops(names: Any, shape: Any, steps: int) -> None:
    agree(names, shape, steps)


@pytest.mark.parametrize("name", [*APART, *MIXED])
@pytest.mark.parametrize("shape", [(67,), (40, 9)])
def test_which_loops_run_row_by_row(name: str, shape: Any, seen: list[bool]) -> None:
    agree([name], shape, 5)
    assert any(seen) == (name in APART), name


def test_the_last_sum_is_there_behind_the_loop() -> None:
    def program(x: Any, steps: Any) -> Any:
        total = last = 0.0
        for _ in range(steps):
            x = x + 0.1 * np.sin(x)
            last = np.sum(x)
            total = total + last
        return total + 3.0 * last

    x = np.linspace(0.1, 1.0, 67)
    for steps in (0, 1, 5):
        found = wg.jit(wg.value_and_grad(program))(x, steps)
        np.testing.assert_allclose(found[0], program(x, steps), rtol=1e-12)
        np.testing.assert_allclose(found[1], wg.grad(lambda x, n=steps: program(x, n))(x), rtol=1e-12)


def test_more_iterations_than_there_is_room_for(seen: list[bool]) -> None:
    agree(["product"], (20,), 1500)
    assert any(seen)


PROGRAM = """
import numpy as np, wengert as wg
def push(x, v, field, steps):
    work = 0.0
    for _ in range(steps):
        v = v - field * np.sin(x)
        x = x + 0.05 * v
        work = work + np.sum(v * v)
    return np.sum(x * v) + work
x, v = np.random.default_rng(0).random((2, 3000))
value, slopes = wg.jit(wg.value_and_grad(push, argnums=(0, 1, 2)))(x, v, 0.3, 40)
print(float(value).hex(), float(slopes[2]).hex(), float(np.sum(slopes[0])).hex())
"""


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    assert said(PROGRAM, "1") == said(PROGRAM, "2") == said(PROGRAM, "3")


# -- what is proven ---------------------------------------------------------------------------------------------------

N = 64
STATE, OTHER, SAVED, SUM, MORE, TOTAL, COUNTER = (
    Buffer(N, FLOAT),
    Buffer(N, FLOAT),
    Buffer(10 * N, FLOAT),
    Buffer(1, FLOAT),
    Buffer(1, FLOAT),
    Buffer(1, FLOAT),
    Buffer(1, WHOLE),
)
ROW = View(STATE, 0, (1,), (N,))
ACCESSES = [
    ROW,
    View(OTHER, 0, (1,), (N,)),
    View(SAVED, 0, (1,), (N,), ((10, N),)),
    View(SUM, 0, (0,), (N,)),
    View(COUNTER, 0, (0,), (N,)),
]
BODY = [Load(0), Load(1), Op("mul", (0, 1), (), (FLOAT,) * 2, FLOAT), Load(4)]
STORES = [Store(0, 2), Store(2, 0, "set", (3,)), Store(3, 2, "add")]
ADDED = Loop(
    (),
    [View(TOTAL, 0, (), ()), View(SUM, 0, (), ())],
    [Load(0), Load(1), Op("add", (0, 1), (), (FLOAT,) * 2, FLOAT)],
    [Store(0, 2)],
)


def found(
    accesses: Any = (),
    body: Any = (),
    stores: Any = (),
    around: Any = None,
    shape: Any = (N,),
    usual: Any = STORES,
    **changes: Any,
) -> Loop | None:
    """Return what becomes of a loop that runs row by row, if something about it is changed."""
    views = list(ACCESSES)
    for k, view in accesses:
        views[k : k + 1] = [view]
    nest = Loop(shape, views, [*BODY, *body], [*usual, *stores])
    front, back = around or ([Fill(SUM, 0)], [ADDED])
    none = Buffer(0, np.dtype(np.uint8))
    step = Repeat(COUNTER, None, 10, False, [], None, [*front, nest, *back], none, [], [], 0, 0)
    for name, value in changes.items():
        setattr(step, name, value)
    return by_rows.own_rows(step, 4, 0.0)


def test_a_sum_is_added_to_its_total() -> None:
    loop = found()
    assert loop is not None
    assert [view.buffer for view in loop.accesses] == [STATE, OTHER, SAVED, TOTAL, COUNTER]


NUMBER = View(Buffer(1, FLOAT), 0, (), ())
CHANGES: dict[str, Any] = {
    "another row is read": {"accesses": [(5, View(STATE, 1, (1,), (N - 1,)))], "body": [Load(5)]},
    "rows are read backwards": {"accesses": [(5, View(STATE, N - 1, (-1,), (N,)))], "body": [Load(5)]},
    "one row is read by all": {"accesses": [(5, View(STATE, 0, (0,), (N,)))], "body": [Load(5)]},
    "rows share an entry": {"accesses": [(0, replace(ROW, strides=(0,)))]},
    "rows overlap": {
        "accesses": [(k, replace(v, shape=(8, 8), strides=(s, s))) for k, v in enumerate(ACCESSES) for s in v.strides],
        "shape": (8, 8),
    },
    "saved rows overlap": {"accesses": [(2, View(SAVED, 0, (1,), (N,), ((10, N - 1),)))]},
    "saved rows are read elsewhere": {"accesses": [(5, View(SAVED, 1, (1,), (N,)))], "body": [Load(5)]},
    "rows are written at places of their own": {
        "accesses": [(5, View(Buffer(N, WHOLE), 0, (1,), (N,)))],
        "body": [Load(5)],
        "stores": [Store(2, 1, "set", (4,))],
    },
    "rows are read at places of their own": {
        "accesses": [(5, View(Buffer(N, WHOLE), 0, (1,), (N,)))],
        "body": [Load(5), Pick(2, (4,))],
    },
    "a sum is read": {"body": [Load(3)]},
    "a sum is only read": {"usual": [STORES[0], Store(2, 4, "set", (3,))], "body": [Load(3)]},
    "two sums have one total": {
        "around": (
            [Fill(SUM, 0), Fill(MORE, 0)],
            [
                replace(
                    ADDED,
                    accesses=[*ADDED.accesses, View(MORE, 0, (), ())],
                    body=[*ADDED.body, Load(2), Op("add", (0, 3), (), (FLOAT,) * 2, FLOAT)],
                    stores=[Store(0, 2), Store(0, 4)],
                )
            ],
        ),
    },
    "a sum is read elsewhere": {"accesses": [(5, View(TOTAL, 0, (0,), (N,)))], "body": [Load(5)]},
    "a sum is added to twice": {"stores": [Store(3, 0, "add")]},
    "a sum is a largest entry": {
        "accesses": [(5, View(Buffer(1, FLOAT), 0, (0,), (N,)))],
        "stores": [Store(5, 0, "max")],
    },
    "a number is written": {"accesses": [(5, View(Buffer(1, FLOAT), 0, (0,), (N,)))], "stores": [Store(5, 0)]},
    "a sum does not begin with zero": {"around": ([Fill(SUM, 1)], [ADDED])},
    "a sum does not begin anew": {"around": ([], [ADDED])},
    "a sum is not added up": {"around": ([Fill(SUM, 0)], [])},
    "a sum is multiplied": {
        "around": ([Fill(SUM, 0)], [replace(ADDED, body=[*ADDED.body[:2], Op("mul", (0, 1), (), (FLOAT,) * 2, FLOAT)])])
    },
    "a sum is written elsewhere": {
        "around": ([Fill(SUM, 0)], [replace(ADDED, accesses=[*ADDED.accesses, NUMBER], stores=[Store(2, 2)])])
    },
    "something else comes behind it": {"around": ([Fill(SUM, 0)], [ADDED, Fill(OTHER, 0)])},
    "something else comes before it": {"around": ([Fill(SUM, 0), Fill(OTHER, 0)], [ADDED])},
    "something comes before the loop": {"before": [Fill(OTHER, 0)]},
    "something comes behind the loop": {"after": [Fill(OTHER, 0)]},
    "there is a test": {"test": [ADDED]},
    "the last sum is read behind the loop": {"outer": [SUM, TOTAL]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_not_row_by_row(change: Any) -> None:
    assert found(**change) is None
