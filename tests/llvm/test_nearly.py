"""Constants that are one number nearly everywhere are filled in where a program writes into them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.nearly import nearly_one_number

NUMBERS = {
    "f8": [0.0, -0.0, np.nan, np.inf, 1.5],
    "f4": [0.0, -0.0, np.nan, 2.5],
    "i8": [0, -3, 2**60],
    "i4": [0, 7],
    "u1": [0, 255],
    "?": [False, True],
}
SHAPES = [(3000,), (50, 60), (60, 50), (12, 15, 17), (2048, 1)]


@given(st.sampled_from(sorted(NUMBERS)), st.sampled_from(SHAPES), st.integers(0, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=200)
def test_what_is_found_is_the_array(dtype: str, shape: Any, parts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = np.array(NUMBERS[dtype], dtype)
    array = np.full(shape, rng.choice(numbers))
    for _ in range(parts):
        starts = [rng.integers(n) for n in shape]
        at = tuple([slice(None) if rng.random() < 0.3 else slice(k, k + rng.integers(1, 4)) for k in starts])
        array[at] = rng.choice(numbers, array[at].shape)
    found = nearly_one_number(array)
    if found is None:
        assert parts
        return
    number, boxes = found
    made = np.full(shape, number, dtype)
    for starts, stops in boxes:
        box = tuple([slice(a, b) for a, b in zip(starts, stops, strict=True)])
        made[box] = array[box]
    assert made.tobytes() == array.tobytes()
    assert len(boxes) <= 4


@pytest.mark.parametrize("corner", [-0.0, np.nan, 2.0])
def test_a_border_is_two_boxes(corner: float) -> None:
    table = np.zeros((60, 70))
    table[0], table[:, 0] = np.arange(70) + 1, np.arange(60) + 1
    table[0, 0] = corner
    found = nearly_one_number(table)
    assert found == (0.0, [((0, 0), (1, 70)), ((1, 0), (60, 1))])


def test_others_are_copied() -> None:
    assert nearly_one_number(np.eye(60)) is None
    assert nearly_one_number(np.random.default_rng(0).normal(size=3000)) is None
    assert nearly_one_number(np.zeros(100)) is None
    assert nearly_one_number(np.zeros((50, 50), complex)) is None


@given(st.sampled_from(["f8", "f4"]), st.integers(0, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_a_program_that_writes_into_one(dtype: str, parts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    number = rng.choice(np.array(NUMBERS[dtype], dtype))
    places = [(int(rng.integers(48)), int(rng.integers(60))) for _ in range(parts)]
    values = [rng.normal(size=(2, 60 - j)).astype(dtype) for _, j in places]

    def program(x: Any) -> Any:
        table = np.full((50, 60), number, dtype)
        for (k, j), value in zip(places, values, strict=True):
            table[k : k + 2, j:] = value
        for i in range(49):
            table[i + 1, 3:40] = table[i, 2:39] * x[3:40]
        return table

    compiled, x = wg.jit(program), rng.normal(size=60).astype(dtype)
    for _ in range(2):  # what a call writes is not there in the next one
        found = compiled(x)
        expected = program(x)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == "f4" else 1e-13)
        zeros = expected == 0
        np.testing.assert_array_equal(np.signbit(found)[zeros], np.signbit(expected)[zeros])
