"""LLVM's language, written: types, values, and a builder each of whose calls appends one line of text.

LLVM compiles text (https://llvm.org/docs/LangRef.html); llvmlite's binding hands it over. What is needed to write it is
little: a value is a type and the text by which instructions refer to it. A result is ``%0``, ``%1``, ... in the order
of the text, which is what LLVM reads fastest. Functions know which others they call, and a module is printed with
all that are called from it.

>>> from wengert.run.llvm import ir
>>> module = ir.Module("example")
>>> function = ir.Function(module, ir.FunctionType(ir.DOUBLE, [ir.DOUBLE, ir.DOUBLE]), "product", ["x", "y"])
>>> b = ir.Builder(function.append_basic_block("entry"))
>>> b.ret(b.fmul(*function.args))
>>> print(module)
define double @product(double %x, double %y) {
entry:
  %0 = fmul double %x, %y
  ret double %0
}
<BLANKLINE>
"""

from .builder import Builder
from .function import Block, Function, Module, declared
from .types import (
    BIT,
    BYTE,
    DOUBLE,
    FLOAT,
    I32,
    I64,
    VOID,
    FunctionType,
    PointerType,
    Type,
    VectorType,
    integer,
    vector,
)
from .values import Argument, Constant, Phi, Value, undefined

__all__ = [
    "BIT",
    "BYTE",
    "DOUBLE",
    "FLOAT",
    "I32",
    "I64",
    "VOID",
    "Argument",
    "Block",
    "Builder",
    "Constant",
    "Function",
    "FunctionType",
    "Module",
    "Phi",
    "PointerType",
    "Type",
    "Value",
    "VectorType",
    "declared",
    "integer",
    "undefined",
    "vector",
]
