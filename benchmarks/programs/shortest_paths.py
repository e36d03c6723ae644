"""Shortest paths between all pairs (Floyd and Warshall): sums of two paths and minima, row by row, in place."""

import numpy as np

from benchmarks.programs.harness.program import Program


def shortest_paths(length):
    d = length.copy()
    n = d.shape[0]
    for k in range(n):
        for i in range(n):
            d[i, :] = np.minimum(d[i, :], d[i, k] + d[k, :])
    return np.sum(d)


def arguments(rng, n):
    return (0.1 + rng.random((n, n)),)


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def shortest_paths(length):
        def step(k, d):  # lengths are positive, so row k and column k do not change in step k
            return jnp.minimum(d, d[:, k, None] + d[None, k, :])

        return jnp.sum(lax.fori_loop(0, length.shape[0], step, length))

    return shortest_paths


program = Program(shortest_paths, arguments, {"n": 5}, {"n": 100}, jax=jax_version, kinks=True)
