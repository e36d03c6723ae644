"""Forward algorithm of a hidden Markov model in log space."""

import numpy as np

from benchmarks.programs.harness.program import Program


def hmm_forward(log_start, log_transition, log_emission, observed):
    alpha = log_start + log_emission[:, observed[0]]
    for t in range(1, len(observed)):
        joint = alpha[:, np.newaxis] + log_transition
        top = np.max(joint, axis=0)
        alpha = top + np.log(np.sum(np.exp(joint - top), axis=0)) + log_emission[:, observed[t]]
    top = np.max(alpha)
    return top + np.log(np.sum(np.exp(alpha - top)))


def for_numba(log_start, log_transition, log_emission, observed):  # Numba's np.max takes no axis
    states = len(log_start)
    alpha = log_start + log_emission[:, observed[0]]
    for t in range(1, len(observed)):
        new = np.empty(states)
        for j in range(states):
            joint = alpha + log_transition[:, j]
            top = np.max(joint)
            new[j] = top + np.log(np.sum(np.exp(joint - top))) + log_emission[j, observed[t]]
        alpha = new
    top = np.max(alpha)
    return top + np.log(np.sum(np.exp(alpha - top)))


def arguments(rng, states, symbols, steps):
    def log_normalised(*shape):
        p = rng.random(shape)
        return np.log(p / p.sum(axis=-1, keepdims=True))

    observed = rng.integers(0, symbols, steps)
    return log_normalised(states), log_normalised(states, states), log_normalised(states, symbols), observed


def jax_version():
    import jax
    from jax import lax

    def hmm_forward(log_start, log_transition, log_emission, observed):
        def step(alpha, symbol):
            alpha = jax.nn.logsumexp(alpha[:, None] + log_transition, axis=0) + log_emission[:, symbol]
            return alpha, None

        alpha, _ = lax.scan(step, log_start + log_emission[:, observed[0]], observed[1:])
        return jax.nn.logsumexp(alpha)

    return hmm_forward


program = Program(
    hmm_forward,
    arguments,
    {"states": 3, "symbols": 4, "steps": 4},
    {"states": 24, "symbols": 10, "steps": 200},
    numba=for_numba,
    jax=jax_version,
)
