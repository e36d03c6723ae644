"""ba: bundle adjustment, the errors of points seen by cameras, and their sparse Jacobian."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

import wengert as wg
from benchmarks.gradbench.function import Function, array

CAMERA = 11
"""Parameters of a camera: rotation 3, centre 3, focal length, principal point 2, radial distortion 2."""
VALUES = CAMERA + 3 + 1
"""Nonzero derivatives of one error: by the camera, the point and the weight."""


def rotate(axis, point):
    """Rotate a point about an axis by the axis's length (Rodrigues)."""
    square = axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2
    turned = square != 0.0
    angle = np.sqrt(np.where(turned, square, 1.0))
    x, y, z = axis[0] / angle, axis[1] / angle, axis[2] / angle
    sine, cosine = np.sin(angle), np.cos(angle)
    u, v, w = point
    along = (x * u + y * v + z * w) * (1.0 - cosine)
    far = (
        u * cosine + (y * w - z * v) * sine + x * along,
        v * cosine + (z * u - x * w) * sine + y * along,
        w * cosine + (x * v - y * u) * sine + z * along,
    )
    near = (
        u + axis[1] * w - axis[2] * v,
        v + axis[2] * u - axis[0] * w,
        w + axis[0] * v - axis[1] * u,
    )
    return [np.where(turned, f, n) for f, n in zip(far, near, strict=True)]


def reprojection_error(camera, point, weight, feature):
    """The weighted distance, in the picture, of a point from where it was seen: to the right, and upwards."""
    x, y, z = rotate(camera[:3], (point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]))
    x, y = x / z, y / z
    square = x * x + y * y
    distortion = 1.0 + camera[9] * square + camera[10] * square * square
    return (
        weight * (camera[6] * distortion * x + camera[7] - feature[0]),
        weight * (camera[6] * distortion * y + camera[8] - feature[1]),
    )


def errors(cameras, points, weights, features, camera_of, point_of):
    """All reprojection errors, and how far each weight is from 1."""
    reprojection = wg.vmap(reprojection_error)(cameras[camera_of], points[point_of], weights, features)
    return np.stack(reprojection, axis=1), 1.0 - weights * weights


def jacobian(cameras, points, weights, features, camera_of, point_of):
    """The Jacobian of `errors` in compressed sparse rows: where rows begin, columns, values."""
    n, m, p = len(cameras), len(points), len(weights)
    rows = []
    for k in (0, 1):
        gradient = wg.grad(lambda *args, k=k: reprojection_error(*args)[k], argnums=(0, 1, 2))
        camera, point, weight = wg.vmap(gradient)(cameras[camera_of], points[point_of], weights, features)
        rows.append(np.concatenate([camera, point, weight[:, None]], axis=1))
    values = np.stack(rows, axis=1)
    observation = np.arange(p)
    columns = np.concatenate(
        [
            CAMERA * camera_of[:, None] + np.arange(CAMERA),
            CAMERA * n + 3 * point_of[:, None] + np.arange(3),
            (CAMERA * n + 3 * m + observation)[:, None],
        ],
        axis=1,
    )
    columns = np.concatenate([np.repeat(columns, 2, axis=0).ravel(), CAMERA * n + 3 * m + observation])
    rows = np.concatenate([VALUES * np.arange(2 * p), 2 * VALUES * p + np.arange(p + 1)])
    return rows, columns, np.concatenate([values.ravel(), -2.0 * weights])


def _parse(data):
    """The suite sends one camera, point, weight and feature, to be repeated."""
    n, m, p = data["n"], data["m"], data["p"]
    return (
        np.tile(array(data["cam"]), (n, 1)),
        np.tile(array(data["x"]), (m, 1)),
        np.full(p, float(data["w"])),
        np.tile(array(data["feat"]), (p, 1)),
        np.arange(p) % n,
        np.arange(p) % m,
    )


def _encode_errors(result):
    reprojection, weights = map(np.asarray, result)
    return {
        "reproj_error": {"elements": reprojection[0].tolist(), "repeated": len(reprojection)},
        "w_err": {"element": float(weights[0]), "repeated": len(weights)},
    }


def _encode_jacobian(result):
    """The first 30 entries of each part and the last."""
    parts = ([*np.asarray(part[:30]).tolist(), np.asarray(part)[-1].item()] for part in result)
    return dict(zip(("rows", "cols", "vals"), parts, strict=True))


FUNCTIONS = {
    "objective": Function(errors, _parse, _encode_errors),
    "jacobian": Function(jacobian, _parse, _encode_jacobian),
}
