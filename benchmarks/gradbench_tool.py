"""A tool for the public suite GradBench (github.com/gradbench/gradbench): plain NumPy, differentiated by Wengert.

Speaks the suite's protocol, one JSON object per line on standard input and output:

    gradbench run --eval EVAL --tool "python -m benchmarks.gradbench_tool --jit"

The modules are hello, gmm, kmeans, llsq and lse. What the suite asks of each is in its ``evals/*/README.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import multigammaln

import wengert as wg

Array = np.ndarray[Any, Any]


# The programs, in plain NumPy.


def square(x):  # type: ignore[no-untyped-def]
    return x * x


def log_sum_exp(x):  # type: ignore[no-untyped-def]
    top = np.max(x, axis=-1, keepdims=True)
    return np.squeeze(top, -1) + np.log(np.sum(np.exp(x - top), axis=-1))


def least_squares(x, n):  # type: ignore[no-untyped-def]
    """Half the squared residual of the polynomial with coefficients x, fitted to the sign of n points in [-1, 1]."""
    t = np.linspace(-1.0, 1.0, n)
    residual = np.sign(t) - np.vander(t, len(x), increasing=True) @ x
    return 0.5 * np.sum(residual * residual)


def kmeans_cost(centroids, points):  # type: ignore[no-untyped-def]
    """Sum over the points of the squared distance to the nearest centroid, by |p - c|^2 = |p|^2 - 2 p.c + |c|^2."""
    nearest = np.min(np.sum(centroids * centroids, axis=1) - 2.0 * (points @ centroids.T), axis=1)
    return np.sum(points * points) + np.sum(nearest)


def gmm_log_posterior(parameters, x, m, gamma):  # type: ignore[no-untyped-def]
    """Log posterior of a mixture of Gaussians with a Wishart prior of m further degrees of freedom, precision gamma.

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
    likelihood = np.sum(log_sum_exp(beta.T)) - n * (0.5 * d * np.log(2.0 * np.pi) + log_sum_exp(alpha))

    freedom = d + m + 1
    constant = k * (freedom * d * np.log(gamma / np.sqrt(2.0)) - multigammaln(0.5 * freedom, d))
    return likelihood + constant - 0.5 * gamma**2 * np.sum(factor * factor) + m * np.sum(log_diagonal)


# Their derivatives.


def newton_direction(centroids, points):  # type: ignore[no-untyped-def]
    """Gradient over the Hessian's diagonal; the Hessian is diagonal, so its product with ones is that diagonal."""
    gradient, diagonal = wg.jvp(lambda c: wg.grad(kmeans_cost)(c, points), (centroids,), (np.ones_like(centroids),))
    return gradient / diagonal


# What the protocol calls a function: parse, run, encode.


def _array(value: Any) -> Array:
    return np.asarray(value, dtype=np.float64)


def _mixture(data: Any) -> tuple[Any, ...]:
    # An explicit shape: with d = 1 the suite sends empty rows for l.
    below = _array(data["l"]).reshape(data["k"], -1)
    return (
        [_array(data["alpha"]), _array(data["mu"]), _array(data["q"]), below],
        _array(data["x"]),
        data["m"],
        data["gamma"],
    )


@dataclass(frozen=True)
class Function:
    run: Callable[..., Any]
    parse: Callable[[Any], tuple[Any, ...]]
    encode: Callable[[Any], Any] = float
    static: tuple[int, ...] = ()  # arguments that decide shapes


def _points(data: Any) -> tuple[Any, ...]:
    return _array(data["centroids"]), _array(data["points"])


def _polynomial(data: Any) -> tuple[Any, ...]:
    return _array(data["x"]), int(data["n"])


def _named(gradients: Any) -> dict[str, Any]:
    return {name: np.asarray(g).tolist() for name, g in zip(("alpha", "mu", "q", "l"), gradients, strict=True)}


def _list(value: Any) -> Any:
    return np.asarray(value).tolist()


MODULES: dict[str, dict[str, Function]] = {
    "hello": {
        "square": Function(square, lambda x: (float(x),)),
        "double": Function(wg.grad(square), lambda x: (float(x),)),
    },
    "lse": {
        "primal": Function(log_sum_exp, lambda data: (_array(data["x"]),)),
        "gradient": Function(wg.grad(log_sum_exp), lambda data: (_array(data["x"]),), _list),
    },
    "llsq": {
        "primal": Function(least_squares, _polynomial, static=(1,)),
        "gradient": Function(wg.grad(least_squares), _polynomial, _list, static=(1,)),
    },
    "kmeans": {
        "cost": Function(kmeans_cost, _points),
        "dir": Function(newton_direction, _points, _list),
    },
    "gmm": {
        "objective": Function(gmm_log_posterior, _mixture, static=(2,)),
        "jacobian": Function(wg.grad(gmm_log_posterior), _mixture, _named, static=(2,)),
    },
}


def evaluate(function: Function, run: Callable[..., Any], data: Any) -> dict[str, Any]:
    """Run as often and as long as the input asks for; one timing per run, without parsing and encoding."""
    arguments = function.parse(data)
    least_runs, least_seconds = (data["min_runs"], data["min_seconds"]) if isinstance(data, dict) else (1, 0.0)
    timings: list[int] = []
    output = None
    while len(timings) < least_runs or sum(timings) < least_seconds * 1e9:
        start = time.perf_counter_ns()
        output = run(*arguments)
        timings.append(time.perf_counter_ns() - start)
    return {
        "success": True,
        "output": function.encode(output),
        "timings": [{"name": "evaluate", "nanoseconds": t} for t in timings],
    }


def answer(message: dict[str, Any], programs: dict[tuple[str, str], Callable[..., Any]]) -> dict[str, Any]:
    """The response to one message, but for its id."""
    match message["kind"]:
        case "start":
            return {"tool": "wengert"}
        case "define":
            known = message["module"] in MODULES
            return {"success": True} if known else {"success": False, "error": f"no module {message['module']!r}"}
        case "evaluate":
            try:
                name = message["module"], message["function"]
                return evaluate(MODULES[name[0]][name[1]], programs[name], message["input"])
            except Exception:  # noqa: BLE001 - the protocol wants the failure as an answer
                return {"success": False, "error": traceback.format_exc()}
    return {}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradbench_tool", description="A tool for GradBench.")
    parser.add_argument("--jit", action="store_true", help="run every function through wg.jit")
    jit = parser.parse_args().jit
    programs = {
        (module, name): wg.jit(function.run, static_argnums=function.static) if jit else function.run
        for module, functions in MODULES.items()
        for name, function in functions.items()
    }
    for line in sys.stdin:
        message = json.loads(line)
        print(json.dumps({"id": message["id"]} | answer(message, programs)), flush=True)


if __name__ == "__main__":
    main()
