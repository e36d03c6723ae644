"""Numerical derivatives of a graph: differences over a range of steps, and the complex step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from ...core.graph import Graph
from .subject import Subject

STEPS: Final = tuple(10.0**-k for k in range(1, 16))
_COMPLEX_STEP: Final = {4: 1e-10, 8: 1e-30}
"""By the size of a real number; nothing is subtracted, so the step may be so small that its square vanishes."""

Values = list[Any]


class Coordinates:
    """The entries of the active inputs that derivatives are compared at: all, or evenly spaced ones of very many.

    Attributes
    ----------
    places : list of (input, index)
        Which active input, and which entry of it in C order.
    total : int
        How many entries there are.
    """

    def __init__(self, subject: Subject, most: int) -> None:
        sizes = [subject.graph.avals[i].size for i in subject.active_inputs]
        self.total = sum(sizes)
        every = [(k, j) for k, n in enumerate(sizes) for j in (range(n) if self.total <= most else _spaced(n, most))]
        chosen = every if len(every) <= most else [every[j] for j in _spaced(len(every), most)]
        self.places = chosen

    @property
    def complete(self) -> bool:
        return len(self.places) == self.total

    def pick(self, gradients: Sequence[Any]) -> Any:
        """Return the chosen entries of one array for each active input, of complex ones by the real part."""
        return np.real(np.array([np.ravel(gradients[k])[j] for k, j in self.places]))


def _spaced(n: int, most: int) -> list[int]:
    return list(range(n)) if n <= most else sorted({int(j) for j in np.linspace(0, n - 1, most)})


def weighted(subject: Subject, outs: Sequence[Any]) -> Any:
    """Return the real number whose gradient a report compares: the outputs weighted with the cotangents."""
    terms = [np.sum(w * y) for w, y in zip(subject.cotangents, outs, strict=True) if w is not None]
    return sum(terms[1:], terms[0])


def shifted(subject: Subject, place: tuple[int, int], step: Any) -> Values:
    """Return the graph's inputs with a step added to one entry."""
    active = [k for k, flag in enumerate(subject.active) if flag]
    inputs = list(subject.inputs)
    k = active[place[0]]
    array = np.array(inputs[k], dtype=np.result_type(inputs[k], step) if isinstance(step, complex) else None)
    array.flat[place[1]] += step
    inputs[k] = array[()] if not array.shape else array
    return inputs


def step_at(subject: Subject, place: tuple[int, int], step: float) -> float:
    """Scale a step with the size of the entry that it is added to, where that is over 1."""
    i = subject.active_inputs[place[0]]
    return step * max(1.0, float(abs(np.ravel(subject.values[i])[place[1]])))


def differences(
    subject: Subject, value: Callable[[Values], Values], places: Coordinates, step: float, central: bool
) -> Any:
    """Return difference quotients at the chosen entries: (f(x+h) - f(x-h)) / 2h, or (f(x+h) - f(x)) / h."""
    here = None if central else weighted(subject, value(subject.inputs))
    slopes = []
    for place in places.places:
        h = step_at(subject, place, step)
        ahead = weighted(subject, value(shifted(subject, place, h)))
        behind = weighted(subject, value(shifted(subject, place, -h))) if central else here
        with np.errstate(all="ignore"):  # in half precision the smallest steps are 0
            slopes.append(np.real(ahead - behind) / (2 * h if central else h))
    return np.array(slopes, float)


def kinks(subject: Subject, value: Callable[[Values], Values], places: Coordinates) -> Any:
    """Say for each chosen entry whether the slopes to its left and to its right differ.

    Curvature makes the one-sided differences differ too, but in proportion to the step; at a kink a ten times smaller
    step leaves the jump as it is.
    """
    single = any(subject.graph.avals[i].dtype.itemsize // (1 + (subject.graph.avals[i].dtype.kind == "c")) < 8
                 for i in subject.active_inputs)  # fmt: skip
    step, least = (1e-2, 1e-2) if single else (1e-5, 1e-4)
    here = np.real(weighted(subject, value(subject.inputs)))
    found = []
    for place in places.places:
        jumps, slopes = [], []
        for h in (step_at(subject, place, step), step_at(subject, place, step / 10)):
            right = (np.real(weighted(subject, value(shifted(subject, place, h)))) - here) / h
            left = (here - np.real(weighted(subject, value(shifted(subject, place, -h))))) / h
            jumps.append(abs(right - left))
            slopes += [abs(right), abs(left)]
        found.append(bool(jumps[1] > 0.5 * jumps[0] and jumps[1] > least * max(*slopes, abs(here))))
    return np.array(found, bool)


# -- complex step -----------------------------------------------------------------------------------------------------

_ANALYTIC: Final = frozenset(
    "add sub neg mul scale div reciprocal integer_pow pow copy sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan "
    "arcsin "
    "arccos arctan sinh cosh tanh arcsinh arccosh arctanh broadcast reshape transpose rev concatenate pad slice "
    "slice_add "
    "slice_set gather gather_add gather_set reduce_sum reduce_prod cumsum cumprod dot conv solve inv det".split()
)
"""Primitives whose NumPy function, given complex numbers, computes the analytic continuation of the real one."""


def _absolute(x: Any) -> Any:
    return np.where(np.real(x) < 0, -x, x)[()]


def _larger(x: Any, y: Any) -> Any:
    return np.where(np.real(x) >= np.real(y), x, y)[()]


def _smaller(x: Any, y: Any) -> Any:
    return np.where(np.real(x) <= np.real(y), x, y)[()]


def _select(which: Any, x: Any, y: Any) -> Any:
    return np.where(which, x, y)[()]


def _real_parts(compare: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: compare(np.real(x), np.real(y))


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    def over(x: Any, axes: tuple[int, ...]) -> Any:
        kept = [a for a in range(np.ndim(x)) if a not in axes]
        rows = np.transpose(x, (*kept, *axes)).reshape(*(np.shape(x)[a] for a in kept), -1)
        return np.take_along_axis(rows, choose(np.real(rows), axis=-1)[..., None], -1)[..., 0]

    return over


_CONTINUED: Final[dict[str, Callable[..., Any]]] = {
    "abs": _absolute,
    "max": _larger,
    "min": _smaller,
    "reduce_max": _extreme(np.argmax),
    "reduce_min": _extreme(np.argmin),
    "hypot": lambda x, y: np.sqrt(x * x + y * y),
    "logaddexp": lambda x, y: _larger(x, y) + np.log1p(np.exp(_smaller(x, y) - _larger(x, y))),
    "select": _select,
    "convert": lambda x, dtype: x if dtype.kind == "f" else np.asarray(np.real(x)).astype(dtype)[()],
    "sign": lambda x: np.sign(np.real(x)),
    "gt": _real_parts(np.greater),
    "ge": _real_parts(np.greater_equal),
    "lt": _real_parts(np.less),
    "le": _real_parts(np.less_equal),
    "eq": _real_parts(np.equal),
    "ne": _real_parts(np.not_equal),
}
"""What to compute for the other primitives, so that the imaginary part is the derivative."""


def complex_step_obstacle(graph: Graph) -> str:
    """Say why the complex step cannot be taken, or nothing."""
    if any(of.dtype.kind == "c" for of in graph.avals):
        return "the function computes with complex numbers itself"
    moving = sorted({e.primitive.name for e in graph.equations if e.inputs and graph.avals[e.outputs[0]].is_inexact})
    unknown = [name for name in moving if name not in _ANALYTIC and name not in _CONTINUED]
    return f"no complex form is known of {', '.join(unknown)}" if unknown else ""


def complex_step(subject: Subject, places: Coordinates) -> Any:
    """Return Im f(x + ih) / h at the chosen entries.

    Raises
    ------
    TypeError
        If NumPy has no complex version of a function.

    References
    ----------
    W. Squire, G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40(1), 1998.
    """
    slopes = []
    for place in places.places:
        i = subject.active_inputs[place[0]]
        h = _COMPLEX_STEP[min(max(subject.graph.avals[i].dtype.itemsize, 4), 8)]
        outs = _evaluate_complex(subject.graph, shifted(subject, place, complex(0, h)))
        slopes.append(np.imag(weighted(subject, outs)) / h)
    return np.array(slopes, float)


def extended(subject: Subject, places: Coordinates) -> Any:
    """Return the complex step computed with NumPy's longest floating-point numbers: a reference for the other methods.

    Raises
    ------
    TypeError
        If NumPy has no such version of a function.
    """
    long = [np.asarray(x, np.longdouble)[()] if np.asarray(x).dtype.kind == "f" else x for x in subject.inputs]
    active = [k for k, flag in enumerate(subject.active) if flag]
    h = np.longdouble(1e-30)
    slopes = []
    for k, j in places.places:
        inputs = list(long)
        array: Any = np.array(inputs[active[k]], np.clongdouble)
        array.flat[j] += 1j * h
        inputs[active[k]] = array[()]
        slopes.append(np.imag(weighted(subject, _evaluate_complex(subject.graph, inputs))) / h)
    return np.array(slopes, np.longdouble)


def _alike(args: Values) -> Values:
    """Give all floating and complex operands one dtype: writing into a real array must not lose an imaginary part."""
    dtypes = {np.asarray(x).dtype for x in args if np.asarray(x).dtype.kind in "fc"}
    if len(dtypes) < 2:
        return args
    common = np.result_type(*dtypes)
    return [np.asarray(x).astype(common)[()] if np.asarray(x).dtype.kind in "fc" else x for x in args]


def _evaluate_complex(graph: Graph, inputs: Values) -> Values:
    env: Values = [None] * len(graph.avals)
    for i, value in zip(graph.inputs, inputs, strict=True):
        env[i] = value
    with np.errstate(all="ignore"):
        for equation in graph.equations:
            args = _alike([env[i] for i in equation.inputs])
            record = equation.primitive
            run = _CONTINUED.get(record.name, record.evaluate) if any(map(np.iscomplexobj, args)) else record.evaluate
            out = run(*args, **dict(equation.params))
            for i, value in zip(equation.outputs, out if record.multiple else (out,), strict=True):
                env[i] = value
    return [env[i] for i in graph.outputs]
