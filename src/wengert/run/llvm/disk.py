"""Object code kept on disk, so that a second process starts warm.

An entry's name is a digest of everything its code depends on: the kernel's structure and, as the name of its folder,
the CPU, LLVM's version and this package's own sources.  Entries are written to a temporary file and renamed, so that
no process ever sees half of one; each begins with a digest of its content, and whatever does not match (cut short,
overwritten, foreign) is ignored and made anew.

The directory is ``$WENGERT_CACHE_DIR``, or the user's cache directory.  ``WENGERT_CACHE_DIR=off`` switches the cache
off.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import llvmlite

from .. import llvm

VARIABLE: Final = "WENGERT_CACHE_DIR"
_MAGIC: Final = b"wengert-object-1\n"
LIMIT: Final = 128 << 20
"""Bytes from which on the oldest entries are dropped."""
_FRESH: Final = 86_400.0
"""Seconds for which an entry that is read is not marked as used again."""


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


def _path(structure: Any) -> Path | None:
    """Return where the entry of a structure is kept: in a folder of its own for each version of everything."""
    folder = directory()
    if folder is None:
        return None
    return folder / _version().hex()[:16] / (hashlib.sha256(repr(structure).encode()).hexdigest()[:40] + ".o")


def holds(structure: Any) -> bool:
    """Say whether there is an entry, without looking at what is in it."""
    path = _path(structure)
    return path is not None and path.exists()


def read(structure: Any) -> bytes | None:
    """Return stored code, or None."""
    path = _path(structure)
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            data = file.read()
            if os.fstat(file.fileno()).st_mtime < time.time() - _FRESH:
                os.utime(path)  # so that trim sees that it is in use
    except OSError:
        return None
    head = len(_MAGIC) + 32
    if not data.startswith(_MAGIC) or hashlib.sha256(data[head:]).digest() != data[len(_MAGIC) : head]:
        return None
    return data[head:]


def write(structure: Any, code: bytes) -> None:
    """Store code; a cache that cannot be written to is no error."""
    path = _path(structure)
    if path is None:
        return
    try:
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # what lies in it will be run
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(code).digest() + code)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError:
        return
    _trim_once()


def _entries(folder: Path) -> list[Path]:
    """Return the entries of all versions, and what broken-off writes have left behind."""
    return [path for path in folder.glob("*/*") if path.suffix in (".o", ".tmp")]


def info() -> dict[str, Any]:
    """Return where the cache is, and how many entries and bytes it holds."""
    folder = directory()
    sizes = []
    for path in _entries(folder) if folder is not None else ():
        try:
            sizes.append(path.stat().st_size)
        except OSError:  # another process has just cleared it
            continue
    return {
        "directory": None if folder is None else str(folder),
        "entries": len(sizes),
        "bytes": sum(sizes),
        "limit": LIMIT,
    }


def clear() -> int:
    """Delete all entries; return how many there were.  Nothing else in the directory is touched."""
    folder = directory()
    if folder is None:
        return 0
    count = 0
    for path in _entries(folder):
        try:
            path.unlink(missing_ok=True)
            path.parent.rmdir()
        except OSError:  # it may not be deleted, or the folder is not empty yet
            pass
        count += not path.exists()
    return count


@functools.cache
def _trim_once() -> None:
    trim()


def trim(limit: int = LIMIT) -> None:
    """If there is more than fits, drop the entries that have not been used for longest, down to three quarters.

    It runs once in each process that writes something.
    """
    folder = directory()
    if folder is None:
        return
    found = []
    for path in _entries(folder):
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in found)
    if total <= limit:
        return
    for _, size, path in sorted(found):
        if total <= 0.75 * limit:
            break
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue
        total -= size
