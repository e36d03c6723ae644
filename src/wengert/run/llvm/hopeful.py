"""Products in which zero wins over inf and nan, nearly at the price of plain products.

In ``scale``, 0 times inf is 0.  Looking for that in every product takes longer than the product.  But where zero has to
win, the plain product is nan, and that is rare: so a point, or a vector of points, is computed with plain products,
one branch asks whether any of them is nan, and there everything that depends on them is computed again, with care.

Numbers that conditions choose among constants, as the weights of a minimum's operands are, make no such product at all:
``scale(select(c, 1, 0), t)`` is ``select(c, t, 0)``.

Not each product has to be looked at: what is computed from nan by arithmetic is nan too, so it is enough to look at
the ends of all chains of arithmetic that begin with products.  Products on which it depends where something is read or
written are computed with care at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from . import ir
from .loops import Const, Loop, Op
from .scalars import is_plain

_STICKY: Final = frozenset({"add", "sub", "neg", "mul", "madd", "scale", "div", "reciprocal"})
"""Operations whose result is nan where an operand is: of ``scale``, what is hoped for."""


def hoped_for(item: Op, args: Sequence[Any]) -> bool:
    """Say whether an operation is a product in which zero may have to win."""
    return item.name == "scale" and not any(map(is_plain, args))


def weighing(body: Sequence[Any], item: Op) -> int | None:
    """Return which factor of a product is chosen by conditions among finite constants; None if none of them is."""
    if item.name != "scale" or item.out.kind != "f":
        return None
    return next((k for k in (0, 1) if isinstance(body[item.args[k]], Op) and _is_weight(body, item.args[k])), None)


def _is_weight(body: Sequence[Any], j: int) -> bool:
    item = body[j]
    if isinstance(item, Const):
        return math.isfinite(item.value)
    return isinstance(item, Op) and item.name == "select" and all(_is_weight(body, k) for k in item.args[1:])


def weighed(b: ir.Builder, body: Sequence[Any], values: Sequence[Any], j: int, value: Any) -> Any:
    """Emit the product of a chosen constant, item j, and a value; ``values`` has the conditions."""
    item = body[j]
    if isinstance(item, Op):
        x, y = (weighed(b, body, values, k, value) for k in item.args[1:])
        return b.select(values[item.args[0]], x, y)
    number = float(item.value)
    if number == 1:
        return value
    factor = ir.Constant(value.type, number)
    return b.fmul(factor, value) if number else factor


def placing(loop: Loop) -> set[int]:
    """Return the items on which it depends where a loop reads and writes."""
    found = {j for part in [*loop.body, *loop.stores] for j in getattr(part, "at", ())}
    for j in reversed(range(len(loop.body))):
        if j in found:
            found |= {*getattr(loop.body[j], "args", ()), *getattr(loop.body[j], "at", ())}
    return found


def fused_products(loop: Loop, exact: Collection[int], constant: Collection[int] = ()) -> dict[int, int]:
    """Return the sums and differences that a product is rounded with, and which operand that is.

    These are products of derivatives, ``scale``, that nothing else reads: what is added up of them has no meaning
    of its own.  Products of values are rounded as NumPy does, so that what depends on them is decided alike.
    Those that are constant in the loop stay what they are: they were computed with care in front of it.
    """
    uses = Counter(j for item in loop.body for j in (*getattr(item, "args", ()), *getattr(item, "at", ())))
    uses.update(j for store in loop.stores for j in (store.item, *store.at))
    found: dict[int, int] = {}
    for at, item in enumerate(loop.body):
        if not isinstance(item, Op) or item.name not in ("add", "sub") or item.out.kind != "f" or at in exact:
            continue
        for k in (1, 0):
            j = item.args[k]
            factor = loop.body[j]
            product = isinstance(factor, Op) and factor.name == "scale"
            if product and j not in constant and uses[j] == 1 and weighing(loop.body, factor) is None:
                found[at] = k
                break
    return found


def tame_products(loop: Loop, constant: Mapping[int, Any], summed: Collection[int]) -> tuple[dict[int, int], bool]:
    """Return the products in which zero may have to win that have a factor which is the same for all points, and it.

    If the factor is finite and not zero, the product is the plain one, whatever the other factor.  If there are other
    such products as well, which is returned, too, nan has to be looked for anyway: then there are none.  Those that are
    ``summed`` do not count: these are looked at behind the loop.
    """
    tame, wild = {}, False
    for j, item in enumerate(loop.body):
        if j in constant or j in summed or not isinstance(item, Op) or weighing(loop.body, item) is not None:
            continue
        if hoped_for(item, [constant.get(k) for k in item.args]):
            steady = [k for k in item.args if k in constant]
            if steady:
                tame[j] = steady[0]
            else:
                wild = True
    return ({} if wild else tame), wild


def stop_if_tame(b: ir.Builder, constant: Mapping[int, Any], tame: Mapping[int, int], start: Any, stop: Any) -> Any:
    """Return where a loop ends that takes products as plain ones: at its start, unless all factors allow for that."""
    found: Any = None
    for j in dict.fromkeys(tame.values()):
        size = b.intrinsic("fabs", constant[j])
        finite = b.fcmp_ordered("<", size, ir.Constant(size.type, math.inf))
        one = b.and_(finite, b.fcmp_ordered(">", size, ir.Constant(size.type, 0.0)))
        found = one if found is None else b.and_(found, one)
    return stop if found is None else b.select(found, stop, start)


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
    bad = _any_nan(b, [values[j] for j in ends(body, products)])
    before = b.block
    again: dict[int, Any] = {}
    with b.if_then(bad, likely=False):
        for j, item in enumerate(body):
            if isinstance(item, Op) and (j in products or values[j] is None or not again.keys().isdisjoint(item.args)):
                again[j] = apply(item, [again.get(k, values[k]) for k in item.args])
        rare = b.block
    for j, careful in again.items():
        if values[j] is None:
            continue
        found = b.phi(careful.type)
        found.add_incoming(values[j], before)
        found.add_incoming(careful, rare)
        values[j] = found


def ends(body: Sequence[Any], products: Sequence[int]) -> list[int]:
    """Return the items that are nan if any of the products is: with which chains of arithmetic on them end."""
    chains, going_on = set(products), set()
    for j, item in enumerate(body):
        if isinstance(item, Op) and item.name in _STICKY and item.out.kind == "f" and weighing(body, item) is None:
            before = chains.intersection(item.args)
            if before:
                chains.add(j)
                going_on |= before
    return sorted(chains - going_on)


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
