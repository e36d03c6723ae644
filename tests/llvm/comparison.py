"""Programs compared with what they are without capture, and with other numbers of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import wengert as wg


def compare_gradients(f: Any, args: Sequence[Any]) -> None:
    """Compare a function and its gradient with NumPy, and with what they are without capture."""
    every = tuple(range(len(args)))
    with np.errstate(all="ignore"):
        plain = f(*args)
        expected, slopes = wg.value_and_grad(f, argnums=every)(*args)
    if not all(np.all(np.abs(value) < 1e6) for value in (plain, *slopes)):
        return  # squares of squares grow beyond all bounds
    np.testing.assert_allclose(expected, plain, rtol=1e-10)
    np.testing.assert_allclose(wg.jit(f)(*args), expected, rtol=1e-9)
    value, found = wg.jit(wg.value_and_grad(f, argnums=every))(*args)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    for one, slope in zip(found, slopes, strict=True):
        np.testing.assert_allclose(one, slope, rtol=1e-7, atol=1e-9 * (1 + np.max(np.abs(slope))))


def said(program: str, threads: str) -> str:
    """Return what a program prints in a process of its own with so many threads."""
    environment = os.environ | {"WENGERT_NUM_THREADS": threads}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout
