"""What was captured and what was not, and why."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ...core.source import user_line
from ...core.symbol import Sym
from ...errors import UntraceableError, explain
from ..context import capturing
from ..outside import root_of
from .site import Site

LARGE: Final = 100
"""Iterations from which on it is said that a loop was unrolled."""


class NotCapturedError(UntraceableError):
    """A statement cannot be captured; the message is the reason."""


class AliasError(NotCapturedError):
    """An array was written into that is, since a captured statement, no longer the array that it is in Python."""

    site: Site


class Notes:
    """Notes of one recording.

    Attributes
    ----------
    warned : set
        What has been warned of already.
    refused : dict
        Statements that are not to be captured, with the reason.
    apart : dict
        Arrays that one variable may or may not share with another in Python, by id, with the statement that knows.
    """

    def __init__(self, warned: set[Any], refused: dict[Site, str] | None = None) -> None:
        self.warned = warned
        self.refused: dict[Site, str] = {} if refused is None else refused
        self.apart: dict[int, tuple[Any, Site]] = {}
        self._lines: dict[Site, str] = {}

    def captured(self, site: Site, what: str) -> None:
        """Note that a statement has become control flow of the graph."""
        self._lines[site] = f"captured: {site} -> {what}"

    def unrolled(self, site: Site, reason: str, count: int | None = None) -> None:
        """Note that a statement has run as Python runs it."""
        how = "guarded" if site.kind == "if" else "unrolled"
        self._lines[site] = f"{how}: {site}, because {reason}"
        if count is not None and count >= LARGE:
            self.warn(site, f"the {site.kind} statement ran {count} times while it was recorded, because {reason}")

    def warn(self, site: Site, what: str) -> None:
        """Warn, once, of something that a user may want to change."""
        if site not in self.warned:
            self.warned.add(site)
            message = f"Under wg.jit, {what}\n  at:    {site}"
            warnings.warn_explicit(message, RuntimeWarning, site.filename, site.line)

    def part(self, site: Site, *arrays: Any) -> None:
        """Note arrays which must not be written into from now on, because others may be the same in Python."""
        for x in arrays:
            if isinstance(x, Sym):
                root = root_of(x)
                self.apart[id(root)] = (root, site)

    def renamed(self, made: Any, *arrays: Any) -> None:
        """Note an array in which one of these goes on: what may be another's stays so under its new name."""
        for x in arrays:
            found = self.apart.get(id(root_of(x))) if isinstance(x, Sym) else None
            if found is not None:
                self.part(found[1], made)

    def check_write(self, root: Any) -> None:
        """Refuse to write into an array that may be the same as another in Python."""
        found = self.apart.get(id(root))
        if found is not None:
            site = found[1]
            error = AliasError(
                explain(
                    "An array is written into that, depending on a captured statement, is another variable's array or "
                    "is not.",
                    found=f"the statement at {site}",
                    line=user_line(),
                    fix="assign a copy in that statement: b = a.copy()",
                )
            )
            error.site = site
            raise error

    def refuse(self, error: AliasError) -> None:
        """See to it that a statement is not captured the next time; raise the error if it was not."""
        if error.site in self.refused:
            raise error
        self.refused[error.site] = "an array that it may make another name of is written into"
        self.apart.clear()

    def effect(self, name: str, what: str) -> None:
        """Warn, once, of an effect that captured code does not have."""
        if name not in self.warned:
            self.warned.add(name)
            warnings.warn(f"wg.jit {what}\n  at:    {user_line()}", RuntimeWarning, stacklevel=2)

    @property
    def lines(self) -> list[str]:
        """A line for each statement, in the order of the source."""
        order = sorted(self._lines, key=lambda site: (site.filename, site.line))
        return [self._lines[site] for site in order]


def note(site: Site, text: str) -> None:
    """Note that a statement was captured, if somebody wants to know."""
    notes = capturing()
    if notes is not None:
        notes.captured(site, text)


def note_unrolled(site: Site, reason: str, count: int | None = None) -> None:
    """Note that a statement was not captured, if somebody wants to know."""
    notes = capturing()
    if notes is not None:
        notes.unrolled(site, reason, count)


@contextmanager
def attempt() -> Iterator[None]:
    """Forget what is noted of arrays in a recording that is given up."""
    notes = capturing()
    before = {} if notes is None else dict(notes.apart)
    try:
        yield
    except BaseException:
        if notes is not None:
            notes.apart = before
        raise


def refusal(site: Site) -> str:
    """Say why a statement is not to be captured; empty if it may be."""
    notes = capturing()
    return site.obstacle or ("" if notes is None else notes.refused.get(site, ""))


def keep_apart(site: Site, *arrays: Any) -> None:
    """Note arrays which must not be written into from now on."""
    notes = capturing()
    if notes is not None:
        notes.part(site, *arrays)


def goes_on(made: Any, *arrays: Any) -> None:
    """Note an array in which one of others goes on, behind a captured statement."""
    notes = capturing()
    if notes is not None:
        notes.renamed(made, *arrays)


def reason_of(error: BaseException) -> str:
    """Return an error in one line."""
    text = str(error).strip()
    first = text.partition("\n")[0] or type(error).__name__
    found = next((line for line in text.split("\n") if line.startswith("  found: ")), "")
    return first.rstrip(".") + (f" ({found.removeprefix('  found: ')})" if found else "")
