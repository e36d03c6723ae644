"""A branch that vectorised loops take as a whole or not at all.

Some arguments need a path so slow that every element must not pay for it: the sine of 10^200. A branch in a loop body
does not help, because LLVM's vectoriser flattens it and computes both sides. What does help is a call of a function
that says, by the attribute ``vector-function-abi-variant``, which function takes its place for 2, 4, 8 or 16 elements
at once. The vectoriser calls that one instead, and in it the branch reads "if any lane needs the slow path". After
vectorising, ``target.optimise`` inlines it, and what is left of it in the hot loop is a compare and a jump.

Loops that are written with vectors need none of this: they branch on "any lane" themselves (``unless``).

LLVM reads the attribute from the function called. A version that did not know it would call the scalar function for
each element: slow, never wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from wengert.run.llvm import ir
from wengert.run.llvm.mathlib.emit import FLOAT32, FLOAT64, Format, Value

VECTORS = "wengert.vectors"
"""Name of modules whose loops are written with vectors (see vectors.py), so that no vectoriser sees them."""
LANES = (2, 4, 8, 16)
SUFFIX = ".lanes"  # marks the vector forms, which target.optimise inlines after vectorising
PURE = ["memory(none)", "nounwind", "willreturn"]


def edition(module: ir.Module) -> str:
    """Which functions a module calls: those for code that no vectoriser sees, or those for all other code."""
    return VECTORS if module.name == VECTORS else ""


def where_large(x: Value, limit: float, libm: str, fast: Value) -> Value:
    """``fast`` where |x| <= limit (or x is nan), the libm function of x elsewhere."""
    type_, module = x.ir.type, x.builder.module
    if type_.count:
        form = FLOAT64 if x.format.name == "float64" else FLOAT32
        # Where no vectoriser comes, nothing keeps the function but the call here.
        function = _vector_form(libm, form, limit, type_.count, "internal" if edition(module) == VECTORS else "")
    else:
        function = _scalar_form(libm, x.format, limit, edition(module))
    return Value(x.builder, x.builder.call(function, [x.ir, fast.ir]))


Formula = Callable[[Value], Value]


def unless(rare: Formula, name: str, x: Value, quick: Formula, careful: Formula) -> Value:
    """``quick(x)``, or ``careful(x)`` where ``rare(x)`` holds.

    ``careful`` must be right everywhere: a vector takes that path as soon as one of its lanes has to, and so does all
    code whose branches LLVM's vectoriser would flatten.
    """
    builder, lanes = x.builder, x.ir.type.count
    if not lanes and edition(builder.module) != VECTORS:
        return careful(x)
    condition, fast = rare(x).ir, quick(x)
    form = _careful_form(name, x.format, lanes, careful)
    return Value(builder, _replaced(builder, condition, fast.ir, lambda: builder.call(form, [x.ir])))


def _replaced(builder: ir.Builder, rare: ir.Value, fast: ir.Value, slow: Callable[[], ir.Value]) -> ir.Value:
    """Return ``fast``, or what ``slow`` emits, on a path that is taken where ``rare`` holds in any lane."""
    condition = builder.any_lane(rare)
    entry = builder.block
    with builder.if_then(condition, likely=False):
        found = slow()
        slow_block = builder.block
    result = builder.phi(fast.type)
    result.add_incoming(fast, entry)
    result.add_incoming(found, slow_block)
    return result


@functools.cache
def _careful_form(name: str, form: Format, lanes: int, careful: Formula) -> ir.Function:
    """A function of its own, so that the path that is hardly ever taken is not in the loop."""
    plain = FLOAT64 if form.name == "float64" else FLOAT32
    kind = ir.vector(plain.type, lanes) if lanes else plain.type
    signature = ir.FunctionType(kind, [kind])
    function = ir.Function(ir.Module(VECTORS), signature, _name(name, plain, lanes), linkage="internal")
    function.attributes += [*PURE, "noinline"]
    builder = ir.Builder(function.append_basic_block("entry"))
    builder.ret(careful(Value(builder, function.args[0])).ir)
    return function


def _name(libm: str, form: Format, lanes: int = 0) -> str:
    return f"wengert.rare.{libm}.{form.suffix}" + (f".{lanes}{SUFFIX}" if lanes else "")


@functools.cache
def _scalar_form(libm: str, form: Format, limit: float, edition: str) -> ir.Function:
    name = _name(libm, form)
    signature = ir.FunctionType(form.type, [form.type, form.type])
    function = ir.Function(ir.Module(edition), signature, name, linkage="internal")
    function.attributes += [*PURE, "noinline"]
    variants = []
    for lanes in LANES if edition != VECTORS else ():
        variant = _vector_form(libm, form, limit, lanes, "")
        function.calls[variant.name] = variant
        variants.append(f"_ZGV_LLVM_N{lanes}vv_{name}({variant.name})")
    if variants:
        function.attributes.append(f'"vector-function-abi-variant"="{",".join(variants)}"')
    builder = ir.Builder(function.append_basic_block("entry"))
    x, fast = function.args
    large = _is_large(builder, x, limit)
    builder.ret(_replaced(builder, large, fast, lambda: _call_libm(builder, libm, form, x)))
    return function


@functools.cache
def _vector_form(libm: str, form: Format, limit: float, lanes: int, linkage: str) -> ir.Function:
    """``fast``, with the large lanes replaced by an out-of-line loop if there are any.

    External linkage keeps it alive until the vectoriser has made the calls.
    """
    vector = ir.vector(form.type, lanes)
    signature = ir.FunctionType(vector, [vector, vector])
    function = ir.Function(ir.Module(), signature, _name(libm, form, lanes), linkage=linkage)
    function.attributes += [*PURE, "alwaysinline"]
    builder = ir.Builder(function.append_basic_block("entry"))
    x, fast = function.args
    large = _is_large(builder, x, limit)
    loop = _lane_loop(f"{function.name}.loop", libm, form, limit, lanes)
    builder.ret(_replaced(builder, large, fast, lambda: builder.call(loop, [x, fast])))
    return function


@functools.cache
def _lane_loop(name: str, libm: str, form: Format, limit: float, lanes: int) -> ir.Function:
    """The slow path: lane by lane through libm."""
    vector, index_type = ir.vector(form.type, lanes), ir.I32
    function = ir.Function(ir.Module(), ir.FunctionType(vector, [vector, vector]), name, linkage="internal")
    function.attributes += [*PURE, "noinline"]
    entry, head, slow_block, tail, done = (
        function.append_basic_block(label) for label in ("entry", "head", "slow", "tail", "done")
    )
    x, fast = function.args
    builder = ir.Builder(entry)
    builder.branch(head)
    builder.position_at_end(head)
    index, result = builder.phi(index_type), builder.phi(vector)
    lane = builder.extract_element(x, index)
    builder.cbranch(_is_large(builder, lane, limit), slow_block, tail)
    builder.position_at_end(slow_block)
    replaced = builder.insert_element(result, _call_libm(builder, libm, form, lane), index)
    builder.branch(tail)
    builder.position_at_end(tail)
    merged = builder.phi(vector)
    merged.add_incoming(result, head)
    merged.add_incoming(replaced, slow_block)
    following = builder.add(index, ir.Constant(index_type, 1))
    builder.cbranch(builder.icmp_unsigned("==", following, ir.Constant(index_type, lanes)), done, head)
    index.add_incoming(ir.Constant(index_type, 0), entry)
    index.add_incoming(following, tail)
    result.add_incoming(fast, entry)
    result.add_incoming(merged, tail)
    builder.position_at_end(done)
    builder.ret(merged)
    return function


def _is_large(builder: ir.Builder, x: ir.Value, limit: float) -> ir.Value:
    return builder.fcmp_ordered(">", builder.intrinsic("fabs", x), ir.Constant(x.type, limit))


def _call_libm(builder: ir.Builder, libm: str, form: Format, x: ir.Value) -> ir.Value:
    """libm's float64 function; float32 goes through it as well, so that one symbol has to be found."""
    function = _libm(libm)
    if form is FLOAT64:
        return builder.call(function, [x])
    return builder.fptrunc(builder.call(function, [builder.fpext(x, FLOAT64.type)]), form.type)


@functools.cache
def _libm(name: str) -> ir.Function:
    function = ir.Function(ir.Module(), ir.FunctionType(FLOAT64.type, [FLOAT64.type]), name)
    function.attributes += PURE
    return function
