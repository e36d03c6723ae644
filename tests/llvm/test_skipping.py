"""Iterations of which a zero says that they do nothing are skipped, and no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wengert as wg
from tests.capture.programs import compiled
from wengert.core.bounds import Affine, Counter
from wengert.run.llvm.loops import Buffer, Const, Load, Loop, Op, Pick, Repeat, Store, View
from wengert.run.llvm.skipping import find_skip
from wengert.run.llvm.straight import Known

from .comparison import compare_gradients
from .test_nests import repeats

_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def skips(function: Any, *args: Any) -> int:
    """Return how many loops of a gradient skip iterations."""
    jitted = wg.jit(wg.value_and_grad(function, argnums=tuple(range(len(args)))))
    return sum(step.skip is not None for step in repeats(jitted.lower(*args)._program.steps))


def warped(a: Any, b: Any) -> Any:
    table = np.full((len(a) + 1, len(b) + 1), np.inf)
    table[0, 0] = 0.0
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i, j] = (a[i - 1] - b[j - 1]) ** 2 + min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
    return table[len(a), len(b)]


def warped_everywhere(a: Any, b: Any) -> Any:
    """Each cell counts, so that no cotangent is zero."""
    table = np.zeros((len(a) + 1, len(b) + 1))
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i, j] = (a[i - 1] - b[j - 1]) ** 2 + min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
    return np.sum(table * table)


def longest(a: Any, b: Any) -> Any:
    """Where two paths are equally long, half of the cotangent goes each way."""
    table = np.zeros((len(a) + 1, len(b) + 1))
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            if a[i - 1] * b[j - 1] > 0.2:
                table[i, j] = table[i - 1, j - 1] + a[i - 1] * b[j - 1]
            else:
                table[i, j] = np.maximum(table[i - 1, j], table[i, j - 1])
    return table[len(a), len(b)] + table[len(a) // 2, len(b)] ** 2


def stairs(a: Any, b: Any) -> Any:
    """One loop, upwards."""
    cost = np.zeros(len(a))
    for k in range(len(a) - 3, -1, -1):
        cost[k] = a[k] * b[k] + max(cost[k + 1], 0.5 * cost[k + 2])
    return cost[0]


def with_rows_that_end_early(a: Any, b: Any) -> Any:
    table = np.zeros((len(a) + 1, len(b) + 1))
    for i in range(1, len(a) + 1):
        for j in range(1, i + 1):
            table[i, j] = np.sin(a[i - 1] * b[j - 1]) + max(table[i - 1, j], table[i, j - 1])
    return table[len(a), len(a)]


@pytest.mark.parametrize("n", [1, 3, 8, 9, 21])
@pytest.mark.parametrize("program", [warped, warped_everywhere, longest, stairs, with_rows_that_end_early])
def test_what_is_skipped_changes_nothing(program: Any, n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.standard_normal(n), rng.standard_normal(n + 4)
    compare_gradients(program, (a, b))
    if n > 8:
        assert skips(program, a, b) == 1


def test_costs_that_are_not_numbers() -> None:
    a, b = np.linspace(-1.0, 1.0, 12), np.linspace(1.0, 0.0, 15) ** 2
    a[3], b[7] = np.inf, np.nan
    for part in (0, 1):
        with np.errstate(all="ignore"):
            expected = wg.grad(warped, argnums=part)(a, b)
        np.testing.assert_array_equal(wg.jit(wg.grad(warped, argnums=part))(a, b), expected)


def spread(a: Any, b: Any) -> Any:
    """What flows back goes everywhere: there is nothing to skip."""
    table = np.ones((len(a) + 1, len(b) + 1))
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i, j] = a[i - 1] + 0.4 * table[i - 1, j] + b[j - 1] * table[i, j - 1]
    return table[len(a), len(b)]


def counted(a: Any, b: Any) -> Any:
    """Each iteration has an effect that has nothing to do with the table."""
    table, number = np.zeros(len(a) + 1), 1.0
    for k in range(len(a)):
        number = number * b[k]
        table[k + 1] = max(table[k], a[k] * number)
    return table[len(a)] + number


@pytest.mark.parametrize("program", [spread, counted])
def test_what_does_something_runs(program: Any) -> None:
    a, b = np.linspace(0.5, 1.0, 11), np.linspace(0.7, 1.1, 15)
    compare_gradients(program, (a, b))
    assert skips(program, a, b) == 0


def test_what_is_added_once_is_still_added() -> None:
    """An iteration that is skipped writes nothing, so that zeros have to be there before."""
    jitted = wg.jit(wg.grad(stairs, argnums=(0, 1)))
    args = np.linspace(0.5, 1.0, 30), np.linspace(0.7, 1.1, 30)
    loops = [step for step in repeats(jitted.lower(*args)._program.steps) if step.skip]
    assert len(loops) == 1
    for part in loops[0].body:
        for store in part.stores:
            buffer = part.accesses[store.access].buffer
            assert store.how == "add" or buffer.size == 1 or buffer is loops[0].skip.buffer


# -- what an iteration may do -----------------------------------------------------------------------------------------

_FLOAT, _INT, _BOOL = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_)
_SIZE = 20


class Iteration:
    """``x = table[k + 1]; table[k + 1] = 0; table[k] += x if flags[k] else 0``, and what is appended to it."""

    def __init__(self, chosen: bool = True) -> None:
        def array(dtype: Any) -> View:
            return View(Buffer(_SIZE, dtype), 0, (), (), ((_SIZE, 1),))

        def number(dtype: Any) -> View:
            return View(Buffer(1, dtype), 0, (), ())

        self.counter, self.table, self.other, self.flags = number(_INT), array(_FLOAT), array(_FLOAT), array(_BOOL)
        self.total, self.second, self.own = (number(_FLOAT) for _ in range(3))
        views = [self.counter, self.table, self.other, self.flags, self.total, self.second, self.own]
        self.loop = Loop((), views)
        self.k = self.item(Load(0))
        self.following = self.op("add", self.k, self.item(Const(1, _INT)), dtype=_INT)
        self.x = self.item(Pick(1, (self.following,), True))
        self.zero = self.item(Const(0.0, _FLOAT))
        flag = self.item(Pick(3, (self.k,), True))
        self.part = self.op("select", flag, self.x, self.zero) if chosen else self.x
        self.store(self.table, self.zero, "set", self.following)
        self.store(self.table, self.part, "add", self.k)

    def item(self, item: Any) -> int:
        self.loop.body.append(item)
        return len(self.loop.body) - 1

    def op(self, name: str, *args: int, dtype: Any = _FLOAT) -> int:
        return self.item(Op(name, args, (), (dtype,) * len(args), dtype))

    def load(self, view: View) -> int:
        number = self.loop.accesses.index(view)
        return self.item(Pick(number, (self.k,), True) if view.indexed else Load(number))

    def store(self, view: View, item: int, how: str, *at: int) -> None:
        self.loop.stores.append(Store(self.loop.accesses.index(view), item, how, at, bool(at)))

    def is_skipped(self) -> bool:
        """Say whether a loop of it skips iterations; ``total`` and ``second`` are handed on, ``own`` is not."""
        outer = [v.buffer for v in (self.table, self.other, self.flags, self.total, self.second)]
        step = Repeat(
            self.counter.buffer, None, _SIZE - 1, True, [], None, [self.loop], Buffer(0, np.dtype(np.uint8)),
            [self.own.buffer], outer, 0, 0,
        )  # fmt: skip
        counter = Counter(0, Affine(_SIZE - 2))
        find_skip(step, Known({self.counter.buffer: Affine(0, ((counter, 1),))}), counter, {counter: step.counter})
        assert step.skip is None or (step.skip.offset, step.skip.way) == (1, -1)
        return step.skip is not None


def nothing(one: Iteration) -> None:
    pass


def adds_products(one: Iteration) -> None:
    one.store(one.other, one.op("neg", one.op("scale", one.x, one.load(one.other))), "add", one.k)


def adds_to_a_number(one: Iteration) -> None:
    one.store(one.total, one.op("sub", one.op("add", one.part, one.load(one.total)), one.x), "set")
    one.store(one.second, one.x, "add")


def makes_a_number(one: Iteration) -> None:
    one.store(one.own, one.load(one.other), "set")


def adds_something(one: Iteration) -> None:
    one.store(one.other, one.load(one.total), "add", one.k)


def adds_products_that_may_be_nan(one: Iteration) -> None:
    one.store(one.other, one.op("mul", one.x, one.load(one.other)), "add", one.k)


def overwrites(one: Iteration) -> None:
    one.store(one.other, one.zero, "set", one.k)


def overwrites_another_entry(one: Iteration) -> None:
    one.store(one.table, one.zero, "set", one.k)


def overwrites_a_number(one: Iteration) -> None:
    one.store(one.total, one.x, "set")


def hands_on_a_number(one: Iteration) -> None:
    one.store(one.total, one.load(one.second), "set")


def scales_a_number(one: Iteration) -> None:
    one.store(one.total, one.op("scale", one.load(one.other), one.load(one.total)), "set")


def subtracts_from_zero(one: Iteration) -> None:
    one.store(one.total, one.op("sub", one.x, one.load(one.total)), "set")


def takes_the_larger(one: Iteration) -> None:
    one.store(one.other, one.x, "max", one.k)


def reads_what_the_iteration_before_has_made(one: Iteration) -> None:
    one.store(one.other, one.op("scale", one.x, one.load(one.own)), "add", one.k)


def chooses_something(one: Iteration) -> None:
    flag = one.load(one.flags)
    one.store(one.other, one.op("select", flag, one.x, one.load(one.total)), "add", one.k)


@pytest.mark.parametrize("what", [nothing, adds_products, adds_to_a_number, makes_a_number])
def test_an_iteration_that_does_nothing(what: Any) -> None:
    one = Iteration()
    what(one)
    assert one.is_skipped()


@pytest.mark.parametrize(
    "what",
    [
        adds_something, adds_products_that_may_be_nan, overwrites, overwrites_another_entry, overwrites_a_number,
        hands_on_a_number, scales_a_number, subtracts_from_zero, takes_the_larger, chooses_something,
        reads_what_the_iteration_before_has_made,
    ],
)  # fmt: skip
def test_an_iteration_that_does_something(what: Any) -> None:
    one = Iteration()
    what(one)
    assert not one.is_skipped()


def test_what_flows_everywhere_is_not_looked_for() -> None:
    assert not Iteration(chosen=False).is_skipped()


# -- random programs --------------------------------------------------------------------------------------------------

_CELLS = ("table[i - 1, j]", "table[i, j - 1]", "table[i - 1, j - 1]", "table[i - 2, j - 1]", "0.5 * table[i - 1, j]")


@st.composite
def sources(draw: Any) -> str:
    """Return the text of a program that fills a table, not only by choice, and does more in its loops."""

    def value() -> str:
        cell = draw(st.sampled_from(_CELLS))
        more = draw(st.sampled_from([f"a[i] * {cell}", f"np.sin({cell})", "b[j] * a[i]", "0.3"]))
        return draw(st.sampled_from([cell, cell, more]))

    def choice() -> str:
        first, second, third = value(), value(), value()
        return draw(
            st.sampled_from(
                [
                    f"min({first}, {second}, {third})",
                    f"max({first}, {second})",
                    f"np.minimum({first}, {second})",
                    f"({first} if {second} > 0.3 else {third})",
                    f"np.where({first} > {second}, {second}, {third})",
                    f"{first} + {second}",
                ]
            )
        )

    more = st.sampled_from(
        [
            "number = number + 0.1 * a[i]",
            "total[j] += a[i]",
            "number = 0.9 * number + b[j]",
            "number = 0.9 * number + 0.1 * table[i, j]",
            "total[j] += table[i, j]",
            "total[j] = 0.5 * total[j] + table[i, j]",
            "total[j] = max(total[j], table[i, j])",
            "table[i, j] = 0.9 * table[i, j]",
            "table[i - 1, j] += 0.1 * table[i, j]",
        ]
    )
    lines = ["def f(a, b):", "    table, total = np.zeros((len(a), len(b))) + b, np.zeros(len(b))", "    number = 0.1"]
    rows = draw(st.sampled_from(["range(2, len(a))", "range(len(a) - 1, 1, -1)"]))
    columns = draw(st.sampled_from(["range(1, len(b))", "range(1, len(b))", "range(len(b) - 1, 0, -1)", "range(1, i)"]))
    lines += [f"    for i in {rows}:", f"        for j in {columns}:"]
    lines += [f"            table[i, j] = (a[i] - b[j]) ** 2 + {choice()}"]
    lines += [f"            {line}" for line in draw(st.lists(more, max_size=1))]
    lines += [f"    return {draw(st.sampled_from(_RESULTS))}"]
    return "\n".join(lines)


_RESULTS = (
    "table[len(a) - 1, len(b) - 1]",
    "table[len(a) - 1, len(b) - 1] + number",
    "np.sum(table * table) + np.sum(total)",
    "table[len(a) // 2, 3] + total[4] + np.sum(table[-1])",
)


def compare(source: str) -> None:
    rng = np.random.default_rng(len(source))
    compare_gradients(compiled(source), (rng.standard_normal(14), 0.5 * rng.standard_normal(23)))


@settings(max_examples=12, **_OPTIONS)
@given(sources())
def test_random_tables(source: str) -> None:
    compare(source)


@pytest.mark.nightly
@settings(max_examples=300, **_OPTIONS)
@given(sources())
def test_many_random_tables(source: str) -> None:
    compare(source)
