"""Products in which zero wins over inf and nan, nearly at the price of plain products.

In ``scale``, 0 times inf is 0.  Looking for that in every product takes longer than the product.  But where zero has to
win, the plain product is nan, and that is rare: so a point, or a vector of points, is computed with plain products,
one branch asks whether any of them is nan, and there everything that depends on them is computed again, with care.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import ir
from .loops import Op
from .scalars import is_plain


def hoped_for(item: Op, args: Sequence[Any]) -> bool:
    """Say whether an operation is a product in which zero may have to win."""
    return item.name == "scale" and not any(map(is_plain, args))


def with_care(
    b: ir.Builder, body: Sequence[Any], values: list[Any], products: Sequence[int], apply: Callable[..., Any]
) -> None:
    """Emit the branch after a point's operations; those that it changes are replaced in ``values``.

    Parameters
    ----------
    b : Builder
    body : sequence
        The loop's items.
    values : list
        What each item was, with plain products.
    products : sequence of int
        The items that are such products.
    apply : callable(item, args)
        Emits an operation, with care.
    """
    bad = _any_nan(b, [values[j] for j in products])
    before = b.block
    again: dict[int, Any] = {}
    with b.if_then(bad, likely=False):
        for j, item in enumerate(body):
            if isinstance(item, Op) and (j in products or not again.keys().isdisjoint(item.args)):
                again[j] = apply(item, [again.get(k, values[k]) for k in item.args])
        rare = b.block
    for j, careful in again.items():
        found = b.phi(careful.type)
        found.add_incoming(values[j], before)
        found.add_incoming(careful, rare)
        values[j] = found


def _any_nan(b: ir.Builder, values: Sequence[Any]) -> Any:
    """Return whether any lane of any value is nan; a comparison looks at two at once."""
    found: Any = None
    by_type: dict[Any, list[Any]] = {}
    for value in values:
        by_type.setdefault(value.type, []).append(value)
    for alike in by_type.values():
        mask: Any = None
        for k in range(0, len(alike), 2):
            one = b.fcmp_unordered("uno", alike[k], alike[min(k + 1, len(alike) - 1)])
            mask = one if mask is None else b.or_(mask, one)
        mask = b.any_lane(mask)
        found = mask if found is None else b.or_(found, mask)
    return found
