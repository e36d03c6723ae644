"""What the rewritten code of a function says about one of its statements."""

from __future__ import annotations

import linecache
import os
from dataclasses import dataclass
from typing import Final

Names = frozenset[str]

RESULT: Final = "_wg_result"
"""The variable that holds what a function returns where a return statement has become a signal."""
RUNTIME: Final = "__wengert__"
"""The global name under which rewritten code finds what it calls."""

NEXT, BREAK, CONTINUE, RETURN = 0, 1, 2, 3
"""Signals: how a block of statements ended.  None is the same as NEXT."""


@dataclass(frozen=True)
class Site:
    """A statement.

    Attributes
    ----------
    filename, line, function
        Where it stands.
    kind : str
        ``"for"``, ``"while"``, ``"if"``.
    bound : frozenset of str
        Names that it assigns.
    head : frozenset of str
        Names needed at the start of an iteration.
    after : frozenset of str
        Names needed behind it.
    exits : frozenset of str
        Names needed wherever a jump in it leads.
    stored : frozenset of str
        Names of containers and arrays that it writes into.
    written : frozenset of str
        The same for the whole function.
    jumps : bool
        A break (of a loop), or any jump (of a choice), is in it.
    returns : bool
        A return is in it.
    always : tuple of bool
        For a choice: which branches always end in a jump.
    obstacle : str
        Why it is not captured; empty if it may be.
    appends : frozenset of str
        For a loop: names of what each iteration appends to, once, and does not mention otherwise.
    """

    filename: str
    line: int
    function: str
    kind: str
    bound: Names
    head: Names
    after: Names
    exits: Names
    stored: Names
    written: Names
    jumps: bool = False
    returns: bool = False
    always: tuple[bool, bool] = (False, False)
    obstacle: str = ""
    appends: Names = frozenset()

    @property
    def text(self) -> str:
        """The line of source text; empty where it is not to be had."""
        return linecache.getline(self.filename, self.line).strip()

    def __str__(self) -> str:
        where = f"{os.path.basename(self.filename)}:{self.line} in {self.function}"
        return f"{where}: {self.text}" if self.text else where


SITES: Final[list[Site]] = []
"""All statements of rewritten functions; the code refers to them by number."""


def register(site: Site) -> int:
    """Give a statement a number."""
    SITES.append(site)
    return len(SITES) - 1
