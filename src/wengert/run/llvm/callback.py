"""Interpreted equations that native code calls: a C function around one equation's NumPy evaluation.

What has no native form can stand in the middle of a native region (the body of a loop, a branch of a condition):

    address, keep = callback(step)
    description = describe_callback(step, base, status)

gives a function ``void(i8** bases, i64* description)`` that reads its operands from memory and writes its results
there.  ``keep`` must live as long as the address is in use.  Every output must have its memory already (an arena
buffer, never one of kind ``"python"``).

An exception cannot pass through native code.  It is kept, and :data:`FAILED` is stored in the status word; as long
as that word is not 0, callbacks return at once without computing anything.  A native loop must therefore look at
the status word wherever its end depends on what a callback computes.  After the native call, whoever made it calls
:func:`raise_failure` if it finds :data:`FAILED` in the word, which it had set to 0 before.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

import numpy as np

from .loops import Python, Shape, View, whole

FAILED: Final = 2
"""What the status word holds after an exception; 1 stands for an index that points outside."""

_PROTOTYPE: Final = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_size_t)
_WORD: Final = 8
_failures: Final[dict[int, BaseException]] = {}
"""Address of the status word -> the exception.  Each running call has a status word of its own."""


class Operand:
    """Makes arrays of one layout out of addresses."""

    __slots__ = ("_back", "_dtype", "_memory", "_shape", "_strides")

    def __init__(self, shape: Shape, strides: Shape, dtype: Any) -> None:
        item = dtype.itemsize
        self._shape, self._dtype = shape, dtype
        self._strides = tuple(s * item for s in strides)
        reaches = [(n - 1) * s for n, s in zip(shape, self._strides, strict=True)]
        self._back = -sum(r for r in reaches if r < 0)
        bytes_spanned = 0 if 0 in shape else self._back + sum(r for r in reaches if r > 0) + item
        self._memory = ctypes.c_char * bytes_spanned

    def __call__(self, address: int) -> Any:
        """Return the array whose first entry lies at an address."""
        if 0 in self._shape:
            return np.empty(self._shape, self._dtype)
        memory: Any = self._memory.from_address(address - self._back)
        return np.ndarray(self._shape, self._dtype, memory, self._back, self._strides)


def callback(step: Python) -> tuple[int, Any]:
    """Return the address of a native function that computes an interpreted step, and what keeps it alive.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert.run.llvm.loops import Buffer, Python, whole
    >>> x, y = Buffer(3, np.dtype(float)), Buffer(3, np.dtype(float))
    >>> step = Python(np.sin, [whole(x, (3,))], [y], [(3,)], multiple=False, equation=0)
    >>> address, keep = callback(step)
    >>> arrays = np.arange(3.0), np.empty(3), np.zeros(1, np.int64)
    >>> bases = np.array([a.ctypes.data for a in arrays])
    >>> numbers = np.array(describe_callback(step, lambda b: (0, 0) if b is x else (1, 0), (2, 0)))
    >>> keep(bases.ctypes.data, numbers.ctypes.data)
    >>> bool(np.all(arrays[1] == np.sin(arrays[0])))
    True
    """
    read = [Operand(view.shape, view.strides, view.dtype) for view in step.inputs]
    targets = [whole(b, shape) for b, shape in zip(step.outputs, step.shapes, strict=True)]
    write = [Operand(view.shape, view.strides, view.dtype) for view in targets]
    numbers_type = ctypes.c_int64 * (2 * (1 + len(read) + len(write)))
    word = ctypes.c_int64
    run, multiple = step.run, step.multiple

    def call(bases: int, description: int) -> None:
        numbers = iter(numbers_type.from_address(description))
        places = [
            word.from_address(bases + _WORD * n).value + offset for n, offset in zip(numbers, numbers, strict=True)
        ]
        status = word.from_address(places[0])
        if status.value:
            return
        try:
            args = [operand(place) for operand, place in zip(read, places[1:], strict=False)]
            with np.errstate(all="ignore"):
                made = run(*args)
            for operand, place, value in zip(
                write, places[1 + len(read) :], made if multiple else (made,), strict=True
            ):
                operand(place)[...] = value
        except BaseException as error:  # noqa: BLE001  raised again by raise_failure
            _failures[places[0]] = error
            status.value = FAILED

    function = _PROTOTYPE(call)
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address, function


def describe_callback(step: Python, base: Any, status: tuple[int, int]) -> list[int]:
    """Return the description that a step's callback reads; each place is a base's number and an offset in bytes.

    Parameters
    ----------
    step : Python
    base : callable(Buffer) -> (number, offset in bytes)
        As for :func:`~wengert.run.llvm.emit.describe`.
    status : tuple of int
        Place of the status word, an int64.
    """

    def place(view: View) -> list[int]:
        number, start = base(view.buffer)
        return [number, start + view.offset * view.dtype.itemsize]

    targets = [whole(b, shape) for b, shape in zip(step.outputs, step.shapes, strict=True)]
    return [*status, *(n for view in (*step.inputs, *targets) for n in place(view))]


def raise_failure(status: int) -> None:
    """Raise the exception that a callback left behind.

    Parameters
    ----------
    status : int
        Address of the status word.
    """
    raise _failures.pop(status)
