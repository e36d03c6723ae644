"""A branch that vectorised loops take as a whole or not at all.

Some arguments need a path so slow that every element must not pay for it: the sine of 10^200. A branch in a loop body
does not help, because LLVM's vectoriser flattens it and computes both sides. What does help is a call of a function
that says, by the attribute ``vector-function-abi-variant``, which function takes its place for 2, 4, 8 or 16 elements
at once. The vectoriser calls that one instead, and in it the branch reads "if any lane needs the slow path". After
vectorising, ``target.optimise`` inlines it, and what is left of it in the hot loop is a compare and a jump.

LLVM reads the attribute from the function called. A version that did not know it would call the scalar function for
each element: slow, never wrong.
"""

from __future__ import annotations

from llvmlite import ir

from wengert.run.llvm.mathlib.emit import FLOAT32, FLOAT64, Format, Lanes, Value

VECTORS = "wengert.vectors"
"""Name of modules whose loops are written with vectors (see vectors.py), so that no vectoriser sees them."""
LANES = (2, 4, 8, 16)
SUFFIX = ".lanes"  # marks the vector forms, which target.optimise inlines after vectorising


class _Attributes(ir.FunctionAttributes):  # type: ignore[misc]  # llvmlite has no type hints
    """llvmlite knows a fixed list of attributes; these are the further ones needed here."""

    _known = ir.FunctionAttributes._known | {"memory(none)", "willreturn"}

    def __init__(self, *names: str, variants: str = "") -> None:
        super().__init__()
        for name in ("memory(none)", "nounwind", "willreturn", *names):
            self.add(name)
        self._variants = variants

    def _to_list(self, ret_type: ir.Type) -> list[str]:
        extra = [f'"vector-function-abi-variant"="{self._variants}"'] if self._variants else []
        return [*super()._to_list(ret_type), *extra]


def where_large(x: Value, limit: float, libm: str, fast: Value) -> Value:
    """``fast`` where |x| <= limit (or x is nan), the libm function of x elsewhere."""
    type_, module = x.ir.type, x.builder.module
    if isinstance(type_, ir.VectorType):
        form = FLOAT64 if x.format.name == "float64" else FLOAT32
        function = _vector_form(module, _name(libm, form, type_.count), libm, form, limit, type_.count)
        function.linkage = "internal"  # it is called here, not by the vectoriser later
    else:
        function = _scalar_form(module, libm, x.format, limit)
    return Value(x.builder, x.builder.call(function, [x.ir, fast.ir]))


def _name(libm: str, form: Format, lanes: int = 0) -> str:
    return f"wengert.rare.{libm}.{form.suffix}" + (f".{lanes}{SUFFIX}" if lanes else "")


def _scalar_form(module: ir.Module, libm: str, form: Format, limit: float) -> ir.Function:
    name = _name(libm, form)
    if name in module.globals:
        return module.globals[name]
    function_type = ir.FunctionType(form.type, [form.type, form.type])
    function = ir.Function(module, function_type, name)
    function.linkage = "internal"
    variants = []
    for lanes in LANES if module.name != VECTORS else ():
        variant = _vector_form(module, _name(libm, form, lanes), libm, form, limit, lanes)
        variants.append(f"_ZGV_LLVM_N{lanes}vv_{name}({variant.name})")
    function.attributes = _Attributes("noinline", variants=",".join(variants))
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    x, fast = function.args
    entry = builder.block
    with builder.if_then(_is_large(builder, x, form.type, limit, None), likely=False):
        slow = _call_libm(builder, libm, form, x)
        slow_block = builder.block
    result = builder.phi(form.type)
    result.add_incoming(fast, entry)
    result.add_incoming(slow, slow_block)
    builder.ret(result)
    return function


def _vector_form(module: ir.Module, name: str, libm: str, form: Format, limit: float, lanes: int) -> ir.Function:
    """``fast``, with the large lanes replaced by an out-of-line loop if there are any.

    External linkage keeps it alive until the vectoriser has made the calls.
    """
    if name in module.globals:
        return module.globals[name]
    vector = Lanes(form.type, lanes)
    function = ir.Function(module, ir.FunctionType(vector, [vector, vector]), name)
    function.attributes = _Attributes("alwaysinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    x, fast = function.args
    large = _is_large(builder, x, vector, limit, lanes)
    any_type = ir.FunctionType(ir.IntType(1), [large.type])
    any_name = f"llvm.vector.reduce.or.v{lanes}i1"
    reduce_or = module.globals.get(any_name) or ir.Function(module, any_type, any_name)
    entry = builder.block
    with builder.if_then(builder.call(reduce_or, [large]), likely=False):
        slow = builder.call(_lane_loop(module, f"{name}.loop", libm, form, limit, lanes), [x, fast])
        slow_block = builder.block
    result = builder.phi(vector)
    result.add_incoming(fast, entry)
    result.add_incoming(slow, slow_block)
    builder.ret(result)
    return function


def _lane_loop(module: ir.Module, name: str, libm: str, form: Format, limit: float, lanes: int) -> ir.Function:
    """The slow path: lane by lane through libm."""
    vector, index_type = Lanes(form.type, lanes), ir.IntType(32)
    function = ir.Function(module, ir.FunctionType(vector, [vector, vector]), name)
    function.linkage = "internal"
    function.attributes = _Attributes("noinline")
    entry, head, slow_block, tail, done = (
        function.append_basic_block(label) for label in ("entry", "head", "slow", "tail", "done")
    )
    x, fast = function.args
    builder = ir.IRBuilder(entry)
    builder.branch(head)
    builder.position_at_end(head)
    index, result = builder.phi(index_type), builder.phi(vector)
    lane = builder.extract_element(x, index)
    builder.cbranch(_is_large(builder, lane, form.type, limit, None), slow_block, tail)
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


def _is_large(builder: ir.IRBuilder, x: ir.Value, type_: ir.Type, limit: float, lanes: int | None) -> ir.Value:
    module, element = builder.module, type_ if lanes is None else type_.element
    name = f"llvm.fabs.{'' if lanes is None else f'v{lanes}'}{element.intrinsic_name}"
    fabs = module.globals.get(name) or ir.Function(module, ir.FunctionType(type_, [type_]), name)
    bound = ir.Constant(type_, limit)
    return builder.fcmp_ordered(">", builder.call(fabs, [x]), bound)


def _call_libm(builder: ir.IRBuilder, libm: str, form: Format, x: ir.Value) -> ir.Value:
    """libm's float64 function; float32 goes through it as well, so that one symbol has to be found."""
    module = builder.module
    function = module.globals.get(libm)
    if function is None:
        function = ir.Function(module, ir.FunctionType(FLOAT64.type, [FLOAT64.type]), libm)
        function.attributes = _Attributes()
    if form is FLOAT64:
        return builder.call(function, [x])
    return builder.fptrunc(builder.call(function, [builder.fpext(x, FLOAT64.type)]), form.type)
