"""Kalman filter: log-likelihood of measurements under a linear model with Gaussian noise."""

import numpy as np

from benchmarks.programs.harness.program import Program


def kalman(transition, observation, q, r, measurements):
    n = transition.shape[0]
    m = observation.shape[0]
    x = np.zeros(n)
    p = np.eye(n)
    loglik = 0.0
    for t in range(len(measurements)):
        x = transition @ x
        p = transition @ p @ transition.T + q
        innovation = measurements[t] - observation @ x
        s = observation @ p @ observation.T + r
        s_inv = np.linalg.inv(s)
        gain = p @ observation.T @ s_inv
        x = x + gain @ innovation
        p = (np.eye(n) - gain @ observation) @ p
        loglik -= 0.5 * (innovation @ s_inv @ innovation + np.log(np.linalg.det(s)) + m * np.log(2 * np.pi))
    return loglik


def arguments(rng, steps, states, outputs):
    transition = 0.9 * np.eye(states) + 0.1 * rng.standard_normal((states, states)) / states
    observation = rng.standard_normal((outputs, states))
    return transition, observation, 0.1 * np.eye(states), 0.5 * np.eye(outputs), rng.standard_normal((steps, outputs))


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def kalman(transition, observation, q, r, measurements):
        n = transition.shape[0]
        m = observation.shape[0]

        def step(carry, measurement):
            x, p = carry
            x = transition @ x
            p = transition @ p @ transition.T + q
            innovation = measurement - observation @ x
            s = observation @ p @ observation.T + r
            s_inv = jnp.linalg.inv(s)
            gain = p @ observation.T @ s_inv
            x = x + gain @ innovation
            p = (jnp.eye(n) - gain @ observation) @ p
            term = innovation @ s_inv @ innovation + jnp.log(jnp.linalg.det(s)) + m * jnp.log(2 * jnp.pi)
            return (x, p), -0.5 * term

        _, terms = lax.scan(step, (jnp.zeros(n), jnp.eye(n)), measurements)
        return jnp.sum(terms)

    return kalman


program = Program(
    kalman,
    arguments,
    {"steps": 3, "states": 3, "outputs": 2},
    {"steps": 200, "states": 4, "outputs": 2},
    argnums=(0, 1, 2, 3),
    jax=jax_version,
)
