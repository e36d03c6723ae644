"""Rosenbrock's gradient for a million numbers beside a copy of the bytes that it must move.

    python -m benchmarks.copy_bound

It must read its argument and write the gradient, as a copy reads one array and writes another.  Both take turns; the
copy goes into memory that is there already, with as many threads as the gradient may use.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from benchmarks.cases.rosenbrock import by_hand, rosenbrock
from benchmarks.environment import cores, ensure_environment

SIZE = 1_000_000
ROUNDS = 200
GOAL = 1.5


def main() -> int:
    import wengert as wg

    x = np.random.default_rng(0).uniform(-1.0, 1.0, SIZE)
    gradient = wg.jit(wg.grad(rosenbrock))
    np.testing.assert_allclose(gradient(x), by_hand(x)[1], rtol=1e-9, atol=1e-9)
    target = np.zeros_like(x)
    threads = cores()
    parts = [slice(k * SIZE // threads, (k + 1) * SIZE // threads) for k in range(threads)]
    times: dict[str, list[float]] = {"gradient": [], "copy": [], "copy, one thread": []}
    with ThreadPoolExecutor(threads) as pool:

        def copy() -> None:
            list(pool.map(lambda part: np.copyto(target[part], x[part]), parts))

        calls = (lambda: gradient(x), copy, lambda: np.copyto(target, x))
        for _ in range(ROUNDS):
            for name, call in zip(times, calls, strict=True):
                call()
                start = perf_counter()
                call()
                times[name].append(perf_counter() - start)
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        fastest = min(times[name])
        print(f"{name:18} median {1e6 * median:8.1f} us, fastest {1e6 * fastest:8.1f} us")
    best = min(medians["copy"], medians["copy, one thread"])
    print(f"gradient over copy {medians['gradient'] / best:.2f} (goal: at most {GOAL})")
    return 0


if __name__ == "__main__":
    ensure_environment(None, "benchmarks.copy_bound", [])
    raise SystemExit(main())
