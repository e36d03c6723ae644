"""Tables of reports in LaTeX, with the lines of the package booktabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from .blocks import Section, Table

_SPECIAL: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}", "'": r"\textquotesingle{}", "-": "{-}",
}  # fmt: skip
"""Hyphens are put into braces, so that two of them stay two and are no dash."""


def escaped(text: str) -> str:
    """Return a text as LaTeX that prints its characters; no command in it is obeyed.

    Examples
    --------
    >>> print(escaped("v_1 & 5%"))
    v\\_1 \\& 5\\%
    """
    text = " ".join(text.split())
    return "".join(_SPECIAL.get(c, c) for c in text if c >= " " and not "\ud800" <= c <= "\udfff" and c != "\x7f")


def tables(sections: Sequence[Section]) -> str:
    """Return the tables of some sections as LaTeX."""
    lines = [
        r"% \usepackage[T1]{fontenc}",
        r"% \usepackage{booktabs,textcomp,graphicx}",
    ]
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Table) and block.rows:
                lines += ["", *_table(block, section.title)]
    return "\n".join(lines) + "\n"


def _table(table: Table, title: str) -> Iterator[str]:
    used = [k for k in range(len(table.heads)) if any(row[k] for row in table.rows)]
    yield r"\begin{table}"
    yield r"\centering"
    yield rf"\caption{{{escaped(f'{title}: {table.title}' if table.title else title)}}}"
    yield r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    yield rf"\begin{{tabular}}{{{''.join('r' if k in table.numbers else 'l' for k in used)}}}"
    yield r"\toprule"
    yield " & ".join(escaped(table.heads[k]) for k in used) + r" \\"
    yield r"\midrule"
    for row in table.rows:
        yield " & ".join(rf"\texttt{{{escaped(row[k])}}}" if row[k] else "" for k in used) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}}"
    yield r"\end{table}"
