"""From what a program needs to object code: the part of compilation that loads LLVM."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from .emit import Emitter
from .image import POSSIBLE, link
from .kernels import NAME
from .products import emit_product
from .target import compile_together, object_code, optimise


def emit_module(what: Any) -> ir.Module:
    """Return the IR of a kernel; see :func:`~wengert.run.llvm.kernels.compile_kernels`."""
    module = ir.Module("wengert", context=ir.Context())
    _emit(module, NAME, what)
    return module


def _emit(module: ir.Module, name: str, what: Any) -> None:
    if what[0] == "product":
        emit_product(module, name, what[1])
    else:
        Emitter(module, name, *what)


def compiled(wanted: Sequence[Any]) -> list[bytes]:
    """Return code for kernels, ready to be put into memory; each exports :data:`~wengert.run.llvm.kernels.NAME`.

    All of them go through LLVM at once, in one module for each core: what is the same for all modules is paid once.
    """
    if not POSSIBLE:
        return compile_together([functools.partial(emit_module, what) for what in wanted])
    groups = _shares(wanted, min(len(wanted), os.cpu_count() or 1))
    found: list[Any] = [None] * len(wanted)
    for group, code in zip(
        groups, compile_together([functools.partial(_emit_group, wanted, group) for group in groups]), strict=True
    ):
        for k in group:
            found[k] = link(code, _name(k), NAME)
    return [
        code if code is not None else object_code(optimise(emit_module(what)))
        for code, what in zip(found, wanted, strict=True)
    ]


def _shares(wanted: Sequence[Any], count: int) -> list[list[int]]:
    """Deal kernels out so that each share has about the same work."""
    shares: list[list[int]] = [[] for _ in range(count)]
    work = [0] * count
    for k in sorted(range(len(wanted)), key=lambda k: -_size(wanted[k])):
        least = work.index(min(work))
        shares[least].append(k)
        work[least] += _size(wanted[k])
    return shares


def _size(what: Any) -> int:
    """Estimate how much code a kernel is."""
    return 10 if what[0] == "product" else 10 + len(what[0].body) * (1 + what[1])


def _name(k: int) -> str:
    return f"{NAME}.{k}"


def _emit_group(wanted: Sequence[Any], group: Sequence[int]) -> ir.Module:
    """Return a module of several kernels, each in a section of its own, so that they can be taken apart again."""
    module = ir.Module("wengert", context=ir.Context())
    for k in group:
        _emit(module, _name(k), wanted[k])
        module.globals[_name(k)].section = f".text.{_name(k)}"
    return module
