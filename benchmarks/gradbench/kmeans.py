"""kmeans: the cost of a clustering, and Newton's direction to a better one."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

import wengert as wg
from benchmarks.gradbench.function import Function, array, as_list


def cost(centroids, points):
    """Sum over the points of the squared distance to the nearest centroid, by |p - c|^2 = |p|^2 - 2 p.c + |c|^2."""
    nearest = np.min(np.sum(centroids * centroids, axis=1) - 2.0 * (points @ centroids.T), axis=1)
    return np.sum(points * points) + np.sum(nearest)


def newton_direction(centroids, points):
    """Gradient over the Hessian's diagonal; the Hessian is diagonal, so its product with ones is that diagonal."""
    gradient, diagonal = wg.jvp(lambda c: wg.grad(cost)(c, points), (centroids,), (np.ones_like(centroids),))
    return gradient / diagonal


def _parse(data):
    return array(data["centroids"]), array(data["points"])


FUNCTIONS = {
    "cost": Function(cost, _parse),
    "dir": Function(newton_direction, _parse, as_list),
}
