"""The writer of LLVM's language: what it writes, LLVM takes and understands as it was meant; misuse is refused."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wengert.run.llvm import ir, target

DOUBLES = np.array([0.0, -0.0, 1.5, -2.25, 1e300, -5e-324, math.inf, -math.inf, math.nan])
FLOATS = np.array([0.0, -0.0, 1.5, -2.25, 3e38, 1e-45, math.inf, -math.inf, math.nan], np.float32)
WHOLE = np.array([0, 1, -1, 7, -100, 2**62, -(2**63), 2**63 - 1])
SMALL = np.array([0, 1, -1, 7, -100, 127, -128], np.int8)
SHIFTS = np.array([0, 1, 5, 63])
VECTORS = np.random.default_rng(1).standard_normal((5, 4))
V4 = ir.vector(ir.DOUBLE, 4)


def pairs(x: Any) -> tuple[Any, Any]:
    """All pairs of samples."""
    return np.repeat(x, len(x)), np.tile(x, len(x))


def unsigned(x: Any) -> Any:
    return x.view(np.uint64)


def one(n: int) -> ir.Constant:
    return ir.Constant(ir.I32, n)


def truncated(op: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Python's whole numbers know no overflow."""
    return lambda x, y: np.array([op(int(a), int(b)) for a, b in zip(x, y, strict=True)])


def quotient(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


DIVISORS = (np.repeat(WHOLE[:6], 3), np.tile([1, -3, 7], 6))
FLAGS = np.array([True, False])
X = pairs(DOUBLES)
N = pairs(WHOLE)

# Name -> operands, the instruction, and what it computes.
CASES: dict[str, tuple[tuple[Any, ...], Callable[..., ir.Value], Callable[..., Any]]] = {
    "fadd": (X, lambda b, x, y: b.fadd(x, y), np.add),
    "fsub": (X, lambda b, x, y: b.fsub(x, y), np.subtract),
    "fmul": (X, lambda b, x, y: b.fmul(x, y), np.multiply),
    "fdiv": (X, lambda b, x, y: b.fdiv(x, y), np.divide),
    "frem": (X, lambda b, x, y: b.frem(x, y), np.fmod),
    "fadd_reassoc": (X, lambda b, x, y: b.fadd(x, y, flags=("reassoc", "nsz")), np.add),
    "fadd_float": (pairs(FLOATS), lambda b, x, y: b.fadd(x, y), np.add),
    "fneg": ((DOUBLES,), lambda b, x: b.fneg(x), np.negative),
    "add": (N, lambda b, x, y: b.add(x, y), np.add),
    "sub": (N, lambda b, x, y: b.sub(x, y), np.subtract),
    "mul": (N, lambda b, x, y: b.mul(x, y), np.multiply),
    "add_nsw": ((WHOLE[:5], WHOLE[:5]), lambda b, x, y: b.add(x, y, flags=("nsw",)), np.add),
    "neg": ((WHOLE,), lambda b, x: b.neg(x), np.negative),
    "udiv": (DIVISORS, lambda b, x, y: b.udiv(x, y), lambda x, y: unsigned(x) // unsigned(y)),
    "urem": (DIVISORS, lambda b, x, y: b.urem(x, y), lambda x, y: unsigned(x) % unsigned(y)),
    "sdiv": (DIVISORS, lambda b, x, y: b.sdiv(x, y), truncated(quotient)),
    "srem": (DIVISORS, lambda b, x, y: b.srem(x, y), truncated(lambda a, b: a - quotient(a, b) * b)),
    "and": (N, lambda b, x, y: b.and_(x, y), np.bitwise_and),
    "or": (N, lambda b, x, y: b.or_(x, y), np.bitwise_or),
    "xor": (N, lambda b, x, y: b.xor(x, y), np.bitwise_xor),
    "not": ((WHOLE,), lambda b, x: b.not_(x), np.invert),
    "not_bit": ((FLAGS,), lambda b, x: b.not_(x), np.logical_not),
    "shl": ((WHOLE[:4], SHIFTS), lambda b, x, y: b.shl(x, y), np.left_shift),
    "lshr": ((WHOLE[4:], SHIFTS), lambda b, x, y: b.lshr(x, y), lambda x, y: unsigned(x) >> unsigned(y)),
    "ashr": ((WHOLE[4:], SHIFTS), lambda b, x, y: b.ashr(x, y), np.right_shift),
    "select": (
        (np.tile(FLAGS, 4), *(v[:8] for v in pairs(DOUBLES))),
        lambda b, c, x, y: b.select(c, x, y),
        np.where,
    ),
    "trunc": ((WHOLE,), lambda b, x: b.trunc(x, ir.BYTE), lambda x: x.astype(np.int8)),
    "zext": ((SMALL,), lambda b, x: b.zext(x, ir.I64), lambda x: x.view(np.uint8).astype(np.int64)),
    "sext": ((SMALL,), lambda b, x: b.sext(x, ir.I64), lambda x: x.astype(np.int64)),
    "fptrunc": ((DOUBLES,), lambda b, x: b.fptrunc(x, ir.FLOAT), lambda x: x.astype(np.float32)),
    "fpext": ((FLOATS,), lambda b, x: b.fpext(x, ir.DOUBLE), lambda x: x.astype(np.float64)),
    "fptosi": ((DOUBLES[:4],), lambda b, x: b.fptosi(x, ir.I64), lambda x: x.astype(np.int64)),
    "fptoui": ((DOUBLES[:3],), lambda b, x: b.fptoui(x, ir.I64), lambda x: x.astype(np.uint64)),
    "sitofp": ((WHOLE,), lambda b, x: b.sitofp(x, ir.DOUBLE), lambda x: x.astype(float)),
    "uitofp": ((WHOLE,), lambda b, x: b.uitofp(x, ir.DOUBLE), lambda x: unsigned(x).astype(float)),
    "bitcast": ((DOUBLES,), lambda b, x: b.bitcast(x, ir.I64), lambda x: x.view(np.int64)),
    "bitcast_to_its_own": ((DOUBLES,), lambda b, x: b.bitcast(x, ir.DOUBLE), lambda x: x),
    "extract_element": ((VECTORS,), lambda b, x: b.extract_element(x, one(2)), lambda x: x[:, 2]),
    "insert_element": (
        (VECTORS, VECTORS[:, 0]),
        lambda b, x, y: b.insert_element(x, y, one(3)),
        lambda x, y: np.concatenate([x[:, :3], y[:, None]], 1),
    ),
    "shuffle_vector": ((VECTORS,), lambda b, x: b.shuffle_vector(x, [3, 0, 0, 1]), lambda x: x[:, [3, 0, 0, 1]]),
    "shuffle_shorter": ((VECTORS,), lambda b, x: b.shuffle_vector(x, [2, 1]), lambda x: x[:, [2, 1]]),
    "vector_arithmetic": (
        (VECTORS,),
        lambda b, x: b.select(b.fcmp_ordered("<", x, ir.Constant(V4, 0)), b.fmul(x, ir.Constant(V4, 0.1)), x),
        lambda x: np.where(x < 0, x * 0.1, x),
    ),
    "vector_of_constants": (
        (VECTORS,),
        lambda b, x: b.fadd(x, ir.Constant(V4, [1, -2.5, 1e-9, math.inf])),
        lambda x: x + np.array([1, -2.5, 1e-9, math.inf]),
    ),
    "vector_conversion": (
        (VECTORS,),
        lambda b, x: b.bitcast(x, ir.vector(ir.I64, 4)),
        lambda x: x.view(np.int64),
    ),
    "put_together": (
        (DOUBLES, DOUBLES[::-1].copy()),
        lambda b, x, y: b.insert_element(b.insert_element(ir.undefined(ir.vector(ir.DOUBLE, 2)), x, one(0)), y, one(1)),
        lambda x, y: np.stack([x, y], 1),
    ),
    "intrinsic": ((VECTORS[:, 0],), lambda b, x: b.intrinsic("sqrt", b.intrinsic("fabs", x)), lambda x: abs(x) ** 0.5),
    "intrinsic_of_vectors": (
        (VECTORS, VECTORS[::-1].copy()),
        lambda b, x, y: b.intrinsic("maximum", x, y, fastmath=("nsz",)),
        np.maximum,
    ),
}
for op, ordered in {
    "==": np.equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "!=": lambda x, y: (x < y) | (x > y),
}.items():

    def either(x: Any, y: Any, ordered: Any = ordered) -> Any:
        return ordered(x, y) | np.isnan(x) | np.isnan(y)

    def by_bits(x: Any, y: Any, ordered: Any = ordered) -> Any:
        return ordered(unsigned(x), unsigned(y))

    CASES[f"ordered {op}"] = X, lambda b, x, y, op=op: b.fcmp_ordered(op, x, y), ordered
    CASES[f"unordered {op}"] = X, lambda b, x, y, op=op: b.fcmp_unordered(op, x, y), either
    CASES[f"signed {op}"] = N, lambda b, x, y, op=op: b.icmp_signed(op, x, y), ordered
    CASES[f"unsigned {op}"] = N, lambda b, x, y, op=op: b.icmp_unsigned(op, x, y), by_bits
CASES["ord"] = X, lambda b, x, y: b.fcmp_ordered("ord", x, y), lambda x, y: ~(np.isnan(x) | np.isnan(y))
CASES["uno"] = X, lambda b, x, y: b.fcmp_unordered("uno", x, y), lambda x, y: np.isnan(x) | np.isnan(y)

TYPES = {"f8": ir.DOUBLE, "f4": ir.FLOAT, "i8": ir.I64, "u8": ir.I64, "i1": ir.BYTE, "u1": ir.BYTE, "b1": ir.BYTE}


def memory_type(x: Any) -> ir.Type:
    kind = TYPES[x.dtype.str[1:]]
    return ir.vector(kind, x.shape[1]) if x.ndim == 2 else kind


def write(module: ir.Module, name: str, operands: Any, instruction: Any, result: Any) -> None:
    """Write a function that takes the addresses of operands and of the result."""
    kinds = [memory_type(np.asarray(x)) for x in (*operands, result)]
    function = ir.Function(module, ir.FunctionType(ir.VOID, [kind.as_pointer() for kind in kinds]), name)
    b = ir.Builder(function.append_basic_block("entry"))
    values = []
    for x, place in zip(operands, function.args, strict=False):
        value = b.load(place, align=1)
        values.append(b.icmp_unsigned("!=", value, ir.Constant(ir.BYTE, 0)) if x.dtype.kind == "b" else value)
    found = instruction(b, *values)
    b.store(b.zext(found, ir.BYTE) if found.type is ir.BIT else found, function.args[-1], align=1)
    b.ret_void()


@pytest.fixture(scope="module")
def functions() -> Any:
    """All functions, compiled at once."""
    module = ir.Module()
    expected = {}
    with np.errstate(all="ignore"):
        for k, (name, (operands, instruction, reference)) in enumerate(CASES.items()):
            expected[name] = f"f{k}", np.ascontiguousarray(reference(*operands))
            write(module, f"f{k}", operands, instruction, expected[name][1])
    return target.load(target.optimise(module), [symbol for symbol, _ in expected.values()]), expected


@pytest.mark.parametrize("name", CASES)
def test_instruction(functions: Any, name: str) -> None:
    library, expected = functions
    symbol, exact = expected[name]
    operands = [np.ascontiguousarray(x) for x in CASES[name][0]]
    actual = np.empty_like(exact)
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(operands) + 1))(library[symbol])
    for k in range(len(exact)):
        function(*(x[k:].ctypes.data for x in operands), actual[k:].ctypes.data)
    np.testing.assert_array_equal(actual, exact)
    if exact.dtype.kind == "f":
        known = ~np.isnan(exact)
        np.testing.assert_array_equal(np.signbit(actual[known]), np.signbit(exact[known]))


@pytest.mark.parametrize(("kind", "dtype"), [(ir.DOUBLE, np.float64), (ir.FLOAT, np.float32)])
def test_constants_are_exact(kind: ir.Type, dtype: Any) -> None:
    size = np.dtype(dtype).itemsize
    bits = np.random.default_rng(2).integers(0, 256, (400, size), np.uint8).view(dtype)[:, 0]
    edges = [0.0, -0.0, math.inf, -math.inf, math.nan, 0.1, -0.1, 1e6, 999999.5, 1 / 3, -7.0, 0.015625]
    numbers = [*map(dtype, edges), np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max, *bits]
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VOID, [kind.as_pointer()]), "constants")
    b = ir.Builder(function.append_basic_block("entry"))
    for k, number in enumerate(numbers):
        b.store(ir.Constant(kind, float(number)), b.gep(function.args[0], ir.Constant(ir.I64, k)))
    b.ret_void()
    out = np.empty(len(numbers), dtype)
    library = target.load(target.optimise(module), ["constants"])
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(library["constants"])(out.ctypes.data)
    exact = np.array(numbers, dtype)
    np.testing.assert_array_equal(out, exact)
    np.testing.assert_array_equal(np.signbit(out)[~np.isnan(exact)], np.signbit(exact)[~np.isnan(exact)])


def call(module: ir.Module, name: str, *args: int) -> int:
    library = target.load(target.optimise(module), [name])
    return int(ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * len(args))(library[name])(*args))


WORD = ir.FunctionType(ir.I64, [ir.I64])


def number(n: int) -> ir.Constant:
    return ir.Constant(ir.I64, n)


def test_control() -> None:
    # Sum of the squares of odd numbers below n, negated where n is large; by cases in the end.
    module = ir.Module()
    function = ir.Function(module, WORD, "f", ["n"])
    entry = function.append_basic_block("entry")
    b = ir.Builder(entry)
    loop, done = function.append_basic_block("loop"), function.append_basic_block("done")
    total = b.alloca(ir.I64)
    b.store(number(0), total)
    b.branch(loop)
    b.position_at_end(loop)
    i = b.phi(ir.I64)
    i.add_incoming(number(0), entry)
    with b.if_then(b.trunc(i, ir.BIT), likely=True):
        kept = b.alloca(ir.I64)  # in the entry block, wherever it is asked for
        b.store(b.mul(i, i), kept)
        b.store(b.add(b.load(total), b.load(kept)), total)
    following = b.add(i, number(1), flags=("nsw", "nuw"))
    i.add_incoming(following, b.block)
    options = module.loop_options(vectorize_enable=False, interleave_count=2)
    b.cbranch(b.icmp_signed("<", following, function.args[0]), loop, done, loop=options)
    b.position_at_end(done)
    with b.if_then(b.icmp_signed(">", function.args[0], number(100))):
        b.store(b.neg(b.load(total)), total)
    cases = [function.append_basic_block("case") for _ in range(3)]
    b.switch(function.args[0], cases[2], [(1, cases[0]), (2, cases[1])])
    for case, value in zip(cases, [number(-1), number(-2), None], strict=True):
        b.position_at_end(case)
        b.ret(value or b.load(total))
    assert [call(module, "f", n) for n in (1, 2, 10, 101)] == [-1, -2, 165, -sum(k * k for k in range(1, 101, 2))]
    text = str(module)
    assert text.index("%slot.1 = alloca") < text.index("loop:")
    assert [line for line in text.splitlines() if line.endswith(":")].count("case:") == 1, "labels are told apart"
    assert (
        '!0 = distinct !{!0, !{!"llvm.loop.vectorize.enable", i1 0}, !{!"llvm.loop.interleave.count", i32 2}}' in text
    )


def test_options_reach_the_vectoriser() -> None:
    def wide(**options: bool) -> bool:
        module = ir.Module()
        kinds = [ir.DOUBLE.as_pointer(), ir.DOUBLE.as_pointer(), ir.I64]
        function = ir.Function(module, ir.FunctionType(ir.VOID, kinds), "f")
        x, out, n = function.args
        out.attributes.append("noalias")
        entry, loop, done = (function.append_basic_block(label) for label in ("entry", "loop", "done"))
        b = ir.Builder(entry)
        b.branch(loop)
        b.position_at_end(loop)
        i = b.phi(ir.I64)
        i.add_incoming(number(0), entry)
        b.store(b.fmul(b.load(b.gep(x, i)), ir.Constant(ir.DOUBLE, 3)), b.gep(out, i))
        following = b.add(i, number(1), flags=("nsw",))
        i.add_incoming(following, loop)
        more = b.icmp_signed("<", following, n)
        b.cbranch(more, loop, done, loop=module.loop_options(**options) if options else "")
        b.position_at_end(done)
        b.ret_void()
        return " x double>" in str(target.optimise(module))

    assert wide()
    assert not wide(vectorize_enable=False)


def test_two_builders_may_write_by_turns() -> None:
    # Numbers have to follow the text; what is written in front of other text is named.
    module = ir.Module()
    function = ir.Function(module, WORD, "f")
    first = ir.Builder(function.append_basic_block("entry"))
    start = function.append_basic_block("start")
    second = ir.Builder(start)
    value = function.args[0]
    for k in range(3):
        value = second.add(second.mul(value, number(10)), first.add(function.args[0], number(k)))
    second.ret(value)
    first.branch(start)
    assert call(module, "f", 1) == ((10 + 1) * 10 + 2) * 10 + 3


def test_blocks_stand_where_they_are_gone_to() -> None:
    module = ir.Module()
    function = ir.Function(module, WORD, "f")
    entry, late, soon = (function.append_basic_block(label) for label in ("entry", "late", "soon"))
    b = ir.Builder(entry)
    b.branch(soon)
    b.position_at_end(soon)
    x = b.add(function.args[0], number(1))
    b.branch(late)
    b.position_at_end(late)
    b.ret(b.mul(x, x))
    assert [line for line in str(module).splitlines() if line.endswith(":")] == ["entry:", "soon:", "late:"]
    assert call(module, "f", 2) == 9


def twice(module: ir.Module, name: str = "twice", factor: int = 2) -> ir.Function:
    function = ir.Function(module, WORD, name, linkage="internal")
    function.attributes += ["alwaysinline", "nounwind"]
    b = ir.Builder(function.append_basic_block("entry"))
    b.ret(b.mul(function.args[0], number(factor)))
    return function


def test_a_function_of_another_module_comes_along() -> None:
    shared = twice(ir.Module())
    for name in ("f", "g"):
        module = ir.Module()
        function = ir.Function(module, WORD, name, ["x"])
        function.section = ".text.own"
        b = ir.Builder(function.append_basic_block("entry"))
        address = b.inttoptr(b.load(b.inttoptr(function.args[0], ir.I64.as_pointer())), WORD.as_pointer())
        b.ret(b.call(address, [b.call(shared, [b.call(shared, [number(5)])])]))
        text = str(module)
        assert text.count("@twice(i64 %0) alwaysinline nounwind {") == 1
        assert f'define i64 @{name}(i64 %x) section ".text.own" {{' in text
        other = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda x: x + 1)
        address_of_it = np.array([ctypes.cast(other, ctypes.c_void_p).value])
        assert call(module, name, address_of_it.ctypes.data) == 21


def test_names_are_unique() -> None:
    module = ir.Module("example")
    twice(module)
    with pytest.raises(ValueError, match="'example' has a function 'twice' already"):
        twice(module)
    function = ir.Function(module, WORD, "f")
    b = ir.Builder(function.append_basic_block("entry"))
    b.ret(b.call(twice(ir.Module(), factor=3), [function.args[0]]))
    with pytest.raises(ValueError, match="there are two functions 'twice'"):
        str(module)


D, F, K, V = (ir.Value(kind, "%x") for kind in (ir.DOUBLE, ir.FLOAT, ir.I64, V4))
P = ir.Value(ir.DOUBLE.as_pointer(), "%p")
MISUSE: dict[str, tuple[Callable[[ir.Builder], Any], type[Exception], str]] = {
    "operands": (lambda b: b.fadd(D, F), TypeError, "fadd takes operands of one type, and not double %x and float %x"),
    "comparison": (lambda b: b.icmp_signed("<", K, D), TypeError, "operands of one type"),
    "choice": (lambda b: b.select(ir.Value(ir.BIT, "%c"), D, K), TypeError, "operands of one type"),
    "condition": (
        lambda b: b.select(K, D, D),
        TypeError,
        "double asks for a condition of i1, and not of i64",
    ),
    "lanes": (lambda b: b.bitcast(V, ir.I64), TypeError, "the lanes are not as many"),
    "lanes of a number": (lambda b: b.joined(V, ir.I64), TypeError, "the lanes of <4 x double> do not make up i64"),
    "number of lanes": (lambda b: b.parted(K, V4), TypeError, "i64 is not made up of the lanes of <4 x double>"),
    "no lanes": (lambda b: b.extract_element(D, one(0)), TypeError, "has no lanes"),
    "wrong lane": (lambda b: b.shuffle_vector(V, [4]), ValueError, "has no lanes"),
    "element": (lambda b: b.insert_element(V, F, one(0)), TypeError, "cannot be put into"),
    "no address": (lambda b: b.load(D), TypeError, "double %x is no address"),
    "no address to move": (lambda b: b.gep(D, K), TypeError, "double %x is no address"),
    "store": (lambda b: b.store(F, P), TypeError, "cannot be stored where there is double"),
    "argument": (lambda b: b.call(ir.declared("sin", ir.DOUBLE, ir.DOUBLE), [F]), TypeError, "takes double"),
    "arguments": (lambda b: b.call(ir.declared("sin", ir.DOUBLE, ir.DOUBLE), []), ValueError, "argument"),
    "no function": (lambda b: b.call(P, [D]), TypeError, "cannot be called"),
    "branch": (lambda b: b.cbranch(K, b.block, b.block), TypeError, "a branch needs a bit"),
    "result": (lambda b: b.ret(D), TypeError, "returns i64, and not double"),
    "late phi": (lambda b: [b.add(K, K), b.phi(ir.I64)], ValueError, "a phi has to come first"),
    "incoming": (lambda b: b.phi(ir.I64).add_incoming(D, b.block), TypeError, "a phi of i64 cannot be double"),
    "after the end": (lambda b: [b.ret(K), b.add(K, K)], ValueError, "block entry of f has ended"),
    "two ends": (lambda b: [b.ret(K), b.ret(K)], ValueError, "block entry of f has ended"),
    "no end": (lambda b: str(b.function), ValueError, "block entry of f has no end"),
    "empty phi": (lambda b: [b.phi(ir.I64), b.ret(K), str(b.function)], ValueError, "no incoming values"),
    "fraction": (lambda b: ir.Constant(ir.I64, 1.5), TypeError, "integer"),
    "too large": (lambda b: ir.Constant(ir.BYTE, 256), ValueError, "256 does not fit into i8"),
    "too small": (lambda b: ir.Constant(ir.BYTE, -129), ValueError, "-129 does not fit into i8"),
    "no number": (lambda b: ir.Constant(P.type, 0), TypeError, "no constant has the type ptr"),
    "count": (lambda b: ir.Constant(V4, [1, 2]), ValueError, "2 numbers for <4 x double>, which has 4 lanes"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_refused(name: str) -> None:
    misuse, error, message = MISUSE[name]
    function = ir.Function(ir.Module(), WORD, "f")
    with pytest.raises(error, match=message):
        misuse(ir.Builder(function.append_basic_block("entry")))


def test_a_block_of_another_function_is_refused() -> None:
    f, g = (ir.Function(ir.Module(), WORD, name) for name in "fg")
    b = ir.Builder(f.append_basic_block("entry"))
    with pytest.raises(ValueError, match="block entry is one of g, not of f"):
        b.position_at_end(g.append_basic_block("entry"))


def test_types_are_one_object_each() -> None:
    assert ir.integer(32) is ir.I32
    assert ir.vector(ir.DOUBLE, 4) is V4
    assert V4.as_pointer() is V4.as_pointer()
    assert str(V4.truth) == "<4 x i1>"
    assert repr(V4) == "<type <4 x double>>"
    assert repr(D) == "<double %x>"
