"""Kepler's equation for many orbits: Newton's method in a while loop that runs as long as each orbit needs."""

import numpy as np

from benchmarks.programs.harness.program import Program


def newton(mean_anomaly, eccentricity):
    total = 0.0
    for i in range(len(mean_anomaly)):
        m = mean_anomaly[i]
        e = eccentricity[i]
        anomaly = m
        step = 1.0
        while abs(step) > 1e-10:
            step = (anomaly - e * np.sin(anomaly) - m) / (1.0 - e * np.cos(anomaly))
            anomaly = anomaly - step
        total += np.cos(anomaly) - e
    return total


def arguments(rng, n):
    return np.pi * rng.random(n), 0.1 + 0.8 * rng.random(n)


program = Program(newton, arguments, {"n": 4}, {"n": 2000}, without_jax="JAX cannot reverse a while_loop")
