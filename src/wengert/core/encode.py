"""Values as JSON and back: numbers, arrays, tuples, dtypes.

JSON has no nan, no infinity, no complex numbers, no tuples and no arrays; each becomes an object or a string that says
what it was, so that a file can be read by any JSON parser and gives the same values back.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import InvalidGraphError, explain


def encode(value: Any) -> Any:
    """Return a value as something that JSON can hold.

    Raises
    ------
    InvalidGraphError
        For a value that cannot be written down (a function, an object of a class of the user's).

    Examples
    --------
    >>> encode((1, 2.5, float("inf")))
    {'tuple': [1, 2.5, {'float': 'inf'}]}
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray):
        flat = [encode(item) for item in value.ravel().tolist()]
        return {"array": {"shape": list(value.shape), "dtype": value.dtype.name, "data": flat}}
    if isinstance(value, np.generic):
        return {"array": {"shape": [], "dtype": value.dtype.name, "data": [encode(value.item())]}}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, complex):
        return {"complex": [encode(value.real), encode(value.imag)]}
    if isinstance(value, np.dtype):
        return {"dtype": value.name}
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    raise InvalidGraphError(
        explain(
            "JSON holds graphs whose parameters are numbers, strings, dtypes, arrays, tuples of them, and graphs.",
            found=f"{value!r} of type {type(value).__name__}",
            fix="pickle the function instead and trace it again, or print the graph as text",
        )
    )


def decode(data: Any) -> Any:
    """Return the value that :func:`encode` wrote."""
    if not isinstance(data, dict):
        return data
    ((kind, held),) = data.items()
    if kind == "float":
        return float(held)
    if kind == "complex":
        return complex(decode(held[0]), decode(held[1]))
    if kind == "dtype":
        return np.dtype(held)
    if kind == "tuple":
        return tuple(decode(item) for item in held)
    if kind == "array":
        flat = np.array([decode(item) for item in held["data"]], held["dtype"])
        return flat.reshape(held["shape"]) if held["shape"] else flat[0]
    raise InvalidGraphError(explain("A value in JSON is of a kind that encode writes.", found=f"kind {kind!r}"))
