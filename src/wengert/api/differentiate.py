"""First derivatives: grad, value_and_grad, jvp, vjp, linearize."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.source import user_line
from ..core.symbol import Sym
from ..core.tree import flatten, shown, unflatten
from ..errors import ArgumentError, NonScalarOutputError, ShapeError, explain
from ..ops import arithmetic
from ..ops.loop_operands import TapeFull
from ..run.cache import PROGRAMS
from ..trace.record import LEAF, Recording, value_aval
from ..trace.tracer import Tracer
from ..transforms import linearize as linearizing
from ..transforms.forward import forward
from ..transforms.reverse import gradient
from ..transforms.transpose import transpose
from .call import Call, Derived, Primal, as_tuple, derived
from .memory import in_bytes, program_within, pullback_within
from .room import retried, with_room


def value_and_grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    memory: int | str | None = None,
) -> Callable[..., Any]:
    """Return a function that computes ``fun`` and its gradient in one go (reverse mode).

    Parameters
    ----------
    fun : callable
        A function of arrays, numbers or nested containers of them, with a real scalar result.
    argnums : int or sequence of int
        Positions of the arguments to differentiate with respect to.
    has_aux : bool
        ``fun`` returns ``(result, aux)``; ``aux`` is handed through.
    memory : int or str, optional
        A budget, in bytes or as ``"200MB"``, for all that the program needs beside the arguments: what it stores for
        the backward pass, its working memory and its results.  Where that is not enough, loops and stretches of the
        program are computed again in the backward pass, as little as possible; see docs/memory.md.

    Returns
    -------
    callable
        Same arguments as ``fun``; returns ``(result, gradient)``, or ``((result, aux), gradient)``.  The gradient
        has the structure, shapes and dtypes of the arguments chosen; a tuple if ``argnums`` is a sequence.

    Raises
    ------
    NonScalarOutputError
        If the result is not a real scalar.
    IntegerInputError
        If an argument to differentiate with respect to holds integers.
    MemoryBudgetError
        If even the smallest schedule of checkpoints needs more memory than ``memory``.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> value, slope = wg.value_and_grad(lambda x: np.sum(x ** 2))(np.array([1.0, 2.0]))
    >>> float(value), slope
    (5.0, array([2., 4.]))
    """
    return _reverse(fun, argnums, has_aux, True, memory)  # type: ignore[no-any-return]


def _reverse(
    fun: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool, with_value: bool, memory: int | str | None
) -> Any:
    """Return the function behind :func:`value_and_grad` and :func:`grad`: one call deep, because calls are what small
    functions spend their time on.
    """
    positions = as_tuple(argnums)
    single = isinstance(argnums, int)
    budget = in_bytes(memory)
    kind = "gradient" if budget is None else ("gradient", budget)

    @functools.wraps(fun)
    def gradient_function(*args: Any, **kwargs: Any) -> Any:
        try:
            call = Call(fun, args, kwargs, positions, "grad")
            recording = call.record(kept=True)
            structure, outputs = recording.structure, recording.outputs
            plain = structure is LEAF and not has_aux
            if not plain or outputs[0].aval not in _SCALARS:
                check_scalar(recording, has_aux)
            n_out, n_in = len(outputs), len(call.leaves)
            entry = derived(kind, recording, lambda graph: _gradient(graph, n_in, budget), budget is not None)
            outs = entry.run(call.leaves + recording.builder.values)
        except TapeFull as full:
            return retried(full, lambda: gradient_function(*args, **kwargs))
        n_all = len(outs) - n_in
        if recording.written:
            call.write_back(recording, outs[n_out:n_all])
        slope = call.like_arguments(outs[n_all:], single)
        if plain:
            return (outs[0], slope) if with_value else slope
        value = unflatten(structure, outs[:n_out])
        if with_value:
            return value, slope
        return (slope, value[1]) if has_aux else slope

    return gradient_function


def _gradient(graph: Any, n_in: int, budget: int | None) -> Any:
    active = constants_off(graph, [True] * n_in)
    if budget is None:
        return gradient(graph, active)
    return program_within(budget, graph, active, lambda arranged: gradient(arranged, active))


_SCALARS = frozenset({aval((), np.float64), aval((), np.float64, True), aval((), np.float32)})
"""What most functions return; :func:`check_scalar` knows the rest."""


def constants_off(graph: Any, active: Sequence[bool]) -> list[bool]:
    """Extend flags to the graph's constants, which may have grown by constant outputs: none is differentiated."""
    return [*active, *[False] * (len(graph.inputs) - len(active))][: len(graph.inputs)]


def grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    memory: int | str | None = None,
) -> Callable[..., Any]:
    """Return the gradient function of a scalar function (reverse mode).

    Parameters
    ----------
    fun, argnums, has_aux, memory
        As for :func:`value_and_grad`.

    Returns
    -------
    callable
        Returns the gradient, or ``(gradient, aux)``.  For complex arguments it is ``df/dx - i df/dy``.

    Raises
    ------
    NonScalarOutputError, IntegerInputError, MemoryBudgetError
        As for :func:`value_and_grad`.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> def f(x1, x2):
    ...     return np.sin(x1) + x1 * x2
    >>> [float(g) for g in wg.grad(f, argnums=(0, 1))(0.0, 3.0)]
    [4.0, 0.0]
    >>> wg.grad(lambda z: (z * np.conj(z)).real)(3 + 4j)
    np.complex128(6-8j)
    """
    return _reverse(fun, argnums, has_aux, False, memory)  # type: ignore[no-any-return]


def check_scalar(recording: Recording, has_aux: bool) -> None:
    """Refuse results that have no gradient."""
    children = recording.structure.children() if has_aux else [recording.structure]
    if has_aux and len(children) != 2:
        raise ArgumentError(
            explain(
                "With has_aux=True the function returns a pair (result, aux).",
                found=f"a tuple of {len(children)}" if recording.structure.type is tuple else "one result",
                line=user_line(),
                fix="return (result, aux), or leave has_aux out",
            )
        )
    leaves = children[0].num_leaves
    of = leaf_aval(recording.outputs[0]) if leaves == 1 else None
    if of is None or of.shape or of.dtype.kind not in "f":
        found = "no array" if leaves == 0 else f"{leaves} arrays" if leaves > 1 else repr(of)
        raise NonScalarOutputError(
            explain(
                "grad needs a function with one real, floating-point scalar as its result.",
                found=found,
                line=user_line(),
                fix="sum or average the result; for all derivatives of an array use wg.jacobian, for one weighted "
                "combination wg.vjp; for a complex result take its real part",
            )
        )


def leaf_aval(value: Any) -> Aval:
    """Return the aval of a leaf of a function's result."""
    return value_aval(value)


# -- forward mode -----------------------------------------------------------------------------------------------------


@with_room
def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    """Push tangents forward through a function: the directional derivative J v (forward mode).

    Parameters
    ----------
    fun : callable
    primals : sequence
        Where: the arguments of ``fun``.
    tangents : sequence
        Which way: of the same structure, shapes and dtypes as ``primals``.
    has_aux : bool
        ``fun`` returns ``(result, aux)``.

    Returns
    -------
    result, tangent
        What ``fun`` returns, and its derivative along ``tangents``; with ``has_aux`` also ``aux``.

    Raises
    ------
    ArgumentError, ShapeError
        If primals and tangents do not fit together.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> y, dy = wg.jvp(lambda x: x ** 3, (2.0,), (1.0,))
    >>> float(y), float(dy)
    (8.0, 12.0)
    """
    check_pair(primals, tangents, "jvp")
    call = Call(fun, tuple(primals), {}, tuple(range(len(primals))), "jvp")
    ts = matching_tangents(call, tangents, "jvp")
    recording = call.record(kept=True)
    n_in, n_out = len(call.leaves), len(recording.outputs)
    active = [True] * n_in
    entry = derived("jvp", recording, lambda graph: forward(graph, constants_off(graph, active)))
    outs = entry.run([*call.leaves, *recording.constants(), *ts])
    half = len(outs) // 2
    call.write_back(recording, outs[n_out:half])
    value = unflatten(recording.structure, outs[:n_out])
    moved = unflatten(recording.structure, outs[half : half + n_out])
    return (value[0], moved[0], value[1]) if has_aux else (value, moved)


def check_pair(primals: Any, tangents: Any, name: str) -> None:
    """Refuse primals and tangents that are not sequences of equal length."""
    if (
        not isinstance(primals, (tuple, list))
        or not isinstance(tangents, (tuple, list))
        or len(primals) != len(tangents)
    ):
        raise ArgumentError(
            explain(
                f"{name} takes primals and tangents as two sequences of equal length, one entry per argument.",
                found=f"{_counted(primals)} and {_counted(tangents)}",
                line=user_line(),
                fix=f"wg.{name}(f, (x, y), (dx, dy)); for one argument wg.{name}(f, (x,), (dx,))",
            )
        )


def _counted(values: Any) -> str:
    """Describe a sequence for a message."""
    kind = type(values).__name__
    return f"a {kind} of {len(values)}" if isinstance(values, (tuple, list)) else f"a {kind}"


def matching_tangents(call: Call, tangents: Any, name: str) -> list[Any]:
    """Return the leaves of tangents, checked against the primals."""
    leaves = flatten(list(tangents))[0]
    primal_tree = flatten(list(call.args))[1]
    if flatten(list(tangents))[1] != primal_tree:
        raise ArgumentError(
            explain(
                f"{name} takes tangents in the same containers as the primals.",
                found=f"primals {shown(primal_tree)}, tangents {shown(flatten(list(tangents))[1])}",
                line=user_line(),
                fix="give one tangent for each primal, in the same nesting of tuples, lists and dicts",
            )
        )
    return [fit(t, of, f"{name}: a tangent") for t, of in zip(leaves, call.avals, strict=True)]


def fit(value: Any, of: Aval, what: str) -> Any:
    """Return a tangent or cotangent as a value of a given aval."""
    if isinstance(value, Tracer):
        value.refresh()
        if value.builder is None:
            value = value.array
    shape = value.shape if isinstance(value, Sym) else np.shape(value)
    if shape != of.shape:
        raise ShapeError(
            explain(
                f"{what} has the shape of the value it belongs to.",
                found=f"shape {shape} for a value of shape {of.shape}",
                line=user_line(),
                fix=f"np.broadcast_to(t, {of.shape}) or a reshape",
            )
        )
    if isinstance(value, Sym):
        return value if value.aval.dtype == of.dtype else arithmetic.convert(value, dtype=of.dtype)
    return np.asarray(value, dtype=of.dtype) if of.shape else of.dtype.type(value)


# -- linearize and vjp ------------------------------------------------------------------------------------------------


class LinearMap:
    """The derivative of a function at a point, to be applied many times.  Made by :func:`linearize` and :func:`vjp`."""

    def __init__(self, apply: Callable[..., Any], doc: str) -> None:
        self._apply = apply
        self.__doc__ = doc

    def __call__(self, *args: Any) -> Any:
        return self._apply(*args)


class Split:
    """A call that has been run up to its residuals.

    ``together`` says how many cotangents will be pulled back at once under the ``budget``, from the numbers of entries
    of the arguments and of the results; 0 if none will.
    """

    def __init__(
        self, call: Call, budget: int | None = None, together: Callable[[int, int], int] | None = None
    ) -> None:
        self.call = call
        recording = self.recording = call.record(kept=True)
        n_in = len(call.leaves)

        def make() -> tuple[Any, ...]:
            graph = recording.graph()
            active = constants_off(graph, [True] * n_in)
            rows = 1
            if together is not None:
                rows = together(sum(of.size for of in call.avals), sum(leaf_aval(x).size for x in recording.outputs))
            if budget is None or not rows:
                parts = linearizing.linearize(graph, active)
                turned = transpose(parts.linear, parts.residuals)
            else:
                parts, turned = pullback_within(budget, graph, active, rows)
            eager = budget is not None
            primal = Primal(parts.primal, parts.residuals, eager)
            return (primal, Derived(parts.linear, eager), Derived(turned, eager))

        kind = "linearize" if budget is None else ("linearize", budget, together is not None)
        self.primal, self.linear, self.transposed = PROGRAMS.get((kind, recording.key()), make)
        outs = self.primal.run([*call.leaves, *recording.constants()])
        n_out = len(recording.outputs)
        n_all = n_out + len(recording.written)
        call.write_back(recording, outs[n_out:n_all])
        self.n_out, self.extra = n_out, outs[n_out:n_all]
        self.outs = outs[:n_out]
        self.residuals = outs[n_all:]
        self.out_avals = [leaf_aval(out) for out in recording.outputs]


@with_room
def linearize(fun: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Evaluate a function and return its derivative there as a linear function.

    Parameters
    ----------
    fun : callable
    *primals
        Where to linearize.

    Returns
    -------
    result
        ``fun(*primals)``.
    pushforward : callable
        Takes tangents, one for each primal, and returns the tangent of the result (J v) without running ``fun`` again.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> y, push = wg.linearize(np.sin, 0.0)
    >>> float(push(2.0))
    2.0
    """
    split = Split(Call(fun, primals, {}, tuple(range(len(primals))), "linearize"))

    def pushforward(*tangents: Any) -> Any:
        check_pair(primals, tangents, "linearize")
        ts = matching_tangents(split.call, tangents, "linearize")
        outs = split.linear.run([*split.residuals, *ts])
        return unflatten(split.recording.structure, outs[: split.n_out])

    return unflatten(split.recording.structure, split.outs), LinearMap(pushforward, "The pushforward: J v.")


@with_room
def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False, memory: int | str | None = None) -> Any:
    """Evaluate a function and return its pullback (reverse mode).

    Parameters
    ----------
    fun : callable
    *primals
        Where.
    has_aux : bool
        ``fun`` returns ``(result, aux)``.
    memory : int or str, optional
        A budget for the function's run and the pullback's together; see :func:`value_and_grad`.

    Returns
    -------
    result
        ``fun(*primals)``.
    pullback : callable
        Takes a cotangent of the structure of the result and returns a tuple of cotangents, one for each primal (Jᵀ w).
    aux
        Only with ``has_aux``.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> y, pull = wg.vjp(lambda x, y: x * y, 2.0, 5.0)
    >>> [float(g) for g in pull(1.0)]
    [5.0, 2.0]
    """
    split = Split(Call(fun, primals, {}, tuple(range(len(primals))), "vjp"), in_bytes(memory))
    structure = split.recording.structure
    result_tree = structure.children()[0] if has_aux else structure
    n = result_tree.num_leaves

    def pullback(cotangent: Any) -> Any:
        leaves, tree = flatten(cotangent)
        if tree != result_tree:
            raise ArgumentError(
                explain(
                    "A pullback takes a cotangent in the same containers as the function's result.",
                    found=f"result {shown(result_tree)}, cotangent {shown(tree)}",
                    line=user_line(),
                    fix="give one cotangent for each result, in the same nesting of tuples, lists and dicts",
                )
            )
        cts = [fit(ct, of, "A cotangent") for ct, of in zip(leaves, split.out_avals, strict=False)]
        rest = [np.zeros(of.shape, of.dtype) for of in split.out_avals[n:]]
        rest += [np.zeros(split.call.avals[k].shape, split.call.avals[k].dtype) for k in split.recording.written]
        outs = split.transposed.run([*split.residuals, *cts, *rest])
        return split.call.like_arguments(outs, False)

    value = unflatten(structure, split.outs)
    linear_map = LinearMap(pullback, "The pullback: Jᵀ w.")
    return (value[0], linear_map, value[1]) if has_aux else (value, linear_map)


def stop_gradient(x: Any) -> Any:
    """Return x, treated as a constant by derivatives.

    Parameters
    ----------
    x : array, number or nested container of them

    Returns
    -------
    array, number or nested container of them
        Equal to x; its derivative with respect to anything is zero.

    Examples
    --------
    >>> import wengert as wg
    >>> float(wg.grad(lambda x: x * wg.stop_gradient(x))(3.0))
    3.0
    """
    leaves, tree = flatten(x)
    stopped = [
        arithmetic.stop_gradient(leaf) if isinstance(leaf, Sym) and leaf.builder is not None else leaf
        for leaf in leaves
    ]
    return unflatten(tree, stopped)
