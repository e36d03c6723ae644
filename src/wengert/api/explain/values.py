"""Values as data and as short text: numbers exactly, large arrays by shape and range."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

_LISTED: Final = 64
"""Arrays with at most so many entries are given whole."""
_SHOWN: Final = 6


def number(value: Any) -> Any:
    """Return a number as JSON can hold it; nan and infinities as strings, complex numbers as an object."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.item()
    if isinstance(value, np.longdouble):  # the only number that item() leaves to NumPy
        value = float(value)
    if isinstance(value, complex):
        return {"re": number(value.real), "im": number(value.imag)}
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


def _nested(value: Any) -> Any:
    return [_nested(item) for item in value] if isinstance(value, list) else number(value)


def summary(value: Any) -> dict[str, Any] | None:
    """Return a value as data: shape, dtype, entries if there are few, otherwise their range.

    ``None``, which stands for no derivative at all, stays ``None``.

    Examples
    --------
    >>> summary(np.float64(2.5))
    {'shape': [], 'dtype': 'float64', 'value': 2.5}
    """
    if value is None:
        return None
    array = np.asarray(value)
    made: dict[str, Any] = {"shape": list(array.shape), "dtype": array.dtype.name}
    if array.size <= _LISTED:
        made["value"] = _nested(array.tolist())
    elif array.dtype.kind in "fiu":
        good = array[np.isfinite(array)] if array.dtype.kind == "f" else array
        made["nan"] = int(np.isnan(array).sum()) if array.dtype.kind == "f" else 0
        if good.size:
            low, high, mean = good.min(), good.max(), np.mean(good, dtype=np.float64)
            made.update({"min": number(low), "max": number(high), "mean": number(mean)})
    return made


def short(value: Any, digits: int = 6) -> str:
    """Return a number as text with so many significant digits."""
    if isinstance(value, dict):
        real, imaginary = short(value["re"], digits), short(value["im"], digits)
        return f"{real}{'' if imaginary.startswith('-') else '+'}{imaginary}j"
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:.{digits}g}"


def show(data: dict[str, Any] | None) -> str:
    """Return what :func:`summary` gave as one short line."""
    if data is None:
        return "-"
    flat = list(_flat(data["value"])) if "value" in data else []
    if "value" in data:
        if not data["shape"]:
            return short(flat[0])
        if len(flat) <= _SHOWN:
            return _listed(data["value"])
    shape = "x".join(map(str, data["shape"]))
    if "value" in data and flat and all(item == flat[0] for item in flat):
        return f"{shape}: all {short(flat[0], 5)}"
    if "value" in data and data["dtype"].startswith(("float", "int", "uint")):
        array = np.array([float(item) for item in flat])
        good = array[np.isfinite(array)]
        if good.size:
            return f"{shape}: {good.min():.4g} .. {good.max():.4g}, mean {good.mean():.4g}{_nans(array)}"
    if "min" in data:
        text = f"{shape}: {data['min']:.4g} .. {data['max']:.4g}, mean {data['mean']:.4g}"
        return text + (f", {data['nan']} nan" if data["nan"] else "")
    return f"{data['dtype']} {shape}"


def _nans(array: Any) -> str:
    count = int(np.isnan(array).sum())
    return f", {count} nan" if count else ""


def _flat(value: Any) -> Any:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _listed(value: Any) -> str:
    return f"[{', '.join(map(_listed, value))}]" if isinstance(value, list) else short(value, 5)


def shape_text(shape: Any) -> str:
    """Return a shape as text: ``()``, ``(3,)``, ``(2, 3)``."""
    return str(tuple(shape))


def seconds(time: float) -> str:
    """Return a time as text in a unit that suits it.

    Examples
    --------
    >>> seconds(0.0000123)
    '12.3 µs'
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if time >= size:
            return f"{time / size:.3g} {unit}"
    return f"{time / 1e-9:.3g} ns"


def error_text(error: float | str | None) -> str:
    """Return an error as text; exact agreement is said in words."""
    if error is None:
        return "-"
    if isinstance(error, str):  # nan or infinite
        return error
    return "exact" if error == 0 else f"{error:.1e}"


def size(count: int) -> str:
    """Return a number of bytes as text.

    Examples
    --------
    >>> size(2048)
    '2.00 KiB'
    """
    if count < 1024:
        return f"{count} B"
    step = min(int(math.log(count, 1024)), 4)
    return f"{count / 1024**step:.2f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[step]}"
