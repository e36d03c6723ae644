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
import threading
import time
from typing import Any, Final

import llvmlite

from .. import llvm

VARIABLE: Final = "WENGERT_CACHE_DIR"
_MAGIC: Final = b"wengert-object-1\n"
LIMIT: Final = 128 << 20
"""Bytes from which on the oldest entries are dropped."""
_FRESH: Final = 86_400.0
"""Seconds for which an entry that is read is not marked as used again."""


def directory() -> str | None:
    """Return where entries are kept; None where the cache is switched off."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return None if chosen in ("", "off", "0") else chosen
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "wengert")


@functools.cache
def _version() -> bytes:
    """Digest of what all entries depend on: the compiler, the processor, and this package's own sources.

    Neither LLVM is loaded for it, nor are files read that can be told apart by size and time.
    """
    digest = hashlib.sha256(llvmlite.__version__.encode())
    here, binding = os.path.dirname(__file__), os.path.join(os.path.dirname(llvmlite.__file__), "binding")
    files = [os.path.join(folder, name) for folder, _, names in os.walk(here) for name in names if name.endswith(".py")]
    files += [os.path.join(binding, name) for name in os.listdir(binding) if "llvmlite" in name]
    for file in sorted(files):
        status = os.stat(file)
        digest.update(repr((os.path.basename(file), status.st_size, status.st_mtime_ns)).encode())
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


def place(structure: Any) -> str | None:
    """Return where the entry of a structure is kept: in a folder of its own for each version of everything."""
    folder = directory()
    if folder is None:
        return None
    name = hashlib.sha256(repr(structure).encode()).hexdigest()[:40] + ".o"
    return os.path.join(folder, _version().hex()[:16], name)


def holds(structure: Any) -> bool:
    """Say whether there is an entry, without looking at what is in it."""
    path = place(structure)
    return path is not None and os.path.exists(path)


def read(path: str | None) -> bytes | None:
    """Return the code stored at a :func:`place`, or None."""
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


def write(path: str | None, code: bytes) -> None:
    """Store code at a :func:`place`; a cache that cannot be written to is no error."""
    if path is None:
        return
    mine = f"{path[:-2]}.{os.getpid()}.{threading.get_ident()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # what lies in it will be run
        try:
            with open(mine, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(code).digest() + code)
            os.replace(mine, path)
        except BaseException:
            os.unlink(mine)
            raise
    except OSError:
        return
    _trim_once()


def _entries(folder: str) -> list[str]:
    """Return the entries of all versions, and what broken-off writes have left behind."""
    found = []
    for version in _list(folder):
        inside = os.path.join(folder, version)
        found += [os.path.join(inside, name) for name in _list(inside) if name.endswith((".o", ".tmp"))]
    return found


def _list(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def info() -> dict[str, Any]:
    """Return where the cache is, and how many entries and bytes it holds."""
    folder = directory()
    sizes = []
    for path in _entries(folder) if folder is not None else ():
        try:
            sizes.append(os.stat(path).st_size)
        except OSError:  # another process has just cleared it
            continue
    return {
        "directory": folder,
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
            os.unlink(path)
            count += 1
            os.rmdir(os.path.dirname(path))
        except OSError:  # it may not be deleted, or the folder is not empty yet
            continue
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
            status = os.stat(path)
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
            os.unlink(path)
        except OSError:
            continue
        total -= size
