"""Loop nests walk so that lines of memory are used while they are in the cache."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm.loops import Buffer, View, c_strides
from wengert.run.llvm.order import outside_in


def access(strides: tuple[int, ...], shape: tuple[int, ...]) -> View:
    return View(Buffer(0, np.dtype(np.float64)), 0, strides, shape)


def test_a_transposed_copy_walks_over_the_few_rows_inside() -> None:
    shape = (26, 10000, 3)
    views = [access((3, 78, 1), shape), access(c_strides(shape), shape)]
    assert outside_in([0, 1], 2, shape, views) == [1, 0]


def test_what_fits_or_is_contiguous_stays_as_it_is() -> None:
    small = (26, 100, 3)
    assert outside_in([0, 1], 2, small, [access((3, 78, 1), small), access(c_strides(small), small)]) == [0, 1]
    shape = (200, 300, 40)
    plain = access(c_strides(shape), shape)
    assert outside_in([0, 1], 2, shape, [plain, plain]) == [0, 1]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_values_do_not_depend_on_it(order: Any) -> None:
    x = np.random.default_rng(0).random((26, 900, 3))

    def f(x: Any) -> Any:
        y = np.sin(np.transpose(x, order)) * 2.0
        return y, np.sum(y, axis=1)

    for found, expected in zip(wg.jit(f)(x), f(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
