"""ht: hand tracking, the distances of points from a hand model in a pose, and their Jacobian."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

import wengert as wg
from benchmarks.gradbench.function import Function, array, as_list

FINGERS = np.array([4 * finger + joint + 5 for finger in range(5) for joint in range(3)])
"""Of the pose's rows (rotation, scale, translation, then the bones), those of the joints that bend."""


def pose_of(theta, bones):
    """The angles of each bone: every finger has four, two at its first joint and one at each of the next two."""
    pose = np.zeros((bones + 3, 3))
    pose[0] = theta[:3]
    pose[1] = 1.0
    pose[2] = theta[3:6]
    angles = theta[6:].reshape(5, 4)
    pose[FINGERS, 0] = angles[:, [0, 2, 3]].ravel()
    pose[FINGERS[::3], 1] = angles[:, 1]
    return pose


def rotations(angles):
    """Matrices of rotations about x, y and z by the angles 0, 2 and 1 of each bone."""
    (sx, sz, sy), (cx, cz, cy) = np.sin(angles).T, np.cos(angles).T
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def axis_rotation(v):
    """The matrix of a rotation about an axis by the axis's length."""
    angle = np.sqrt(np.sum(v * v))
    if angle < 0.0001:
        return np.eye(3)
    x, y, z = v / angle
    s, c = np.sin(angle), np.cos(angle)
    return np.array(
        [
            [x * x + (1 - x * x) * c, x * y * (1 - c) - z * s, x * z * (1 - c) + y * s],
            [x * y * (1 - c) + z * s, y * y + (1 - y * y) * c, y * z * (1 - c) - x * s],
            [x * z * (1 - c) - y * s, z * y * (1 - c) + x * s, z * z + (1 - z * z) * c],
        ]
    )


def vertices(theta, model, parents, mirrored):
    """The hand's surface in a pose: each vertex moves with several bones, by weights."""
    relative, inverse, base, weights = model
    bones = len(parents)
    pose = pose_of(theta, bones)
    local = np.concatenate([relative[:, :, :3] @ rotations(pose[3:]), relative[:, :, 3:]], axis=2)
    chain = []
    for bone, parent in enumerate(parents):
        chain.append(local[bone] if parent < 0 else chain[parent] @ local[bone])
    turn = axis_rotation(pose[0]) * pose[1]
    if mirrored:
        turn = turn * np.array([-1.0, 1.0, 1.0])
    moves = turn @ (np.stack(chain) @ inverse)[:, :3]
    # The sum over bones of weight times move times position is one product of matrices.
    spread = (weights[:, :, None] * base[:, None, :]).reshape(-1, 4 * bones)
    return spread @ np.swapaxes(moves, 1, 2).reshape(4 * bones, 3) + pose[2]


def distances(theta, us, model, points, correspondences, triangles, parents, mirrored):
    """From each point to its vertex; with barycentric coordinates ``us`` to its place in a triangle."""
    surface = vertices(theta, model, parents, mirrored)
    if len(us) == 0:
        return (points - surface[correspondences]).ravel()
    corners = surface[triangles[correspondences]]
    u, v = us[:, :1], us[:, 1:]
    return (points - (u * corners[:, 0] + v * corners[:, 1] + (1.0 - u - v) * corners[:, 2])).ravel()


def jacobian(theta, us, *rest):
    """By theta in forward mode; each error depends on one pair of ``us``, so that two directions show all of them."""
    by_theta = wg.jacobian(lambda t: distances(t, us, *rest), mode="forward")(theta)
    if len(us) == 0:
        return by_theta
    both = [wg.jvp(lambda u: distances(theta, u, *rest), (us,), (np.ones_like(us) * e,))[1] for e in np.eye(2)]
    return np.concatenate([np.stack(both, axis=1), by_theta], axis=1)


def _parse(data):
    model = data["data"]["model"]
    names = ("base_relatives", "inverse_base_absolutes", "base_positions", "weights")
    return (
        array(data["theta"]),
        array(data["us"]),
        tuple(array(model[name]) for name in names),
        array(data["data"]["points"]),
        np.array(data["data"]["correspondences"]),
        np.array(model["triangles"]),
        tuple(model["parents"]),
        bool(model["is_mirrored"]),
    )


FUNCTIONS = {
    "objective": Function(distances, _parse, as_list, static=(6, 7)),
    "jacobian": Function(jacobian, _parse, as_list, static=(6, 7)),
}
