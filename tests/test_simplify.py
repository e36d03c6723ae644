"""Simplification leaves every value as it is: nan, infinities, and the signs of zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from wengert.core.aval import aval
from wengert.core.builder import Builder
from wengert.core.graph import Graph
from wengert.core.primitive import PRIMITIVES
from wengert.core.verify import verify
from wengert.ops.control import Literal
from wengert.run.interpreter import Program
from wengert.run.llvm.program import NativeProgram
from wengert.transforms.simplify import simplify

EDGES = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, np.inf, -np.inf, np.nan])
X, Y = (part.ravel() for part in np.meshgrid(EDGES, EDGES))


def recorded(make: Callable[..., Any], *shapes: Any, dtype: Any = np.float64) -> Graph:
    """Return the graph of what ``make`` records on inputs of these shapes."""
    builder = Builder()
    return builder.build([make(builder, *[builder.input(aval(shape, np.dtype(dtype))) for shape in shapes])])


def op(x: Any, name: str, *others: Any, **params: Any) -> Any:
    return x.builder.apply_named(name, x, *others, **params)


def spread(x: Any, *shape: int, axes: tuple[int, ...] = ()) -> Any:
    return op(x, "broadcast", shape=shape, axes=axes)


def names(graph: Graph) -> list[str]:
    return [equation.primitive.name for equation in graph.equations]


def same(a: Any, b: Any) -> None:
    """Equal entry by entry, with the signs of zeros, nan equal to nan."""
    np.testing.assert_array_equal(a, b)
    assert np.asarray(a).dtype == np.asarray(b).dtype
    if np.asarray(a).dtype.kind == "f":
        numbers = ~np.isnan(a)
        np.testing.assert_array_equal(np.signbit(a)[numbers], np.signbit(b)[numbers])


def check(graph: Graph, *args: Any) -> Graph:
    small = verify(simplify(graph))
    with np.errstate(all="ignore"):
        same(Program(small)(list(args))[0], Program(graph)(list(args))[0])
    return small


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda b, x, y: op(x, "add", op(y, "neg")), ["sub"]),
        (lambda b, x, y: op(op(x, "neg"), "add", y), ["sub"]),
        (lambda b, x, y: op(x, "sub", op(y, "neg")), ["add"]),
        (lambda b, x, y: op(op(x, "neg"), "mul", op(y, "neg")), ["mul"]),
        (lambda b, x, y: op(op(x, "neg"), "div", op(y, "neg")), ["div"]),
        (lambda b, x, y: op(x, "mul", b.full(1, X.shape, np.float64)), []),
        (lambda b, x, y: op(x, "div", b.full(1, X.shape, np.float64)), []),
        (lambda b, x, y: op(op(x, "neg"), "neg"), []),
        (lambda b, x, y: op(x, "mul", op(b.full(2.0, X.shape, np.float64), "add", b.full(3, X.shape, float))), None),
    ],
)
def test_arithmetic(make: Any, expected: list[str] | None) -> None:
    small = check(recorded(make, X.shape, X.shape), X, Y)
    if expected is not None:
        assert names(small) == expected


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", ["lt", "gt"])
def test_shares_of_a_tie_need_two_comparisons(name: str, turned: bool) -> None:
    def make(b: Any, x: Any, y: Any) -> Any:
        better = op(y, name, x) if turned else op(x, name, y)
        half = b.full(0.5, X.shape, np.float64)
        return op(op(x, "eq", y), "select", half, op(better, "convert", dtype=np.dtype(np.float64)))

    small = check(recorded(make, X.shape, X.shape), X, Y)
    assert sorted({"eq", "le", "ge", "lt", "gt"}.intersection(names(small))) == ["ge", "le"]


@pytest.mark.parametrize("name", ["add", "mul", "sub", "neg"])
def test_what_is_not_an_identity_stays(name: str) -> None:
    for number in (0.0, -0.0, 1.0, np.inf):
        if name == "neg":
            check(recorded(lambda b, x: op(op(b.full(number, X.shape, float), "neg"), "add", x), X.shape), X)  # noqa: B023
        else:
            check(recorded(lambda b, x: op(x, name, b.full(number, X.shape, np.float64)), X.shape), X)  # noqa: B023
            check(recorded(lambda b, x: op(b.full(number, X.shape, np.float64), name, x), X.shape), X)  # noqa: B023


def test_scaling_by_one_and_of_negated_values() -> None:
    # In scale, zero has no sign: it says that nothing is contributed.
    one = recorded(lambda b, x: op(x, "scale", b.full(1, X.shape, np.float64)), X.shape)
    two = recorded(lambda b, x, y: op(op(x, "neg"), "scale", op(y, "neg")), X.shape, X.shape)
    for graph, args in ((one, [X]), (two, [X, Y])):
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(Program(simplify(graph))(args)[0], Program(graph)(args)[0])


def test_numbers_that_are_known_are_computed() -> None:
    def make(b: Any, x: Any) -> Any:
        known = op(op(b.full(2.0, (3,), np.float64), "mul", b.full(4.0, (3,), np.float64)), "sqrt")
        return op(x, "mul", known)

    small = check(recorded(make, (3,)), np.array([1.0, -0.0, np.nan]))
    assert names(small) == ["full", "mul"]


def test_zeros_of_both_signs_stay_apart() -> None:
    def make(b: Any, x: Any) -> Any:
        return op(
            op(x, "copysign", b.full(-0.0, (2,), np.float64)), "add", op(x, "copysign", b.full(0.0, (2,), np.float64))
        )

    x = np.array([1.0, 3.0])
    assert np.array_equal(Program(check(recorded(make, (2,)), x))([x])[0], [0, 0])
    for sign in (1, -1, 1):
        assert np.array_equal(wg.jit(lambda x: np.copysign(x, sign * 0.0))(x), sign * x)  # noqa: B023


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda b, x: op(op(x, "transpose", axes=(1, 2, 0)), "transpose", axes=(1, 2, 0)), ["transpose"]),
        (lambda b, x: op(op(x, "transpose", axes=(1, 2, 0)), "transpose", axes=(2, 0, 1)), []),
        (lambda b, x: op(op(x, "reshape", shape=(24,)), "reshape", shape=(4, 6)), ["reshape"]),
        (lambda b, x: spread(spread(x, 2, 3, 1, 4, axes=(0, 1, 3)), 5, 2, 3, 7, 4, axes=(1, 2, 3, 4)), ["broadcast"]),
        (lambda b, x: spread(op(x, "reshape", shape=(2, 1, 3, 4)), 2, 5, 3, 4, axes=(0, 1, 2, 3)), ["broadcast"]),
        (lambda b, x: op(x, "slice", starts=(0, 0, 0), stops=(2, 3, 4), steps=(1, 1, 1)), []),
    ],
)
def test_movement(make: Any, expected: list[str]) -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    assert names(check(recorded(make, x.shape), x)) == expected


def test_positions_are_constants() -> None:
    graph = recorded(lambda b, x: op(x, "iota", axis=1), (3, 5))
    assert names(check(graph, np.zeros((3, 5)))) == ["literal", "broadcast"]


ELEMENTWISE = st.sampled_from(["add", "sub", "mul", "div", "max", "min"])


@given(ELEMENTWISE, ELEMENTWISE, st.sampled_from([(9, 40), (40, 9)]), st.sampled_from([0.0, -1.5, np.inf, np.nan]))
@settings(max_examples=40)
def test_arithmetic_goes_in_front_of_a_broadcast(first: str, second: str, shape: Any, number: float) -> None:
    axis = shape.index(9)

    def make(b: Any, x: Any, y: Any) -> Any:
        wide = [spread(v, *shape, axes=(axis,)) for v in (x, y)]
        return op(op(op(wide[0], first, wide[1]), "neg"), second, b.full(number, shape, np.float64))

    rng = np.random.default_rng(0)
    x, y = rng.choice(EDGES, 9), rng.choice(EDGES, 9)
    small = check(recorded(make, (9,), (9,)), x, y)
    assert names(small)[-1] == "broadcast"


AXES = st.permutations(range(3))


@given(AXES, AXES, st.booleans(), st.integers(1, 3))
@settings(max_examples=60)
def test_a_product_with_an_operand_that_is_the_same_along_a_batch_axis(
    turn_x: list[int], turn_y: list[int], first: bool, repeated: int
) -> None:
    """x[b, m, k] y[b, k, n] with axes in any order, one operand without b, and a second batch axis kept or not."""
    sizes = {"b": 4, "m": 2, "k": 3, "n": 5}
    order_x, order_y = [["b", "m", "k"][a] for a in turn_x], [["b", "k", "n"][a] for a in turn_y]
    lacking = order_x if first else order_y
    given_shape = tuple(sizes[c] for c in lacking if c != "b")
    other = order_y if first else order_x

    def make(b: Any, x: Any, y: Any) -> Any:
        wide = spread(x, *[sizes[c] for c in lacking], axes=tuple(a for a, c in enumerate(lacking) if c != "b"))
        pair = (wide, y) if first else (y, wide)
        return op(
            pair[0],
            "dot",
            pair[1],
            contract=((order_x.index("k"),), (order_y.index("k"),)),
            batch=((order_x.index("b"),), (order_y.index("b"),)),
        )

    graph = recorded(make, given_shape, tuple(sizes[c] for c in other))
    small = verify(simplify(graph))
    rng = np.random.default_rng(repeated)
    args = [rng.normal(size=given_shape), rng.normal(size=tuple(sizes[c] for c in other))]
    expected = Program(graph)(args)[0]
    (dot,) = [equation for equation in small.equations if equation.primitive is PRIMITIVES["dot"]]
    assert dict(dot.params)["batch"] == ((), ())
    np.testing.assert_allclose(Program(small)(args)[0], expected, rtol=1e-13)
    np.testing.assert_allclose(NativeProgram(small)(args)[0], expected, rtol=1e-13)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), min_size=1, max_size=5), st.booleans(), st.booleans())
@settings(max_examples=80)
def test_parts_that_are_written_one_after_the_other(spans: list[Any], known: bool, columns: bool) -> None:
    """Of overlapping parts the last wins; -0 and nan arrive as they are."""
    shape = (2, 6) if columns else (6,)
    spans = [(start, min(start + n, 6)) for start, n in spans]

    def part(start: int, stop: int) -> tuple[int, ...]:
        return (2, stop - start) if columns else (stop - start,)

    def make(b: Any, x: Any, *values: Any) -> Any:
        out = b.full(3.0, shape, np.float64) if known else x
        for (start, stop), v in zip(spans, values, strict=True):
            lead = ((0,), (2,), (1,)) if columns else ((), (), ())
            where = {"starts": (*lead[0], start), "stops": (*lead[1], stop), "steps": (*lead[2], 1)}
            out = op(out, "slice_set", v, **where)
        return out

    rng = np.random.default_rng(len(spans))
    args = [rng.choice(EDGES, shape), *[rng.choice(EDGES, part(*span)) for span in spans]]
    graph = recorded(make, shape, *[part(*span) for span in spans])
    small = check(graph, *args)
    same(NativeProgram(small)(args)[0], Program(graph)(args)[0])


def test_parts_that_leave_nothing_are_joined() -> None:
    def make(b: Any, x: Any, v: Any, w: Any) -> Any:
        first = op(x, "slice_set", v, starts=(0,), stops=(1,), steps=(1,))
        return op(first, "slice_set", w, starts=(1,), stops=(4,), steps=(1,))

    small = check(recorded(make, (4,), (1,), (3,)), np.zeros(4), np.array([-0.0]), np.array([np.nan, 1, 2]))
    assert names(small) == ["concatenate"]


@pytest.mark.parametrize(
    "array", [np.zeros(3), np.full(3, -0.0), np.array([0.0, -0.0]), np.full(2, np.nan), np.arange(3)]
)
def test_arrays_of_one_number(array: Any) -> None:
    graph = recorded(lambda b: b.apply(PRIMITIVES["literal"], (), (("value", Literal(array)),)))
    expected = ["full"] if array.tolist() == [0, 0, 0] and not np.signbit(array).any() else ["literal"]
    assert names(check(graph)) == expected
