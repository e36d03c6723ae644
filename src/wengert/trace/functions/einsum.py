"""Einstein sums: every one is diagonals, sums, and a sequence of products of two operands."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from typing import Any, Final

import numpy as np

from ...core.source import user_line
from ..dispatch import implements
from .common import as_dtype, finish, operand_aval, together
from .products import product
from .reductions import common_dtype

Labels = tuple[Hashable, ...]
_DOTS: Final = "..."


def _subscripts(text: str) -> tuple[list[list[Hashable]], list[Hashable] | None]:
    """Take ``"ij,jk->ik"`` apart into the labels of the operands and those of the output (None: not said)."""
    inputs, arrow, output = text.replace(" ", "").partition("->")
    return [_labels(part) for part in inputs.split(",")], _labels(output) if arrow else None


def _labels(part: str) -> list[Hashable]:
    before, dots, after = part.partition(_DOTS)
    found = [*before, *([_DOTS] if dots else []), *after]
    for label in found:
        if label != _DOTS and not str(label).isalpha():
            raise ValueError(f"invalid subscript '{label}' in einstein sum subscripts string\n  at:    {user_line()}")
    return found


def _interleaved(args: Sequence[Any]) -> tuple[list[list[Hashable]], list[Hashable] | None, list[Any]]:
    """Take ``einsum(x, [0, 1], y, [1, 2], [0, 2])`` apart."""

    def labels(items: Any) -> list[Hashable]:
        return [_DOTS if item is Ellipsis else int(item) for item in items]

    operands = list(args[0 : len(args) - len(args) % 2 : 2])
    inputs = [labels(items) for items in args[1 : len(args) - len(args) % 2 + 1 : 2]]
    return inputs, labels(args[-1]) if len(args) % 2 else None, operands


def _spelled_out(
    inputs: list[list[Hashable]], output: list[Hashable] | None, shapes: Sequence[tuple[int, ...]]
) -> tuple[list[Labels], Labels]:
    """Replace dots by labels of their own, counted from the right; say the output."""
    if len(inputs) != len(shapes):
        raise ValueError(
            f"einstein sum subscripts name {len(inputs)} operands, but {len(shapes)} were given\n  at:    {user_line()}"
        )
    widest, named = 0, []
    for labels, shape in zip(inputs, shapes, strict=True):
        dots = len(shape) - len(labels) + (_DOTS in labels)
        if dots < 0 or (dots and _DOTS not in labels):
            raise ValueError(
                f"einstein sum subscripts {labels} do not fit an operand of shape {shape}\n  at:    {user_line()}"
            )
        widest = max(widest, dots)
        named.append(_expanded(labels, dots))
    if output is None:
        counts: dict[Hashable, int] = {}
        for label in (label for labels in inputs for label in labels if label != _DOTS):
            counts[label] = counts.get(label, 0) + 1
        once = sorted((label for label, n in counts.items() if n == 1), key=lambda label: (str(type(label)), label))
        output = [_DOTS, *once]
    elif widest and _DOTS not in output:
        raise ValueError(
            "output has '...' dimensions that the output subscripts do not name: add '...' to them\n"
            f"  at:    {user_line()}"
        )
    result = _expanded(output, widest)
    known = {label for labels in named for label in labels}
    for label in result:
        if label not in known or result.count(label) > 1:
            fault = "multiple times" if label in known else "which never appeared in an input"
            raise ValueError(
                f"einstein sum subscripts string includes output subscript '{label}' {fault}\n  at:    {user_line()}"
            )
    return named, result


def _expanded(labels: list[Hashable], dots: int) -> Labels:
    found: list[Hashable] = []
    for label in labels:
        found += [(_DOTS, k) for k in range(dots, 0, -1)] if label == _DOTS else [label]
    return tuple(found)


@functools.lru_cache(maxsize=2048)
def _order(inputs: tuple[Labels, ...], output: Labels, sizes: tuple[tuple[int, ...], ...], how: Any) -> Any:
    """Return which operands to multiply one after the other, as NumPy plans it."""
    if len(inputs) < 3:
        return [tuple(range(len(inputs)))]
    numbers = {label: k for k, label in enumerate(dict.fromkeys(label for labels in inputs for label in labels))}
    args: list[Any] = []
    for labels, shape in zip(inputs, sizes, strict=True):
        args += [np.broadcast_to(0.0, shape), [numbers[label] for label in labels]]
    return np.einsum_path(*args, [numbers[label] for label in output], optimize=how)[0][1:]


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None, **_: Any) -> Any:
    if isinstance(operands[0], str):
        inputs, output = _subscripts(operands[0])
        arrays = list(operands[1:])
    else:
        inputs, output, arrays = _interleaved(operands)
    wanted = np.dtype(dtype) if dtype is not None else common_dtype([operand_aval(x) for x in arrays])
    xs = [as_dtype(x, wanted) for x in together(*arrays)]
    named, result = _spelled_out(inputs, output, [x.shape for x in xs])
    sizes: dict[Hashable, int] = {}
    for x, labels in zip(xs, named, strict=True):
        for label, n in zip(labels, x.shape, strict=True):
            if sizes.setdefault(label, n) != n and n != 1:
                if sizes[label] != 1:
                    raise ValueError(
                        f"operands could not be broadcast together: subscript '{label}' has sizes {sizes[label]} and "
                        f"{n}\n  at:    {user_line()}"
                    )
                sizes[label] = n
    terms = []
    for k, (x, labels) in enumerate(zip(xs, named, strict=True)):
        others = {label for j, other in enumerate(named) if j != k for label in other}
        terms.append(_single(x, labels, sizes, others.union(result)))
    how = optimize if isinstance(optimize, str) else "greedy"
    if isinstance(optimize, (list, tuple)):
        path = [step for step in optimize if not isinstance(step, str)]
    else:
        path = _order(tuple(t[1] for t in terms), result, tuple(t[0].shape for t in terms), how)
    x, labels = _contract(terms, path, result)
    return finish(_arranged(x, labels, result), out, "np.einsum")


def _single(x: Any, labels: Labels, sizes: dict[Hashable, int], needed: set[Hashable]) -> tuple[Any, Labels]:
    """Take diagonals for repeated labels; leave out stretched axes; sum over labels that nobody else has."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            i = labels.index(label)
            x, labels = _diagonal(x, labels, i, labels.index(label, i + 1))
    stretched = tuple(k for k, label in enumerate(labels) if x.shape[k] == 1 and sizes[label] != 1 and label in needed)
    if stretched:
        x = np.squeeze(x, stretched)
        labels = tuple(label for k, label in enumerate(labels) if k not in stretched)
    lonely = tuple(k for k, label in enumerate(labels) if label not in needed)
    if lonely:
        x = np.sum(x, axis=lonely, dtype=x.dtype)
        labels = tuple(label for label in labels if label in needed)
    return x, labels


def _diagonal(x: Any, labels: Labels, i: int, j: int) -> tuple[Any, Labels]:
    """Read the diagonal of two axes: every (n + 1)-th entry of their n x n entries in a row."""
    n, m = x.shape[i], x.shape[j]
    if n != m:  # one of them is 1 and is stretched
        n, dropped = max(n, m), i if n == 1 else j
        return np.squeeze(x, dropped), tuple(label for k, label in enumerate(labels) if k != dropped)
    rest = tuple(k for k in range(x.ndim) if k not in (i, j))
    rows = np.reshape(np.transpose(x, (i, j, *rest)), (n * n, *(x.shape[k] for k in rest)))
    return rows[:: n + 1], (labels[i], *(labels[k] for k in rest))


def _contract(terms: list[tuple[Any, Labels]], path: Any, output: Labels) -> tuple[Any, Labels]:
    """Multiply operands until one is left."""
    for step in path:
        picked = [terms[k] for k in step]
        terms = [term for k, term in enumerate(terms) if k not in step]
        needed = {label for _, labels in terms for label in labels}.union(output)
        while len(picked) > 1:
            later = {label for _, labels in picked[2:] for label in labels}
            picked = [_pair(picked[0], picked[1], needed | later), *picked[2:]]
        terms.append(picked[0])
    while len(terms) > 1:
        later = {label for _, labels in terms[2:] for label in labels}.union(output)
        terms = [_pair(terms[0], terms[1], later), *terms[2:]]
    return terms[0]


def _pair(first: tuple[Any, Labels], second: tuple[Any, Labels], needed: set[Hashable]) -> tuple[Any, Labels]:
    """Multiply two operands and sum over the labels that are no longer needed."""
    (x, a), (y, b) = first, second
    x, a = _summed(x, a, needed.union(b))
    y, b = _summed(y, b, needed.union(a))
    shared = [label for label in a if label in b]
    batch = [label for label in shared if label in needed]
    summed = [label for label in shared if label not in needed]
    made = (*batch, *(label for label in a if label not in b), *(label for label in b if label not in a))
    if not summed:  # no sum: entry by entry
        x, y = (
            np.reshape(
                np.transpose(v, [labels.index(label) for label in made if label in labels]),
                tuple(v.shape[labels.index(label)] if label in labels else 1 for label in made),
            )
            for v, labels in ((x, a), (y, b))
        )
        return (np.logical_and(x, y) if x.dtype == np.bool_ else x * y), made
    contract, lead = [[[labels.index(label) for label in group] for labels in (a, b)] for group in (summed, batch)]
    return product(x, y, contract, lead), made


def _summed(x: Any, labels: Labels, needed: set[Hashable]) -> tuple[Any, Labels]:
    lonely = tuple(k for k, label in enumerate(labels) if label not in needed)
    if not lonely:
        return x, labels
    return np.sum(x, axis=lonely, dtype=x.dtype), tuple(label for label in labels if label in needed)


def _arranged(x: Any, labels: Labels, output: Labels) -> Any:
    """Put the axes in the order of the output."""
    order = [labels.index(label) for label in output]
    if order != list(range(x.ndim)):
        x = np.transpose(x, order)
    return x
