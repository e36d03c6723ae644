"""Run a function as plain Python, captured, and differentiated with and without capture; compare."""

from __future__ import annotations

import copy

import numpy as np

import wengert as wg


def leaves(value):
    if isinstance(value, (tuple, list)):
        return [leaf for part in value for leaf in leaves(part)]
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    return [value]


def same(found, expected, rtol=1e-9):
    found, expected = leaves(found), leaves(expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, np.ndarray):
            assert np.shape(a) == b.shape and np.asarray(a).dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)


def scalar(value):
    return sum((k + 1.0) * np.sum(leaf) for k, leaf in enumerate(leaves(value)))


def check(f, *args, static=(), grad=0, captured=None):
    """Compare; return what capture says of the function's statements."""
    plain_args, jit_args = copy.deepcopy(args), copy.deepcopy(args)
    expected = f(*plain_args)
    compiled = wg.jit(f, static_argnums=static)
    found = compiled(*jit_args)
    same(found, expected)
    same(list(jit_args), list(plain_args))  # what is written into arguments
    same(compiled(*copy.deepcopy(args)), expected)
    lines = compiled.lower(*copy.deepcopy(args)).captured
    if captured is not None:
        assert sum(line.startswith("captured") for line in lines) == captured, lines
    if grad is not None:
        slope = wg.grad(lambda *a: scalar(f(*a)), argnums=grad)(*copy.deepcopy(args))
        inside = wg.jit(wg.grad(lambda *a: scalar(f(*a)), argnums=grad), static_argnums=static)
        same(inside(*copy.deepcopy(args)), slope, rtol=1e-7)
        outside = wg.grad(lambda *a: scalar(compiled(*a)), argnums=grad)
        same(outside(*copy.deepcopy(args)), slope, rtol=1e-7)
    return lines
