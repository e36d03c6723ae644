"""Machine code without LLVM: images are what LLVM's linker would have made, and a warm process never loads LLVM."""

from __future__ import annotations

import ctypes
import gc
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wengert.run.llvm import target
from wengert.run.llvm.image import POSSIBLE, Image, ObjectFile, link

pytestmark = pytest.mark.skipif(not POSSIBLE, reason="images are for Linux on x86-64")

CONSTANTS = """
@table = private constant [4 x double] [double 1.5, double 2.5, double 3.5, double 4.5]
@names = private constant [2 x ptr] [ptr @first, ptr @second]
define double @first(double %x) { %y = fadd double %x, 1.25
ret double %y }
define double @second(double %x) { %y = fmul double %x, 3.0
ret double %y }
define double @pick(i64 %i) { %p = getelementptr double, ptr @table, i64 %i
%v = load double, ptr %p
ret double %v }
define double @call(i64 %i, double %x) { %p = getelementptr ptr, ptr @names, i64 %i
%f = load volatile ptr, ptr %p
%v = call double %f(double %x)
ret double %v }
"""
LIBM = "declare double @sin(double)\ndefine double @f(double %x) { %y = call double @sin(double %x)\n ret double %y }"


def made(text: str) -> bytes:
    found = link(target.object_code(target.optimise(text)))
    assert found is not None
    return found


def function(library: Image, name: str, *kinds: type) -> Any:
    found: Any = ctypes.CFUNCTYPE(ctypes.c_double, *kinds)(library[name])
    found.keep = library
    return found


def test_constants_tables_and_addresses() -> None:
    library = Image(made(CONSTANTS))
    pick, call = function(library, "pick", ctypes.c_int64), function(library, "call", ctypes.c_int64, ctypes.c_double)
    assert [pick(i) for i in range(4)] == [1.5, 2.5, 3.5, 4.5]
    assert [call(i, 4.0) for i in range(2)] == [5.25, 12.0]


def test_functions_of_the_c_library_are_found() -> None:
    library = Image(made(LIBM))
    assert function(library, "f", ctypes.c_double)(1.0) == math.sin(1.0)


def test_functions_may_be_given() -> None:
    given = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: x + 41)
    address = ctypes.cast(given, ctypes.c_void_p).value
    assert address is not None
    library = Image(made(LIBM), {"sin": address})
    assert function(library, "f", ctypes.c_double)(1.0) == 42.0


def test_unknown_functions_and_names_raise() -> None:
    with pytest.raises(RuntimeError, match="wengert_nowhere"):
        Image(made(LIBM.replace("sin", "wengert_nowhere")))
    with pytest.raises(KeyError, match="not among the exports"):
        Image(made(LIBM))["g"]


def test_what_cannot_be_linked_here_is_left_to_llvm() -> None:
    writable = "@state = global i64 7\ndefine i64 @f() { %v = load i64, ptr @state\n ret i64 %v }"
    assert link(target.object_code(target.optimise(writable))) is None
    far = "@environ = external global ptr\ndefine i64 @f() { %v = load i64, ptr @environ\n ret i64 %v }"
    found = link(target.object_code(target.optimise(far)))
    assert found is None or b"environ" in found  # through a slot or not at all, never by a distance
    assert link(b"MZ" + bytes(100)) is None


def test_memory_is_given_back() -> None:
    image_bytes = made(CONSTANTS)

    def mapped() -> int:
        return len(Path("/proc/self/maps").read_text().splitlines())

    kept = [Image(image_bytes) for _ in range(50)]
    before = mapped()
    del kept
    gc.collect()
    assert mapped() <= before - 40


_PROGRAM = """
import sys, numpy as np, wengert as wg
f = wg.jit(wg.grad(lambda x, w: np.sum(np.tanh(np.sin(x) @ w) ** 2), argnums=(0, 1)))
x = np.linspace(-1, 1, 12).reshape(3, 4)
print([g.tobytes().hex() for g in f(x, np.ones((4, 2)))])
print("llvmlite.binding" in sys.modules, "scipy.linalg" in sys.modules)
"""


def run(folder: Path, program: str = _PROGRAM) -> list[str]:
    environment = os.environ | {"WENGERT_CACHE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_second_process_loads_neither_llvm_nor_scipy_linalg(tmp_path: Path) -> None:
    cold, warm = run(tmp_path), run(tmp_path)
    assert cold[1] == "True False"
    assert warm == [cold[0], "False False"]


def test_without_jit_llvm_is_loaded_only_where_nothing_is_on_disk(tmp_path: Path) -> None:
    program = (
        "import sys, threading, numpy as np, wengert as wg; wg.grad(lambda x: np.sum(np.sin(x)))(np.ones(3));"
        "[t.join() for t in threading.enumerate() if t is not threading.main_thread()];"
        "print('llvmlite.binding' in sys.modules)"
    )
    assert [run(tmp_path, program), run(tmp_path, program)] == [["True"], ["False"]]


def test_one_function_of_many_takes_only_what_it_needs() -> None:
    sections = CONSTANTS.replace("@first(double %x) {", '@first(double %x) section ".text.a" {')
    sections = sections.replace(
        "define double @call(i64 %i, double %x)", 'define double @call(i64 %i, double %x) section ".text.b"'
    )
    code = target.object_code(target.optimise(sections))
    alone, caller = ObjectFile(code).image("first", "kernel"), ObjectFile(code).image("call", "kernel")
    assert alone is not None
    assert caller is not None
    assert len(alone) < len(caller)
    assert function(Image(alone), "kernel", ctypes.c_double)(1.0) == 2.25
    call = function(Image(caller), "kernel", ctypes.c_int64, ctypes.c_double)
    assert [call(i, 4.0) for i in range(2)] == [5.25, 12.0]
    with pytest.raises(KeyError):
        Image(alone)["second"]
