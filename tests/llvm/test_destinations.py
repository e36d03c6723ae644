"""Results written where they are to be, loops taken apart, rows that do not overlap: fewer loops, the same values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg

RNG = np.random.default_rng(11)


def lines_of(f: Any, *args: Any) -> list[str]:
    """The lines of a program's steps, those inside of loops with spaces in front."""
    return [line for text in wg.jit(f).lower(*args).steps for line in str(text).splitlines()]


def agrees(f: Any, *args: Any) -> None:
    """Value and gradients are those of the interpreted recording of plain Python."""
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    argnums = tuple(k for k, a in enumerate(args) if not isinstance(a, int))
    expected_value, expected = wg.value_and_grad(f, argnums=argnums)(*copies)
    np.testing.assert_allclose(expected_value, f(*copies), rtol=1e-12)
    value, found = wg.jit(wg.value_and_grad(f, argnums=argnums))(*args)
    np.testing.assert_allclose(value, expected_value, rtol=1e-12)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


# -- carries ----------------------------------------------------------------------------------------------------------


def relax(u, v, steps):
    for _ in range(steps):
        u = u + 0.1 * np.sin(v)
        v = v - 0.1 * u
    return np.sum(u * v)


def turns(u, v, steps):
    for _ in range(steps):
        u, v = v + 0.1, u * 1.01
    return np.sum(u * u - v)


def both_the_same(u, v, steps):
    for _ in range(steps):
        w = 0.5 * (u + v)
        u, v = w, w
    return np.sum(u * u + v)


def sums(u, v, steps):
    for _ in range(steps):
        v = v + np.mean(u) * u
        u = np.full(len(u), 0.01) * np.mean(v * v) ** 0.5 + u[::-1]
    return np.sum(u * v)


def shifted(u, v, steps):
    for _ in range(steps):
        u = 0.5 * (np.roll(u, 1) + np.roll(u, -1)) + 0.1 * v
        v = v * u
    return np.sum(u + v)


def product(u, v, steps):
    for _ in range(steps):
        v = np.outer(u, v) @ v
        v = v / np.sqrt(np.sum(v * v))
        u = u + v
    return np.sum(u)


def chosen(u, v, steps):
    for k in range(steps):
        if u[0] > v[0] + k * 0.1:
            u = u * 0.9 + 0.1 * v
        else:
            u, v = v, 1.1 * u
    return np.sum(u * u) + np.sum(v)


@pytest.mark.parametrize("f", [relax, turns, both_the_same, sums, shifted, product, chosen])
@pytest.mark.parametrize("n", [1, 7, 200])
def test_carries(f, n):
    rng = np.random.default_rng(n)
    agrees(f, 0.5 + rng.random(n), rng.random(n), 7)


def test_what_is_computed_entry_by_entry_is_written_over_the_carry():
    u = np.ones(300)
    assert not [line for line in lines_of(relax, u, u, 9) if line.startswith(" ") and "copy" in line]
    assert [line for line in lines_of(shifted, u, u, 9) if line.startswith(" ") and "copy" in line]


# -- loops that would walk along different axes -----------------------------------------------------------------------


def turned_and_outer(a, v, steps):
    for _ in range(steps):
        v = a @ v
        v = v / np.sqrt(np.sum(v * v))
    return np.sum(v * np.cos(v))


def test_a_transposed_product_and_an_outer_product_are_two_loops():
    a, v = RNG.random((40, 40)), RNG.random(40)
    lines = lines_of(wg.value_and_grad(turned_and_outer, argnums=(0, 1)), a, v, 20)
    backwards = lines[next(k for k, line in enumerate(lines) if "backwards" in line) :]
    square = [line for line in backwards if "40x40" in line]
    assert len(square) == 2, square
    assert not [line for line in square if "copy" in line]
    agrees(turned_and_outer, a, v, 20)


def test_what_shares_more_than_loads_stays_together():
    def f(a):
        b = np.sin(a) * np.cos(a)
        return np.sum(b, axis=0), b.T.copy()

    lines = lines_of(f, RNG.random((40, 50)))
    assert len([line for line in lines if "sin" in line]) == 1
    a = RNG.random((40, 50))
    for found, expected in zip(wg.jit(f)(a), f(a), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)


# -- rows at computed places ------------------------------------------------------------------------------------------


def sweep(p, q, n):
    p, q = p.copy(), q.copy()
    for j in range(1, n - 1):
        p[1:-1, j] = 0.3 / (0.1 * p[1:-1, j - 1] + 2.0)
        q[1:-1, j] = (q[j, :-2] - 0.1 * q[1:-1, j - 1]) / (0.1 * p[1:-1, j - 1] + 1.0)
    for j in range(n - 2, 0, -1):
        q[1:-1, j] = p[1:-1, j] * q[1:-1, j + 1] + q[1:-1, j]
    return np.sum(p * q)


def test_only_the_part_is_written():
    p, q = RNG.random((2, 90, 90))
    lines = [line for line in lines_of(lambda p, q: sweep(p, q, 90), p, q) if line.startswith(" ")]
    assert not [line for line in lines if "loop 90" in line]
    assert len([line for line in lines if "loop 88:" in line]) <= 4, lines
    agrees(sweep, p, q, 90)


_ROWS = (
    "u[j]",
    "u[j, 1:-1]",
    "u[j, ::2]",
    "u[j, ::-1]",
    "u[1:-1, j]",
    "u[::-1, j]",
    "u[1:-1][j]",
    "u[2:, 1:][j]",
    "u.T[j]",
)
_SHIFTS = ("j", "j - 1", "j + 1", "k", "n - 1 - j", "-j", "j - 3")


@st.composite
def row_programs(draw: Any) -> str:
    """A loop that reads some rows of an array, and writes others of the same array."""

    def row() -> str:
        text = draw(st.sampled_from(_ROWS)).replace("j", f"({draw(st.sampled_from(_SHIFTS))})")
        return text

    lines = []
    for _ in range(draw(st.integers(1, 3))):
        target = row()
        reads = [row() for _ in range(draw(st.integers(1, 2)))]
        size = f"len({target})"
        terms = " + ".join(f"0.3 * fit({read}, {size})" for read in reads)
        how = draw(st.sampled_from(("=", "+=", "*=")))
        lines.append(f"        {target} {how} {terms}")
    body = "\n".join(lines)
    return (
        "def f(u, n):\n    u = u.copy()\n    k = 4\n    for j in range(3, n - 3):\n"
        f"{body}\n    return np.sum(u * np.cos(u))\n"
    )


def fit(x, n):
    """The first n entries, or as many as there are and a number for the rest."""
    if len(x) >= n:
        return x[:n]
    return np.concatenate([x, np.full(n - len(x), 0.25)])


@pytest.mark.parametrize("n", [9, 70])
@settings(max_examples=10, deadline=None)
@given(source=row_programs())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_rows_that_may_overlap(n, source):
    import linecache

    file = f"<rows {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    scope: dict[str, Any] = {"np": np, "fit": fit, "__name__": "row_programs"}
    exec(compile(source, file, "exec"), scope)
    f = scope["f"]
    u = np.random.default_rng(n).standard_normal((n, n))
    with np.errstate(all="ignore"):
        expected = f(u, n)
    if not abs(expected) < 1e6:
        return
    agrees(f, u, n)


# -- a part written with another part of the same array ---------------------------------------------------------------


def moved_along(x):
    y = x * 2.0
    y[1:4] = y[0:3]
    y[2:] += y[:-2]
    y[::-1] += y
    y[:3] = y[2:5]
    return y


def moved_in_a_loop(x):
    y = x.copy()
    for j in range(1, len(x)):
        y[j, 1:] = y[j, :-1]
        y[1:, j] += y[:-1, j]
        y[j] = y[j - 1]
        y[:, -1] = y[:, 0]
    return y


def by_its_own_entries(x):
    places = x.copy()
    places[places] = np.arange(len(x))
    return places


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (moved_along, np.arange(6.0)),
        (moved_along, np.arange(200.0)),
        (moved_in_a_loop, RNG.random((7, 7))),
        (moved_in_a_loop, RNG.random((80, 80))),
        (by_its_own_entries, np.array([3, 0, 1, 2])),
    ],
)
def test_overlapping_parts(f, x):
    np.testing.assert_allclose(wg.jit(f)(x.copy()), f(x.copy()), rtol=1e-13)


def test_which_views_overlap():
    """Against the entries themselves."""
    from wengert.run.llvm.loops import Buffer, whole
    from wengert.run.llvm.views import may_overlap, slice_

    buffer = Buffer(30, np.dtype(float))
    entries = np.arange(30).reshape(5, 6)
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(300):
        spans = []
        for _side in range(2):
            low, high = rng.integers(0, (3, 4)), rng.integers((3, 4), (6, 7))
            spans.append((tuple(low), tuple(high), tuple(rng.integers(1, 3, 2))))
        if rng.random() < 0.7:
            spans[1] = (*spans[1][:2], spans[0][2])
        a, b = (slice_(whole(buffer, (5, 6)), *(tuple(map(int, t)) for t in span)) for span in spans)
        sets = [set(entries[tuple(slice(*s) for s in zip(*span, strict=True))].ravel()) for span in spans]
        common = bool(sets[0] & sets[1])
        assert may_overlap(a, b) or not common, spans
        missed += may_overlap(a, b) and not common and a.strides == b.strides
    assert missed < 20


def turned_around(y, c):
    total = 0.0
    for k in range(1, len(y)):
        if k < len(y) - 1:
            y[:k] += c * y[:k][::-1]
        total += y[k - 1] * y[k]
    return total + np.sum(y * y)


def test_what_is_read_of_a_carry_is_what_is_copied() -> None:
    """Backwards over itself: what is read is a copy, so that the choice around it writes in place."""

    def f(x, c):
        return turned_around(1.0 * x, c)

    def copies(g):
        return sum("copy" in line and line.startswith("    ") for line in lines_of(g, x, 0.3))

    x = RNG.standard_normal(9)
    agrees(f, x, 0.3)
    assert copies(f) == 1
    assert copies(wg.value_and_grad(f, argnums=(0, 1))) == 2  # what the backward pass reads is kept, too
