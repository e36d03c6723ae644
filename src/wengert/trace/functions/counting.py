"""Counting and sets: bincount, histogram, unique and its relatives."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.source import user_line
from ...errors import UntraceableError, explain
from ...ops.index import gather_add
from ..dispatch import FUNCTIONS, implements
from ..tracer import is_traced, plain
from .arrays import array
from .common import normalize_axis, together
from .known import known, known_mask


def _added(places: Any, amounts: Any, count: int, dtype: Any) -> Any:
    """Return ``count`` zeros with the amounts added at the places."""
    total, places, amounts = together(np.zeros(count, dtype), places, amounts)
    return gather_add(total, amounts, places, axes=(0,))


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    places = array(x)
    if places.ndim != 1:
        raise ValueError(f"object of too small depth for desired array\n  at:    {user_line()}")
    if places.size and places.dtype.kind not in "iu":
        raise TypeError(f"Cannot cast array data from {places.dtype!r} to int64\n  at:    {user_line()}")
    count = operator.index(minlength)
    if places.size:
        if int(np.min(places)) < 0:
            raise ValueError(f"'list' argument must have no negative elements\n  at:    {user_line()}")
        count = max(count, int(np.max(places)) + 1)
    if weights is None:
        return _added(places, np.ones(places.shape, np.intp), count, np.intp)
    if not places.size:
        return np.zeros(count, np.intp)  # NumPy's dtype here, whatever the weights' is
    amounts = array(weights)
    if amounts.shape != places.shape:
        raise ValueError(f"The weights and list don't have the same length.\n  at:    {user_line()}")
    return _added(places.astype(np.intp), amounts.astype(np.float64), count, np.float64)


# -- histograms -------------------------------------------------------------------------------------------------------


def _edges(a: Any, bins: Any, limits: Any, weights: Any) -> Any:
    """Return the edges of the bins; where they follow the smallest and largest entry, so do their derivatives."""
    if isinstance(bins, str):
        if is_traced(a) or is_traced(limits) or is_traced(weights):
            raise UntraceableError(
                explain(
                    f"The number of bins that {bins!r} chooses depends on the values, not on their derivatives.",
                    line=user_line(),
                    fix="give the number of bins, or the edges",
                )
            )
        return np.histogram_bin_edges(plain(a), bins, plain(limits), plain(weights))
    if np.ndim(bins) == 0:
        count = operator.index(bins)
        if count < 1:
            raise ValueError(f"`bins` must be positive, when an integer\n  at:    {user_line()}")
        low, high = limits if limits is not None else (np.min(a), np.max(a)) if a.size else (0.0, 1.0)
        if limits is not None and bool(low > high):
            raise ValueError(f"max must be larger than min in range parameter.\n  at:    {user_line()}")
        # A range of width 0 is widened.
        low, high = np.where(low == high, low - 0.5, low), np.where(low == high, high + 0.5, high)
        dtype = np.result_type(low.dtype, high.dtype, a.dtype if a.dtype.kind == "f" else np.float64)
        return np.linspace(low, high, count + 1, dtype=dtype)
    edges = array(bins)
    if edges.ndim != 1:
        raise ValueError(f"`bins` must be 1d, when an array\n  at:    {user_line()}")
    if not is_traced(edges) and np.any(edges[:-1] > edges[1:]):
        raise ValueError(f"`bins` must increase monotonically, when an array\n  at:    {user_line()}")
    return edges


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    return _edges(np.ravel(array(a)), bins, range, weights)


def _bins(x: Any, edges: Any) -> tuple[Any, Any]:
    """Return the number of the bin of each entry, and which entries lie in one; the last bin holds its right edge."""
    last = edges.shape[0] - 2
    place = np.searchsorted(edges, x, side="right") - 1
    inside = (x >= edges[0]) & (x <= edges[-1])
    return np.clip(np.where(x == edges[-1], last, place), 0, last), inside


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    x = np.ravel(array(a))
    if weights is not None:
        weights = array(weights)
        if weights.shape != np.shape(a):
            raise ValueError(f"weights should have the same shape as a.\n  at:    {user_line()}")
        weights = np.ravel(weights)
    edges = _edges(x, bins, range, weights)
    place, inside = _bins(x, edges)
    amounts = np.ones(x.shape, np.intp) if weights is None else weights
    amounts = np.where(inside, amounts, np.zeros((), amounts.dtype))
    counts = _added(place, amounts, edges.shape[0] - 1, amounts.dtype)
    if density:
        return counts / np.diff(edges) / np.sum(counts), edges
    return counts, edges


@implements(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    x = array(sample) if not isinstance(sample, (list, tuple)) else np.stack([array(s) for s in sample], axis=-1)
    x = x[:, None] if x.ndim == 1 else x
    size, ndim = x.shape
    bins = list(bins) if np.ndim(bins) or isinstance(bins, (list, tuple)) else [bins] * ndim
    limits = [None] * ndim if range is None else list(range)
    edges = [_edges(x[:, k], bins[k], limits[k], None) for k in np.arange(ndim)]
    counts = [e.shape[0] - 1 for e in edges]
    place: Any = 0
    inside: Any = True
    for k, (e, count) in enumerate(zip(edges, counts, strict=True)):
        where, within = _bins(x[:, k], e)
        place, inside = place * count + where, inside & within
    amounts = np.ones(size) if weights is None else array(weights)
    amounts = np.where(inside, amounts, np.zeros((), amounts.dtype)).astype(np.float64)
    total = int(np.prod(counts))
    found = np.reshape(_added(place, amounts, total, np.float64), counts)
    if density:
        all_of_it = np.sum(found)
        for k, e in enumerate(edges):
            found = found / np.reshape(np.diff(e), [-1 if a == k else 1 for a in np.arange(ndim)])
        found = found / all_of_it
    return found, tuple(edges)


@implements(np.histogram2d)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    many = hasattr(bins, "__len__") and not isinstance(bins, str)
    both = [bins, bins] if many and len(bins) not in (1, 2) else bins
    found, edges = np.histogramdd([x, y], both, range, density, weights)
    return found, edges[0], edges[1]


# -- sets: which entries are equal is constant almost everywhere, the entries themselves are not -----------------------


def _ordered(x: Any, equal_nan: bool) -> tuple[Any, Any, Any]:
    """Return the order of the rows, the rows in that order, and which of them differ from the one before."""
    if x.ndim == 1:
        order = np.argsort(x, kind="stable")
        rows = x[order]
        differs = rows[1:] != rows[:-1]
        if equal_nan and x.dtype.kind in "fc":
            differs = differs & ~(np.isnan(rows[1:]) & np.isnan(rows[:-1]))
    else:
        flat = np.reshape(x, (x.shape[0], -1))
        order = np.lexsort(tuple(flat[:, k] for k in range(flat.shape[1])[::-1]))
        rows = x[order]
        differs = np.any(np.reshape(rows[1:] != rows[:-1], (max(len(rows) - 1, 0), -1)), axis=1)
    return order, rows, np.concatenate([np.ones(min(len(rows), 1), bool), known_mask(differs)])


@implements(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, axis: Any = None,
    *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    x = array(ar)
    shape = x.shape
    if axis is None:
        x, place = np.ravel(x), 0
    else:
        place = normalize_axis(axis, x.ndim)
        x = np.moveaxis(x, place, 0)
    order, rows, first = _ordered(x, equal_nan)
    found = rows[first]
    results = [found if axis is None else np.moveaxis(found, 0, place)]
    if return_index:
        results.append(order[first])
    if return_inverse:
        inverse = np.argsort(order)
        inverse = (np.cumsum(first) - 1)[known(inverse)]
        results.append(np.reshape(inverse, shape) if axis is None else inverse)
    if return_counts:
        results.append(np.diff(np.append(np.flatnonzero(first), len(first))))
    return results[0] if len(results) == 1 else tuple(results)


def _named(function: Any, result: Any, **how: bool) -> None:
    @implements(function)
    def unique_named(x: Any, /) -> Any:
        return result(*FUNCTIONS[np.unique](x, equal_nan=False, **how))


_results = np.lib._arraysetops_impl
_named(np.unique_all, _results.UniqueAllResult, return_index=True, return_inverse=True, return_counts=True)
_named(np.unique_counts, _results.UniqueCountsResult, return_counts=True)
_named(np.unique_inverse, _results.UniqueInverseResult, return_inverse=True)


@implements(np.unique_values)
def unique_values(x: Any, /) -> Any:
    return np.unique(x, equal_nan=False)


@implements(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(np.concatenate((np.ravel(array(ar1)), np.ravel(array(ar2)))))


@implements(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    x, among = array(element), np.ravel(array(test_elements))
    if not among.size:
        return np.full(x.shape, invert)
    x, among = together(x, np.sort(among))
    dtype = np.result_type(x.dtype, among.dtype)
    x, among = x.astype(dtype), among.astype(dtype)
    place = np.minimum(np.searchsorted(among, x), among.size - 1)
    found = among[place] == x
    return ~found if invert else found


def _pair(ar1: Any, ar2: Any, assume_unique: bool) -> tuple[Any, Any]:
    x, y = np.ravel(array(ar1)), np.ravel(array(ar2))
    return (x, y) if assume_unique else (np.unique(x), np.unique(y))


@implements(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    x, y = np.ravel(array(ar1)), np.ravel(array(ar2))
    first, second = None, None
    if not assume_unique:
        (x, first), (y, second) = np.unique(x, return_index=True), np.unique(y, return_index=True)
    both = np.concatenate((x, y))
    order = np.argsort(both)
    rows = both[order]
    same = known_mask(rows[1:] == rows[:-1])
    result = rows[:-1][same]
    if not return_indices:
        return result
    in_x, in_y = order[:-1][same], order[1:][same] - x.size
    return result, in_x if first is None else first[in_x], in_y if second is None else second[in_y]


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    x, y = _pair(ar1, ar2, assume_unique)
    return x[known_mask(np.isin(x, y, invert=True))]


@implements(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    x, y = _pair(ar1, ar2, assume_unique)
    rows = np.sort(np.concatenate((x, y)))
    if not rows.size:
        return rows
    differs = np.concatenate(([True], known_mask(rows[1:] != rows[:-1]), [True]))
    return rows[differs[1:] & differs[:-1]]
