"""Functions, the blocks that they consist of, and modules, which are what LLVM is given."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from .types import FunctionType, Type
from .values import Argument, Phi, Value


class Block:
    """Instructions that follow one another, up to one that goes elsewhere.

    Attributes
    ----------
    ref : str
        How instructions refer to it.
    lines : list of str
        Its instructions, but for its phis, which come first.
    placed : bool
        Whether it has its place in the text.
    closed : bool
        Whether it has its last instruction.
    """

    __slots__ = ("closed", "function", "label", "lines", "phis", "placed", "ref")

    def __init__(self, function: Function, label: str) -> None:
        self.function = function
        self.label = label
        self.ref = f"%{label}"
        self.phis: list[Phi] = []
        self.lines: list[str] = []
        self.placed = False
        self.closed = False


class Function(Value):
    """A function; without blocks it is only declared, and found elsewhere.

    Parameters
    ----------
    module : Module
    type : FunctionType
    name : str
    names : sequence of str
        Of the first arguments, for readers; the others are numbered.
    linkage : str
        ``"internal"`` if no other module may see it; LLVM drops it once it is inlined everywhere.

    Attributes
    ----------
    args : list of Argument
    attributes : list of str
        What is known of it, as ``"alwaysinline"``.
    section : str
        Where it is put in object code.
    calls : dict
        The functions that have to be there with it, by name.
    last : Block or None
        Where the text ends so far.  Only here results are numbered, since numbers have to follow the text.
    """

    __slots__ = (
        "_labels",
        "_named",
        "_placed",
        "args",
        "attributes",
        "calls",
        "count",
        "last",
        "linkage",
        "module",
        "name",
        "section",
        "signature",
        "slots",
    )

    def __init__(
        self, module: Module, type: FunctionType, name: str, names: Sequence[str] = (), linkage: str = ""
    ) -> None:
        super().__init__(type.as_pointer(), f"@{name}")
        self.module = module
        self.signature = type
        self.name = name
        self.linkage = linkage
        self.section = ""
        self.attributes: list[str] = []
        self.calls: dict[str, Function] = {}
        self.slots: list[str] = []
        self._placed: list[Block] = []
        self._labels: dict[str, int] = {}
        self._named = 0
        self.last: Block | None = None
        numbers = range(len(type.parameters) - len(names))
        refs = [*(f"%{name}" for name in names), *(f"%{k}" for k in numbers)]
        self.count = len(numbers)
        self.args = [Argument(kind, ref) for kind, ref in zip(type.parameters, refs, strict=True)]
        module.add(self)

    def append_basic_block(self, label: str) -> Block:
        """Return a new block. In the text it stands where a builder first goes to it."""
        count = self._labels[label] = self._labels.get(label, 0) + 1
        return Block(self, label if count == 1 else f"{label}.{count - 1}")

    def place(self, block: Block) -> None:
        """Let the text go on with a block that it does not have yet."""
        self._placed.append(block)
        block.placed = True
        self.last = block

    def slot(self, type: Type, align: int = 0) -> str:
        """Return what refers to new memory for one value, which lasts as long as the call."""
        ref = f"%slot.{len(self.slots)}"
        self.slots.append(f"  {ref} = alloca {type.text}" + (f", align {align}" if align else ""))
        return ref

    def name_result(self, block: Block) -> str:
        """Return what refers to a result that is written before the end of the text."""
        if block.closed:
            raise ValueError(f"block {block.label} of {self.name} has ended, and takes no further instruction")
        self._named += 1
        return f"%v.{self._named}"

    def __str__(self) -> str:
        words = " ".join(word for word in (self.linkage, self.signature.returns.text) if word)
        tail = "".join(f" {word}" for word in self.attributes)
        if self.section:
            tail += f' section "{self.section}"'
        if not self._placed:
            parameters = ", ".join(kind.text for kind in self.signature.parameters)
            return f"declare {words} {self.ref}({parameters}){tail}\n"
        arguments = ", ".join(" ".join([a.type.text, *a.attributes, a.ref]) for a in self.args)
        text = [f"define {words} {self.ref}({arguments}){tail} {{"]
        for k, block in enumerate(self._placed):
            if not block.closed:
                raise ValueError(f"block {block.label} of {self.name} has no end")
            text.append(f"{block.label}:")
            if k == 0:
                text += self.slots
            text += [phi.line() for phi in block.phis]
            text += block.lines
        text.append("}\n")
        return "\n".join(text)


class Module:
    """Functions that are compiled together: those written in it, and whatever they call.

    A function of another module may be called, and is printed in this one, too.  What is the same in all of them needs
    to be written only once.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._functions: dict[str, Function] = {}
        self._metadata: list[str] = []

    def add(self, function: Function) -> None:
        """Write a function into this module."""
        if function.name in self._functions:
            raise ValueError(f"module {self.name!r} has a function {function.name!r} already")
        self._functions[function.name] = function

    def __getitem__(self, name: str) -> Function:
        """Return a function that was written in this module."""
        return self._functions[name]

    def loop_options(self, **options: int | bool) -> str:
        """Return what refers to instructions for a loop, to be given to the branch that closes it.

        Parameters
        ----------
        **options
            Names without ``llvm.loop.``, dots as underscores, for instance ``interleave_count=4``.
        """
        ref = f"!{len(self._metadata)}"
        nodes = [ref]  # LLVM knows by this that it is of this loop
        for name, value in options.items():
            kind = "i1" if isinstance(value, bool) else "i32"
            nodes.append(f'!{{!"llvm.loop.{name.replace("_", ".")}", {kind} {int(value)}}}')
        self._metadata.append(f"{ref} = distinct !{{{', '.join(nodes)}}}\n")
        return ref

    def functions(self) -> list[Function]:
        """Return the module's functions, and after each those that it calls and that have not been named before."""
        found: dict[str, Function] = {}
        waiting = list(reversed(self._functions.values()))
        while waiting:
            function = waiting.pop()
            known = found.setdefault(function.name, function)
            if known is not function and str(known) != str(function):
                raise ValueError(f"there are two functions {function.name!r}")
            if known is function:
                waiting += [f for f in reversed(function.calls.values()) if found.get(f.name) is not f]
        return list(found.values())

    def __str__(self) -> str:
        return "\n".join([*map(str, self.functions()), "".join(self._metadata)])


@functools.cache
def declared(name: str, returns: Type, *parameters: Type) -> Function:
    """Return a function that is found elsewhere, in LLVM itself or in a library."""
    return Function(Module(), FunctionType(returns, parameters), name)
