"""The tests that every primitive gets from its own record.

A record holds several descriptions of one operation: what it computes, its shape, its derivative, its transpose, how
to batch it, faster variants.  Each check here holds two of them against each other on the record's own samples, so
that a new primitive is tested by being registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from ..core.primitive import PRIMITIVES, Primitive, Sample
from . import derivatives, values
from .single import RuleError

__all__ = ["CHECKS", "RuleError", "cases", "check"]

Check = Callable[[Primitive, Sample], None]

CHECKS: Final[Mapping[str, Check]] = {
    "record": values.check_record,
    "infer": values.check_infer,
    "stage": values.check_stage,
    "inplace": values.check_inplace,
    "claims": values.check_claims,
    "run": values.check_run,
    "scalars": values.check_scalars,
    "batch": values.check_batch,
    "layout": values.check_layout,
    "edges": values.check_edges,
    "forward": derivatives.check_forward,
    "reverse": derivatives.check_reverse,
    "second": derivatives.check_second,
    "special": derivatives.check_special,
    "edge_derivatives": derivatives.check_edge_derivatives,
}
"""Name -> what to run on a primitive and one of its samples.  Each raises RuleError."""


def cases(records: Mapping[str, Primitive] = PRIMITIVES) -> Iterator[tuple[Primitive, int]]:
    """Yield each primitive with the number of each of its samples.

    Examples
    --------
    >>> import wengert
    >>> ("exp", 0) in {(record.name, number) for record, number in cases()}
    True
    """
    for record in records.values():
        for number in range(len(record.samples())):
            yield record, number


def check(record: Primitive, only: str | None = None) -> None:
    """Run the checks, or the one named, on all samples of a primitive.

    Parameters
    ----------
    record : Primitive
    only : str, optional
        A name in :data:`CHECKS`.

    Raises
    ------
    RuleError
        At the first rule that contradicts another.

    Examples
    --------
    >>> from wengert.core.primitive import PRIMITIVES
    >>> check(PRIMITIVES["sin"])
    """
    for sample in record.samples():
        for name, one in CHECKS.items():
            if only is None or name == only:
                one(record, sample)
