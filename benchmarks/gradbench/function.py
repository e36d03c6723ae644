"""What the suite calls a function: how its input is read, what runs, how its result is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Function:
    """One function of an eval.

    Attributes
    ----------
    run : callable
        What is timed.
    parse : callable
        From the message's input to the arguments.
    encode : callable
        From the result to what JSON can hold.
    static : tuple of int
        Arguments that decide shapes or trip counts, for ``wg.jit``.
    """

    run: Callable[..., Any]
    parse: Callable[[Any], tuple[Any, ...]]
    encode: Callable[[Any], Any] = float
    static: tuple[int, ...] = ()


def array(value: Any) -> Array:
    return np.asarray(value, dtype=np.float64)


def as_list(value: Any) -> Any:
    return np.asarray(value).tolist()
