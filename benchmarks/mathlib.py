"""Nanoseconds per element of the vectorised functions against NumPy (SciPy for special functions), one thread.

    python benchmarks/mathlib.py [--functions exp log ...] [--dtypes float64] [--vector-width 256]

Both sides run in one process, alternating, into preallocated outputs; the figure is the median of the repeats. Results
are compared before timing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy import special

from wengert.run.llvm import target
from wengert.run.llvm.mathlib import FUNCTIONS
from wengert.run.llvm.mathlib.loop import Loop

REFERENCE: dict[str, Callable[..., np.ndarray]] = {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power, "erf": special.erf, "erfc": special.erfc,
    "sigmoid": special.expit, "lgamma": special.gammaln,
    "digamma": special.digamma,
    "softplus": lambda x, out: np.logaddexp(0, x, out=out),
}  # fmt: skip
RANGE = {"asin": (-1, 1), "acos": (-1, 1), "atanh": (-1, 1), "acosh": (1, 10), "log": (0.1, 10), "log2": (0.1, 10),
         "log10": (0.1, 10), "log1p": (-0.9, 10), "pow": (0.1, 10), "lgamma": (0.1, 30),
         "digamma": (2, 30)}  # fmt: skip


def nanoseconds(run: Callable[[], object], size: int, inner: int) -> float:
    start = time.perf_counter()
    for _ in range(inner):
        run()
    return (time.perf_counter() - start) / inner / size * 1e9


def compare(name: str, loop: Loop, dtype: str, size: int, repeats: int) -> tuple[float, float]:
    """(ours, NumPy's), medians."""
    rng = np.random.default_rng(0)
    arguments = [rng.uniform(*RANGE.get(name, (-10, 10)), size).astype(dtype) for _ in range(FUNCTIONS[name].arity)]
    reference = REFERENCE.get(name) or getattr(np, name)
    ours, theirs = np.empty(size, dtype), np.empty(size, dtype)
    loop(*arguments, out=ours)
    reference(*arguments, out=theirs)
    relative, absolute = (2e-6, 1e-7) if dtype == "float32" else (1e-14, 1e-15)
    np.testing.assert_allclose(ours, theirs, rtol=relative, atol=absolute)
    addresses = [a.ctypes.data for a in (*arguments, ours)]
    inner = max(1, 100_000 // size)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        times[0].append(nanoseconds(lambda: loop.function(*addresses, size), size, inner))
        times[1].append(nanoseconds(lambda: reference(*arguments, out=theirs), size, inner))
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", nargs="*", default=sorted(FUNCTIONS))
    parser.add_argument("--dtypes", nargs="*", default=["float64", "float32"])
    parser.add_argument("--sizes", nargs="*", type=int, default=[10_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--vector-width", choices=["256", "512"], help="ask LLVM for this width instead of its choice")
    arguments = parser.parse_args()
    cpu = target.host()
    if arguments.vector_width == "256":
        cpu = target.Cpu(cpu.name, cpu.features + ",+prefer-256-bit")
    elif arguments.vector_width == "512":
        cpu = target.Cpu(cpu.name, cpu.features + ",-prefer-256-bit")
    sys.stdout.write(f"{cpu.name}, numpy {np.__version__}; ns per element, ours / NumPy's\n")
    heads = [f"{dtype} {size:.0e}" for dtype in arguments.dtypes for size in arguments.sizes]
    sys.stdout.write(f"{'':10}" + "".join(f"{head:>24}" for head in heads) + f"{'compile ms':>14}\n")
    for name in arguments.functions:
        cells, compile_times = [], []
        for dtype in arguments.dtypes:
            start = time.perf_counter()
            loop = Loop(name, dtype, cpu)
            compile_times.append((time.perf_counter() - start) * 1e3)
            for size in arguments.sizes:
                ours, theirs = compare(name, loop, dtype, size, arguments.repeats)
                cells.append(f"{ours:7.2f} /{theirs:7.2f} ({ours / theirs:.2f})")
        row = "".join(f"{cell:>24}" for cell in cells)
        sys.stdout.write(f"{name:10}{row}{' '.join(f'{t:.0f}' for t in compile_times):>14}\n")


if __name__ == "__main__":
    main()
