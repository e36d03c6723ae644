"""The checks of rules are themselves tested: each planted fault is found by the check that is there to find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.aval import aval
from wengert.core.primitive import PRIMITIVES, Primitive, Sample
from wengert.errors import ArgumentError, GradientCheckError, MissingRuleError, ShapeError
from wengert.ops import arithmetic as ar
from wengert.ops import compare as cmp
from wengert.ops import elementary as el
from wengert.ops import index as ix
from wengert.ops import product as pr
from wengert.ops import reduce as rd
from wengert.ops import shape as sh
from wengert.ops.family import scaled
from wengert.testing import CHECKS, RuleError, check
from wengert.transforms import simplify


def plant(base: Primitive, **wrong: Any) -> Primitive:
    """Return a copy of a record with other rules, which is not in the registry and remembers none of the shapes."""
    return replace(base, **wrong, inferred={})


def plant_linear(base: Primitive, **wrong: Any) -> Primitive:
    """The same for a primitive that is its own pushforward, which the copy must then be, too."""
    record = plant(base, jvp=lambda ps, ts, out, **kw: None if ts[0] is None else record(ts[0], *ps[1:], **kw), **wrong)
    return record


def plant_pair(base: Primitive, **wrong: Any) -> Primitive:
    """The same for one that is linear in its first two operands together."""

    def jvp(ps: Any, ts: Any, out: Any, **kw: Any) -> Any:
        zero = [p.builder.full(0, p.shape, p.dtype) for p in ps[:2]]
        moving = [z if t is None else t for z, t in zip(zero, ts, strict=False)]
        return record(*moving, *ps[2:], **kw)

    record = plant(base, jvp=jvp, **wrong)
    return record


def unary(base: Primitive, coefficient: Callable[..., Any]) -> Primitive:
    return plant(base, jvp=lambda ps, ts, out, **kw: scaled(coefficient(ps[0], out), ts[0]))


def wrong_mul(first: Any, second: Any) -> Primitive:
    def jvp(ps: Any, ts: Any, out: Any) -> Any:
        x, y = ps
        terms = [scaled(c(x, y), t) for c, t in zip((first, second), ts, strict=True) if None not in (c, t)]
        return terms[0] + terms[1] if len(terms) == 2 else terms[0] if terms else None

    return plant(ar.mul, jvp=jvp)


def wrong_dot() -> Primitive:
    def jvp(ps: Any, ts: Any, out: Any, **how: Any) -> Any:
        terms = [record(*pair, **how) for pair in ((ts[0], ps[1]), (ps[0], ts[1])) if None not in pair]
        return terms[0] + terms[1] if len(terms) == 2 else terms[0]

    def transpose(ct: Any, x: Any, y: Any, **how: Any) -> Any:
        gx, gy = pr.dot.transpose(ct, x, y, **how)
        return (None if gx is None else -gx, gy)

    record = plant(pr.dot, jvp=jvp, transpose=transpose)
    return record


def wrong_scale() -> Primitive:
    def transpose(ct: Any, c: Any, t: Any) -> Any:
        return (ar.mul(t, ct), None) if isinstance(c, ar.Linear) else (None, ar.mul(c, ct))

    def jvp(ps: Any, ts: Any, out: Any) -> Any:
        terms = [record(*pair) for pair in ((ts[0], ps[1]), (ps[0], ts[1])) if None not in pair]
        return terms[0] + terms[1] if len(terms) == 2 else terms[0]

    record = plant(ar.scale, jvp=jvp, transpose=transpose)
    return record


def _evaluate_spoils(x: Any) -> Any:
    x = np.asarray(x)
    if x.ndim:
        np.sin(x, out=x)
        return x.copy()
    return np.sin(x)


def _add_once(x: Any, v: Any, *indices: Any, axes: Any) -> Any:
    return ix.gather_set.evaluate(x, v, *indices, axes=axes)


def two_outputs(wrong: float) -> Primitive:
    """Return a primitive with two outputs, right for ``wrong`` = 1."""
    record = Primitive(
        "sincos",
        "the sine and the cosine",
        evaluate=lambda x: (np.sin(x), np.cos(x)),
        infer=lambda x: (aval(x.shape, x.dtype), aval(x.shape, x.dtype)),
        jvp=lambda ps, ts, out: (scaled(out[1], ts[0]), scaled(-out[0] * wrong, ts[0])),
        transpose=el.sin.transpose,
        batch=lambda size, args, batched: record(args[0]),
        samples=el.sin.samples,
        label="gradient scaler",
        explanation="both at once",
        multiple=True,
    )
    return record


def constant_at_ties(base: Primitive) -> Primitive:
    """Return logaddexp with a derivative that is right everywhere, and constant where both operands are equal."""

    def jvp(ps: Any, ts: Any, out: Any) -> Any:
        (x, y), (tx, ty) = ps, ts
        half = x.builder.full(0.5, x.shape, x.dtype)

        def share(a: Any, b: Any) -> Any:
            return cmp.select(cmp.eq(a, b), half, el.share(a, b))

        terms = [scaled(share(a, b), t) for a, b, t in ((x, y, tx), (y, x, ty)) if t is not None]
        return terms[0] + terms[1] if len(terms) == 2 else terms[0]

    return plant(base, jvp=jvp)


def at_zero(x: Any, out: Any) -> Any:
    """Return the derivative of tanh, but 0 at 0."""
    zero = x.builder.full(0, x.shape, x.dtype)
    return cmp.select(cmp.eq(x, zero), zero, (1 - out) * (1 + out))


def first_of_all(n: int, x: Any) -> Any:
    ndim = x.ndim
    first = ix.slice_(el.sin(x), starts=(0,) * ndim, stops=(min(n, 1), *x.shape[1:]), steps=(1,) * ndim)
    return sh.broadcast(first, shape=x.shape, axes=tuple(range(ndim))) if n else el.sin(x)


WRONG: dict[str, tuple[str, Callable[[], Primitive]]] = {
    # pushforward
    "sign of the pushforward": ("forward", lambda: unary(el.sin, lambda x, out: -el.cos(x))),
    "missing factor": ("forward", lambda: unary(el.sqrt, lambda x, out: ar.reciprocal(out))),
    "ninth digit of a constant": ("forward", lambda: unary(el.log2, lambda x, out: ar.reciprocal(x * 0.693147181))),
    "one operand forgotten": ("forward", lambda: wrong_mul(lambda x, y: y, None)),
    "partial derivatives exchanged": ("forward", lambda: wrong_mul(lambda x, y: x, lambda x, y: y)),
    "right for real operands only": ("forward", lambda: unary(el.exp, lambda x, out: ar.conj(out))),
    "right for positive operands only": ("forward", lambda: unary(el.absolute, lambda x, out: out * 0 + 1)),
    "tangent of another dtype": (
        "forward",
        lambda: plant(el.cos, jvp=lambda ps, ts, out: ar.convert(el.cos.jvp(ps, ts, out), dtype=np.dtype(float))),
    ),
    "second of two outputs": ("forward", lambda: two_outputs(-1.0)),
    "a kink given out as smooth": (
        "forward",
        lambda: plant(cmp.sign, samples=lambda: [Sample((np.array([0.0, 1.0]),))]),
    ),
    # pullback
    "transpose with the wrong sign": ("reverse", lambda: plant_linear(ar.neg, transpose=lambda ct, x: (ct,))),
    "transpose of the sum averages": (
        "reverse",
        lambda: plant_linear(rd.reduce_sum, transpose=lambda ct, x, axes: (rd.spread(ct * 0.5, x.shape, axes),)),
    ),
    "transpose of another shape": ("reverse", lambda: plant_linear(sh.transpose, transpose=lambda ct, x, axes: (ct,))),
    "axes not inverted": (
        "reverse",
        lambda: plant_linear(sh.transpose, transpose=lambda ct, x, axes: (sh.transpose(ct, axes=axes),)),
    ),
    "product transposed for one operand": ("reverse", wrong_dot),
    "repeated indices counted once": (
        "reverse",
        lambda: plant_linear(
            ix.gather,
            transpose=lambda ct, x, *i, axes: (ix.Into("gather_set", i, ct, {"axes": axes}), *[None] * len(i)),
        ),
    ),
    "what was overwritten still gets a gradient": (
        "reverse",
        lambda: plant_pair(
            ix.slice_set, transpose=lambda ct, x, v, **w: (ct, ix.slice_(ct, **w) if isinstance(v, ar.Linear) else None)
        ),
    ),
    "conjugated": ("reverse", lambda: plant_linear(ar.conj, transpose=lambda ct, x: (ct,))),
    "sign of the imaginary part": (
        "reverse",
        lambda: plant_linear(ar.imag, transpose=lambda ct, x: (ar.make_complex(ct * 0, ct),)),
    ),
    "cotangent of the output's dtype": (
        "reverse",
        lambda: plant_linear(ar.convert, transpose=lambda ct, x, dtype: (ct,)),
    ),
    "tangent in an operation that has no transpose": (
        "reverse",
        lambda: plant(el.exp, jvp=lambda ps, ts, out: ar.mul(out, ts[0])),
    ),
    # second order
    "derivative held constant": ("second", lambda: unary(el.sin, lambda x, out: ar.stop_gradient(el.cos(x)))),
    "derivative through a wrong helper": (
        "second",
        lambda: unary(el.tanh, lambda x, out: (1 - ar.stop_gradient(out)) * (1 + out)),
    ),
    # values
    "shape rule with another dtype": ("infer", lambda: plant(cmp.eq, infer=lambda x, y: aval(x.shape, np.float64))),
    "shape rule with another shape": ("infer", lambda: plant(rd.reduce_sum, infer=lambda x, axes: x)),
    "evaluate changes its operand": ("infer", lambda: plant(el.sin, evaluate=_evaluate_spoils)),
    "evaluate hands out its operand": ("infer", lambda: plant(ar.copy, evaluate=lambda x: x)),
    "stage computes something else": (
        "stage",
        lambda: plant(ar.integer_pow, stage=lambda x, n: lambda x: ar.integer_pow.evaluate(x, n=abs(n))),
    ),
    "in-place variant overwrites": (
        "inplace",
        lambda: plant(ix.slice_add, inplace=lambda x, v, **w: ix.slice_set.evaluate(x, v, **w)),
    ),
    "in-place variant forgets repeats": ("inplace", lambda: plant(ix.gather_add, inplace=_add_once)),
    "in-place variant spoils its second operand": (
        "inplace",
        lambda: plant(ix.slice_set, inplace=lambda x, v, **w: (ix.slice_set.inplace(x, v, **w), v.fill(0))[0]),
    ),
    "a difference commutes": ("claims", lambda: plant(ar.sub, commutes=True)),
    "a running sum is elementwise": (
        "claims",
        lambda: plant(el.sin, evaluate=lambda x: np.cumsum(x, -1) if np.ndim(x) else x),
    ),
    "an elementwise operation that does not broadcast": (
        "claims",
        lambda: plant(cmp.maximum, evaluate=lambda x, y: np.where(np.array(x > y).reshape(np.shape(x)), x, y)),
    ),
    "needs an array where a number will do": (
        "scalars",
        lambda: plant(el.sin, evaluate=lambda x: np.sin(x, dtype=x.dtype)),
    ),
    "no label": ("record", lambda: plant(el.sin, label="")),
    "memory order instead of index order": (
        "layout",
        lambda: plant(el.sin, evaluate=lambda x: np.sin(np.ravel(x, "K")).reshape(np.shape(x))),
    ),
    "reads an entry that need not exist": (
        "edges",
        lambda: plant(el.exp, evaluate=lambda x: np.exp(x) + 0 * np.ravel(np.asarray(x))[0]),
    ),
    "nan where NumPy has a value": ("edges", lambda: plant(el.exp, stage=lambda x: lambda x: np.exp(x) + 0 * x)),
    # batching
    "batch axis not counted": (
        "batch",
        lambda: plant(rd.reduce_sum, batch=lambda n, xs, on, axes: rd.reduce_sum(xs[0], axes=axes)),
    ),
    "batch axis reversed, too": (
        "batch",
        lambda: plant(sh.rev, batch=lambda n, xs, on, axes: sh.rev(xs[0], axes=(0, *(a + 1 for a in axes)))),
    ),
    "batch left at another axis": (
        "batch",
        lambda: plant(ix.gather, batch=lambda n, xs, on, axes: ix.gather(*xs, axes=tuple(a + 1 for a in axes))),
    ),
    "only right if all operands are batched": ("batch", lambda: plant(ar.add, batch=lambda n, xs, on: ar.add(*xs))),
    "each entry gets the first": ("batch", lambda: plant(el.sin, batch=lambda n, xs, on: first_of_all(n, xs[0]))),
    # special points
    "constant where operands are equal": ("special", lambda: constant_at_ties(el.logaddexp)),
    "wrong at zero": ("special", lambda: unary(el.tanh, at_zero)),
    # both modes at the edges
    "zero wins in one mode only": ("edge_derivatives", wrong_scale),
}


@pytest.mark.parametrize("fault", WRONG)
def test_planted_fault_is_found(fault: str) -> None:
    name, make = WRONG[fault]
    record = make()
    before = dict(PRIMITIVES)
    # Some faults already stop the transform or the evaluation.
    with pytest.raises((RuleError, MissingRuleError, ShapeError, AttributeError, IndexError, ValueError)) as caught:
        check(record, name)
    if isinstance(caught.value, RuleError):
        assert record.name in str(caught.value)
        assert "found:" in str(caught.value)
    assert before == PRIMITIVES


@pytest.mark.parametrize("base", [ar.neg, ar.scale, pr.dot, ix.gather, ix.slice_set, sh.transpose, el.tanh], ids=repr)
def test_a_copy_of_a_right_record_passes(base: Primitive) -> None:
    """What is found is the fault, not the planting."""
    for name in CHECKS:
        check(plant(base), name)


def test_a_right_record_of_two_outputs_passes() -> None:
    check(two_outputs(1.0))


def test_a_linear_copy_passes() -> None:
    check(plant_linear(ar.neg))
    check(plant_linear(ix.gather))
    check(plant_pair(ix.slice_set))


def test_a_wrong_rule_of_simplify_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(simplify.RULES, "sin", lambda s, ins, params: ins[0])
    with pytest.raises(RuleError, match="simplify leaves values alone"):
        check(el.sin, "run")


def test_the_message_names_primitive_operands_and_numbers() -> None:
    record = unary(el.sin, lambda x, out: -el.cos(x))
    with pytest.raises(RuleError) as caught:
        check(record, "forward")
    text = str(caught.value)
    assert "sin(float64[7])" in text
    assert "pushforward by operand [0] equals differences" in text
    assert "expected" in text


# -- check_grads -------------------------------------------------------------------------------------------------------


def test_check_grads_takes_containers_complex_numbers_writes_and_integers() -> None:
    def f(p: Any, z: Any) -> Any:
        out = np.zeros(3)
        out[1:] = p["a"][:2] ** 2
        p["a"][0] = 7.0
        return {"r": out * np.abs(z) ** 2, "count": 3, "z": np.exp(z) * p["a"]}

    a = np.array([1.0, 2.0, 3.0])
    wg.check_grads(f, ({"a": a}, 1 + 2j), order=3)
    assert a[0] == 1.0  # the caller's array is as before
    wg.check_grads(f, ({"a": a.astype(np.float32)}, np.complex64(1 + 2j)))
    wg.check_grads(lambda x: x**3, (2,))
    wg.check_grads(lambda x: x * x, (np.zeros((0, 3)),))
    wg.check_grads(lambda x: x * 1e6 * np.exp(x), (np.array([10.0, 1e-5]),), eps=1e-5, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("mode", ["forward", "reverse", "fwd", "rev"])
def test_check_grads_names_mode_order_argument_and_numbers(mode: str) -> None:
    def f(a: Any, b: Any) -> Any:
        return np.sum(a) * wg.stop_gradient(b["w"]) ** 2

    with pytest.raises(GradientCheckError) as caught:
        wg.check_grads(f, (np.ones(2), {"w": 3.0}), modes=(mode,), order=1)
    name = {"fwd": "forward", "rev": "reverse"}.get(mode, mode)
    assert f"{name}, order 1: by argument 1['w']: 0.0, differences give" in str(caught.value)
    assert "f, (np.ones(2)" in str(caught.value)


def test_check_grads_finds_what_only_the_second_order_shows() -> None:
    @wg.custom_jvp
    def sine(x: Any) -> Any:
        return np.sin(x)

    @sine.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return np.sin(primals[0]), wg.stop_gradient(np.cos(primals[0])) * tangents[0]

    wg.check_grads(sine, (0.5,), order=1)
    with pytest.raises(GradientCheckError, match="order 2"):
        wg.check_grads(sine, (0.5,), order=2)


def test_check_grads_refuses_what_it_cannot_check() -> None:
    for kwargs in ({"modes": ("sideways",)}, {"modes": ()}, {"order": 0}):
        with pytest.raises(ArgumentError):
            wg.check_grads(np.sin, (1.0,), **kwargs)
    with pytest.raises(ArgumentError):
        wg.check_grads(np.sin, 1.0)


def test_check_grads_says_that_differences_do_not_converge() -> None:
    with pytest.raises(GradientCheckError, match="the differences are unsure"):
        wg.check_grads(np.sign, (np.array([0.0, 1.0]),), order=1)
