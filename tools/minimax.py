"""Generate the polynomial coefficients of ``wengert.run.llvm.mathlib``.

    python tools/minimax.py            # rewrite mathlib/coefficients.py
    python tools/minimax.py --check    # say whether the file is what this script produces

For every entry of ``FITS`` this finds the polynomial p of a given degree that minimises the largest
``|w(x) (f(x) - p(x))|`` over an interval: the Remez exchange algorithm (E. Ya. Remez, 1934), here on a dense grid of
Chebyshev points, in 50-digit arithmetic. ``w`` is chosen so that the weighted error is the *relative* error of the
function that the polynomial ends up in.

Rounding the coefficients of the best real polynomial to float32 often spoils it. So there they are also fixed one at a
time from the constant term up (round one, subtract it, fit the rest again, which makes up for the rounding), and the
better of the two polynomials is kept.

Needs mpmath.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mpmath import mp, mpf

mp.dps = 50
TARGET = Path(__file__).parents[1] / "src" / "wengert" / "run" / "llvm" / "mathlib" / "coefficients.py"
GRID = 300
Function = Callable[[mpf], mpf]


@dataclass(frozen=True)
class Fit:
    """A polynomial to find: name, doc line, f, weight, interval, and the degree for each dtype."""

    name: str
    doc: str
    f: Function
    weight: Function
    low: mpf
    high: mpf
    degrees: dict[str, int]
    split_constant: bool = False  # also give what rounding takes from the constant term, as NAME_LOW


def chebyshev_points(low: mpf, high: mpf, count: int) -> list[mpf]:
    """Points that crowd at the ends of the interval, where minimax errors have their extrema."""
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle - half * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def evaluate(coefficients: list[mpf], x: mpf) -> mpf:
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def extrema(errors: list[mpf], count: int) -> list[int]:
    """Positions of ``count`` error extrema of alternating sign."""
    peaks: list[int] = []
    for i, e in enumerate(errors):
        if not peaks or mp.sign(e) != mp.sign(errors[peaks[-1]]):
            peaks.append(i)
        elif abs(e) > abs(errors[peaks[-1]]):
            peaks[-1] = i
    while len(peaks) > count:  # drop the smaller end, which keeps the signs alternating
        peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
    return peaks


def remez(xs: list[mpf], fs: list[mpf], ws: list[mpf], degree: int) -> tuple[list[mpf], mpf]:
    """Coefficients (constant term first) minimising max |w (f - p)| on the grid, and that maximum."""
    count = degree + 2
    reference = [round(i * (len(xs) - 1) / (count - 1)) for i in range(count)]
    best, lowest = [mpf(0)] * (degree + 1), mpf("inf")
    for _ in range(30):
        # On the reference the weighted error is to be +h, -h, +h, ...: a linear system in (p, h).
        system = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for row, i in enumerate(reference):
            power = mpf(1)
            for column in range(degree + 1):
                system[row, column] = power
                power *= xs[i]
            system[row, degree + 1] = (-1) ** row / ws[i]
            right[row] = fs[i]
        solution = mp.lu_solve(system, right)
        coefficients = [solution[i] for i in range(degree + 1)]
        errors = [w * (f - evaluate(coefficients, x)) for x, f, w in zip(xs, fs, ws, strict=True)]
        largest = max(abs(e) for e in errors)
        if largest < lowest:
            best, lowest = coefficients, largest
        if largest <= abs(solution[degree + 1]) * mpf("1.001"):
            break
        peaks = extrema(errors, count)
        if len(peaks) < count:
            break
        reference = peaks
    return best, lowest


def round_to(x: mpf, dtype: str) -> mpf:
    """The nearest float of the dtype (through float64 first: a double rounding of no weight here)."""
    return mpf(float(np.dtype(dtype).type(float(x))))


def solve(fit: Fit, dtype: str) -> tuple[list[mpf], mpf, mpf]:
    """Coefficients that are exact in the dtype, the rounding error of the first, and the largest weighted error."""
    xs = chebyshev_points(fit.low, fit.high, GRID)
    fs = [fit.f(x) for x in xs]
    ws = [fit.weight(x) for x in xs]
    best, _ = remez(xs, fs, ws, fit.degrees[dtype])
    rounded = [round_to(c, dtype) for c in best]
    low = round_to(best[0] - rounded[0], dtype) if fit.split_constant else mpf(0)
    candidates = [rounded]
    if dtype == "float32" and not fit.split_constant:
        candidates.append(round_in_turn(best, xs, fs, ws, dtype))

    def error(coefficients: list[mpf]) -> mpf:
        return max(abs(w * (f - low - evaluate(coefficients, x))) for x, f, w in zip(xs, fs, ws, strict=True))

    chosen = min(candidates, key=error)
    return chosen, low, error(chosen)


def round_in_turn(best: list[mpf], xs: list[mpf], fs: list[mpf], ws: list[mpf], dtype: str) -> list[mpf]:
    """Round the constant term, fit the rest to (f - constant) / x, and so on upwards.

    Where the interval contains 0 the quotient has a pole of the size of the rounding error, and a polynomial of high
    degree that tries to follow it is worse than plain rounding; so the caller compares the two.
    """
    fixed = [round_to(best[0], dtype)]
    while len(fixed) < len(best):
        fs = [(f - fixed[-1]) / x for f, x in zip(fs, xs, strict=True)]
        ws = [w * abs(x) for w, x in zip(ws, xs, strict=True)]
        rest, _ = remez(xs, fs, ws, len(best) - 1 - len(fixed))
        fixed.append(round_to(rest[0], dtype))
    return fixed


def one(x: mpf) -> mpf:
    return mpf(1)


def identity(x: mpf) -> mpf:
    return abs(x)


def in_square(f: Function) -> Function:
    """f as a function of z = x**2; the series below are even, so that z is the natural variable."""
    return lambda z: f(mp.sqrt(z))


def erfcx(x: mpf) -> mpf:
    return mp.exp(x * x) * mp.erfc(x)


def stirling(x: mpf) -> mpf:
    return (x - mpf(1) / 2) * (mp.log(x) - 1) + mp.log(2 * mp.pi) / 2 - mpf(1) / 2


DIGAMMA_ZERO = mp.findroot(mp.digamma, mpf("1.4616321449683623"))
HALF_LN2 = mp.log(2) / 2 * mpf("1.001")
S_MAX = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * mpf("1.0001")
QUARTER_PI = mp.pi / 4 + mpf("0.035")  # slack: the multiple of pi/2 is rounded with a small error
BOTH = {"float64": 0, "float32": 0}

FITS: list[Fit] = [
    Fit(
        "EXP",
        "exp(r) = 1 + r + r^2 p(r), |r| <= log(2)/2",
        lambda r: (mp.expm1(r) - r) / r**2,
        identity,
        -HALF_LN2,
        HALF_LN2,
        {"float64": 9, "float32": 4},
    ),
    Fit(
        "EXPM1",
        "expm1(r) = r + r^2 p(r): as EXP with one term more, since here r itself is the leading term",
        lambda r: (mp.expm1(r) - r) / r**2,
        identity,
        -HALF_LN2,
        HALF_LN2,
        {"float64": 10, "float32": 5},
    ),
    Fit(
        "EXP2",
        "2^r = 1 + r p(r), |r| <= 1/2",
        lambda r: mp.expm1(r * mp.log(2)) / r,
        one,
        mpf("-0.5005"),
        mpf("0.5005"),
        {"float64": 10, "float32": 5},
    ),
    Fit(
        "LOG",
        "log(1+f) = 2 s + s^3 p(s^2), s = f/(2+f), |s| <= 0.1716",
        in_square(lambda s: (2 * mp.atanh(s) - 2 * s) / s**3),
        identity,
        mpf(10) ** -12,
        S_MAX**2,
        {"float64": 7, "float32": 3},
    ),
    Fit(
        "LOG_TAIL",
        "log(1+f) = 2 s + 2/3 s^3 + s^5 p(s^2): the tail of pow's double-double logarithm",
        in_square(lambda s: (2 * mp.atanh(s) - 2 * s - 2 * s**3 / 3) / s**5),
        identity,
        mpf(10) ** -12,
        S_MAX**2,
        {"float64": 8},
    ),
    Fit(
        "LOG_SHORT",
        "as LOG, just enough for float32 pow carried out in float64",
        in_square(lambda s: (2 * mp.atanh(s) - 2 * s) / s**3),
        identity,
        mpf(10) ** -12,
        S_MAX**2,
        {"float64": 4},
    ),
    Fit(
        "EXP_SHORT",
        "as EXP, just enough for float32 pow carried out in float64",
        lambda r: (mp.expm1(r) - r) / r**2,
        identity,
        -HALF_LN2,
        HALF_LN2,
        {"float64": 5},
    ),
    Fit(
        "SIN",
        "sin(r) = r + r^3 p(r^2), |r| <= 0.82",
        in_square(lambda r: (mp.sin(r) - r) / r**3),
        identity,
        mpf(10) ** -10,
        QUARTER_PI**2,
        {"float64": 6, "float32": 3},
    ),
    Fit(
        "COS",
        "cos(r) = 1 - r^2/2 + r^4 p(r^2), |r| <= 0.82",
        in_square(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4),
        lambda z: z**2,
        mpf(10) ** -6,
        QUARTER_PI**2,
        {"float64": 5, "float32": 2},
    ),
    Fit(
        "TAN",
        "tan(r) = r + r^3 p(r^2), |r| <= 0.82",
        in_square(lambda r: (mp.tan(r) - r) / r**3),
        identity,
        mpf(10) ** -10,
        QUARTER_PI**2,
        {"float64": 14, "float32": 6},
    ),
    Fit(
        "ASIN",
        "asin(x) = x + x^3 p(x^2), |x| <= 1/2",
        in_square(lambda x: (mp.asin(x) - x) / x**3),
        identity,
        mpf(10) ** -10,
        mpf("0.2501"),
        {"float64": 12, "float32": 5},
    ),
    Fit(
        "ATAN",
        "atan(t) = t + t^3 p(t^2), |t| <= tan(pi/8)",
        in_square(lambda t: (mp.atan(t) - t) / t**3),
        identity,
        mpf(10) ** -10,
        mp.tan(mp.pi / 8) ** 2 * mpf("1.001"),
        {"float64": 10, "float32": 4},
    ),
    Fit(
        "SINH",
        "sinh(r) = r + r^3 p(r^2), |r| <= log(2)/2",
        in_square(lambda r: (mp.sinh(r) - r) / r**3),
        identity,
        mpf(10) ** -10,
        HALF_LN2**2,
        {"float64": 4, "float32": 2},
    ),
    Fit(
        "COSH",
        "cosh(r) = 1 + r^2 p(r^2), |r| <= log(2)/2",
        in_square(lambda r: 2 * mp.sinh(r / 2) ** 2 / r**2),
        identity,
        mpf(10) ** -10,
        HALF_LN2**2,
        {"float64": 5, "float32": 2},
    ),
    Fit(
        "CBRT",
        "m^(-1/3), sqrt(1/2) <= m <= sqrt(2): the start of an iteration",
        lambda m: m ** (-mpf(1) / 3),
        one,
        mp.sqrt(mpf("0.4999")),
        mp.sqrt(mpf("2.0001")),
        {"float64": 4, "float32": 4},
    ),
    Fit(
        "ERF",
        "erf(x) = x p(x^2), |x| <= 1",
        in_square(lambda x: mp.erf(x) / x),
        one,
        mpf(10) ** -10,
        mpf("1.0001"),
        {"float64": 12, "float32": 6},
    ),
    Fit(
        "ERF_TAIL",
        "1 - erf(x) = exp(-p(x)), 1 <= x <= 6 (4 in float32)",
        lambda x: -mp.log(mp.erfc(x)),
        lambda x: mp.erfc(x),
        mpf("0.999"),
        mpf("5.95"),
        {"float64": 16, "float32": 7},
    ),
    Fit(
        "ERFCX",
        "exp(x^2) erfc(x) = p(t) / (x + 3), t = (x - 3) / (x + 3), 0 <= x <= 28",
        lambda t: erfcx(3 * (1 + t) / (1 - t)) * 6 / (1 - t),
        lambda t: (1 - t) / 6 / erfcx(3 * (1 + t) / (1 - t)),
        mpf(-1),
        mpf(25) / 31,
        {"float64": 22, "float32": 10},
        split_constant=True,
    ),
    Fit(
        "LGAMMA",
        "lgamma(2 + t) = t (t + 1) p(t), |t| <= 1",
        lambda t: mp.loggamma(2 + t) / (t * (t + 1)),
        lambda t: t * (t + 1) / mp.loggamma(2 + t),
        mpf(-1),
        mpf(1),
        {"float64": 26, "float32": 12},
    ),
    Fit(
        "LGAMMA_TAIL",
        "lgamma(x) = (x - 1/2) (log(x) - 1) + log(2 pi)/2 - 1/2 + p(1/x^2) / x, x >= 8",
        lambda z: (mp.loggamma(1 / mp.sqrt(z)) - stirling(1 / mp.sqrt(z))) / mp.sqrt(z),
        lambda z: mp.sqrt(z) / 8,
        mpf(10) ** -10,
        mpf("0.015626"),
        {"float64": 5, "float32": 1},
    ),
    Fit(
        "DIGAMMA",
        "digamma(2 + t) = (t + 2 - x0) p(t), |t| <= 1, x0 = 1.4616... the zero of digamma",
        lambda t: mp.digamma(2 + t) / (2 + t - DIGAMMA_ZERO),
        lambda t: (2 + t - DIGAMMA_ZERO) / mp.digamma(2 + t),
        mpf(-1),
        mpf(1),
        {"float64": 28, "float32": 14},
    ),
    Fit(
        "DIGAMMA_TAIL",
        "digamma(x) = log(x) - 1/(2 x) - p(1/x^2) / x^2, x >= 8",
        lambda z: (-mp.log(z) / 2 - mp.sqrt(z) / 2 - mp.digamma(1 / mp.sqrt(z))) / z,
        lambda z: z / 2,
        mpf(10) ** -10,
        mpf("0.015626"),
        {"float64": 6, "float32": 2},
    ),
]

HEADER = '''"""Minimax polynomials, constant term first. Made by ``tools/minimax.py``; do not edit.

Each table is keyed by dtype. The error named is the largest error of the polynomial, weighted so that it is the
relative error of the function it ends up in.
"""

Table = dict[str, tuple[float, ...]]
'''


def generate(only: set[str] | None = None) -> str:
    parts = [HEADER]
    for fit in FITS:
        if only and fit.name not in only:
            continue
        lines = [f"\n# {fit.doc}"]
        body = [f"{fit.name}: Table = {{"]
        lows = [f"{fit.name}_LOW: dict[str, float] = {{"]
        for dtype in fit.degrees:
            coefficients, low, error = solve(fit, dtype)
            lows.append(f'    "{dtype}": {float(low)!r},')
            lines.append(f"#   {dtype}: error 2^{float(mp.log(error, 2)):.1f}")
            body.append(f'    "{dtype}": (')
            body += [f"        {float(c)!r}," for c in coefficients]
            body.append("    ),")
        body.append("}")
        if fit.split_constant:
            body += [*lows, "}"]
        parts.append("\n".join(lines + body) + "\n")
    return "".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    parser.add_argument("--only", nargs="*", help="print these tables only")
    arguments = parser.parse_args()
    if arguments.only:
        sys.stdout.write(generate(set(arguments.only)))
        return 0
    text = generate()
    if arguments.check:
        same = TARGET.read_text() == text
        sys.stdout.write("up to date\n" if same else "differs\n")
        return 0 if same else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
