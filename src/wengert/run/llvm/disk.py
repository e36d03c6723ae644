"""Object code kept on disk, so that a second process starts warm.

An entry's name is a digest of everything its code depends on: the kernel's structure, the CPU, LLVM's version and
this package's own sources.  Entries are written to a temporary file and renamed, so that no process ever sees half
of one; each begins with a digest of its content, and whatever does not match (cut short, overwritten, foreign) is
ignored and made anew.

The directory is ``$WENGERT_CACHE_DIR``, or the user's cache directory.  ``WENGERT_CACHE_DIR=off`` switches the cache
off.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import llvmlite

from .. import llvm

VARIABLE: Final = "WENGERT_CACHE_DIR"
_MAGIC: Final = b"wengert-object-1\n"
_LIMIT: Final = 256 << 20
"""Bytes from which on the oldest entries are dropped."""


def directory() -> Path | None:
    """Return where entries are kept; None where the cache is switched off."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return None if chosen in ("", "off", "0") else Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "wengert"


@functools.cache
def _version() -> bytes:
    """Digest of what all entries depend on: the compiler, the processor, and this package's own sources.

    Neither LLVM is loaded for it, nor are files read that can be told apart by size and time.
    """
    digest = hashlib.sha256(llvmlite.__version__.encode())
    here = Path(__file__).parent
    compiler = (Path(llvmlite.__file__).parent / "binding").glob("*llvmlite*")
    for file in sorted([*here.rglob("*.py"), *compiler]):
        status = file.stat()
        digest.update(repr((file.name, status.st_size, status.st_mtime_ns)).encode())
    digest.update(processor())
    return digest.digest()


def processor() -> bytes:
    """Return what identifies the processor: its model and features."""
    try:
        with open("/proc/cpuinfo", "rb") as file:
            first = file.read(1 << 14).split(b"\n\n")[0]
    except OSError:
        host = llvm.target.host()
        return repr((host.name, host.features)).encode()
    kept = (b"vendor_id", b"cpu family", b"model", b"stepping", b"flags", b"Features", b"CPU")
    return b"\n".join(line for line in first.split(b"\n") if line.startswith(kept))


def entry_name(structure: Any) -> str:
    """Return the file name of a kernel's entry."""
    return hashlib.sha256(_version() + repr(structure).encode()).hexdigest() + ".o"


def read(structure: Any) -> bytes | None:
    """Return stored object code, or None."""
    folder = directory()
    if folder is None:
        return None
    try:
        data = (folder / entry_name(structure)).read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + 32
    if not data.startswith(_MAGIC) or hashlib.sha256(data[head:]).digest() != data[len(_MAGIC) : head]:
        return None
    return data[head:]


def write(structure: Any, code: bytes) -> None:
    """Store object code; a cache that cannot be written to is no error."""
    folder = directory()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(code).digest() + code)
            os.replace(name, folder / entry_name(structure))
        except BaseException:
            os.unlink(name)
            raise
    except OSError:
        return


def info() -> dict[str, Any]:
    """Return where the cache is, and how many entries and bytes it holds."""
    folder = directory()
    entries = list(folder.glob("*.o")) if folder is not None and folder.is_dir() else []
    return {
        "directory": None if folder is None else str(folder),
        "entries": len(entries),
        "bytes": sum(entry.stat().st_size for entry in entries),
    }


def clear() -> int:
    """Delete all entries; return how many there were."""
    folder = directory()
    if folder is None or not folder.is_dir():
        return 0
    count = 0
    for entry in [*folder.glob("*.o"), *folder.glob("*.tmp")]:
        entry.unlink(missing_ok=True)
        count += entry.suffix == ".o"
    return count


def trim(limit: int = _LIMIT) -> None:
    """Drop the entries that were used longest ago until the rest fits."""
    folder = directory()
    if folder is None or not folder.is_dir():
        return
    found = []
    for entry in folder.glob("*.o"):
        try:
            status = entry.stat()
        except OSError:
            continue
        found.append((status.st_mtime, status.st_size, entry))
    total = sum(size for _, size, _ in found)
    for _, size, entry in sorted(found):
        if total <= limit:
            break
        entry.unlink(missing_ok=True)
        total -= size
