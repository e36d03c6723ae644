"""What was captured and what was not, and why."""

from __future__ import annotations

import warnings
from typing import Any, Final

from ...core.source import user_line
from ...errors import UntraceableError
from ..context import capturing
from .site import Site

LARGE: Final = 100
"""Iterations from which on it is said that a loop was unrolled."""


class NotCapturedError(UntraceableError):
    """A statement cannot be captured; the message is the reason."""


class Notes:
    """Notes of one recording.

    Attributes
    ----------
    warned : set
        What has been warned of already.
    """

    def __init__(self, warned: set[Any]) -> None:
        self.warned = warned
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


def reason_of(error: BaseException) -> str:
    """Return an error in one line."""
    text = str(error).strip()
    first = text.partition("\n")[0] or type(error).__name__
    found = next((line for line in text.split("\n") if line.startswith("  found: ")), "")
    return first.rstrip(".") + (f" ({found.removeprefix('  found: ')})" if found else "")
