"""Images: machine code that is ready to be put into memory, without LLVM and without a linker.

Loading LLVM takes longer than everything else that a process does whose kernels are on disk already.  On Linux on
x86-64, object code is therefore linked when it is made: sections are laid out in one block, whose parts refer to each
other relative to where they are, and calls of library functions go through slots at its end.  Loading such an image
means copying it to memory, filling in the slots, and making it executable.  Everywhere else, and for object code with
anything in it that is not understood here, LLVM links, each time.

The layout of ELF and its relocations: System V ABI, and its AMD64 supplement, chapter 4.
"""

from __future__ import annotations

import ctypes
import functools
import json
import mmap
import os
import struct
import sys
from collections.abc import Iterable
from typing import Any, Final

MAGIC: Final = b"wengert-image-1\n"
POSSIBLE: Final = sys.platform == "linux" and os.uname().machine == "x86_64" and sys.maxsize > 1 << 32
"""Whether images can be made and used here."""

_NOBITS, _RELA, _SYMTAB = 8, 4, 2
_WRITE, _ALLOC = 1, 2
_ABSOLUTE, _RELATIVE, _CALL, _SLOTS, _RELATIVE_WIDE = 1, 2, 4, (9, 41, 42), 24
_STUB: Final = b"\xff\x25"
"""``jmp`` to the address that lies in memory at a distance."""


class _Section:
    """A part of an object file."""

    def __init__(self, fields: tuple[int, ...], code: bytes, names: int) -> None:
        name, self.kind, self.flags, _, self.offset, self.size, self.link, self.info, self.align, _ = fields
        self.title = _text(code, names + name)


class ObjectFile:
    """An ELF object for x86-64, read once for all images that are made of it.

    Raises
    ------
    struct.error
        The object is cut short.
    """

    def __init__(self, code: bytes) -> None:
        self.code = code
        (start,) = struct.unpack_from("<Q", code, 40)
        count, titles = struct.unpack_from("<HH", code, 60)
        heads = [struct.unpack_from("<IIQQQQIIQQ", code, start + 64 * k) for k in range(count)]
        self.sections = [_Section(head, code, heads[titles][4]) for head in heads]
        self.symbols = _symbols(code, self.sections)
        self.fixups: dict[int, list[tuple[int, int, int]]] = {}
        for section in self.sections:
            if section.kind == _RELA:
                entries = struct.iter_unpack("<QQq", code[section.offset : section.offset + section.size])
                self.fixups.setdefault(section.info, []).extend(entries)

    @staticmethod
    def is_one(code: bytes) -> bool:
        """Say whether code is such an object."""
        return code[:6] == b"\x7fELF\x02\x01" and struct.unpack_from("<HH", code, 16) == (1, 62)

    def image(self, root: str | None = None, name: str | None = None) -> bytes | None:
        """Return the image of the object, or None where it needs LLVM's linker.

        Parameters
        ----------
        root : str, optional
            Take only the sections that this function needs.
        name : str, optional
            What to call it in the image.
        """
        count, symbols = len(self.sections), self.symbols
        roots = range(count) if root is None else [number for symbol, number, _ in symbols if symbol == root]
        blob = bytearray()
        places: dict[int, int] = {}
        for k in _reachable(roots, self.fixups, symbols):
            section = self.sections[k]
            title = section.title
            if not section.flags & _ALLOC or title.startswith((".eh_frame", ".note", ".llvm")) or not section.size:
                continue
            if section.flags & _WRITE and not title.startswith(".data.rel.ro"):
                return None
            blob += bytes(-len(blob) % max(section.align, 1))
            places[k] = len(blob)
            content = self.code[section.offset : section.offset + section.size]
            blob += bytes(section.size) if section.kind == _NOBITS else content
        linked = _Linker(blob, places, symbols)
        for k in sorted(places):
            for at, info, addend in self.fixups.get(k, ()):
                if not linked.relocate(places[k] + at, info & 0xFFFFFFFF, info >> 32, addend):
                    return None
        exports = {
            (name if name and symbol == root else symbol): places[number] + value
            for symbol, number, value in symbols
            if symbol and number in places and root in (None, symbol)
        }
        head = json.dumps({"exports": exports, "slots": linked.slots}).encode()
        return MAGIC + struct.pack("<I", len(head)) + head + bytes(blob)


def link(code: bytes) -> bytes | None:
    """Return the image of object code, or None where it needs LLVM's linker."""
    return ObjectFile(code).image() if ObjectFile.is_one(code) else None


def _reachable(roots: Iterable[int], fixups: dict[int, Any], symbols: list[tuple[str, int, int]]) -> list[int]:
    """Return sections and all those that they refer to, in a fixed order."""
    found: dict[int, None] = {}
    waiting = list(roots)[::-1]
    while waiting:
        k = waiting.pop()
        if k not in found and k < 0xFF00:
            found[k] = None
            waiting.extend(symbols[info >> 32][1] for _, info, _ in fixups.get(k, ()))
    return list(found)


def _text(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode()


def _symbols(code: bytes, sections: list[_Section]) -> list[tuple[str, int, int]]:
    """Return name, section and offset of each symbol."""
    found = []
    for section in sections:
        if section.kind == _SYMTAB:
            names = sections[section.link].offset
            entries = struct.iter_unpack("<IHHQQ", code[section.offset : section.offset + section.size])
            found += [(_text(code, names + name), number, value) for name, _, number, value, _ in entries]
    return found


class _Linker:
    """Applies relocations to a block of sections.

    Attributes
    ----------
    slots : list of (place, symbol or None, number)
        Words to fill in on loading: with the symbol's address plus a number, or (None) the block's own plus it.
    """

    def __init__(self, blob: bytearray, places: dict[int, int], symbols: list[tuple[str, int, int]]) -> None:
        self.blob, self.places, self.symbols = blob, places, symbols
        self.slots: list[tuple[int, str | None, int]] = []
        self._made: dict[Any, int] = {}

    def relocate(self, at: int, kind: int, symbol: int, addend: int) -> bool:
        """Apply one relocation; return False if it is of a kind that is not known here."""
        name, number, value = self.symbols[symbol]
        outside = number == 0
        if not outside and number not in self.places:
            return False
        target = -1 if outside else self.places[number] + value
        if kind == _ABSOLUTE:
            self.slots.append((at, name if outside else None, addend if outside else target + addend))
            return True
        if kind in _SLOTS:
            target = self._slot(name if outside else None, 0 if outside else target)
        elif kind not in (_RELATIVE, _CALL, _RELATIVE_WIDE):
            return False
        elif outside:
            if kind != _CALL:
                return False  # data of a library: it may lie too far away
            target = self._stub(name)
        distance = target + addend - at
        struct.pack_into("<q" if kind == _RELATIVE_WIDE else "<i", self.blob, at, distance)
        return True

    def _slot(self, symbol: str | None, number: int) -> int:
        """Return the place of a word that will hold an address."""
        key = (symbol, number)
        if key not in self._made:
            self.blob += bytes(-len(self.blob) % 8 + 8)
            self._made[key] = len(self.blob) - 8
            self.slots.append((self._made[key], symbol, number))
        return self._made[key]

    def _stub(self, symbol: str) -> int:
        """Return the place of code that jumps to a library's function."""
        if symbol not in self._made:
            slot = self._slot(symbol, 0)
            self._made[symbol] = len(self.blob)
            self.blob += _STUB + struct.pack("<i", slot - len(self.blob) - 6)
        return self._made[symbol]


@functools.cache
def _process() -> Any:
    return ctypes.CDLL(None)


@functools.cache
def _address(symbol: str) -> int:
    """Return the address of a function of the C library."""
    for library in (_process, lambda: ctypes.CDLL("libm.so.6")):
        try:
            found = ctypes.cast(getattr(library(), symbol), ctypes.c_void_p).value
        except AttributeError:
            continue
        assert found is not None
        return found
    raise RuntimeError(f"the C library has no function {symbol!r}")


class Image:
    """An image in memory.  The code lives as long as this object: whatever keeps an address must keep it.

    Parameters
    ----------
    image : bytes
        As :func:`link` returns it.
    imports : dict, optional
        Addresses of functions that are not the C library's.
    """

    def __init__(self, image: bytes, imports: dict[str, int] | None = None) -> None:
        (length,) = struct.unpack_from("<I", image, len(MAGIC))
        start = len(MAGIC) + 4
        head = json.loads(image[start : start + length])
        blob = image[start + length :]
        self._memory = mmap.mmap(-1, len(blob), prot=mmap.PROT_READ | mmap.PROT_WRITE)
        self._memory[:] = blob
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        for place, symbol, number in head["slots"]:
            to = base if symbol is None else (imports or {}).get(symbol) or _address(symbol)
            struct.pack_into("<Q", self._memory, place, to + number)
        if _process().mprotect(ctypes.c_size_t(base), ctypes.c_size_t(len(blob)), mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError("this system does not let a process make code: memory could not be marked as executable")
        self._places = {name: base + place for name, place in head["exports"].items()}

    def __getitem__(self, name: str) -> int:
        """The address of an exported function."""
        if name not in self._places:
            raise KeyError(f"{name!r} is not among the exports of this library: {sorted(self._places)}")
        return int(self._places[name])
