"""Whether two places of an array, as loops walk along them, are ever the same.

A place is an affine expression of counters for each axis.  That two never meet follows from bounds: if the difference
along an axis, each place at an iteration of its own, is always positive, or always negative (U. Banerjee, *Loop
Transformations for Restructuring Compilers*, 1993).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...core.bounds import Affine, Counter
from .loops import Buffer

_OTHER: Final = 1 << 20
"""Depth of the counters of another iteration: inside of all that it depends on."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an access goes: a buffer, an offset, and along axes (size, stride) an expression each, None if unknown."""

    buffer: Buffer
    offset: int
    indexed: tuple[tuple[int, int], ...]
    forms: tuple[Affine | None, ...]

    @property
    def is_plain(self) -> bool:
        """Whether it is known, and depends on counters only, not on other numbers, which may change."""
        return all(form is not None and all(counter.depth >= 0 for counter, _ in form.terms) for form in self.forms)


class Relation(enum.Enum):
    """How two places lie to each other, in any two iterations."""

    APART = enum.auto()
    """They never meet."""
    EQUAL = enum.auto()
    """They are written alike: in one iteration they are the same."""
    CROSS = enum.auto()
    """They may meet in different iterations."""


def relation(a: Place, b: Place, axes: Sequence[Counter]) -> Relation:
    """Return how two places lie to each other in loops with some counters."""
    if a.buffer is not b.buffer:
        return Relation.APART
    if None in a.forms or None in b.forms:
        return Relation.CROSS
    if (a.offset, a.indexed) == (b.offset, b.indexed):
        pairs = [(f, g) for f, g in zip(a.forms, b.forms, strict=True) if f is not None and g is not None]
    else:
        pairs = [(flat(a), flat(b))]
    if any(_never(f, g, axes) for f, g in pairs):
        return Relation.APART
    return Relation.EQUAL if all(f == g for f, g in pairs) else Relation.CROSS


def injective(place: Place, axes: Sequence[Counter]) -> bool:
    """Say whether no two iterations have the same place: each counter moves along an axis that no other moves along."""
    moving = [
        {counter for counter, _ in form.terms if counter in axes}
        for form, (_, stride) in zip(place.forms, place.indexed, strict=True)
        if form is not None and stride
    ]
    return all(any(found == {counter} for found in moving) for counter in axes)


def in_order(form: Affine) -> Affine:
    """Return an expression with its terms in order, so that equal ones are written alike."""
    return Affine(form.constant, tuple(sorted(form.terms, key=lambda term: term[0].depth)))


def flat(place: Place) -> Affine:
    """Return which entry of its buffer a place is; axes of which nothing is known do not count."""
    total = Affine(place.offset)
    for form, (_, stride) in zip(place.forms, place.indexed, strict=True):
        if form is not None:
            total = total.plus(form.times(stride))
    return in_order(total)


def _never(f: Affine, g: Affine, axes: Sequence[Counter]) -> bool:
    """Say whether two expressions, each at an iteration of its own, are certain to differ."""
    difference = f.plus(_elsewhere(g, axes), -1)
    low, high = _extreme(difference, False), _extreme(difference, True)
    return (low is not None and low > 0) or (high is not None and high < 0)


def _elsewhere(form: Affine, axes: Sequence[Counter]) -> Affine:
    """Return an expression at another iteration, where bounds that depend on counters are others, too."""

    def moved(counter: Counter) -> Counter:
        if counter not in axes:
            return counter
        return Counter(counter.depth + _OTHER, None if counter.last is None else _elsewhere(counter.last, axes))

    return Affine(form.constant, tuple((moved(counter), c) for counter, c in form.terms))


def _extreme(form: Affine, upper: bool) -> int | None:
    """Return the largest (or smallest) value; None where it is not known.

    Unlike :meth:`.Affine.extreme`, it meets numbers of which nothing is known, whose depth is negative.
    """
    while form.terms:
        counter, c = max(form.terms, key=lambda term: term[0].depth)
        if counter.depth < 0:
            return None
        rest = Affine(form.constant, tuple(term for term in form.terms if term[0] != counter))
        if (c > 0) == upper:
            if counter.last is None:
                return None
            rest = rest.plus(counter.last.times(c))
        form = rest
    return form.constant
