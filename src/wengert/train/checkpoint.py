"""Checkpoints: containers of arrays and plain values in one safetensors file that is never half written.

The file holds the arrays under readable names (``params.0.weight``), and in its metadata the containers as JSON and a
SHA-256 digest of everything.  There is no pickle in it: reading a checkpoint runs no code.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..errors import CheckpointError, MissingExtraError, explain

_FORMAT: Final = "wengert-checkpoint-1"


def save_checkpoint(path: str | os.PathLike[str], content: Any, *, keep_previous: bool = True) -> Path:
    """Write a checkpoint in one indivisible step.

    At every moment, even if the machine stops, ``path`` is a whole checkpoint: the old one or the new one.

    Parameters
    ----------
    path : str or path
        By custom with the suffix ``.safetensors``.  Missing directories are made.
    content : nested dicts (with string keys), lists and tuples
        Of arrays, numbers, strings, booleans and None.
    keep_previous : bool
        Leave the checkpoint that was there before as ``<path>.previous``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    CheckpointError
        If the content holds something else.
    MissingExtraError
        If the package safetensors is not installed.

    Examples
    --------
    >>> import tempfile
    >>> directory = tempfile.TemporaryDirectory()
    >>> path = save_checkpoint(directory.name + "/net.safetensors", {"params": [np.ones(2)], "epoch": 3})
    >>> load_checkpoint(path)
    {'params': [array([1., 1.])], 'epoch': 3}
    >>> directory.cleanup()
    """
    numpy_format, _, _ = _safetensors()
    tensors: dict[str, Any] = {}
    structure = json.dumps(_encode(content, "", tensors), separators=(",", ":"))
    metadata = {"format": _FORMAT, "content": structure, "sha256": _digest(structure, tensors)}
    path = Path(path)
    _replace(path, numpy_format.save(tensors, metadata), keep_previous)
    return path


def load_checkpoint(path: str | os.PathLike[str]) -> Any:
    """Read a checkpoint.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    nested dicts, lists and tuples
        What was saved, with NumPy arrays bit for bit as they were.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, or not a checkpoint.
    MissingExtraError
        If the package safetensors is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = save_checkpoint(f"{directory}/net.safetensors", {"weight": np.eye(2), "rate": 0.1})
    ...     load_checkpoint(path)["weight"]
    array([[1., 0.],
           [0., 1.]])
    """
    _, safe_open, safetensors_error = _safetensors()
    path = Path(path)
    if not path.is_file():
        raise _unusable(path, "there is no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise _unusable(path, f"a safetensors file, but not written by save_checkpoint ({_FORMAT})")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (safetensors_error, OSError, TypeError, KeyError) as error:
        raise _unusable(path, f"{type(error).__name__}: {error}") from error
    structure = metadata.get("content", "")
    if metadata.get("sha256") != _digest(structure, tensors):
        raise _unusable(path, "its content does not fit its SHA-256 digest")
    return _decode(json.loads(structure), tensors)


def previous(path: str | os.PathLike[str]) -> Path:
    """Return where the checkpoint before the last one is kept.

    Examples
    --------
    >>> previous("results/net.safetensors").name
    'net.safetensors.previous'
    """
    path = Path(path)
    return path.with_name(path.name + ".previous")


def _unusable(path: Path, why: str) -> CheckpointError:
    older = previous(path)
    return CheckpointError(
        explain(
            "A checkpoint is a whole file that save_checkpoint wrote.",
            found=f"{path}: {why}",
            fix=f"the checkpoint before it is kept as {older}" if older.exists() else "start without a checkpoint",
        )
    )


def _safetensors() -> tuple[Any, Any, Any]:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise MissingExtraError(
            explain(
                "Checkpoints are written with the package safetensors.",
                found=str(error),
                fix="pip install 'wengert[train]'",
            )
        ) from error
    return safetensors.numpy, safetensors.safe_open, safetensors.SafetensorError


# -- containers <-> JSON and named arrays -----------------------------------------------------------------------------


def _encode(value: Any, name: str, tensors: dict[str, Any]) -> Any:
    """Return the JSON that stands for a value; its arrays go to ``tensors``."""
    if value is None or type(value) in (bool, int, float, str):
        return {"value": value}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: _encode(v, f"{name}.{key}", tensors) for key, v in value.items()}}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_encode(v, f"{name}.{k}", tensors) for k, v in enumerate(value)]}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        array = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")  # safetensors writes raw memory
        if array.dtype.kind == "c":  # the format has no complex numbers: real and imaginary part become an axis
            kind = f"complex_{kind}"
            array = np.stack([array.real, array.imag], axis=-1)
        key = name.lstrip(".") or "content"
        while key in tensors:  # {"a.b": x, "a": {"b": y}}
            key += "'"
        tensors[key] = array
        return {kind: key}
    raise CheckpointError(
        explain(
            "A checkpoint holds dicts with string keys, lists, tuples, numeric arrays, numbers, strings and None.",
            found=f"{type(value).__name__} at {name.lstrip('.') or 'the top'}: {value!r:.200}",
            fix="convert it to these first",
        )
    )


def _decode(code: Any, tensors: dict[str, Any]) -> Any:
    ((kind, value),) = code.items()
    if kind == "value":
        return value
    if kind == "dict":
        return {key: _decode(v, tensors) for key, v in value.items()}
    if kind in ("list", "tuple"):
        items = [_decode(v, tensors) for v in value]
        return items if kind == "list" else tuple(items)
    array = tensors[value]
    if kind.startswith("complex"):
        parts = array
        array = np.empty(parts.shape[:-1], np.result_type(parts.dtype, np.complex64))
        array.real, array.imag = parts[..., 0], parts[..., 1]
    return array[()] if kind.endswith("scalar") else array


def _digest(structure: str, tensors: dict[str, Any]) -> str:
    digest = hashlib.sha256(structure.encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


# -- writing ----------------------------------------------------------------------------------------------------------


def _replace(path: Path, data: bytes, keep_previous: bool) -> None:
    """Put a new file in the place of an old one; renaming is the one step that a crash cannot cut in two."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with open(new, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())  # the bytes are on the disk before the name points to them
    if keep_previous and path.exists():
        # A second name for the old file, not a rename: path itself must not be missing for a moment.
        old = path.with_name(f".{path.name}.old")
        old.unlink(missing_ok=True)
        try:
            os.link(path, old)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, old)
        os.replace(old, previous(path))
    os.replace(new, path)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Make the renaming itself durable, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse to sync a directory
            os.fsync(handle)
    finally:
        os.close(handle)
