"""The user's own line: who called, outside of this package, of NumPy and of SciPy.

Recording stores only a code object and an instruction offset, which is cheap; the file name, line number and text
are looked up when somebody asks to see them.
"""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType
from typing import Final, NamedTuple

import numpy as np

_HERE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY: Final = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_SCIPY: Final = os.path.join(os.path.dirname(_NUMPY.rstrip(os.sep)), "scipy") + os.sep
_INTERNAL: Final = (_HERE, _NUMPY, _SCIPY)
INTERNAL_FILES: Final[dict[str, bool]] = {}
"""File name -> whether it belongs to Wengert, NumPy or SciPy, as :func:`is_internal` has found."""


def is_internal(filename: str) -> bool:
    """Say whether a file belongs to Wengert, NumPy or SciPy rather than to the user."""
    if len(INTERNAL_FILES) > 100_000:  # names made up by exec in a loop must not fill the memory
        INTERNAL_FILES.clear()
    return INTERNAL_FILES.setdefault(filename, filename.startswith(_INTERNAL))


class Source(NamedTuple):
    """A place in the user's program: a code object and the offset of an instruction in it.

    ``role`` says what is done there: the value itself is computed (""), or its "tangent" (with the factors of the chain
    rule), or "cotangent"s are pulled back.
    """

    code: CodeType
    lasti: int
    role: str = ""

    @property
    def filename(self) -> str:
        return self.code.co_filename

    @property
    def function(self) -> str:
        return self.code.co_qualname

    @property
    def lineno(self) -> int:
        index = self.lasti // 2
        for i, (start, _, _, _) in enumerate(self.code.co_positions()):
            if i == index:
                return start or self.code.co_firstlineno
        return self.code.co_firstlineno

    @property
    def text(self) -> str:
        """The line of source text, stripped; empty where the source is not to be had."""
        return linecache.getline(self.filename, self.lineno).strip()

    def __str__(self) -> str:
        where = f"{os.path.basename(self.filename)}:{self.lineno} in {self.function}"
        return f"{where}: {self.text}" if self.text else where


def playing(source: Source | None, role: str) -> Source | None:
    """Return a place with another role."""
    return source if source is None or source.role == role else Source(source.code, source.lasti, role)


def user_source() -> Source | None:
    """Return the innermost frame that belongs neither to Wengert nor to NumPy or SciPy."""
    frame = sys._getframe(1)
    while frame is not None:
        if not is_internal(frame.f_code.co_filename):
            return Source(frame.f_code, frame.f_lasti)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def user_line() -> str:
    """Return the user's line as text for an error message; empty where there is none."""
    source = user_source()
    return "" if source is None else str(source)
