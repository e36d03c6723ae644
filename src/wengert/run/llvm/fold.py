"""Products that are added to something: BLAS adds while it multiplies.

``p - rate * (x.T @ d)``, the update of a parameter, would write the product to memory, and read it again to subtract
it.  gemm computes ``alpha * x @ y + out`` as fast as ``x @ y``: so ``p`` is copied to where the result goes (nothing,
where the result takes over the memory of ``p``), and the product is added to it.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from .loops import Buffer, Const, Load, Loop, Op, Product, Store, View, is_whole, used
from .plan import touched


def fold_products(steps: list[Any]) -> None:
    """Rewrite products whose only use is to be added to something, or subtracted from it."""
    uses = Counter(buffer for step in steps for buffer in set(touched(step)))
    k = 0
    while k < len(steps):
        product = steps[k]
        buffer = product.out.buffer if isinstance(product, Product) else None
        if buffer is not None and buffer.kind == "arena" and uses[buffer] == 2 and not product.accumulate:
            last = next(j for j in range(k + 1, len(steps)) if buffer in touched(steps[j]))
            if isinstance(steps[last], Loop) and _fold(steps, k, last, buffer):
                continue  # the product has moved; what is at k now has not been looked at
        k += 1


def _fold(steps: list[Any], at: int, last: int, buffer: Buffer) -> bool:
    product, loop = steps[at], steps[last]
    found = _update(loop, buffer)
    if found is None:
        return False
    store, base, alpha = found
    target = loop.accesses[store.access]
    operands = {product.x.buffer, product.y.buffer}
    between = steps[at + 1 : last + 1]
    if target.buffer in operands or any(_writes(step) & operands for step in between):
        return False
    b, m, n = product.out.shape
    source = loop.accesses[base]
    loop.stores.remove(store)
    replaced: list[Any] = [used(loop)] if loop.stores else []
    replaced.append(Loop(loop.shape, [source, target], [Load(0)], [Store(1, 0)]))
    out = View(target.buffer, target.offset, (m * n, n, 1), (b, m, n))
    replaced.append(Product(product.x, product.y, out, True, alpha))
    steps[last : last + 1] = replaced
    del steps[at]
    return True


def _update(loop: Loop, buffer: Buffer) -> tuple[Store, int, float] | None:
    """Return the store that adds a multiple of a buffer to an access, the access, and the multiple."""
    touching = [k for k, view in enumerate(loop.accesses) if view.buffer is buffer]
    if len(touching) != 1 or not _is_all(loop.accesses[touching[0]]) or Load(touching[0]) not in loop.body:
        return None
    value, alpha = loop.body.index(Load(touching[0])), 1.0
    reader = _only_reader(loop, value)
    if reader is not None and loop.body[reader].name in ("mul", "scale"):
        factor = loop.body[_other(loop.body[reader], value)]
        if not isinstance(factor, Const) or not factor.value or not math.isfinite(factor.value):
            return None
        value, alpha = reader, float(factor.dtype.type(factor.value))
        reader = _only_reader(loop, value)
    if reader is None or loop.body[reader].name not in ("add", "sub"):
        return None
    total = loop.body[reader]
    if total.name == "sub":
        alpha = -alpha
        if total.args[1] != value:
            return None
    base = loop.body[_other(total, value)]
    stores = [store for store in loop.stores if store.item == reader]
    if not isinstance(base, Load) or len(stores) != 1 or _read_by(loop, reader):
        return None
    store = stores[0]
    target, source = loop.accesses[store.access], loop.accesses[base.access]
    if store.how != "set" or store.at or not _is_all(target) or source.buffer is target.buffer:
        return None
    return store, base.access, alpha


def _is_all(view: View) -> bool:
    return is_whole(view) and view.offset == 0 and not view.indexed


def _other(op: Op, value: int) -> int:
    return op.args[0] if op.args[1] == value else op.args[1]


def _read_by(loop: Loop, value: int) -> list[int]:
    """Return the items that read an item."""
    return [
        j for j, item in enumerate(loop.body) if value in getattr(item, "args", ()) or value in getattr(item, "at", ())
    ]


def _only_reader(loop: Loop, value: int) -> int | None:
    """Return the operation that reads an item once, if nothing else does."""
    readers = _read_by(loop, value)
    if len(readers) != 1 or any(value == store.item or value in store.at for store in loop.stores):
        return None
    item = loop.body[readers[0]]
    return readers[0] if isinstance(item, Op) and item.args.count(value) == 1 and len(item.args) == 2 else None


def _writes(step: Any) -> set[Buffer]:
    if isinstance(step, Loop):
        return set(step.written)
    if isinstance(step, Product):
        return {step.out.buffer}
    return set(touched(step))
