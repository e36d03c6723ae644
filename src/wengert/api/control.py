"""Control flow as functions: scan, fori_loop, while_loop, cond, switch, associative_scan.

Under :func:`wengert.jit` ordinary ``for``, ``while`` and ``if`` statements become the same loops and choices by
themselves; these functions say it explicitly, and work everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval, aval_of
from ..core.builder import Builder, inline
from ..core.primitive import Primitive
from ..core.source import user_line
from ..core.symbol import Sym
from ..core.tree import flatten, shown, unflatten
from ..errors import ArgumentError, ShapeError, explain
from ..ops.branch import cond as cond_record
from ..ops.loop import loop as loop_record
from ..ops.loop_operands import COUNTER, parameters
from ..ops.subgraph import SubGraph
from ..run.cache import PROGRAMS
from ..trace.bodies import Part, as_operand, record_part, reordered, settled, value_of
from ..trace.context import current
from ..trace.record import value_aval
from ..trace.tracer import wrap_result
from .call import Derived
from .room import with_room


def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Run ``carry, y = f(carry, x)`` over the rows of ``xs``; stack the ys.

    Parameters
    ----------
    f : callable(carry, x) -> (carry, y)
        Recorded once.  The carry keeps its container, shapes and dtypes.
    init : container of arrays
        The first carry.
    xs : container of arrays, optional
        Arrays of one common length along axis 0.
    length : int, optional
        The number of iterations, where ``xs`` is None.
    reverse : bool
        Run from the last row to the first; row k of the result still belongs to row k of ``xs``.

    Returns
    -------
    carry, ys
        The last carry, and the results of all iterations stacked along a new axis 0.

    Raises
    ------
    ShapeError
        If the carry changes its shape, or the lengths differ.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> total, partial = wg.scan(lambda s, x: (s + x, s + x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> float(total), partial
    (6.0, array([1., 3., 6.]))
    """
    rows, rows_tree = flatten(xs)
    rows = list(map(_settle, rows))
    carry, carry_tree = flatten(init)
    n = _length(rows, length)
    row_avals = [aval(np.shape(x)[1:], x.dtype) for x in rows]
    structure: list[Any] = []

    def body(k: Any, *given: Any) -> Any:
        state, row = given[: len(carry)], given[len(carry) :]
        made = f(unflatten(carry_tree, state), unflatten(rows_tree, row))
        if not (isinstance(made, tuple) and len(made) == 2):
            raise ArgumentError(
                explain(
                    "The function that scan runs returns a pair: the next carry, and what to stack.",
                    found=f"{type(made).__name__}",
                    line=user_line(),
                    fix="return carry, y (or carry, None)",
                )
            )
        leaves = _same_container(made[0], carry_tree, "scan")
        ys, ys_tree = flatten(made[1])
        structure[:] = [ys_tree]
        return [*leaves, *ys]

    part, avals = settled(lambda of: _record(body, [COUNTER, *of, *row_avals]), carry, "The function that scan runs")
    operands = [*map(as_operand, carry, avals)]
    params = _loop_params(part, len(carry), n, reverse)
    outs = run(loop_record, [*map(value_of, part.captured), *operands, *rows], params)
    return unflatten(carry_tree, outs[: len(carry)]), unflatten(structure[0], outs[len(carry) :])


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Run ``value = body_fun(i, value)`` for i from ``lower`` to ``upper`` (excluded).

    Parameters
    ----------
    lower, upper : int
        May be traced or computed: the number of iterations need not be known while recording.
    body_fun : callable(i, value) -> value
        Recorded once.  The value keeps its container, shapes and dtypes.
    init_val : container of arrays
        The first value.

    Returns
    -------
    container of arrays
        The last value.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> wg.grad(lambda x: wg.fori_loop(0, 5, lambda i, v: v * x, 1.0))(2.0)
    np.float64(80.0)
    """
    carry, tree = flatten(init_val)
    fixed = not (isinstance(lower, Sym) or isinstance(upper, Sym))
    start = value_of(lower) if not fixed else int(lower)

    def body(k: Any, *given: Any) -> Any:
        i = k + start if isinstance(start, Sym) or start else k
        return _same_container(body_fun(i, unflatten(tree, given)), tree, "fori_loop")

    part, avals = settled(lambda of: _record(body, [COUNTER, *of]), carry, "The function that fori_loop runs")
    operands = [*map(value_of, part.captured), *map(as_operand, carry, avals)]
    if fixed:
        params = _loop_params(part, len(carry), max(0, int(upper) - int(lower)), False)
    else:
        count: Any = value_of(upper - lower)
        operands.insert(0, as_operand(np.maximum(count, 0), COUNTER))
        params = _loop_params(part, len(carry), None, False, counted=True)
    return unflatten(tree, run(loop_record, operands, params))


def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any) -> Any:
    """Run ``value = body_fun(value)`` while ``cond_fun(value)`` is true.

    Both modes of differentiation work, also in reverse where the number of iterations depends on the data: what the
    backward pass needs of each iteration is saved in memory that grows as needed.

    Parameters
    ----------
    cond_fun : callable(value) -> bool
    body_fun : callable(value) -> value
        Both are recorded once.
    init_val : container of arrays
        The first value.

    Returns
    -------
    container of arrays
        The first value for which ``cond_fun`` is false.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> def root(a):
    ...     return wg.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: 0.5 * (x + a / x), a)
    >>> float(root(2.0)), float(wg.grad(root)(2.0))
    (1.414214, 0.353553)
    """
    carry, tree = flatten(init_val)

    def body(k: Any, *given: Any) -> Any:
        return _same_container(body_fun(unflatten(tree, given)), tree, "while_loop")

    def check(k: Any, *given: Any) -> Any:
        return condition(cond_fun(unflatten(tree, given)), "while_loop")

    part, avals = settled(lambda of: _record(body, [COUNTER, *of]), carry, "The function that while_loop runs")
    test = _record(check, [COUNTER, *avals])
    params, captured = while_params(part, test, len(carry))
    return unflatten(tree, run(loop_record, [*map(value_of, captured), *map(as_operand, carry, avals)], params))


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """Return ``true_fun(*operands)`` or ``false_fun(*operands)``; only the one chosen is run.

    Parameters
    ----------
    pred : bool
    true_fun, false_fun : callable
        Both are recorded; they return the same container, shapes and dtypes.
    operands : containers of arrays

    Returns
    -------
    container of arrays

    Notes
    -----
    Under ``vmap``, where entries of the batch choose differently, both are run for all of them.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> f = lambda x: wg.cond(x > 0, np.sqrt, lambda x: -x, x)
    >>> float(f(4.0)), float(wg.grad(f)(4.0)), float(wg.grad(f)(-4.0))
    (2.0, 0.25, -1.0)
    """
    return switch(condition(pred, "cond"), [false_fun, true_fun], *operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Return ``branches[index](*operands)``; an index outside is clipped to the first or last branch.

    Parameters
    ----------
    index : int
    branches : sequence of callables
        All are recorded; they return the same container, shapes and dtypes.
    operands : containers of arrays

    Returns
    -------
    container of arrays

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> float(wg.switch(2, [np.sin, np.cos, np.exp], 0.0))
    1.0
    """
    if not branches:
        raise ArgumentError(
            explain("switch chooses among branches.", found="no branches", line=user_line(), fix="give at least one")
        )
    leaves, tree = flatten(operands)
    avals = [value_aval(x) for x in leaves]
    parts = [_record(lambda *given, branch=branch: branch(*unflatten(tree, given)), avals) for branch in branches]
    found, captured = joined(parts, len(leaves))
    args = [value_of(index), *map(value_of, leaves), *map(value_of, captured)]
    return unflatten(parts[0].structure, run(cond_record, args, (("branches", found),)))


def associative_scan(fn: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Return all partial results of an associative operation along an axis, in logarithmic depth.

    Parameters
    ----------
    fn : callable(a, b) -> c
        Associative; applied to whole slices of the arrays at once, in the containers of ``elems``.
    elems : container of arrays
    reverse : bool
        Combine from the end.
    axis : int

    Returns
    -------
    container of arrays
        Entry k combines the entries 0 to k (with ``reverse``: k to the last).

    Notes
    -----
    The recursion on pairs of neighbours, Blelloch, *Prefix sums and their applications*, CMU-CS-90-190, 1990.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> wg.associative_scan(np.multiply, np.array([1.0, 2.0, 3.0, 4.0]))
    array([ 1.,  2.,  6., 24.])
    """
    leaves, tree = flatten(elems)
    sizes = {np.shape(x)[axis] for x in leaves}
    if len(sizes) != 1:
        raise ShapeError(
            explain(
                "associative_scan combines arrays of one length along its axis.",
                found=f"lengths {sorted(sizes)}",
                line=user_line(),
                fix="give arrays of equal length",
            )
        )
    rows = [np.moveaxis(x, axis, 0) for x in leaves]
    rows = [x[::-1] for x in rows] if reverse else rows

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        first, second = unflatten(tree, a), unflatten(tree, b)
        return flatten(fn(second, first) if reverse else fn(first, second))[0]

    made = _prefixes(combine, rows, sizes.pop())
    made = [x[::-1] for x in made] if reverse else made
    return unflatten(tree, [np.moveaxis(x, 0, axis) for x in made])


def _prefixes(combine: Callable[..., list[Any]], rows: list[Any], n: int) -> list[Any]:
    if n < 2:
        return rows
    pairs = combine([x[: n - 1 : 2] for x in rows], [x[1::2] for x in rows])
    odd = _prefixes(combine, pairs, n // 2)
    even = combine([x[: (n - 1) // 2] for x in odd], [x[2::2] for x in rows]) if n > 2 else [x[:0] for x in rows]
    even = [np.concatenate([x[:1], e]) for x, e in zip(rows, even, strict=True)]
    return [_interleaved(e, o, n) for e, o in zip(even, odd, strict=True)]


def _interleaved(even: Any, odd: Any, n: int) -> Any:
    half = n // 2
    both = np.stack([even[:half], odd], axis=1)
    flat = np.reshape(both, (2 * half, *np.shape(odd)[1:]))
    return np.concatenate([flat, even[half:]]) if n % 2 else flat


# -- helpers ----------------------------------------------------------------------------------------------------------


def _record(function: Callable[..., Any], avals: Sequence[Aval]) -> Part:
    return record_part(function, list(avals))


def _settle(x: Any) -> Any:
    return value_of(x)


def _length(rows: Sequence[Any], length: int | None) -> int:
    sizes = {np.shape(x)[0] if np.ndim(x) else None for x in rows}
    sizes |= set() if length is None else {int(length)}
    if len(sizes) != 1 or None in sizes:
        raise ShapeError(
            explain(
                "scan runs over arrays of one common length along axis 0.",
                found=f"lengths {sorted(map(str, sizes))}" if sizes else "neither xs nor length",
                line=user_line(),
                fix="give arrays of equal length, or length=",
            )
        )
    (size,) = sizes
    return int(size or 0)


def _same_container(value: Any, tree: Any, what: str) -> list[Any]:
    leaves, found = flatten(value)
    if found != tree:
        raise ArgumentError(
            explain(
                f"The function that {what} runs returns the container that it was given.",
                found=f"{shown(found)} for {shown(tree)}",
                line=user_line(),
                fix="return the carry in the same tuples, lists and dicts",
            )
        )
    return leaves


def condition(value: Any, what: str) -> Any:
    """Return a condition as a bool without axes."""
    of = value_aval(value) if isinstance(value, Sym) else aval_of(value)
    if of.shape:
        raise ShapeError(
            explain(
                f"The condition of {what} is a single bool.",
                found=f"{of!r}",
                line=user_line(),
                fix="reduce it with np.all or np.any",
            )
        )
    return value if of.dtype.kind == "b" else value != 0


def _loop_params(
    part: Part, carry: int, length: int | None, reverse: bool, counted: bool = False, test: Any = None
) -> tuple[tuple[str, Any], ...]:
    return parameters(reordered(part, 1), test, len(part.captured), carry, length, reverse, counted, None)


def while_params(body: Part, test: Part, carry: int) -> tuple[Any, list[Any]]:
    """Return the parameters of a while loop, and what its body and its test captured."""
    (inner, check), captured = joined([body, test], 1 + carry, before=1)
    return parameters(inner, check, len(captured), carry, None, False, False, None), captured


def joined(parts: Sequence[Part], n_args: int, before: int | None = None) -> tuple[tuple[Any, ...], list[Any]]:
    """Give several parts the same operands: all that any of them captured."""
    captured: list[Any] = []
    places: dict[Any, int] = {}
    for part in parts:
        for value in part.captured:
            key = (id(value.builder), value.id) if isinstance(value, Sym) else id(value)
            if key not in places:
                places[key] = len(captured)
                captured.append(value)
    avals = [value_aval(value) for value in captured]
    graphs = [_widened(part, n_args, places, avals, n_args if before is None else before) for part in parts]
    return tuple(graphs), captured


def _widened(part: Part, n_args: int, places: dict[Any, int], avals: list[Aval], before: int) -> Any:
    """Return a part that takes everything captured, and makes no use of what is not its own."""
    builder = Builder(reuse=True)
    own_avals = part.graph.in_avals[:n_args]
    first = [builder.input(of) for of in own_avals[:before]]
    more = [builder.input(of) for of in avals]
    rest = [builder.input(of) for of in own_avals[before:]]
    keys = [(id(v.builder), v.id) if isinstance(v, Sym) else id(v) for v in part.captured]
    mine = [more[places[key]] for key in keys]
    outs = inline(part.graph, builder, [*first, *rest, *mine])
    return SubGraph.from_graph(builder.build(outs))


@with_room
def run(record: Primitive, operands: Sequence[Any], params: Any) -> Sequence[Any]:
    """Record an equation if one of its operands is traced; run it otherwise."""
    traced = [x.builder for x in operands if isinstance(x, Sym) and x.builder is not None]
    if traced:
        max(traced, key=lambda builder: builder.level).at_user_line()
        return record(*operands, **dict(params))  # type: ignore[no-any-return]
    avals = tuple([aval_of(x) for x in operands])
    key = ("control", record.name, params, avals)
    entry = PROGRAMS.peek(key) or PROGRAMS.get(key, lambda: _equation(record, avals, params))
    outs: Sequence[Any] = entry.run(operands)
    return list(map(wrap_result, outs)) if current() is not None else outs


def _equation(record: Primitive, avals: Sequence[Aval], params: Any) -> Derived:
    builder = Builder()
    return Derived(builder.build(builder.apply(record, [builder.input(of) for of in avals], params)))
