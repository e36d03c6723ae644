"""The user's source text, as far as equations come from it."""

from __future__ import annotations

import inspect
import linecache
import os
from collections.abc import Iterable
from typing import Any, Final

from ..core.source import Source

_MOST_LINES: Final = 2000


class Sources:
    """Functions of the user's whose lines made equations.

    Attributes
    ----------
    blocks : list of dict
        ``function``, ``file`` (its name without folders), ``first`` (number of the first line) and ``lines``.
    """

    def __init__(self) -> None:
        self.blocks: list[dict[str, Any]] = []
        self._of_code: dict[int, int] = {}
        self._lines: dict[tuple[int, int], int] = {}

    def add(self, code: Any) -> int:
        """Return the number of a code object's block."""
        found = self._of_code.get(id(code))
        if found is None:
            found = self._of_code[id(code)] = len(self.blocks)
            self.blocks.append(_lines_of(code))
        return found

    def place(self, source: Source | None) -> list[int] | None:
        """Return (block, line) of a place."""
        if source is None:
            return None
        # By identity: Python calls the code of two functions equal if it does the same at the same line.
        key = (id(source.code), source.lasti)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = source.lineno
        return [self._block(source.code, line), line]

    def _block(self, code: Any, line: int) -> int:
        """Return the number of the block that shows a line of some code.

        The body of a captured loop is code of its own that goes by its function's name: it is shown in the function.
        """
        for number, block in enumerate(self.blocks):
            if (
                block["function"] == code.co_qualname
                and block["file"] == os.path.basename(code.co_filename)
                and block["first"] <= line < block["first"] + len(block["lines"])
            ):
                return number
        return self.add(code)


def _lines_of(code: Any) -> dict[str, Any]:
    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno
    own: Iterable[str] = []
    if code.co_name == "<module>":
        own = lines[:_MOST_LINES]
    elif 0 < first <= len(lines):
        own = inspect.getblock(lines[first - 1 : first - 1 + _MOST_LINES])
    return {
        "function": code.co_qualname,
        "file": os.path.basename(code.co_filename),
        "first": first,
        "lines": [line.rstrip("\n") for line in own],
    }
