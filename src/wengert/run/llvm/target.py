"""The machine to compile for, the optimisation pipeline, and loading object code into the process.

llvmlite assumes a CPU from before 2004 unless it is told otherwise, and its new pass manager leaves the loop
vectoriser off unless it is asked for. Both must be right or nothing in ``mathlib`` is worth its name.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import llvmlite.binding as llvm
from llvmlite.binding import ffi

from wengert.run.llvm import ir
from wengert.run.llvm.image import POSSIBLE
from wengert.run.llvm.mathlib.rare import SUFFIX, VECTORS

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


def machine(cpu: Cpu | None = None, effort: int = 3) -> llvm.TargetMachine:
    """A new target machine for the CPU (by default the host).

    LLVM consumes a machine when it builds an engine from it, so each use takes its own.
    """
    _initialise()
    cpu = cpu or host()
    target = llvm.Target.from_default_triple()
    # Images (see image.py) are position-independent as a whole, so that everything in them is near.
    model = "small" if POSSIBLE else "jitdefault"
    return target.create_target_machine(
        cpu=cpu.name, features=cpu.features, opt=effort, jit=True, reloc="pic", codemodel=model
    )


_SWITCHES: Final = {
    # Strength reduction takes half of the time, and its outcome was no faster in any program of ``benchmarks``:
    # addresses here are simple, and the processor computes them on the way.
    "-disable-lsr": ("true", "false"),
    # Which loads and stores of a block depend on each other is found pair by pair, up to so many at a time. LLVM's
    # 1000 let a block of 400 loads and stores take six times as long.
    "-dag-maps-huge-region": ("100", "1000"),
}
"""Options of code generation: what they are here, and what LLVM has otherwise."""
_generating: set[object] = set()


@contextmanager
def briefly() -> Iterator[None]:
    """Generate code without what is not worth its time.

    LLVM has the options for the whole process, in which others may use it as well; so they are put back.
    """
    me = object()
    with _lock:
        if not _generating:
            _switch(True)
        _generating.add(me)
    try:
        yield
    finally:
        with _lock:
            _generating.discard(me)
            if not _generating:
                _switch(False)


def _switch(briefly: bool) -> None:
    for name, (here, otherwise) in _SWITCHES.items():
        llvm.set_option("wengert", f"{name}={here if briefly else otherwise}")


def optimise(module: ir.Module | str, cpu: Cpu | None = None) -> llvm.ModuleRef:
    """Parse, verify and optimise a module, with loop vectorisation.

    Each of these choices was measured: interleaving, unrolling and straight-line vectorisation take a third of the
    time of compilation and make loops no faster.  Sums ask for interleaving themselves (``loop_options``).

    Raises
    ------
    RuntimeError
        LLVM could not parse or verify the module.
    """
    target = machine(cpu)
    parsed = _parse(module, target, None)
    builder = _pass_builder(target)
    _pipeline(module, builder).run(parsed, builder)
    _inline_vector_forms(parsed, builder)
    return parsed


def _pipeline(module: ir.Module | str, builder: llvm.PassBuilder) -> llvm.ModulePassManager:
    """Return the passes for a module."""
    if not isinstance(module, ir.Module) or module.name != VECTORS:
        return builder.getModulePassManager()
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    return passes


def _parse(module: ir.Module | str, target: llvm.TargetMachine, context: llvm.ContextRef | None) -> llvm.ModuleRef:
    parsed = llvm.parse_assembly(str(module), context)
    parsed.verify()
    parsed.triple = target.triple
    parsed.data_layout = str(target.target_data)
    return parsed


def _pass_builder(target: llvm.TargetMachine) -> llvm.PassBuilder:
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = True
    options.slp_vectorization = False
    options.loop_interleaving = False
    options.loop_unrolling = False
    return llvm.create_pass_builder(target, options)


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


def compile_together(modules: Sequence[Callable[[], ir.Module | str]], cpu: Cpu | None = None) -> list[bytes]:
    """Return object code of several modules, on as many cores as there are modules.

    Each is written only when those before it are on their way through LLVM.
    """
    found: list[Any] = [None] * len(modules)
    threads = []
    with briefly():
        for k, make in enumerate(modules):
            module = make()
            if k + 1 < len(modules):
                threads.append(threading.Thread(target=_compile_alone, args=(found, k, module, cpu)))
                threads[-1].start()
            else:
                _compile_alone(found, k, module, cpu)
        for thread in threads:
            thread.join()
    for code in found:
        if isinstance(code, BaseException):
            raise code
    return found


def compile_quickly(module: ir.Module | str) -> bytes:
    """Return object code without optimising anything: a tenth of the time, for code in which none is spent."""
    target = machine(effort=0)
    parsed = _parse(module, target, llvm.create_context())
    with briefly():
        return _code_alone(parsed, target)


def _compile_alone(found: list[Any], k: int, module: ir.Module | str, cpu: Cpu | None) -> None:
    """Optimise and compile a module in a context of its own.

    llvmlite holds a lock in every call of LLVM, for modules that share a context.  Here nothing is shared, and the
    two calls that take all of the time are made without it.
    """
    try:
        target = machine(cpu)
        builder = _pass_builder(target)
        parsed = _parse(module, target, llvm.create_context())
        _unlocked("LLVMPY_RunNewModulePassManager")(_pipeline(module, builder), parsed, builder)
        _inline_vector_forms(parsed, builder)
        found[k] = _code_alone(parsed, target)
    except BaseException as error:  # noqa: BLE001  raised again by compile_together
        found[k] = error


def _code_alone(module: llvm.ModuleRef, target: llvm.TargetMachine) -> bytes:
    """Return object code of a module that has a context of its own, without the lock."""
    lib = ffi.lib
    with ffi.OutputString() as message:
        buffer = _unlocked("LLVMPY_TargetMachineEmitToMemory")(target, module, 1, message)
        if not buffer:
            raise RuntimeError(str(message))
    try:
        return ctypes.string_at(lib.LLVMPY_GetBufferStart(buffer), lib.LLVMPY_GetBufferSize(buffer))
    finally:
        lib.LLVMPY_DisposeMemoryBuffer(buffer)


def _unlocked(name: str) -> Any:
    """Return a function of llvmlite without the lock around it; with it, should llvmlite have changed."""
    function = getattr(ffi.lib, name)
    return getattr(function, "_cfn", function)


def object_code(module: llvm.ModuleRef, cpu: Cpu | None = None) -> bytes:
    """Machine code of an optimised module, fit to be stored and loaded by any process on this kind of CPU."""
    with briefly():
        code: bytes = machine(cpu).emit_object(module)
    return code


def assembly(module: llvm.ModuleRef, cpu: Cpu | None = None) -> str:
    """The assembly text of an optimised module."""
    with briefly():
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
