"""The machine to compile for, the optimisation pipeline, and loading object code into the process.

llvmlite assumes a CPU from before 2004 unless it is told otherwise, and its new pass manager leaves the loop
vectoriser off unless it is asked for. Both must be right or nothing in ``mathlib`` is worth its name.
"""

from __future__ import annotations

import functools
import itertools
import threading
from dataclasses import dataclass

import llvmlite.binding as llvm
from llvmlite import ir

from wengert.run.llvm.image import POSSIBLE
from wengert.run.llvm.mathlib.rare import SUFFIX

_lock = threading.Lock()
_names = itertools.count()


@dataclass(frozen=True)
class Cpu:
    """What LLVM calls a CPU and its features; together with the LLVM version they identify object code."""

    name: str
    features: str


@functools.cache
def host() -> Cpu:
    """The CPU of this process."""
    return Cpu(llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


@functools.cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def machine(cpu: Cpu | None = None) -> llvm.TargetMachine:
    """A new target machine for the CPU (by default the host).

    LLVM consumes a machine when it builds an engine from it, so each use takes its own.
    """
    _initialise()
    cpu = cpu or host()
    target = llvm.Target.from_default_triple()
    # Images (see image.py) are position-independent as a whole, so that everything in them is near.
    model = "small" if POSSIBLE else "jitdefault"
    return target.create_target_machine(
        cpu=cpu.name, features=cpu.features, opt=3, jit=True, reloc="pic", codemodel=model
    )


def optimise(module: ir.Module | str, cpu: Cpu | None = None) -> llvm.ModuleRef:
    """Parse, verify and optimise a module at O3 with loop and SLP vectorisation.

    Raises
    ------
    RuntimeError
        LLVM could not parse or verify the module.
    """
    target = machine(cpu)
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    parsed.triple = target.triple
    parsed.data_layout = str(target.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.slp_vectorization = True
    options.loop_interleaving = True
    options.loop_unrolling = True
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(parsed, builder)
    _inline_vector_forms(parsed, builder)
    return parsed


def _inline_vector_forms(module: llvm.ModuleRef, builder: llvm.PassBuilder) -> None:
    """Inline the vector forms that the vectoriser called (see mathlib/rare.py) and drop the others."""
    forms = [function for function in module.functions if function.name.endswith(SUFFIX)]
    if not forms:
        return
    for function in forms:
        function.linkage = "internal"
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, builder)


def object_code(module: llvm.ModuleRef, cpu: Cpu | None = None) -> bytes:
    """Machine code of an optimised module, fit to be stored and loaded by any process on this kind of CPU."""
    code: bytes = machine(cpu).emit_object(module)
    return code


def assembly(module: llvm.ModuleRef, cpu: Cpu | None = None) -> str:
    """The assembly text of an optimised module."""
    text: str = machine(cpu).emit_assembly(module)
    return text


class Library:
    """Object code loaded into the process, with the addresses of the functions asked for.

    The code lives as long as this object: whatever keeps an address must keep the library.
    """

    def __init__(self, code: bytes, exports: list[str], imports: dict[str, int] | None = None) -> None:
        linker = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in exports:
            linker.export_symbol(name)
        for name, address in (imports or {}).items():
            linker.import_symbol(name, address)
        # LLVM crashes when an engine goes before what it loaded. An object drops its attributes in the order in which
        # they were set, so the tracker is set first, and the engine is held here and not by the cache alone.
        with _lock:
            engine = _engine()
            self._tracker = linker.link(engine, f"wengert.{next(_names)}")
            self._engine = engine
        self._exports = frozenset(exports)

    def __getitem__(self, name: str) -> int:
        """The address of an exported function."""
        if name not in self._exports:
            raise KeyError(f"{name!r} is not among the exports of this library: {sorted(self._exports)}")
        address: int = self._tracker[name]
        return address


@functools.cache
def _engine() -> llvm.LLJIT:
    """One engine for the process; libraries come and go within it."""
    return llvm.create_lljit_compiler(machine())


def load(module: llvm.ModuleRef, exports: list[str], imports: dict[str, int] | None = None) -> Library:
    """Compile an optimised module and load it."""
    return Library(object_code(module), exports, imports)
