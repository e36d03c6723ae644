"""Reports as plain, aligned text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from .blocks import Code, Paragraph, Section, Table

_WIDTH: Final = 110
_CELL: Final = 56
"""Longer cells go on in the next line."""


def render(sections: tuple[Section, ...], title: str) -> str:
    """Return a whole report as text."""
    parts = [f"{title}\n{'=' * len(title)}"]
    parts += [section_text(section, k) for k, section in enumerate(sections, 1)]
    return "\n\n".join(parts) + "\n"


def section_text(section: Section, number: int | None = None) -> str:
    """Return one section as text."""
    head = section.title if number is None else f"{number}. {section.title}"
    blocks = [f"{head}\n{'-' * len(head)}"]
    for block in section.blocks:
        match block:
            case Paragraph(text=text):
                blocks.append(textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False))
            case Code(text=text):
                blocks.append(textwrap.indent(text, "    "))
            case Table():
                blocks.append("\n".join(table_lines(block)))
    return "\n\n".join(blocks)


def table_lines(table: Table) -> Iterator[str]:
    """Yield the lines of a table: columns as wide as they need to be, long cells broken."""
    if table.title:
        yield f"{table.title}:"
    used = [k for k in range(len(table.heads)) if any(row[k] for row in table.rows)] or list(range(len(table.heads)))
    rows = [[textwrap.wrap(row[k], _CELL, subsequent_indent="  ") or [""] for k in used] for row in table.rows]
    heads = [table.heads[k] for k in used]
    widths = [max([len(head), *(len(line) for row in rows for line in row[c])]) for c, head in enumerate(heads)]
    right = [k in table.numbers for k in used]

    def line(cells: list[str]) -> str:
        padded = [f"{x:>{w}}" if r else f"{x:<{w}}" for x, w, r in zip(cells, widths, right, strict=True)]
        return ("  " + "  ".join(padded)).rstrip()

    yield line(heads)
    yield line(["-" * width for width in widths])
    for row in rows:
        for n in range(max(map(len, row))):
            yield line([cell[n] if n < len(cell) else "" for cell in row])
