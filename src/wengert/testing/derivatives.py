"""Checks of the rules of differentiation: pushforward, pullback, second order, in both precisions."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ..api.differences import directional, moved, random_like
from ..core.aval import aval_of
from ..core.graph import Graph
from ..core.primitive import Primitive, Sample
from ..core.verify import verify
from ..run.interpreter import Program
from ..transforms.forward import forward
from ..transforms.linearize import linearize
from ..transforms.reverse import reverse
from ..transforms.simplify import simplify
from ..transforms.transpose import transpose
from .single import difference, evaluated, fail, has, is_inexact, one_equation, operands, run, selections
from .values import compare, edge_samples, like

_COMPLEX_STEP: Final = 1e-150
_RTOL: Final = 1e-7
"""Of first derivatives against differences; the error estimate of the differences is added."""
_UNSURE: Final = 1e-4
"""Differences that are less sure of themselves than this prove nothing; the sample is to be changed then."""


def _rng(sample: Sample) -> np.random.Generator:
    return np.random.default_rng(sum(np.size(a) for a in sample.args) + 1)


def _directions(args: Sequence[Any], active: Sequence[bool], rng: np.random.Generator) -> list[list[Any]]:
    """Return random tangents; with complex operands one real and one imaginary direction."""
    some = [random_like(a, rng) if on else None for a, on in zip(args, active, strict=True)]
    if not any(t is not None and t.dtype.kind == "c" for t in some):
        return [some]

    def part(t: Any, take: Any) -> Any:
        return t if t is None or t.dtype.kind != "c" else take(t).astype(t.dtype)

    return [[part(t, lambda z: z.real) for t in some], [part(t, lambda z: 1j * z.imag) for t in some]]


def _close(record: Primitive, sample: Sample, rule: str, found: Any, expected: Any, error: Any) -> None:
    """Compare a derivative with differences that come with an error estimate."""
    found, expected = np.asarray(found), np.asarray(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))))
    unsure = float(np.max(error, initial=0.0))
    single = found.dtype in (np.float32, np.complex64)
    if not unsure <= (1e-2 if single else _UNSURE) * scale:
        raise fail(record, sample, "a smooth sample has differences that converge", f"estimated error {unsure}; {rule}")
    # A result that is rounded to float32 makes the differences of float64 operands rough.
    rtol = 1e-3 if single else _RTOL
    text = difference(found, expected.astype(found.dtype), 0.0, rtol * scale + 10 * unsure)
    if text:
        raise fail(record, sample, rule, text)


# -- pushforward ------------------------------------------------------------------------------------------------------


def check_forward(record: Primitive, sample: Sample) -> None:
    """The pushforward equals differences of ``evaluate``, and the complex step (exact to rounding) where it applies."""
    if not sample.smooth or not has(record.jvp):
        return
    args = operands(sample)
    graph = one_equation(record, args, sample.params)
    single = any(a.dtype in (np.float32, np.complex64) for a in args)
    for active in selections(args):
        pushed = forward(graph, active)
        for tangents in _directions(args, active, _rng(sample)):
            given = [t for t in tangents if t is not None]
            outs = run(pushed, [*args, *given])
            half = len(outs) // 2
            value = evaluated(record, args, sample.params)
            compare(record, sample, "the pushforward returns the value itself", outs[:half], value)
            which = f"pushforward by operand{'s' if len(given) > 1 else ''} {[k for k, on in enumerate(active) if on]}"
            if single:
                _check_single(record, sample, which, outs[half:], active, tangents)
            else:
                _check_push(record, sample, which, args, outs[half:], tangents)


def _check_push(
    record: Primitive, sample: Sample, which: str, args: list[Any], found: list[Any], tangents: list[Any]
) -> None:
    expected, errors = directional(lambda xs: evaluated(record, xs, sample.params), args, tangents)
    exact = _complex_step(record, sample, args, tangents)
    for k, out in enumerate(found):
        if not is_inexact(out):
            continue
        _close(record, sample, f"{which} equals differences (output {k})", out, expected[k], errors[k])
        # Where NumPy continues a function to complex numbers other than analytically, the differences say so.
        if exact is not None and not difference(exact[k], expected[k].real, 1e-5, 1e-5):
            text = difference(out, exact[k], 1e-11, 1e-12)
            if text:
                raise fail(record, sample, f"{which} equals the complex step (output {k})", text)


def _complex_step(record: Primitive, sample: Sample, args: list[Any], tangents: list[Any]) -> list[Any] | None:
    """Return Im f(x + i h t) / h, or None where the operation does not take complex operands."""
    if any(t is not None and t.dtype.kind == "c" for t in tangents) or any(a.dtype.kind == "c" for a in args):
        return None
    floats = [t is not None or is_inexact(a) for a, t in zip(args, tangents, strict=True)]
    shifted = [
        a + 1j * _COMPLEX_STEP * (0 if t is None else t) if on else a
        for a, t, on in zip(args, tangents, floats, strict=True)
    ]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            outs = evaluated(record, shifted, sample.params)
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        return None
    if any(out.dtype != np.complex128 for out in outs):
        return None
    return [out.imag / _COMPLEX_STEP for out in outs]


def _check_single(
    record: Primitive, sample: Sample, which: str, found: list[Any], active: list[bool], tangents: list[Any]
) -> None:
    """In float32: the derivative in float64, which is checked by itself, to float32's accuracy."""
    wide = like(sample, np.float64)
    graph = one_equation(record, wide.args, wide.params)
    ts = [t.astype(a.dtype) for t, a in zip(tangents, wide.args, strict=True) if t is not None]
    outs = run(forward(graph, active), [*wide.args, *ts])
    narrow = one_equation(record, sample.args, sample.params).out_avals
    for out, expected, of in zip(found, outs[len(outs) // 2 :], narrow, strict=True):
        out = np.asarray(out)
        if out.dtype != of.dtype:
            raise fail(record, sample, "a tangent has the dtype of its value", f"{out.dtype} for {of.dtype}")
        text = difference(out.astype(np.asarray(expected).dtype), expected, 2e-4, 1e-5)
        if text and is_inexact(out):
            raise fail(record, sample, f"{which} in float32 equals that in float64", text)


# -- pullback ---------------------------------------------------------------------------------------------------------


def inner(xs: Sequence[Any], ys: Sequence[Any]) -> tuple[float, float]:
    """Return the real part of the sum of products, and the sum of absolute products to judge rounding by.

    No conjugation: the gradient of a real f(z) is df/dx - i df/dy, so that df = Re(gradient * dz).
    """
    total = size = 0.0
    for x, y in zip(xs, ys, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        if x.dtype.kind in "fc":
            wide = np.complex128 if x.dtype.kind == "c" else np.float64
            product = x.astype(wide) * y.astype(wide)
            total += float(np.sum(product.real))
            size += float(np.sum(np.abs(product)))
    return total, size


def check_reverse(record: Primitive, sample: Sample) -> None:
    """The pullback is the adjoint of the pushforward: w . (J v) = (Jᵀ w) . v for random v and w."""
    if not sample.smooth or not has(record.jvp):
        return
    args = operands(sample)
    graph = one_equation(record, args, sample.params)
    if not any(of.is_inexact for of in graph.out_avals):
        return
    for active in selections(args):
        check_adjoint(record, sample, graph, args, active, f"by operands {[k for k, on in enumerate(active) if on]}")


def check_adjoint(
    record: Primitive, sample: Sample, graph: Graph, args: list[Any], active: list[bool], which: str
) -> None:
    """Compare pushforward and pullback of any graph by dot products, and the two ways to each."""
    rng = _rng(sample)
    pushed, pulled, parts = forward(graph, active), reverse(graph, active), linearize(graph, active)
    push, pull = Program(verify(simplify(pushed))), Program(verify(simplify(pulled)))
    n = len(graph.outputs)
    outs = run(parts.primal, args)
    residuals = outs[n:]
    back = verify(transpose(parts.linear, parts.residuals))
    example = [np.asarray(out) for out in outs[:n]]
    floats = [is_inexact(out) for out in example]
    wanted = [a for a, on in zip(args, active, strict=True) if on]
    for _ in range(2):
        ts = [np.asarray(random_like(a, rng)) for a in wanted]
        cts = [random_like(np.ones_like(o), rng) if on else o * 0 for o, on in zip(example, floats, strict=True)]
        tangents = push([*args, *ts])[n:]
        gradients = pull([*args, *[c for c, on in zip(cts, floats, strict=True) if on]])[n:]
        for g, a in zip(gradients, wanted, strict=True):
            if np.shape(g) != np.shape(a) or np.asarray(g).dtype != a.dtype:
                rule = f"a cotangent has shape and dtype of its operand ({which})"
                raise fail(record, sample, rule, f"{aval_of(g)!r} for {aval_of(a)!r}")
        (left, size), (right, other) = inner(cts, tangents), inner(gradients, ts)
        single = any(np.asarray(x).dtype in (np.float32, np.complex64) for x in [*wanted, *example])
        limit = (1e-4 if single else 1e-10) * max(1.0, size, other)
        if not abs(left - right) <= limit:
            raise fail(record, sample, f"pullback is the adjoint of pushforward {which}", f"{right}, expected {left}")
        same = "linearize gives the pushforward, its transpose the pullback"
        rounding = 1e-4 if single else 1e-11
        for a, b in zip(run(parts.linear, [*residuals, *ts]), tangents, strict=True):
            text = difference(a, b, rounding, rounding)
            if text:
                raise fail(record, sample, f"{same} ({which})", text)
        for a, b in zip(Program(back)([*residuals, *cts]), gradients, strict=True):
            text = difference(a, b, rounding, rounding)
            if text:
                raise fail(record, sample, f"{same} ({which})", text)


# -- second order -----------------------------------------------------------------------------------------------------


def check_second(record: Primitive, sample: Sample) -> None:
    """Forward over either mode equals differences of the first derivative; reverse over either mode is its adjoint."""
    args = operands(sample)
    if not sample.smooth or not has(record.jvp) or any(a.dtype in (np.float32, np.complex64) for a in args):
        return
    graph = one_equation(record, args, sample.params)
    if not all(of.is_inexact for of in graph.out_avals) or any(of.dtype.itemsize < 8 for of in graph.out_avals):
        return
    active = [is_inexact(a) for a in args]
    rng = _rng(sample)
    if not any(active):
        return
    cts = [random_like(np.ones(of.shape, of.dtype), rng) for of in graph.out_avals]
    ts = [random_like(a, rng) for a, on in zip(args, active, strict=True) if on]
    n = len(graph.outputs)
    for name, first, seeds in (("reverse", reverse(graph, active), cts), ("forward", forward(graph, active), ts)):
        given = [*args, *seeds]
        moving = [*active, *[False] * len(seeds)]
        program = Program(verify(simplify(first)))
        second = simplify(forward(first, moving))
        for tangents in _directions(given, moving, rng):
            found = run(second, [*given, *[t for t in tangents if t is not None]])
            derivative, errors = directional(lambda xs, p=program: p(xs), given, tangents)  # type: ignore[misc]
            for k, (value, error) in enumerate(zip(derivative, errors, strict=True)):
                if k >= n:
                    rule = f"forward over {name} equals differences of the first derivative (result {k - n})"
                    _close(record, sample, rule, found[len(found) // 2 + k], value, error)
        check_adjoint(record, sample, first, given, [is_inexact(x) for x in given], f"of the {name}-mode derivative")


# -- special points ---------------------------------------------------------------------------------------------------

_SPECIAL: Final = (0.0, 1.0, -1.0, 0.5, 2.0)


def check_special(record: Primitive, sample: Sample) -> None:
    """First and second derivatives of an elementwise primitive at 0, 1, -1, and where operands are equal.

    Such points are where a rule takes a branch of its own.  Kinks, poles and jumps are left out.
    """
    count = len(sample.args)
    if not has(record.jvp) or not record.elementwise or record.label == "gradient stop":
        return
    if any(np.asarray(a).dtype != np.float64 for a in sample.args):
        return
    args = [np.array(column) for column in np.array(list(itertools.product(_SPECIAL, repeat=count))).T]
    graph = one_equation(record, args, sample.params)
    if graph.out_avals[0].dtype != np.float64 or not count:
        return
    special = Sample(tuple(args), sample.params)
    program = Program(simplify(reverse(graph, [True] * count)))
    ones = np.ones(args[0].shape)
    for k in range(count):
        ts = [ones if j == k else np.zeros_like(ones) for j in range(count)]
        alone = [ones if j == k else None for j in range(count)]
        tangents = run(forward(graph, [True] * count), [*args, *ts])[1:]
        expected, errors = directional(lambda xs: evaluated(record, xs, sample.params), args, alone)
        rule = f"pushforward by operand {k}"
        smooth = _one_slope(lambda xs: evaluated(record, xs, sample.params), args, alone)
        _close_where(smooth[0], record, special, rule, tangents[0], expected[0], errors[0])
        second = forward(reverse(graph, [True] * count), [*[True] * count, False])
        found = run(second, [*args, ones, *ts])[1 + count :]
        derivative, errors = directional(lambda xs: program([*xs, ones]), args, alone)
        smooth = _one_slope(lambda xs: program([*xs, ones]), args, alone)
        for j in range(1, count + 1):
            rule = f"second derivative by operands {j - 1} and {k}"
            _close_where(smooth[0] & smooth[j], record, special, rule, found[j], derivative[j], errors[j])


def _one_slope(function: Any, point: list[Any], direction: list[Any], step: float = 1e-6) -> list[Any]:
    """Say where a function has the same slope ahead and behind: central differences do not see kinks and poles."""
    with np.errstate(all="ignore"):
        here, ahead, behind = (function(moved(point, direction, h)) for h in (0.0, step, -step))
        slopes = [((a - x) / step, (x - b) / step) for x, a, b in zip(here, ahead, behind, strict=True)]
        return [np.isfinite(a) & (np.abs(a - b) <= 0.01 * (1 + np.abs(a))) for a, b in slopes]


def _close_where(
    smooth: Any, record: Primitive, sample: Sample, rule: str, found: Any, expected: Any, error: Any
) -> None:
    sure = smooth & np.isfinite(expected) & (error <= 1e-6 * np.maximum(1, np.abs(expected)))
    with np.errstate(all="ignore"):
        wrong = sure & ~(np.abs(found - expected) <= 1e-6 * np.maximum(1, np.abs(expected)))
    if wrong.any():
        at = int(np.argmax(wrong))
        point = ", ".join(str(a[at]) for a in sample.args)
        raise fail(record, sample, f"{rule} equals differences", f"{found[at]} at ({point}), expected {expected[at]}")


# -- edges ------------------------------------------------------------------------------------------------------------


def check_edge_derivatives(record: Primitive, sample: Sample) -> None:
    """At 0, inf and nan both modes run, and for an elementwise primitive they agree, nan for nan."""
    if not has(record.jvp):
        return
    for edge in [*edge_samples(record, sample), *([] if sample.smooth else [sample])]:
        args = operands(edge)
        graph = one_equation(record, args, edge.params)
        if not all(of.is_inexact for of in graph.out_avals):
            return
        for active in selections(args):
            for seed in (1, 0):
                _check_edge(record, edge, graph, args, active, seed)


def _check_edge(record: Primitive, edge: Sample, graph: Graph, args: list[Any], active: list[bool], seed: int) -> None:
    """Run both modes with tangents and cotangents of 1, or of 0: then nothing may come out, not even beside an inf."""
    n = len(graph.outputs)
    ts = [np.full_like(a, seed) for a, on in zip(args, active, strict=True) if on]
    cts = [np.full(of.shape, seed, of.dtype) for of in graph.out_avals]
    tangents = run(forward(graph, active), [*args, *ts])[n:]
    gradients = run(reverse(graph, active), [*args, *cts])[n:]
    if not record.elementwise:
        return
    if seed == 0 and any(np.any(np.asarray(x) != 0) for x in [*tangents, *gradients]):
        rule = "a tangent or cotangent of 0 stays 0 at the edges"
        raise fail(record, edge, rule, f"forward {tangents}, reverse {gradients}; at {args}")
    # With a complex output the two are adjoint, but not equal; check_reverse sees to those.
    if sum(active) == 1 and graph.out_avals[0].dtype.kind == "f":
        text = difference(gradients[0], tangents[0], 1e-6 if ts[0].dtype.itemsize < 8 else 1e-13)
        if text:
            rule = f"both modes agree at the edges (operand {active.index(True)})"
            raise fail(record, edge, rule, f"reverse {text}; at {args}")
