"""gmm: the log posterior of a mixture of Gaussians with a Wishart prior."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, multigammaln

import wengert as wg
from benchmarks.gradbench.function import Function, array, as_list


def log_posterior(parameters, x, m, gamma):
    """Log posterior with a Wishart prior of m further degrees of freedom and precision gamma.

    The precision matrices are ``Q.T @ Q``, Q lower triangular with diagonal exp(q) and, column by column, lower below.
    """
    alpha, mu, q, lower = parameters
    n, d = x.shape
    k = len(alpha)
    i, j = np.indices((d, d))
    below = d + j * (2 * d - j - 1) // 2 + (i - j - 1)  # column j of lower begins after the d - 1, d - 2, ... before it
    place = np.where(i == j, i, np.where(i > j, below, d + d * (d - 1) // 2))  # the last one is the zero
    factor = np.concatenate([np.exp(q), lower, np.zeros((k, 1))], axis=1)[:, place]

    log_diagonal = np.sum(q, axis=1)
    scaled = x @ np.swapaxes(factor, 1, 2) - np.swapaxes(factor @ mu[:, :, None], 1, 2)
    beta = (alpha + log_diagonal)[:, None] - 0.5 * np.sum(scaled * scaled, axis=2)
    likelihood = np.sum(logsumexp(beta, axis=0)) - n * (0.5 * d * np.log(2.0 * np.pi) + logsumexp(alpha))

    freedom = d + m + 1
    constant = k * (freedom * d * np.log(gamma / np.sqrt(2.0)) - multigammaln(0.5 * freedom, d))
    return likelihood + constant - 0.5 * gamma**2 * np.sum(factor * factor) + m * np.sum(log_diagonal)


def _parse(data):
    # An explicit shape: with d = 1 the suite sends empty rows for l.
    lower = array(data["l"]).reshape(data["k"], -1)
    parameters = [array(data["alpha"]), array(data["mu"]), array(data["q"]), lower]
    return parameters, array(data["x"]), data["m"], data["gamma"]


def _named(gradients):
    return {name: as_list(g) for name, g in zip(("alpha", "mu", "q", "l"), gradients, strict=True)}


FUNCTIONS = {
    "objective": Function(log_posterior, _parse, static=(2,)),
    "jacobian": Function(wg.grad(log_posterior), _parse, _named, static=(2,)),
}
