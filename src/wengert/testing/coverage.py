"""Which public functions of NumPy and SciPy can be differentiated: the table behind ``docs/coverage.md``.

Run ``python -m wengert.testing.coverage > docs/coverage.md`` to write the page again.  Most of the table follows from
the tables that traced code is dispatched by; what no table knows has its reason here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import scipy
import scipy.linalg
import scipy.special

from ..api.inspect import trace
from ..trace import creation, libraries
from ..trace.dispatch import FUNCTIONS, UFUNCS

DIFFERENTIABLE: Final = "differentiable"
ZERO: Final = "zero derivative"
NOT_DIFFERENTIABLE: Final = "not differentiable"
NOT_SUPPORTED: Final = "not supported"


class Status(NamedTuple):
    """What can be said of one function: one of the four kinds above, and for the last two the reason."""

    kind: str
    reason: str = ""


# -- what no table knows ----------------------------------------------------------------------------------------------

_FLAT: Final = {
    "numpy": "all allclose any argmax argmin argpartition argsort argwhere around array_equal array_equiv bartlett "
    "blackman can_cast common_type count_nonzero diag_indices diag_indices_from digitize empty empty_like eye fix "
    "flatnonzero hamming hanning identity indices isclose iscomplex iscomplexobj isin isneginf isposinf isreal "
    "isrealobj isscalar ix_ lexsort mask_indices min_scalar_type nanargmax nanargmin ndim nonzero ones ones_like "
    "ravel_multi_index result_type round searchsorted shape size tri tril_indices tril_indices_from triu_indices "
    "triu_indices_from unravel_index zeros zeros_like",
    "numpy.linalg": "matrix_rank",
}
"""Functions in the tables whose results are positions, answers, rounded or constant: nothing flows through them."""

_NATIVE: Final = {"numpy.fft": "fftfreq rfftfreq"}
"""Functions that NumPy writes in operators alone: traced values pass through without an entry of theirs."""

_NO_NUMBERS: Final = "text, files, settings: no numbers go through it"
_DTYPES: Final = "says something about dtypes, shapes or memory, not about values"
_WHOLE: Final = "whole numbers in, whole numbers out"
_STRUCTURE: Final = "says something about the structure of a matrix"
_SIZE: Final = "makes a fixed matrix of a given size; call it outside of the differentiated function"
_RULE: Final = "has no rule yet; wg.custom_jvp gives it one"

_REASONS: Final = {
    ("numpy", NOT_DIFFERENTIABLE, _NO_NUMBERS): "array2string array_repr array_str base_repr binary_repr "
    "datetime_as_string datetime_data format_float_positional format_float_scientific frombuffer fromfile fromregex "
    "fromstring genfromtxt get_include get_printoptions getbufsize geterr geterrcall info load loadtxt printoptions "
    "save savetxt savez savez_compressed set_printoptions setbufsize seterr seterrcall show_config show_runtime test "
    "typename",
    ("numpy", NOT_DIFFERENTIABLE, _DTYPES): "broadcast_shapes einsum_path isdtype isfortran issubdtype iterable "
    "may_share_memory mintypecode promote_types shares_memory",
    ("numpy", NOT_DIFFERENTIABLE, _WHOLE): "bitwise_count gcd lcm packbits unpackbits",
    ("numpy", NOT_DIFFERENTIABLE, "dates"): "busday_count busday_offset is_busday isnat",
    ("numpy", NOT_SUPPORTED, "makes an np.matrix; use a two-dimensional array, and np.block"): "asmatrix bmat",
    ("numpy", NOT_SUPPORTED, "asks for one Python number after the other; use np.array of a list"): "fromiter",
    ("scipy.special", NOT_SUPPORTED, "SciPy has no function for the derivative of zeta"): "zetac",
    ("numpy", NOT_SUPPORTED, "an old name of np.vstack"): "row_stack",
    ("numpy", NOT_SUPPORTED, "takes the memory of another library's array"): "from_dlpack",
    ("numpy", NOT_SUPPORTED, "an iterator over memory; use indexing"): "nested_iters",
    ("numpy", NOT_SUPPORTED, "makes functions of Python objects; use np.vectorize"): "frompyfunc",
    ("scipy.linalg", NOT_DIFFERENTIABLE, _STRUCTURE): "bandwidth find_best_blas_type get_blas_funcs get_lapack_funcs "
    "ishermitian issymmetric",
    ("scipy.linalg", NOT_DIFFERENTIABLE, _SIZE): "dft hadamard helmert hilbert invhilbert invpascal pascal",
    (
        "scipy.linalg",
        NOT_SUPPORTED,
        "makes a matrix with a pattern; write the pattern with NumPy",
    ): "convolution_matrix diagsvd fiedler fiedler_companion leslie",
    (
        "scipy.linalg",
        NOT_SUPPORTED,
        "works on compact storage; build the matrix, and use solve, cholesky or eigh",
    ): "cho_solve_banded cholesky_banded eig_banded eigh_tridiagonal eigvals_banded eigvalsh_tridiagonal "
    "matmul_toeplitz solve_banded solve_circulant solve_toeplitz solveh_banded",
    ("scipy.linalg", NOT_SUPPORTED, _RULE): "cdf2rdf clarkson_woodruff_transform cossin expm_cond "
    "fractional_matrix_power funm hessenberg ldl matrix_balance null_space ordqz orth orthogonal_procrustes qr_delete "
    "qr_insert qr_multiply qr_update qz rq rsf2csf schur signm solve_continuous_are solve_discrete_are "
    "subspace_angles",
}

LISTED: Final[dict[str, Status]] = {
    **{f"{module}.{name}": Status(ZERO) for module, names in _FLAT.items() for name in names.split()},
    **{f"{module}.{name}": Status(DIFFERENTIABLE) for module, names in _NATIVE.items() for name in names.split()},
    **{
        f"{module}.{name}": Status(kind, reason)
        for (module, kind, reason), names in _REASONS.items()
        for name in names.split()
    },
}
"""The functions whose status is written here, by full name."""


# -- the table --------------------------------------------------------------------------------------------------------


def public() -> Iterator[tuple[str, Any]]:
    """Yield the full name of every public function, and the function."""
    for module in (np, np.linalg, np.fft, scipy.linalg, scipy.special):
        for name in sorted(set(getattr(module, "__all__", dir(module)))):
            function = getattr(module, name)
            if name.startswith("_") or not callable(function) or isinstance(function, type):
                continue
            if module is not scipy.special or isinstance(function, np.ufunc):
                yield f"{module.__name__}.{name}", function


def status(name: str, function: Any) -> Status:
    """Say of one function whether it can be differentiated.

    Raises
    ------
    KeyError
        If neither a table nor the lists of this module know the function.

    Examples
    --------
    >>> status("numpy.sin", np.sin).kind
    'differentiable'
    >>> status("numpy.floor", np.floor).kind
    'zero derivative'
    >>> status("numpy.gcd", np.gcd)
    Status(kind='not differentiable', reason='whole numbers in, whole numbers out')
    """
    libraries.load()
    if name in LISTED:
        return LISTED[name]
    handler = UFUNCS.get(function)
    if handler is not None:
        if isinstance(handler, functools.partial) and handler.func is libraries._refuse:
            return Status(NOT_SUPPORTED, str(handler.args[1]))
        return Status(DIFFERENTIABLE if flows(function) else ZERO)
    if function in FUNCTIONS or creation.replacement(function) is not None:
        return Status(DIFFERENTIABLE)
    raise KeyError(f"{name} is in no table; say in wengert/testing/coverage.py what it is")


def flows(ufunc: Any) -> bool:
    """Say whether a derivative flows from an operand of a ufunc to a result: through no equation that stops it."""
    if ufunc.signature is not None:
        return True  # products of vectors and matrices
    loops = [t.split("->")[0] for t in ufunc.types]
    floating = [t for t in loops if set(t) & set("dD") and set(t) <= set("dDlqpi?")]
    if not floating:
        return False
    args = [np.full(2, 0.4 if code == "d" else 1, code) for code in floating[0]]
    graph = trace(lambda *xs: ufunc(*xs))(*args)
    active = {i for i in graph.inputs if graph.avals[i].is_inexact}
    for equation in graph.equations:
        if equation.primitive.label != "gradient stop" and not active.isdisjoint(equation.inputs):
            active.update(i for i in equation.outputs if graph.avals[i].is_inexact)
    return not active.isdisjoint(graph.outputs)


def table() -> dict[str, Status]:
    """Return the status of every public function by full name."""
    return {name: status(name, function) for name, function in public()}


# -- the page ---------------------------------------------------------------------------------------------------------

_INTRODUCTION: Final = """# What can be differentiated

Every public function of NumPy (with `numpy.linalg` and `numpy.fft`) and of `scipy.linalg`, and every ufunc of
`scipy.special`, is in one of four lists:

* **differentiable**: somewhere it has a derivative that is not zero, and it has it here, in forward and reverse mode
  and to any order;
* **zero derivative**: works in differentiated code, but nothing flows through it: positions, answers, whole numbers,
  rounding, constants;
* **not differentiable**: there is nothing to differentiate;
* **not supported**: an error says so where traced values meet it.

Methods of arrays and operators are as the functions of the same name. This page is written by
`python -m wengert.testing.coverage`.
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [_INTRODUCTION, f"Made with NumPy {np.__version__} and SciPy {scipy.__version__}."]
    found = table()
    for module in dict.fromkeys(name.rpartition(".")[0] for name in found):
        mine = {name.rpartition(".")[2]: of for name, of in found.items() if name.rpartition(".")[0] == module}
        counts = ", ".join(
            f"{sum(of.kind == kind for of in mine.values())} {kind}"
            for kind in (DIFFERENTIABLE, ZERO, NOT_DIFFERENTIABLE, NOT_SUPPORTED)
        )
        parts.append(f"\n## {module}\n\n{counts}.")
        for kind in dict.fromkeys((DIFFERENTIABLE, ZERO)):
            names = [f"`{name}`" for name, of in mine.items() if of.kind == kind]
            if names:
                parts.append(f"\n**{kind}:** {' '.join(names)}")
        reasons = dict.fromkeys(of for of in mine.values() if of.reason)
        if reasons:
            parts.append("\n| functions | | why |\n|---|---|---|")
            for reason in sorted(reasons):
                names = [f"`{name}`" for name, of in mine.items() if of == reason]
                parts.append(f"| {' '.join(names)} | {reason.kind} | {reason.reason} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page(), end="")
