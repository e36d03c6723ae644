"""The vectorised functions against mpmath: accuracy, edges, signed zeros, and that they are vectorised at all."""

from __future__ import annotations

import functools
import math
import platform
import re
from collections.abc import Callable

import numpy as np
import pytest
from mpmath import mp, mpf

import wengert as wg
from wengert.run.llvm import ir, target
from wengert.run.llvm.mathlib import ACCURACY, FUNCTIONS, declare
from wengert.run.llvm.mathlib.loop import SYMBOL, Loop, loop_module
from wengert.run.llvm.mathlib.power import ROOTS

DTYPES = ("float64", "float32")
COUNT = 300


@functools.cache
def loop(name: str, dtype: str) -> Loop:
    return Loop(name, dtype)


EXACT: dict[str, Callable[..., mpf]] = {
    "exp": mp.exp, "exp2": lambda x: mp.power(2, x), "expm1": mp.expm1, "log": mp.log, "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10, "log1p": mp.log1p, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "asin": mp.asin, "acos": mp.acos,
    "atan": mp.atan, "atan2": mp.atan2, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "asinh": mp.asinh,
    "acosh": mp.acosh, "atanh": mp.atanh, "pow": mp.power, "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "erf": mp.erf, "erfc": lambda x: mp.erfc(min(x, 100)),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "softplus": lambda x: mp.log1p(mp.exp(x)), "hypot": mp.hypot,
    "lgamma": lambda x: mp.re(mp.loggamma(x)), "digamma": mp.digamma,
}  # fmt: skip

# Where each function is sampled: uniformly here, and log-spaced where that makes sense.
UNIFORM = {
    "exp": (-110, 90), "exp2": (-152, 130), "expm1": (-30, 90), "sin": (-10, 10), "cos": (-10, 10), "tan": (-10, 10),
    "asin": (-1, 1), "acos": (-1, 1), "atanh": (-1, 1), "sinh": (-91, 91), "cosh": (-91, 91), "tanh": (-11, 11),
    "erf": (-6, 6), "erfc": (-6, 28), "acosh": (1, 10), "log": (0.5, 2), "log2": (0.5, 2), "log10": (0.5, 2),
    "log1p": (-1, 2), "sigmoid": (-105, 105), "softplus": (-105, 105), "atan": (-10, 10), "asinh": (-10, 10),
    "cbrt": (-10, 10), "lgamma": (1e-3, 12), "digamma": (1e-3, 12),
}  # fmt: skip
WIDE = {"exp": (-750, 712), "expm1": (-40, 712), "sinh": (-712, 712), "cosh": (-712, 712), "exp2": (-1080, 1026),
        "sigmoid": (-750, 750), "softplus": (-750, 750)}  # fmt: skip
UNIT = {"asin", "acos", "atanh"}
POSITIVE = {"log", "log2", "log10", "lgamma", "digamma"}


def samples(name: str, dtype: str) -> list[np.ndarray]:
    """Arguments inside the function's domain: uniform, log-spaced over the whole range, and near the hard points."""
    rng = np.random.default_rng(len(name) * 7919 + ord(name[0]))
    top = 300.0 if dtype == "float64" else 36.0
    if FUNCTIONS[name].arity == 2:
        if name == "pow":
            x = np.concatenate(
                [10 ** rng.uniform(-top, top, COUNT), rng.uniform(0.5, 2, COUNT), rng.uniform(0, 50, COUNT)]
            )
            y = np.concatenate(
                [
                    rng.uniform(-1.05, 1.05, COUNT),
                    rng.uniform(-1, 1, COUNT) * 10 ** rng.uniform(0, 4, COUNT),
                    rng.uniform(-9, 9, COUNT),
                ]
            )
        else:
            x = np.concatenate([rng.uniform(-3, 3, COUNT), 10 ** rng.uniform(-top, top, COUNT)])
            y = np.concatenate([rng.uniform(-3, 3, COUNT), x[COUNT:] * 10 ** rng.uniform(-2, 2, COUNT)])
        return [x.astype(dtype), y.astype(dtype)]
    low, high = (WIDE if dtype == "float64" else UNIFORM).get(name, UNIFORM[name])
    parts = [rng.uniform(low, high, 2 * COUNT), rng.uniform(*UNIFORM[name], COUNT)]
    spread = 10 ** rng.uniform(-top, 0 if name in UNIT else top, COUNT) * rng.choice([-1, 1], COUNT)
    near = 10 ** rng.uniform(-12, -0.5, COUNT)
    if name == "acosh":
        spread, near = 1 + np.abs(spread), 1 + near
    elif name in POSITIVE:
        spread, near = np.abs(spread), 1 + near * rng.choice([-1, 1], COUNT)
    elif name == "log1p":
        spread = np.where(spread <= -1, -spread, spread)
    elif name in UNIT:
        near = 1 - near
    if name in ("sin", "cos", "tan"):
        parts += [rng.integers(-200_000, 200_000, COUNT) * (np.pi / 2), rng.uniform(-4e5, 4e5, COUNT)]
    if name in POSITIVE or name == "cbrt":  # subnormal arguments
        parts.append(np.finfo(dtype).smallest_subnormal * rng.integers(1, 10**6, 50).astype(np.float64))
    return [np.concatenate([*parts, spread, near]).astype(dtype)]


def ulps(actual: np.ndarray, exact: list[mpf], dtype: str) -> np.ndarray:
    """Distance from the exact value in units of the spacing of floats there (at least the subnormal spacing)."""
    info = np.finfo(dtype)
    digits, least = info.nmant + 1, info.minexp - info.nmant
    limit = mpf(2) ** info.maxexp * (1 - mpf(2) ** (-digits - 1))  # rounds to inf from here on
    errors = np.empty(len(exact))
    for i, (a, e) in enumerate(zip(actual.tolist(), exact, strict=True)):
        if abs(e) < mpf(2) ** (least - 60):
            e = mpf(0)
        if abs(e) >= limit:
            e = mp.sign(e) * mpf(2) ** info.maxexp
        a = mpf(a) if np.isfinite(a) else mp.sign(mpf(a)) * mpf(2) ** info.maxexp if a == a else mpf("nan")
        exponent = max(int(mp.frexp(e)[1]) - digits, least) if e else least
        errors[i] = float(abs(a - e) / mpf(2) ** exponent)
    return errors


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_error_is_within_the_documented_ulps(name: str, dtype: str) -> None:
    arguments = samples(name, dtype)
    actual = loop(name, dtype)(*arguments)
    with mp.workdps(340 if name in ("sin", "cos", "tan") else 50):
        exact = [EXACT[name](*map(mpf, row)) for row in zip(*(a.tolist() for a in arguments), strict=True)]
        errors = ulps(actual, exact, dtype)
    worst = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
    where = [a[worst].item() for a in arguments]
    assert errors[worst] <= ACCURACY[name][dtype], f"{name}{tuple(where)}: {errors[worst]:.2f} ulp ({actual[worst]})"


inf, nan = np.inf, np.nan
EDGES: dict[str, list[tuple[float, ...]]] = {  # (argument..., exact result)
    "exp": [(0, 1), (-0.0, 1), (inf, inf), (-inf, 0), (nan, nan), (1e4, inf), (-1e4, 0)],
    "exp2": [(0, 1), (3, 8), (-2, 0.25), (inf, inf), (-inf, 0), (nan, nan), (1e5, inf), (-1e5, 0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -1), (nan, nan), (-1e4, -1), (1e4, inf)],
    "log": [(1, 0), (0.0, -inf), (-0.0, -inf), (inf, inf), (-1, nan), (-inf, nan), (nan, nan)],
    "log2": [(1, 0), (8, 3), (2.0**-126, -126), (0.0, -inf), (inf, inf), (-1, nan), (nan, nan)],
    "log10": [(1, 0), (1000, 3), (0.0, -inf), (inf, inf), (-1, nan), (nan, nan)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1, -inf), (inf, inf), (-2, nan), (-inf, nan), (nan, nan)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (inf, nan), (-inf, nan), (nan, nan)],
    "cos": [(0.0, 1), (-0.0, 1), (inf, nan), (nan, nan)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (inf, nan), (nan, nan)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (2, nan), (-inf, nan), (nan, nan)],
    "acos": [(1, 0.0), (1.5, nan), (-1.5, nan), (inf, nan), (nan, nan)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (nan, nan)],
    "atan2": [
        (0.0, 0.0, 0.0), (-0.0, 0.0, -0.0), (0.0, 1, 0.0), (-0.0, 1, -0.0), (1, inf, 0.0), (-1, inf, -0.0),
        (nan, 1, nan), (1, nan, nan),
    ],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -inf), (nan, nan), (1e4, inf), (-1e4, -inf)],
    "cosh": [(0.0, 1), (inf, inf), (-inf, inf), (nan, nan), (-1e4, inf)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (inf, 1), (-inf, -1), (nan, nan), (50, 1)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -inf), (nan, nan)],
    "acosh": [(1, 0.0), (0.5, nan), (-2, nan), (inf, inf), (-inf, nan), (nan, nan)],
    "atanh": [(0.0, 0.0), (-0.0, -0.0), (1, inf), (-1, -inf), (2, nan), (-inf, nan), (nan, nan)],
    "pow": [
        (2, 3, 8), (-2, 3, -8), (-2, 2, 4), (-2, 0.5, nan), (-8, -3, -1 / 512), (0.0, 0.0, 1), (nan, 0, 1), (1, nan, 1),
        (1, inf, 1), (-1, inf, 1), (-1, -inf, 1), (0.5, inf, 0), (0.5, -inf, inf), (2, inf, inf), (2, -inf, 0),
        (0.0, -1, inf), (-0.0, -1, -inf), (-0.0, -2, inf), (-0.0, 3, -0.0), (0.0, 2, 0.0), (-0.0, inf, 0.0),
        (inf, 2, inf), (inf, -2, 0), (-inf, 3, -inf), (-inf, 2, inf), (-inf, -3, -0.0), (-inf, 0.5, inf),
        (nan, 1, nan), (2, nan, nan), (-1, 2.0**60, 1), (-2, 3e4 + 1, -inf), (-2, -3e4 - 1, -0.0), (-inf, inf, inf),
        (1e-30, 30, 0), (9, 0.5, 3), (-3, 1, -3),
    ],
    "cbrt": [(0.0, 0.0), (-0.0, -0.0), (27, 3), (-8, -2), (inf, inf), (-inf, -inf), (nan, nan)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (inf, 1), (-inf, -1), (nan, nan)],
    "erfc": [(0.0, 1), (inf, 0), (-inf, 2), (nan, nan), (50, 0)],
    "sigmoid": [(0.0, 0.5), (inf, 1), (-inf, 0), (nan, nan), (-1e4, 0)],
    "softplus": [(inf, inf), (-inf, 0), (nan, nan), (1e4, 1e4)],
    "lgamma": [(1, 0.0), (2, 0.0), (0.0, inf), (-0.0, inf), (-3, inf), (inf, inf), (-inf, inf), (nan, nan)],
    "digamma": [(0.0, -inf), (-0.0, inf), (-1e-45, inf), (1e-45, -inf), (-2, nan), (inf, inf), (nan, nan)],
    "hypot": [(3, 4, 5), (0.0, -0.0, 0.0), (inf, nan, inf), (nan, -inf, inf), (nan, 1, nan), (1e30, 0, 1e30)],
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_edges_are_exact(name: str, dtype: str) -> None:
    rows = EDGES[name]
    if dtype == "float64":  # some rows underflow or overflow in float32 only
        rows = [row for row in rows if abs(row[0]) not in (1e-30, 1e-45)]
    *arguments, expected = (np.array(column, dtype) for column in zip(*rows, strict=True))
    # 16 copies: the vector body sees the edges too, not only the scalar remainder.
    actual = loop(name, dtype)(*(np.tile(a, 16) for a in arguments)).reshape(16, -1)
    for copy in actual:
        np.testing.assert_array_equal(copy, expected)
        finite = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(copy[finite]), np.signbit(expected[finite]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_arguments_beyond_the_vector_range(name: str, dtype: str) -> None:
    top = 300 if dtype == "float64" else 38
    x = np.linspace(-4, 4, 203).astype(dtype)
    positions = np.array([0, 7, 8, 15, 64, 100, 101, 102, 200, 202])
    x[positions] = 10.0 ** np.linspace(6, top, 10)
    actual = loop(name, dtype)(x)
    with mp.workdps(340):
        errors = ulps(actual, [EXACT[name](mpf(v)) for v in x.tolist()], dtype)
    assert errors.max() <= ACCURACY[name][dtype]


def test_the_hardest_large_arguments() -> None:
    # The floats nearest to a multiple of pi/2: J.-M. Muller, "Elementary Functions", table 10.1.
    x32 = 16367173 * 2.0**72
    with mp.workdps(340):
        assert ulps(loop("cos", "float32")(np.full(8, x32, "float32")), [mp.cos(mpf(x32))] * 8, "float32").max() <= 1
    # Beyond the vector range float64 is what libm says; glibc is 8 ulp off here, so its value is the reference.
    x64 = 6381956970095103 * 2.0**797
    np.testing.assert_array_equal(loop("cos", "float64")(np.full(9, x64)), np.full(9, math.cos(x64)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_gamma_functions_of_negative_arguments(name: str, dtype: str) -> None:
    # Reflection: the error is small beside the terms of the formula, which may cancel.
    x = np.random.default_rng(1).uniform(-30, 0, COUNT).astype(dtype)
    actual = loop(name, dtype)(x)
    exact = np.array([float(EXACT[name](mpf(v))) for v in x.tolist()])
    terms = np.array([float(abs(EXACT[name](-mpf(v)))) for v in x.tolist()])
    assert np.max(np.abs(actual - exact) / (np.abs(exact) + terms + 1)) <= 8 * np.finfo(dtype).eps


def test_every_function_has_a_reference_and_edges() -> None:
    assert set(EXACT) == set(FUNCTIONS) == set(EDGES)


def test_declare_adds_a_function_once_and_refuses_others() -> None:
    module = ir.Module()
    first = declare(module, "log", ir.FLOAT)
    assert declare(module, "log", ir.FLOAT) is first
    with pytest.raises(KeyError, match="no function 'lgoamma'"):
        declare(module, "lgoamma", ir.DOUBLE)
    with pytest.raises(TypeError, match="float and double"):
        declare(module, "exp", ir.I64)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 assembly")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_loop_is_vectorised(name: str, dtype: str) -> None:
    cpu = target.Cpu("x86-64-v3", "")  # AVX2 and FMA: the same assembly on every host
    text = target.assembly(target.optimise(loop_module(name, dtype), cpu), cpu)
    body = text[text.index(f"{SYMBOL}:") :]
    packed = "pd" if dtype == "float64" or name in ("pow", "hypot") else "ps"  # float32 pow, hypot work in float64
    arithmetic = rf"(vf(n)?m(add|sub)\d+|vsqrt){packed}\s.*%ymm"
    assert re.search(arithmetic, body), "no packed multiply-add on 256-bit registers"
    assert re.search(rf"vmovup{packed[1]}\s+%ymm|vmovups\s+%ymm|vmovupd\s+%ymm", body), "no 256-bit store"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86-64 CPUs")
@pytest.mark.parametrize("name", ["exp", "log", "sin", "pow"])
def test_right_without_fma_and_avx(name: str) -> None:
    baseline = Loop(name, "float64", target.Cpu("x86-64", ""))
    arguments = samples(name, "float64")
    with mp.workdps(340 if name == "sin" else 50):
        exact = [EXACT[name](*map(mpf, row)) for row in zip(*(a.tolist() for a in arguments), strict=True)]
        assert ulps(baseline(*arguments), exact, "float64").max() <= ACCURACY[name]["float64"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rare_lanes_do_not_disturb_their_neighbours(dtype: type) -> None:
    """Overflow, subnormal results and nan take another path than the rest, all lanes of a vector together."""
    rng = np.random.default_rng(3)
    usual = rng.uniform(-80.0, 80.0, 4000).astype(dtype)
    rare = rng.choice([-np.inf, np.inf, np.nan, -1e9, -745.0, -715.0, 715.0, -101.0, 88.8], 4000).astype(dtype)
    mixed = np.where(rng.random(4000) < 0.3, rare, usual)
    with np.errstate(all="ignore"):
        expected = np.exp(mixed)
        found = wg.jit(np.exp)(mixed)
        alone = np.array([wg.jit(np.exp)(usual), wg.jit(np.exp)(rare)])
    np.testing.assert_array_equal(found, np.where(mixed == usual, alone[0], alone[1]))
    tiny = np.finfo(dtype).smallest_subnormal
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps, atol=2 * tiny)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("exponent", ROOTS)
def test_powers_that_are_roots(exponent: float, dtype: str) -> None:
    rng = np.random.default_rng(5)
    top = 300.0 if dtype == "float64" else 36.0
    power = wg.jit(lambda x: x**exponent)
    x = np.concatenate([10 ** rng.uniform(-top, top, COUNT), rng.uniform(0.0, 4.0, COUNT)]).astype(dtype)
    x = np.concatenate([x, np.finfo(dtype).smallest_subnormal * rng.integers(1, 10**6, 50).astype(dtype)])
    with mp.workdps(50):
        exact = [mpf(v) ** mpf(exponent) for v in x.tolist()]
        assert ulps(power(x), exact, dtype).max() <= 2.0
    edges = np.array([0.0, -0.0, inf, -inf, nan, -1.0, -1e-300, 1.0], dtype)
    with np.errstate(all="ignore"):
        expected = np.power(edges, np.full(8, exponent, dtype))
    found = power(edges)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[:4]), np.signbit(expected[:4]))
    assert "pow" not in power.lower(x).llvm_ir()
