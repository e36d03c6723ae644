"""What reports are made of: paragraphs, tables, code and curves, which the text and the HTML renderer can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Text whose line breaks and spaces count."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of short texts under headings.

    Attributes
    ----------
    heads : sequence of str
    rows : sequence of sequences of str
    title : str
    numbers : frozenset of int
        Columns to be aligned at the right.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Curve:
    """Positive quantities over a positive quantity, to be drawn with two logarithmic axes.

    Attributes
    ----------
    x : sequence of float
    series : sequence of (name, values)
        None where there is no value.
    x_label, y_label : str
    """

    x: Sequence[float]
    series: Sequence[tuple[str, Sequence[float | None]]]
    x_label: str
    y_label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing in SVG; the text renderer leaves it out, for what it shows stands in a table too."""

    svg: str
    caption: str = ""


Block = Paragraph | Code | Table | Curve | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report.

    Attributes
    ----------
    name : str
        What :meth:`Report.section` knows it by.
    title : str
    blocks : sequence of Block
        For people.
    data : dict
        The same for programs, JSON-able.
    """

    name: str
    title: str
    blocks: Sequence[Block]
    data: dict[str, Any]
