"""Where buffers lie in the arena: together at the right places, and out of step."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.loops import Buffer, Fill
from wengert.run.llvm.plan import place, touched
from wengert.run.llvm.program import NativeProgram

PAGE = 4096


def arena(graph: Any) -> list[Buffer]:
    return list({b: None for step in NativeProgram(graph).steps for b in touched(step) if b.kind == "arena"})


def test_rows_that_an_iteration_saves_do_not_share_lines_of_the_cache() -> None:
    def orbit(x: Any) -> Any:
        for _ in range(2048):  # sixteen KB for each number that is saved
            x = x + 0.001 * np.array([x[(k + 1) % 8] * x[(k + 3) % 8] - x[k] for k in range(8)])
        return np.sum(x)

    buffers = arena(wg.jit(wg.grad(orbit)).lower(np.ones(8)).simplified)
    places = [b.offset // 64 % (PAGE // 64) for b in buffers if b.size * b.dtype.itemsize >= PAGE]
    assert len(places) >= 6
    assert len(set(places)) == len(places)


@given(st.lists(st.tuples(st.integers(1, 3 * PAGE), st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=20))
def test_buffers_that_live_at_once_do_not_overlap(wanted: list[tuple[int, int, int]]) -> None:
    spans = [(size, min(a, b), max(a, b)) for size, a, b in wanted]
    buffers = [Buffer(size, np.dtype(np.uint8)) for size, _, _ in spans]
    steps = [
        Fill(b, 0) for at in range(9) for b, (_, first, last) in zip(buffers, spans, strict=True) if at in (first, last)
    ]
    end = place(steps, 100)
    first = {b: min(k for k, s in enumerate(steps) if s.buffer is b) for b in buffers}
    last = {b: max(k for k, s in enumerate(steps) if s.buffer is b) for b in buffers}
    for b in buffers:
        assert b.offset % 64 == 0
        assert 100 <= b.offset <= end - b.size
        for c in buffers:
            if c is not b and first[b] <= last[c] and first[c] <= last[b]:
                assert b.offset + b.size <= c.offset or c.offset + c.size <= b.offset
