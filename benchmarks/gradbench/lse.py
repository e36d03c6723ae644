"""lse: the logarithm of a sum of exponentials."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from scipy.special import logsumexp

import wengert as wg
from benchmarks.gradbench.function import Function, array, as_list


def log_sum_exp(x):
    return logsumexp(x)


FUNCTIONS = {
    "primal": Function(log_sum_exp, lambda data: (array(data["x"]),)),
    "gradient": Function(wg.grad(log_sum_exp), lambda data: (array(data["x"]),), as_list),
}
