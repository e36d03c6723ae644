"""Loading and unloading of machine code, and what the optimiser is told."""

from __future__ import annotations

import ctypes
import functools
import gc
import threading
import weakref

import numpy as np
import pytest

from wengert.run.llvm import target
from wengert.run.llvm.mathlib.loop import SYMBOL, Loop, loop_module

ANSWER = "define i32 @answer() { ret i32 42 }"


def call(library: target.Library, name: str) -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int)(library[name])()


def test_code_loads_and_runs() -> None:
    assert call(target.load(target.optimise(ANSWER), ["answer"]), "answer") == 42


def test_libraries_with_the_same_symbol_do_not_collide() -> None:
    other = ANSWER.replace("42", "43")
    libraries = [target.load(target.optimise(text), ["answer"]) for text in (ANSWER, other, ANSWER)]
    assert [call(library, "answer") for library in libraries] == [42, 43, 42]


def test_a_library_is_released_and_the_others_live_on() -> None:
    kept = target.load(target.optimise(ANSWER), ["answer"])
    dropped = target.load(target.optimise(ANSWER), ["answer"])
    gone = weakref.ref(dropped)
    del dropped
    gc.collect()
    assert gone() is None
    assert call(kept, "answer") == 42


def test_imports_and_process_symbols_are_found() -> None:
    text = "declare i32 @given(i32)\ndeclare i32 @abs(i32)\n"
    text += "define i32 @answer() { %a = call i32 @given(i32 41)\n%b = call i32 @abs(i32 %a)\nret i32 %b }"
    given = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: -x - 1)
    address = ctypes.cast(given, ctypes.c_void_p).value
    assert address is not None
    assert call(target.load(target.optimise(text), ["answer"], {"given": address}), "answer") == 42


def test_unknown_names_and_bad_code_raise() -> None:
    library = target.load(target.optimise(ANSWER), ["answer"])
    with pytest.raises(KeyError, match="not among the exports"):
        library["question"]
    with pytest.raises(RuntimeError, match="parsing error"):
        target.optimise("define nonsense")
    with pytest.raises(RuntimeError):
        target.load(target.optimise("declare void @wengert_nowhere()\n" + ANSWER), ["wengert_nowhere"])


def test_object_code_can_be_loaded_again() -> None:
    code = target.object_code(target.optimise(ANSWER))
    assert [call(target.Library(code, ["answer"]), "answer") for _ in range(3)] == [42, 42, 42]


def test_threads_may_compile_at_once() -> None:
    results: list[float] = []

    def compile_and_run() -> None:
        results.append(float(Loop("exp", "float64")(np.ones(9))[-1]))

    threads = [threading.Thread(target=compile_and_run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [results[0]] * 4
    assert abs(results[0] - np.e) < 1e-15


def test_no_vector_forms_are_left_unused() -> None:
    # Of the forms for 2, 4, 8 and 16 lanes only the out-of-line loops of those the vectoriser chose may remain.
    names = [f.name for f in target.optimise(loop_module("sin", "float64")).functions if not f.is_declaration]
    assert SYMBOL in names
    assert not [name for name in names if name.endswith(target.SUFFIX)]


def test_modules_compiled_together_are_those_compiled_alone() -> None:
    texts = [str(loop_module(name, "float64")) for name in ("exp", "sin", "log1p")]
    alone = [target.object_code(target.optimise(text)) for text in texts]
    assert target.compile_together([functools.partial(str, text) for text in texts]) == alone


def test_an_error_in_one_of_them_is_raised() -> None:
    with pytest.raises(RuntimeError, match="parsing error"):
        target.compile_together([lambda: ANSWER, lambda: "define nonsense"])


def test_the_lock_that_is_gone_around_is_there() -> None:
    # Should llvmlite change this, everything still works, but on one core.
    name = "LLVMPY_RunNewModulePassManager"
    assert target._unlocked(name) is not getattr(target.ffi.lib, name)


def test_passes_are_left_out_only_while_code_is_made():
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, "_switch", said.append)
        with pytest.raises(RuntimeError), target.briefly():
            with target.briefly():
                assert said == [True]
            assert said == [True]  # somebody else still makes code
            raise RuntimeError
    assert said == [True, False]
