"""Addresses of BLAS and LAPACK functions, as SciPy exports them for Cython."""

from __future__ import annotations

import ctypes
import functools
import importlib.machinery
import importlib.util
import itertools
import os
import sys
from typing import Any


def _spec(module: str) -> Any:
    """Return where an extension module of ``scipy.linalg`` is loaded from."""
    package = importlib.util.find_spec("scipy")
    folders = [] if package is None else package.submodule_search_locations or []
    spec = importlib.machinery.PathFinder.find_spec(module, [os.path.join(path, "linalg") for path in folders])
    if spec is None or spec.loader is None:
        raise ImportError(f"SciPy in {folders} has no scipy.linalg.{module}; please report it")
    return spec


@functools.cache
def _exported(module: str) -> dict[str, Any]:
    """Return the functions of ``scipy.linalg.cython_blas`` or ``cython_lapack``: name -> capsule.

    The extension module is loaded by its file.  Importing it by name imports the whole of ``scipy.linalg`` first,
    which takes a quarter of a second.
    """
    full_name = f"scipy.linalg.{module}"
    found: Any = sys.modules.get(full_name)
    if found is None:
        spec = _spec(module)
        found = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
        # It enters itself under its full name.  Taken out again, a later import by name gives the same module, and
        # makes it an attribute of its package as imports do.
        if "scipy.linalg" not in sys.modules:
            sys.modules.pop(full_name, None)
    return dict(found.__pyx_capi__)


def _file(module: str) -> str:
    """Return the file of an extension module of ``scipy.linalg``."""
    found = sys.modules.get(f"scipy.linalg.{module}")
    return str(_spec(module).origin if found is None else found.__file__)


@functools.cache
def address(module: str, name: str) -> int:
    """Return the address of a function, e.g. ``address("cython_blas", "dgemm")``."""
    capsule = _exported(module)[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    found = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    assert isinstance(found, int)
    return found


@functools.cache
def blas_threads() -> tuple[int, int]:
    """Return the addresses of the functions that tell and set how many threads BLAS takes.

    Zeros where there are none: OpenBLAS has them, with a prefix and a suffix in the builds that SciPy ships.
    """
    try:
        library = ctypes.CDLL(_file("cython_blas"))
    except OSError:
        return 0, 0
    for prefix, suffix in itertools.product(("scipy_", ""), ("", "64_")):
        try:
            both = [getattr(library, f"{prefix}openblas_{what}_num_threads{suffix}") for what in ("get", "set")]
        except AttributeError:
            continue
        get, put = (ctypes.cast(function, ctypes.c_void_p).value or 0 for function in both)
        return get, put
    return 0, 0
