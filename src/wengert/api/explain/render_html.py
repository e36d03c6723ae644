"""Reports as HTML: a part for notebooks, and a page that stands alone (no script, nothing from the network).

Everything that comes from the user's program (names, source lines, strings) passes through :func:`html.escape`.  The
markup is also well-formed XML, which the tests make use of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from .blocks import Block, Code, Curve, Paragraph, Picture, Section, Table
from .svg import curve

_STYLE: Final = """
.wengert { font: 15px/1.5 system-ui, sans-serif; color: #1c2330; background: #ffffff; max-width: 76rem; }
.wengert h1 { font-size: 1.6rem; } .wengert h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.wengert nav a { margin-right: 1rem; color: #0b5394; }
.wengert .scroll { overflow-x: auto; }
.wengert table { border-collapse: collapse; margin: .8rem 0; font-size: .88rem; }
.wengert caption { text-align: left; font-weight: 600; padding: .2rem 0; }
.wengert th, .wengert td { text-align: left; vertical-align: top; padding: .25rem .7rem; border-bottom: 1px solid
#d5dae3; } .wengert th { border-bottom: 2px solid #8490a5; }
.wengert td { font-family: ui-monospace, monospace; } .wengert .number { text-align: right; }
.wengert pre { background: #f3f5f9; padding: .8rem; overflow-x: auto; font-size: .85rem; }
.wengert svg { max-width: 100%; height: auto; }
@media (prefers-color-scheme: dark) {
  .wengert { color: #e4e8f0; background: #14181f; } .wengert nav a { color: #8ec1ff; }
  .wengert th, .wengert td { border-color: #3a4354; } .wengert pre { background: #1e242e; }
}
@media print { .wengert nav { display: none; } .wengert .scroll { overflow: visible; } }
"""


def part(sections: tuple[Section, ...], title: str) -> str:
    """Return a report as one HTML element."""
    links = "".join(f'<a href="#wengert-{escape(s.name)}">{escape(s.title)}</a> ' for s in sections)
    body = "".join(_section(section) for section in sections)
    return f'<div class="wengert"><style>{_STYLE}</style><h1>{escape(title)}</h1><nav>{links}</nav>{body}</div>'


def page(sections: tuple[Section, ...], title: str) -> str:
    """Return a report as a page of its own."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title><style>html {{ color-scheme: light dark; }} body "
        f"{{ margin: 1.5rem; }}</style></head>"
        f"<body><main>{part(sections, title)}</main></body></html>\n"
    )


def _section(section: Section) -> str:
    blocks = "".join(_block(block) for block in section.blocks)
    return f'<section id="wengert-{escape(section.name)}"><h2>{escape(section.title)}</h2>{blocks}</section>'


def _block(block: Block) -> str:
    match block:
        case Paragraph(text=text):
            return f"<p>{_clean(text)}</p>"
        case Code(text=text):
            return f"<pre>{_clean(text)}</pre>"
        case Table():
            return f'<div class="scroll">{"".join(_table(block))}</div>'
        case Curve():
            return curve(block)
        case Picture(svg=svg, caption=caption):
            return f'<p>{_clean(caption)}</p><div class="scroll">{svg}</div>'


def _table(table: Table) -> Iterator[str]:
    yield "<table>"
    if table.title:
        yield f"<caption>{_clean(table.title)}</caption>"
    yield f"<thead>{_row(table.heads, table.numbers, 'th')}</thead><tbody>"
    for row in table.rows:
        yield _row(row, table.numbers, "td")
    yield "</tbody></table>"


def _row(cells: Sequence[str], numbers: frozenset[int], tag: str) -> str:
    made = []
    for k, cell in enumerate(cells):
        attribute = ' class="number"' if k in numbers else ""
        made.append(f"<{tag}{attribute}>{_clean(cell)}</{tag}>")
    return f"<tr>{''.join(made)}</tr>"


def _clean(text: str) -> str:
    """Escape text, and leave out control characters, which no markup may hold."""
    return escape("".join(c for c in text if c >= " " or c in "\n\t"))
