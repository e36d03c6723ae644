"""From what a program needs to object code: the part of compilation that loads LLVM."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from . import ir
from .emit import Emitter
from .forms_code import emit_form
from .image import POSSIBLE, ObjectFile
from .kernels import NAME
from .library import ready
from .mathlib.rare import VECTORS
from .region_code import RegionCode
from .target import compile_together, object_code, optimise
from .vectors import AUTOMATIC, lanes


def emit_module(what: Any) -> ir.Module:
    """Return the IR of a kernel; see :func:`~wengert.run.llvm.kernels.compile_kernels`."""
    module = ir.Module(VECTORS if _in_vectors(what) else "wengert")
    _emit(module, NAME, what)
    return module


def _in_vectors(what: Any) -> bool:
    """Say whether a kernel is written with vectors, or without anything that vectors are for."""
    if isinstance(what[0], str):
        return bool(what[0] == "fill")
    loop, _, inner, fixed = what[:4]
    return lanes(loop, inner, fixed) != AUTOMATIC


def _emit(module: ir.Module, name: str, what: Any) -> None:
    if what[0] == "region":
        RegionCode(module, name, what[1])
    elif isinstance(what[0], str):
        emit_form(module, name, what)
    else:
        Emitter(module, name, *what)


def emit_forms(forms: Mapping[str, Any]) -> ir.Module:
    """Return the IR of forms by the names that they are to have."""
    module = ir.Module("wengert")
    for name, form in forms.items():
        emit_form(module, name, form)
    return module


def compiled(wanted: Sequence[Any]) -> list[bytes]:
    """Return code for kernels, ready to be put into memory; each exports :data:`~wengert.run.llvm.kernels.NAME`.

    All go through LLVM at once, loops in one module for each core: what is the same for all modules is paid once.
    Regions, each of which has much in it, are modules of their own, the largest first.
    """
    found: list[Any] = [None] * len(wanted)
    loops: list[int] = []
    alone: list[int] = []
    for k, what in enumerate(wanted):
        (alone if what[0] == "region" or not POSSIBLE else loops).append(k)
    if len(alone) > 1:
        alone.sort(key=lambda k: -len(repr(wanted[k])) if wanted[k][0] == "region" else 0)
    groups = []
    for kind in (False, True):
        alike = [k for k in loops if _in_vectors(wanted[k]) == kind]
        groups += _shares(wanted, alike, min(len(alike), os.cpu_count() or 1))
    makers = [functools.partial(emit_module, wanted[k]) for k in alone]
    made = compile_together(makers + [functools.partial(_emit_group, wanted, group) for group in groups])
    for k, code in zip(alone, made, strict=False):
        found[k] = ready(code)
    for group, code in zip(groups, made[len(alone) :], strict=True):
        whole = ObjectFile(code)
        for k in group:
            found[k] = whole.image(_name(k), NAME) or object_code(optimise(emit_module(wanted[k])))
    return found


def _shares(wanted: Sequence[Any], which: Sequence[int], count: int) -> list[list[int]]:
    """Deal kernels out so that each share has about the same work."""
    shares: list[list[int]] = [[] for _ in range(count)]
    work = [0] * count
    for k in sorted(which, key=lambda k: -_size(wanted[k])):
        least = work.index(min(work))
        shares[least].append(k)
        work[least] += _size(wanted[k])
    return shares


def _size(what: Any) -> int:
    """Estimate how much code a kernel is."""
    if isinstance(what[0], str):
        return 40
    loop, depth = what[:2]
    return 10 + len(loop.body) * int(1 + depth)


def _name(k: int) -> str:
    return f"{NAME}.{k}"


def _emit_group(wanted: Sequence[Any], group: Sequence[int]) -> ir.Module:
    """Return a module of several kernels, each in a section of its own, so that they can be taken apart again."""
    module = ir.Module(VECTORS if _in_vectors(wanted[group[0]]) else "wengert")
    for k in group:
        _emit(module, _name(k), wanted[k])
        module[_name(k)].section = f".text.{_name(k)}"
    return module
