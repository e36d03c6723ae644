"""``scipy.special`` for traced values: ufuncs that are primitives, and compositions."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from ...core.source import user_line
from ...errors import UntraceableError, explain
from ...ops import elementary
from ...ops.special import bessel, entropy, errors, gamma, integrals, inverse
from ..libraries import stands_for, ufunc_is, ufunc_means, ufunc_without
from .common import as_dtype, normalize_axes, operand_aval, traced

MODULE: Final = "scipy.special"

DIRECT: Final = {
    record.name: record
    for record in (
        *(gamma.gamma, gamma.gammaln, gamma.loggamma, gamma.digamma, gamma.rgamma, gamma.beta, gamma.betaln),
        *(gamma.poch, gamma.binom, gamma.gammainc, gamma.gammaincc, gamma.gammaincinv, gamma.gammainccinv),
        *(gamma.betainc, gamma.betaincc, gamma.betaincinv, gamma.betainccinv),
        *(errors.erf, errors.erfc, errors.erfcx, errors.erfi, errors.dawsn, errors.erfinv, errors.erfcinv, errors.ndtr),
        *(errors.log_ndtr, errors.ndtri, errors.ndtri_exp, errors.owens_t, errors.fresnel),
        *(entropy.expit, entropy.logit, entropy.log_expit, entropy.xlogy, entropy.xlog1py, entropy.entr),
        *(entropy.rel_entr, entropy.kl_div, entropy.huber, entropy.pseudo_huber, entropy.exprel),
        *(entropy.boxcox, entropy.boxcox1p, entropy.inv_boxcox, entropy.inv_boxcox1p),
        *(bessel.jv, bessel.yv, bessel.iv, bessel.ive, bessel.kv, bessel.kve, bessel.hankel1, bessel.hankel2),
        *(bessel.j0, bessel.j1, bessel.y0, bessel.y1, bessel.i0, bessel.i1, bessel.k0, bessel.k1, bessel.airy),
        *(bessel.i0e, bessel.i1e, bessel.k0e, bessel.k1e),
        *(integrals.hyp0f1, integrals.hyp1f1, integrals.hyp2f1, integrals.hyperu, integrals.ellipk, integrals.ellipe),
        *(integrals.ellipkm1, integrals.exp1, integrals.expi, integrals.spence, integrals.sici, integrals.shichi),
        *(inverse.wrightomega, inverse.exp10, inverse.sindg, inverse.cosdg, inverse.tandg, inverse.cotdg),
        *(elementary.cbrt, elementary.exp2, elementary.expm1, elementary.log1p),
    )
}
"""Name of a ufunc -> the primitive that it is."""

for _record in DIRECT.values():
    ufunc_is(MODULE, _record)
ufunc_is(MODULE, gamma.digamma, "psi")
ufunc_is(MODULE, bessel.jv, "jn")

ZERO: Final = ("gammasgn", "round")
"""Ufuncs that are constant almost everywhere."""
ufunc_is(MODULE, gamma.gammasgn)


@ufunc_means(MODULE, "round")
def _round(x: Any) -> Any:
    return np.rint(x)


def _float(x: Any) -> Any:
    """Return an operand as a symbol of a floating-point dtype."""
    x = traced(x)
    return x if x.aval.dtype.kind in "fc" else as_dtype(x, np.dtype(float))


def _pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Return operands of one floating-point dtype."""
    dtype = np.result_type(*[v if isinstance(v, (int, float)) else operand_aval(v).dtype for v in (x, y)], np.float32)
    return as_dtype(x, dtype), as_dtype(y, dtype)


# -- ufuncs that are compositions -------------------------------------------------------------------------------------


@ufunc_means(MODULE, "cosm1")
def _cosm1(x: Any) -> Any:
    half = np.sin(_float(x) / 2)
    return -2 * half * half


@ufunc_means(MODULE, "powm1")
def _powm1(x: Any, y: Any) -> Any:
    """Near x ** y = 1 by way of expm1; for a negative x that has no logarithm, as it stands."""
    x, y = _pair(x, y)
    positive = np.greater(x, 0)
    return np.where(positive, np.expm1(y * np.log(np.where(positive, x, 1))), np.where(positive, 1, x) ** y - 1)


def _call(name: str, *operands: Any) -> Any:
    """Call a ufunc of scipy.special by its primitive."""
    dtype = np.result_type(*[operand_aval(v).dtype for v in operands], np.float32)
    shape = np.broadcast_shapes(*[np.shape(v) for v in operands])
    like = next(v for v in operands if hasattr(v, "builder"))
    return DIRECT[name](*[np.broadcast_to(as_dtype(traced(v, like), dtype), shape) for v in operands])


@ufunc_means(MODULE, "kn")
def _kn(n: Any, x: Any) -> Any:
    return _call("kv", n, x)


@ufunc_means(MODULE, "yn")
def _yn(n: Any, x: Any) -> Any:
    return _call("yv", n, x)


@ufunc_means(MODULE, "expn")
def _expn(n: Any, x: Any) -> Any:
    x = _float(x)
    shape = np.broadcast_shapes(np.shape(n), x.shape)
    return integrals.expn(*[np.broadcast_to(traced(v, x), shape) for v in (n, x)])


@ufunc_means(MODULE, "zetac")
def _zetac(x: Any) -> Any:
    return gamma.zeta(_float(x), np.ones_like(_float(x))) - 1


@ufunc_means(MODULE, "chdtr")
def _chdtr(v: Any, x: Any) -> Any:
    return _call("gammainc", v / 2, x / 2)


@ufunc_means(MODULE, "chdtrc")
def _chdtrc(v: Any, x: Any) -> Any:
    return _call("gammaincc", v / 2, x / 2)


@ufunc_means(MODULE, "gdtr")
def _gdtr(a: Any, b: Any, x: Any) -> Any:
    return _call("gammainc", b, a * x)


@ufunc_means(MODULE, "gdtrc")
def _gdtrc(a: Any, b: Any, x: Any) -> Any:
    return _call("gammaincc", b, a * x)


@ufunc_means(MODULE, "pdtr")
def _pdtr(k: Any, m: Any) -> Any:
    return _call("gammaincc", np.floor(k) + 1, m)


@ufunc_means(MODULE, "pdtrc")
def _pdtrc(k: Any, m: Any) -> Any:
    return _call("gammainc", np.floor(k) + 1, m)


# -- logarithms of sums of exponentials -------------------------------------------------------------------------------


def _largest(x: Any, axes: tuple[int, ...]) -> Any:
    """Return the largest entry as a constant to shift by: 0 where it is not finite."""
    top = np.max(x.real if x.aval.dtype.kind == "c" else x, axis=axes, keepdims=True, initial=-np.inf)
    return _constant(np.where(np.isfinite(top), top, 0))


def _constant(x: Any) -> Any:
    """Return x as a constant of derivatives."""
    return x.builder.apply_named("stop_gradient", x)


@stands_for(MODULE, "logsumexp")
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """The entries are shifted by the largest one, so that nothing overflows.

    Entries of -inf have the weight 0.  Where all are -inf, the result is -inf and the gradient 0.
    """
    x = _float(traced(a, [a, b]))
    if b is not None:
        x, b = np.broadcast_arrays(x, traced(b, x))
        x = np.where(b == 0, -np.inf, x)  # SciPy: what has no weight adds nothing, even inf and nan
    if x.ndim == 0:
        x = np.reshape(x, (1,))
        b = None if b is None else np.reshape(b, (1,))
    axes = normalize_axes(axis, x.ndim)
    top = _largest(x, axes)
    terms = np.exp(x - top)
    total = np.sum(terms if b is None else b * terms, axis=axes, keepdims=True)
    sign = np.sign(total)
    if return_sign and total.aval.dtype.kind == "c":
        sign = np.where(total == 0, 0, total / np.where(total == 0, 1, np.abs(total)))
    size = np.abs(total) if return_sign else total
    # log 0 = -inf has an infinite slope; nothing that the sum depends on can move it, so it gets none.
    empty = size == 0
    out = np.where(empty, -np.inf, np.log(np.where(empty, 1, size)) + top)
    if not keepdims:
        out, sign = (np.squeeze(v, axis=axes) for v in (out, sign))
    return (out, sign) if return_sign else out


@stands_for(MODULE, "softmax")
def softmax(x: Any, axis: Any = None) -> Any:
    x = _float(x)
    axes = normalize_axes(axis, x.ndim)
    terms = np.exp(x - np.max(x, axis=axes, keepdims=True))
    return terms / np.sum(terms, axis=axes, keepdims=True)


@stands_for(MODULE, "log_softmax")
def log_softmax(x: Any, axis: Any = None) -> Any:
    x = _float(x)
    axes = normalize_axes(axis, x.ndim)
    shifted = x - _largest(x, axes)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axes, keepdims=True))


@stands_for(MODULE, "softplus")
def softplus(x: Any, **kwargs: Any) -> Any:
    if kwargs:
        raise _keywords("softplus", kwargs)
    return np.logaddexp(0, _float(x))


def _keywords(name: str, kwargs: Any) -> UntraceableError:
    return UntraceableError(
        explain(
            f"scipy.special.{name} of traced values takes no keywords here.", found=", ".join(kwargs), line=user_line()
        )
    )


# -- functions of the gamma family ------------------------------------------------------------------------------------


@stands_for(MODULE, "polygamma")
def polygamma(n: Any, x: Any) -> Any:
    orders = np.asarray(n)
    if orders.dtype.kind not in "iuf":
        raise TypeError("polygamma takes whole orders that are not traced")
    x = _float(x)
    orders, _ = np.broadcast_arrays(orders, np.empty(x.shape))
    x = np.broadcast_to(x, orders.shape)
    if not orders.any():
        return gamma.digamma(x)
    s = orders + 1
    # DLMF 5.15.1 and 25.11.12
    factor = np.where(orders % 2 == 0, -1.0, 1.0) * _factorials(orders)
    higher = factor.astype(x.dtype) * gamma.zeta(traced(np.maximum(s, 2), x), x)
    return higher if orders.all() else np.where(orders == 0, gamma.digamma(x), higher)


def _factorials(n: Any) -> Any:
    return np.array([math.gamma(k + 1.0) for k in n.reshape(-1)]).reshape(n.shape)


@stands_for(MODULE, "zeta")
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    if out is not None:
        raise _keywords("zeta", {"out": out})
    return _zeta(x, 1.0 if q is None else q)


def _zeta(s: Any, q: Any) -> Any:
    s, q = _pair(s, q)
    like = s if hasattr(s, "builder") else q
    shape = np.broadcast_shapes(np.shape(s), np.shape(q))
    return gamma.zeta(*[np.broadcast_to(traced(v, like), shape) for v in (s, q)])


@stands_for(MODULE, "multigammaln")
def multigammaln(a: Any, d: Any) -> Any:
    a = _float(a)
    steps = np.arange(int(d)) / 2
    parts = gamma.gammaln(a[..., None] - steps.astype(a.dtype))
    return np.sum(parts, axis=-1) + d * (d - 1) / 4 * math.log(math.pi)


def _whole_only(name: str, exact: Any) -> None:
    if exact:
        raise UntraceableError(
            explain(
                f"scipy.special.{name} with exact=True counts with Python's integers, which have no derivative.",
                line=user_line(),
                fix="leave exact=True out",
            )
        )


@stands_for(MODULE, "comb")
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    _whole_only("comb", exact)
    if repetition:
        return comb(N + k - 1, k)
    inside = np.logical_and(np.less_equal(k, N), np.logical_and(np.greater_equal(N, 0), np.greater_equal(k, 0)))
    return np.where(inside, _call("binom", np.where(inside, N, 1.0), np.where(inside, k, 1.0)), 0.0)


@stands_for(MODULE, "perm")
def perm(N: Any, k: Any, exact: bool = False) -> Any:
    _whole_only("perm", exact)
    inside = np.logical_and(np.less_equal(k, N), np.logical_and(np.greater_equal(N, 0), np.greater_equal(k, 0)))
    n, j = np.where(inside, N, 1.0), np.where(inside, k, 1.0)
    return np.where(inside, _call("poch", n - j + 1, j), 0.0)


@stands_for(MODULE, "factorial")
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    _whole_only("factorial", exact)
    if extend != "zero":
        raise _keywords("factorial", {"extend": extend})
    n = _float(n)
    return np.where(n < 0, 0.0, gamma.gamma(np.where(n < 0, 0.0, n) + 1))


@stands_for(MODULE, "lambertw")
def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    if not isinstance(k, (int, np.integer)):
        raise _keywords("lambertw", {"an array for k": k})
    z = traced(z)
    return inverse.lambertw(as_dtype(z, np.dtype(complex)), k=int(k), tol=float(tol))


COMPOSED: Final = (
    "psi jn cosm1 powm1 kn yn expn zetac chdtr chdtrc gdtr gdtrc pdtr pdtrc logsumexp softmax log_softmax softplus "
    "polygamma zeta multigammaln comb perm factorial lambertw"
).split()

# -- what is left out -------------------------------------------------------------------------------------------------

_NO_RULE: Final = "no rule has been written for this "
_REASONS: Final = {
    "it is the inverse of a distribution function in one of its parameters": (
        "bdtrik bdtrin btdtria btdtrib chdtriv chndtridf chndtrinc fdtridfd gdtria gdtrib nbdtrik nbdtrin ncfdtridfd "
        "ncfdtridfn ncfdtrinc nctdtridf nctdtrinc nrdtrimn nrdtrisd pdtrik stdtridf"
    ),
    _NO_RULE + "distribution function; wengert.scipy.stats has the common ones": (
        "bdtr bdtrc bdtri chdtri chndtr chndtrix fdtr fdtrc fdtri gdtrix kolmogi kolmogorov nbdtr nbdtrc nbdtri ncfdtr "
        "ncfdtri nctdtr nctdtrit pdtri smirnov smirnovi stdtr stdtrit tklmbda"
    ),
    _NO_RULE + "elliptic function": "agm ellipeinc ellipj ellipkinc elliprc elliprd elliprf elliprg elliprj",
    _NO_RULE + "polynomial; np.polynomial has them by coefficients": (
        "eval_chebyc eval_chebys eval_chebyt eval_chebyu eval_gegenbauer eval_genlaguerre eval_hermite "
        "eval_hermitenorm eval_jacobi eval_laguerre eval_legendre eval_sh_chebyt eval_sh_chebyu eval_sh_jacobi "
        "eval_sh_legendre lpmv"
    ),
    _NO_RULE + "Bessel, Struve or Kelvin function": (
        "airye bei beip ber berp besselpoly hankel1e hankel2e it2i0k0 it2j0y0 it2struve0 itairy iti0k0 itj0y0 "
        "itmodstruve0 itstruve0 jve kei keip kelvin ker kerp modstruve struve yve log_wright_bessel wright_bessel"
    ),
    _NO_RULE + "Mathieu, spheroidal or parabolic cylinder function": (
        "mathieu_a mathieu_b mathieu_cem mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2 mathieu_sem "
        "obl_ang1 obl_ang1_cv obl_cv obl_rad1 obl_rad1_cv obl_rad2 obl_rad2_cv pbdv pbvv pbwa pro_ang1 pro_ang1_cv "
        "pro_cv pro_rad1 pro_rad1_cv pro_rad2 pro_rad2_cv"
    ),
    _NO_RULE + "function": "modfresnelm modfresnelp radian voigt_profile wofz",
}
NOT_SUPPORTED: Final = {name: reason for reason, names in _REASONS.items() for name in names.split()}
"""Name of a ufunc -> why traced code cannot use it."""
ufunc_without(MODULE, NOT_SUPPORTED)
