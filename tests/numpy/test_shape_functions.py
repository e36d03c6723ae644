"""Shape, copy and gather functions of NumPy: one row a call, checked in every way that the harness knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy import sum as fsum
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.linalg import norm

from .harness import check

RNG = np.random.default_rng(11)
V = RNG.normal(size=5)
P = np.array([-1.2, 0.7, 2.1, -0.4, 1.3])
W = RNG.normal(size=4)
M = RNG.normal(size=(3, 4))
S = RNG.normal(size=(3, 3))
T = RNG.normal(size=(2, 3, 4))
Z = RNG.normal(size=(2, 3)) + 1j * RNG.normal(size=(2, 3))
F = M.astype(np.float32)
PLACES = np.array([[2, 0, 1, -1], [0, 0, 3, 2]])
ROWS = np.array([[2], [0], [1]])
TALL = V[:, None] + W[:2]
TWO = np.array([1, 5])
MASK = np.array([[True, False, True, False], [False, True, True, False], [True, True, False, False]])

Row = tuple[str, Callable[..., Any], tuple[Any, ...]]

LINEAR: list[Row] = [
    # -- order of entries
    ("flip", lambda x: np.flip(x), (T,)),
    ("flip axis", lambda x: np.flip(x, 1), (T,)),
    ("flip axes", lambda x: np.flip(x, (0, -1)), (T,)),
    ("fliplr", np.fliplr, (M,)),
    ("flipud", np.flipud, (V,)),
    ("roll flat", lambda x: np.roll(x, 2), (M,)),
    ("roll axis", lambda x: np.roll(x, -1, axis=1), (M,)),
    ("roll axes", lambda x: np.roll(x, (1, 5), axis=(0, 1)), (M,)),
    ("roll same axis twice", lambda x: np.roll(x, (1, 1), axis=(0, 0)), (M,)),
    ("roll nothing", lambda x: np.roll(x, 0), (V,)),
    ("roll one shift two axes", lambda x: np.roll(x, 1, axis=(0, 1)), (M,)),
    *[(f"rot90 {k}", lambda x, k=k: np.rot90(x, k), (M,)) for k in (0, 1, 2, 3, -1)],
    ("rot90 axes", lambda x: np.rot90(x, 1, axes=(2, 0)), (T,)),
    ("transpose", lambda x: np.transpose(x, (2, 0, 1)), (T,)),
    ("permute_dims", lambda x: np.permute_dims(x, (1, 0)), (M,)),
    ("matrix_transpose", np.matrix_transpose, (T,)),
    ("swapaxes", lambda x: np.swapaxes(x, 0, -1), (T,)),
    ("moveaxis", lambda x: np.moveaxis(x, [0, 1], [-1, 0]), (T,)),
    ("rollaxis", lambda x: np.rollaxis(x, 2), (T,)),
    ("T", lambda x: x.T, (T,)),
    ("mT", lambda x: x.mT, (T,)),
    # -- shape
    ("reshape", lambda x: np.reshape(x, (4, -1)), (T,)),
    ("reshape F", lambda x: x.reshape(4, 6, order="F"), (T,)),
    ("reshape C of transposed", lambda x: x.T.reshape(4, 6), (T,)),
    ("reshape A of transposed", lambda x: np.reshape(x.T, (4, 6), order="A"), (T,)),
    ("ravel", np.ravel, (T,)),
    ("ravel F", lambda x: np.ravel(x, "F"), (T,)),
    ("ravel K of transposed", lambda x: np.ravel(x.T, "K"), (T,)),
    ("flatten F", lambda x: x.flatten("F"), (T,)),
    ("squeeze", lambda x: np.squeeze(x[None, :, None]), (V,)),
    ("squeeze axis", lambda x: np.squeeze(x[None, :, None], axis=2), (V,)),
    ("expand_dims", lambda x: np.expand_dims(x, (0, 2)), (V,)),
    ("atleast_1d", lambda x: np.atleast_1d(x, 2.0 * x), (np.float64(1.5),)),
    ("atleast_2d", lambda x: np.atleast_2d(x), (V,)),
    ("atleast_3d", lambda x, y: np.atleast_3d(x, y), (V, M)),
    ("atleast_2d list", lambda x: np.atleast_2d([x[0], x[1]]), (V,)),
    ("broadcast_to", lambda x: np.broadcast_to(x, (2, 5)), (V,)),
    ("broadcast_arrays", lambda x, y: np.broadcast_arrays(x, y), (M, W)),
    ("copy", np.copy, (M,)),
    ("positive", np.positive, (M,)),
    ("astype", lambda x: np.astype(x, np.complex128), (V,)),
    # -- joining
    ("concatenate", lambda x, y: np.concatenate([x, y[None]]), (M, W)),
    ("concatenate flat", lambda x, y: np.concatenate((x, y), axis=None), (M, W)),
    ("concatenate dtypes", lambda x, y: np.concatenate((x, y, np.arange(3))), (W.astype(np.float32), V)),
    ("concatenate dtype", lambda x: np.concatenate((x, x), dtype=np.complex128), (W,)),
    ("stack", lambda x, y: np.stack([x, y, np.ones(4)], axis=1), (W, 2 * W)),
    ("stack array", lambda x: np.stack(x, axis=-1), (T,)),
    ("hstack", lambda x, y: np.hstack([x, y]), (V, W)),
    ("hstack 2", lambda x, y: np.hstack([x, y]), (M, S)),
    ("vstack", lambda x, y: np.vstack((x, y)), (M, W)),
    ("dstack", lambda x, y: np.dstack([x, y]), (W, W)),
    ("column_stack", lambda x, y: np.column_stack([x, y]), (W, M.T)),
    ("append", lambda x, y: np.append(x, y), (M, 2.0)),
    ("append axis", lambda x, y: np.append(x, y[None], axis=0), (M, W)),
    ("block 1", lambda x, y: np.block([x, y, 1.0]), (V, W)),
    ("block 2", lambda x, y: np.block([[x, np.eye(3)], [y, 2.0 * np.ones((1, 3))]]), (M, W)),
    ("block 0", lambda x: np.block(x), (M,)),
    ("meshgrid", lambda x, y: np.meshgrid(x, y), (V, W)),
    ("meshgrid ij", lambda x, y: np.meshgrid(x, y, np.arange(2.0), indexing="ij"), (V, W)),
    ("meshgrid sparse", lambda x, y: np.meshgrid(x, y, sparse=True), (V, W)),
    ("r_", lambda x, y: np.r_[x, 0, 1:3, y], (V, 2.0)),
    ("r_ directive", lambda x, y: np.r_["0,2", x, y], (W, W)),
    ("r_ columns", lambda x, y: np.r_["1,2,0", x, y], (W, W)),
    ("c_", lambda x, y: np.c_[x, y, np.ones((4, 2))], (W, W)),
    ("r_ float32", lambda x: np.r_[x, 1.0], (F[0],)),
    # -- repetition
    ("tile", lambda x: np.tile(x, 3), (M,)),
    ("tile 2", lambda x: np.tile(x, (2, 1, 2)), (M,)),
    ("tile fewer", lambda x: np.tile(x, (2,)), (T,)),
    ("tile once", lambda x: np.tile(x, 1), (V,)),
    ("repeat", lambda x: np.repeat(x, 2), (M,)),
    ("repeat axis", lambda x: np.repeat(x, 3, axis=1), (T,)),
    ("repeat counts", lambda x: np.repeat(x, [1, 0, 2], axis=0), (M,)),
    ("repeat method", lambda x: x.repeat(2, 0), (M,)),
    ("resize", lambda x: np.resize(x, (3, 5)), (M,)),
    ("resize smaller", lambda x: np.resize(x, 3), (M,)),
    ("resize method", lambda x: _in_place(x, lambda y: y.resize((4, 4), refcheck=False)), (M,)),
    # -- parts
    ("delete int", lambda x: np.delete(x, 1, axis=0), (M,)),
    ("delete negative", lambda x: np.delete(x, -1, axis=1), (M,)),
    ("delete slice", lambda x: np.delete(x, slice(None, None, 2), axis=1), (M,)),
    ("delete list", lambda x: np.delete(x, [0, 3, 3]), (M,)),
    ("delete mask", lambda x: np.delete(x, MASK[0], axis=1), (M,)),
    ("insert", lambda x: np.insert(x, 1, 5.0), (V,)),
    ("insert value", lambda x, y: np.insert(x, 1, y, axis=1), (M, np.float64(2.0))),
    ("insert row", lambda x, y: np.insert(x, 2, y, axis=0), (M, W)),
    ("insert column", lambda x, y: np.insert(x, 1, y, axis=1), (M, V[:3])),
    ("insert many at one place", lambda x, y: np.insert(x, [1], y, axis=0), (M, M[:2])),
    ("insert at places", lambda x, y: np.insert(x, [0, 2, 2], y), (V, V[:3])),
    ("insert slice", lambda x, y: np.insert(x, slice(1, 3), y), (V, V[:2])),
    ("insert negative", lambda x, y: np.insert(x, -1, y), (V, 2.0)),
    ("split", lambda x: np.split(x, 2, axis=1), (M,)),
    ("split at", lambda x: np.split(x, [1, 3]), (V,)),
    ("array_split", lambda x: np.array_split(x, 3), (V,)),
    ("hsplit", lambda x: np.hsplit(x, [1]), (M,)),
    ("hsplit 1", lambda x: np.hsplit(x, 2), (W,)),
    ("vsplit", lambda x: np.vsplit(x, 3), (M,)),
    ("dsplit", lambda x: np.dsplit(x, 2), (T,)),
    ("unstack", lambda x: np.unstack(x, axis=1), (M,)),
    # -- diagonals and triangles
    ("diag matrix", np.diag, (M,)),
    ("diag k", lambda x: np.diag(x, 1), (M,)),
    ("diag -k", lambda x: np.diag(x, -2), (M,)),
    ("diag outside", lambda x: np.sum(np.diag(x, 9)) + x[0], (M,)),
    ("diag vector", np.diag, (V,)),
    ("diag vector k", lambda x: np.diag(x, 2), (V,)),
    ("diag vector -k", lambda x: np.diag(x, -1), (V,)),
    ("diagflat", lambda x: np.diagflat(x, -1), (M[:, :2],)),
    ("diagonal", lambda x: np.diagonal(x, 1, 0, 2), (T,)),
    ("diagonal -", lambda x: x.diagonal(-1), (T,)),
    ("linalg.diagonal", lambda x: np.linalg.diagonal(x, offset=1), (T,)),
    ("trace", lambda x: np.trace(x, 1, 1, 2), (T,)),
    ("tril", lambda x: np.tril(x, -1), (T,)),
    ("triu", lambda x: np.triu(x, 1), (M,)),
    ("tril vector", np.tril, (W,)),
    ("triu_indices_from", lambda x: x[np.triu_indices_from(x, 1)], (S,)),
    ("tril_indices_from", lambda x: x[np.tril_indices_from(x)], (M,)),
    ("diag_indices_from", lambda x: x[np.diag_indices_from(x)], (S,)),
    # -- gather
    ("take", lambda x: np.take(x, [0, 2, 2, -1]), (M,)),
    ("take axis", lambda x: np.take(x, PLACES, axis=2), (T,)),
    ("take int", lambda x: np.take(x, 2, axis=1), (T,)),
    ("take flat int", lambda x: np.take(x, 7), (M,)),
    ("take clip", lambda x: np.take(x, [-3, 9], axis=0, mode="clip"), (M,)),
    ("take wrap", lambda x: np.take(x, [-7, 9, 4], axis=1, mode="wrap"), (M,)),
    ("take out", lambda x: np.take(x, [0, 1], out=np.zeros(2)), (V,)),
    ("take traced index", lambda x: np.take(np.arange(5.0), np.argsort(x)) * x, (V,)),
    ("take method", lambda x: x.take([1, 1], axis=0), (M,)),
    ("take none", lambda x: np.take(x, [], axis=0).sum() + x[0], (M,)),
    ("take_along_axis", lambda x: np.take_along_axis(x, PLACES[:, :2, None] % 3, 1), (T,)),
    ("take_along_axis sort", lambda x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0), (M,)),
    ("take_along_axis flat", lambda x: np.take_along_axis(x, np.array([3, 3, 0]), None), (M,)),
    ("take_along_axis broadcast", lambda x: np.take_along_axis(x, np.array([[1], [2], [0]]), 1), (M,)),
    ("compress", lambda x: np.compress([True, False, True], x, axis=0), (M,)),
    ("compress flat", lambda x: x.compress([0, 1, 0, 1]), (M,)),
    ("extract", lambda x: np.extract(MASK, x), (M,)),
    ("ix_", lambda x: x[np.ix_([0, 2], [1, 3])], (M,)),
    ("ix_ mask", lambda x: x[np.ix_([True, False, True], [1, 3])], (M,)),
    ("choose", lambda x, y: np.choose([[0, 1, 1, 0]] * 3, [x, y]), (M, W)),
    ("choose method", lambda x: np.array([1, 0, 2, 1]).choose([x, 2.0 * x, 1.0]), (W,)),
    ("choose wrap", lambda x: np.choose([0, 4, -1, 2], [x, 2 * x], mode="wrap"), (W,)),
    ("choose clip", lambda x: np.choose([0, 4, -1, 2], [x, 2 * x], mode="clip"), (W,)),
    ("boolean mask", lambda x: x[MASK], (M,)),
    ("sliding_window_view", lambda x: sliding_window_view(x, 3), (V,)),
    ("sliding_window_view 2", lambda x: sliding_window_view(x, (2, 2)), (M,)),
    ("sliding_window_view axis", lambda x: sliding_window_view(x, 2, axis=1), (T,)),
    ("sliding_window_view twice", lambda x: sliding_window_view(x, (2, 3), axis=(0, 0)), (V,)),
    # -- writing
    ("put", lambda x, y: _in_place(x, lambda a: np.put(a, [0, 5, -1], y)), (M, V[:3])),
    ("put method", lambda x, y: _in_place(x, lambda a: a.put([1, 2, 3], y)), (M, V[:2])),
    ("put clip", lambda x, y: _in_place(x, lambda a: np.put(a, [0, 99], y, mode="clip")), (M, 3.0)),
    ("put wrap", lambda x, y: _in_place(x, lambda a: np.put(a, [0, 25], y, mode="wrap")), (M, 3.0)),
    ("put into zeros", lambda y: _in_place(np.zeros(6), lambda a: np.put(a, [1, 1, 4], y)), (V[:3],)),
    ("place", lambda x, y: _in_place(x, lambda a: np.place(a, MASK, y)), (M, V[:4])),
    ("putmask", lambda x, y: _in_place(x, lambda a: np.putmask(a, MASK, y)), (M, V)),
    ("putmask condition", lambda x: _in_place(x, lambda a: np.putmask(a, a > 0, 2 * a)), (M,)),
    ("copyto", lambda x, y: _in_place(x, lambda a: np.copyto(a, y)), (M, W)),
    ("copyto where", lambda x, y: _in_place(x, lambda a: np.copyto(a, y, where=MASK)), (M, W)),
    ("copyto zeros", lambda y: _in_place(np.zeros((2, 4)), lambda a: np.copyto(a, y)), (W,)),
    ("fill_diagonal", lambda x, y: _in_place(x, lambda a: np.fill_diagonal(a, y)), (M, 2.0)),
    ("fill_diagonal many", lambda x, y: _in_place(x, lambda a: np.fill_diagonal(a, y)), (S, V[:3])),
    ("fill_diagonal tall", lambda x, y: _in_place(x, lambda a: np.fill_diagonal(a, y)), (M.T, 2.0)),
    ("fill_diagonal wrap", lambda x, y: _in_place(x, lambda a: np.fill_diagonal(a, y, True)), (TALL, 2.0)),
    ("fill_diagonal 3", lambda y: _in_place(np.zeros((2, 2, 2)), lambda a: np.fill_diagonal(a, y)), (2.0,)),
    ("put_along_axis", lambda x, y: _in_place(x, lambda a: np.put_along_axis(a, ROWS[:2], y, 0)), (M, 2.0)),
    ("put_along_axis rows", lambda x, y: _in_place(x, lambda a: np.put_along_axis(a, ROWS, y, 1)), (M, V[:3, None])),
    ("put_along_axis flat", lambda x, y: _in_place(x, lambda a: np.put_along_axis(a, TWO, y, None)), (M, V[:2])),
    ("add.at", lambda x, y: _in_place(x, lambda a: np.add.at(a, [0, 0, 2], y)), (M, M)),
    ("add.at pair", lambda x, y: _in_place(x, lambda a: np.add.at(a, ([0, 0, 2], [1, 1, 0]), y)), (M, V[:3])),
    ("add.at slice", lambda x, y: _in_place(x, lambda a: np.add.at(a, np.s_[::2, 1:], y)), (M, 1.5)),
    ("add.at int", lambda x, y: _in_place(x, lambda a: np.add.at(a, 1, y)), (M, W)),
    ("add.at mask", lambda x, y: _in_place(x, lambda a: np.add.at(a, MASK, y)), (M, 2.0)),
    ("add.at zeros", lambda y: _in_place(np.zeros(3), lambda a: np.add.at(a, [2, 0, 2, 2], y)), (W,)),
    ("subtract.at", lambda x, y: _in_place(x, lambda a: np.subtract.at(a, [0, 0], [y, 1.0])), (V, 2.0)),
    # -- counting with weights
    ("bincount weights", lambda w: np.bincount([0, 3, 3, 1, 0], weights=w), (V,)),
    ("bincount minlength", lambda w: np.bincount([0, 1, 1, 1, 0], weights=w, minlength=4), (V,)),
    ("histogram weights", lambda w: np.histogram(np.arange(5.0), bins=3, weights=w)[0], (V,)),
    ("histogram edges", lambda w: np.histogram(np.arange(5.0), [0, 1, 1.5, 4], weights=w)[0], (V,)),
    ("histogram range", lambda x: np.histogram(x, bins=4)[1], (V,)),
    ("histogram2d weights", lambda w: np.histogram2d(np.arange(5.0), np.arange(5.0) ** 2, 3, weights=w)[0], (V,)),
    ("histogramdd weights", lambda w: np.histogramdd(M.reshape(4, 3), (2, 2, 2), weights=w)[0], (W,)),
    # -- one after the other
    ("apply_along_axis vector", lambda x: np.apply_along_axis(lambda r: r[::-1] * 2, 1, x), (T,)),
    ("apply_over_axes", lambda x: np.apply_over_axes(np.sum, x, [0, 2]), (T,)),
    # -- complex and single precision
    ("complex flip", lambda x: np.flip(x, 1), (Z,)),
    ("complex pad", lambda x: np.pad(x, 1, mode="wrap"), (Z,)),
    ("complex take", lambda x: np.take(x, [0, 5, 5]), (Z,)),
    ("complex kron", lambda x: np.kron(x, Z), (Z,)),
    ("float32 tile", lambda x: np.tile(x, 2), (F,)),
    ("float32 diag", lambda x: np.diag(x), (F,)),
    ("float32 insert", lambda x: np.insert(x, 0, 1.0), (F,)),
    ("float32 append", lambda x: np.append(x, 1.0), (F,)),
]  # fmt: skip

PADS: list[Row] = [
    ("constant", lambda x: np.pad(x, 2), (M,)),
    ("constant value", lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=3.0), (M,)),
    ("constant values", lambda x: np.pad(x, 1, constant_values=((1.0, 2.0), (3.0, 4.0))), (M,)),
    ("constant traced", lambda x, y: np.pad(x, (2, 1), constant_values=y), (V, 2.0)),
    ("constant float32", lambda x: np.pad(x, 1, constant_values=3), (F,)),
    ("nothing", lambda x: np.pad(x, 0, "edge"), (V,)),
    ("dict", lambda x: np.pad(x, {-1: (1, 2)}), (M,)),
    ("edge", lambda x: np.pad(x, ((2, 1), (1, 3)), "edge"), (M,)),
    ("linear_ramp", lambda x: np.pad(x, 2, "linear_ramp"), (M,)),
    ("linear_ramp end_values", lambda x: np.pad(x, (2, 3), "linear_ramp", end_values=(1.0, -2.0)), (V,)),
    ("linear_ramp traced end", lambda x, y: np.pad(x, (2, 3), "linear_ramp", end_values=y), (V, 2.0)),
    ("maximum", lambda x: np.pad(x, 2, "maximum"), (M,)),
    ("maximum stat_length", lambda x: np.pad(x, 2, "maximum", stat_length=2), (V,)),
    ("minimum", lambda x: np.pad(x, ((0, 1), (2, 0)), "minimum", stat_length=((1, 2), (3, 9))), (M,)),
    ("mean", lambda x: np.pad(x, 2, "mean"), (M,)),
    ("mean stat_length", lambda x: np.pad(x, 2, "mean", stat_length=(2, 3)), (V,)),
    ("median", lambda x: np.pad(x, 2, "median"), (M,)),
    ("reflect", lambda x: np.pad(x, 2, "reflect"), (M,)),
    ("reflect wide", lambda x: np.pad(x, (9, 11), "reflect"), (W,)),
    ("reflect odd", lambda x: np.pad(x, 3, "reflect", reflect_type="odd"), (V,)),
    ("reflect odd wide", lambda x: np.pad(x, (10, 7), "reflect", reflect_type="odd"), (W,)),
    ("reflect single", lambda x: np.pad(x, 2, "reflect"), (V[:1],)),
    ("symmetric", lambda x: np.pad(x, ((2, 0), (1, 3)), "symmetric"), (M,)),
    ("symmetric wide", lambda x: np.pad(x, (9, 11), "symmetric"), (W,)),
    ("symmetric odd", lambda x: np.pad(x, 3, "symmetric", reflect_type="odd"), (V,)),
    ("symmetric odd wide", lambda x: np.pad(x, (10, 7), "symmetric", reflect_type="odd"), (W,)),
    ("wrap", lambda x: np.pad(x, ((2, 1), (1, 3)), "wrap"), (M,)),
    ("wrap wide", lambda x: np.pad(x, (9, 11), "wrap"), (W,)),
    ("callable", lambda x: np.pad(x, 2, _pad_with, value=2.5), (M,)),
    ("callable of the row", lambda x: np.pad(x, ((1, 1), (0, 2)), _pad_with_sum), (M,)),
]  # fmt: skip

CURVED: list[Row] = [
    ("kron", np.kron, (M, S)),
    ("kron vector", np.kron, (V, M)),
    ("kron 3", np.kron, (T, W)),
    ("select", lambda x: np.select([x > 0.5, x > 0], [x**2, np.sin(x)], default=-1.0), (M,)),
    ("select traced default", lambda x, y: np.select([x > 0.5, x > 0], [x**2, 3], default=y), (M, 2.0)),
    ("apply_along_axis", lambda x: np.apply_along_axis(lambda r: r[0] * r[-1], 0, x), (M,)),
    ("apply_along_axis matrix", lambda x: np.apply_along_axis(lambda r: np.outer(r, r), 1, x), (M,)),
    ("apply_along_axis extra", lambda x: np.apply_along_axis(lambda r, k, p=1: r[k] ** p, 1, x, 2, p=3), (M,)),
    ("histogram density", lambda x, w: np.histogram(x, 3, density=True, weights=w), (np.sort(V), np.abs(V) + 1)),
    ("sliding_window_view mean", lambda x: np.max(sliding_window_view(x, 3) ** 2, axis=-1), (V,)),
    ("multiply.at", lambda x, y: _in_place(x, lambda a: np.multiply.at(a, [0, 0, 2], y)), (V, V[:3])),
    ("vectorize two", lambda x, y: np.vectorize(lambda v, w: (v * w, v + w))(x, y), (M, W)),
    ("vectorize otypes", lambda x: np.vectorize(lambda v: v**2, otypes=[np.complex128])(x), (V,)),
    ("vectorize signature", lambda x, y: np.vectorize(np.dot, signature="(n),(n)->()")(x, y), (M, W)),
]  # fmt: skip

LISTS: list[Row] = [
    # NumPy does not look into lists for traced values; unmodified code works all the same.
    ("sum", lambda x: np.sum([x[0], x[1] ** 2, 3.0]), (V,)),
    ("max of a tuple", lambda x: np.max((x[0], x[1])) ** 2, (V,)),
    ("mean of rows", lambda x: np.mean([x[0], x[1] * x[2]], axis=0), (M,)),
    ("ufunc", lambda x: np.sin([x[0], [1.0, 2.0, 3.0, 4.0]]), (M,)),
    ("ufunc of two", lambda x: np.multiply([x[0], x[1]], x[2]), (V,)),
    ("reduce", lambda x: np.maximum.reduce([x[0], x[1], x[2]]) ** 2, (M,)),
    ("norm", lambda x: np.linalg.norm([x[0], x[1]]), (V,)),
    ("dot", lambda x: np.dot([x[0], x[1]], [x[1], 2.0]), (V,)),
    ("comprehension", lambda x: np.prod([v * v for v in x]), (V,)),
    ("appended", lambda x: _appended(x), (V,)),
    ("imported by name", lambda x: fsum([x[0] ** 2, x[1]]) + norm((x[0], x[1])), (V,)),
    ("arithmetic", lambda x: x[:2] * [x[1], 2.0] + [1.0, 2.0], (V,)),
    ("fft", lambda x: np.fft.fft([x[0], x[1] ** 2, 1.0]), (V,)),
    ("ufunc as a key", lambda x: {np.sin: np.cos}[np.sin]([x[0], x[1]]), (V,)),
]  # fmt: skip

EDGES: list[Row] = [
    # Empty arrays and arrays without axes.
    *[
        (f"{name} {part}", f, (x,))
        for part, x in (("empty", np.empty((0, 3))), ("0-d", np.array(1.5)))
        for name, f in (
            ("flip", np.flip), ("roll", lambda x: np.roll(x, 1)), ("ravel", np.ravel),
            ("reshape", lambda x: x.reshape(-1)),
            ("transpose", np.transpose), ("squeeze", np.squeeze), ("tile", lambda x: np.tile(x, (2, 2))),
            ("repeat", lambda x: np.repeat(x, 2)), ("resize", lambda x: np.resize(x, (2, 2))),
            ("append", lambda x: np.append(x, x)), ("atleast_3d", np.atleast_3d), ("pad", lambda x: np.pad(x, 1)),
            ("broadcast_to", lambda x: np.broadcast_to(x, (2, *x.shape))), ("where", lambda x: np.where(x > 0, x, 2.0)),
            ("kron", lambda x: np.kron(x, x)), ("stack", lambda x: np.stack([x, x], -1)), ("flat", lambda x: x.flat[:]),
            ("meshgrid", lambda x: np.meshgrid(x.ravel(), x.ravel())), ("diagflat", np.diagflat),
            ("trim", lambda x: np.delete(x, slice(0, 0))), ("insert", lambda x: np.insert(x, 0, 1.0)),
            ("take", lambda x: np.take(x, np.zeros(0, int))), ("block", lambda x: np.block([x, x])),
            ("copyto", lambda x: _in_place(np.zeros(x.shape), lambda a: np.copyto(a, x))),
            ("newaxis", lambda x: x[..., None]),
            ("select", lambda x: np.select([x > 0], [x])), ("fill", lambda x: _in_place(x, lambda a: a.fill(2.0))),
            ("mask", lambda x: x[np.ones(x.shape, bool)]), ("mask written", lambda x: _masked(x)),
        )
    ],
    ("diag empty", np.diag, (np.empty(0),)),
    ("diag k empty", lambda x: np.diag(x, 2), (np.empty(0),)),
    ("array_split empty", lambda x: np.array_split(x, 3), (np.empty(2),)),
    ("sliding_window_view whole", lambda x: sliding_window_view(x, 5), (V,)),
]  # fmt: skip

WHERE: list[Row] = [
    # A value that is the same wherever a traced mask is true: a choice, also under vmap.
    ("clamped", lambda x: _assigned(x, x < 0, 0.0), (M,)),
    ("rows", lambda x: _assigned(x, x[:, 0] < 0, x[1] * 2), (M,)),
    ("traced", lambda x: _assigned(x, x > 0.5, x[0, 0] ** 2), (M,)),
    ("nan not taken", lambda x: _assigned(np.sqrt(x), x < 0, 0.0), (np.abs(M),)),
    ("constant into zeros", lambda x: _assigned(np.zeros((3, 4)), x > 0, 1.0) * x, (M,)),
    ("constant at a traced place", lambda x: _assigned(np.zeros(5), np.argmax(x), 2.0) * x, (V,)),
    ("constants at traced places", lambda x: _assigned(np.zeros((2, 5)), (0, np.argsort(x)), np.arange(5.0)) * x, (V,)),
    ("part of a constant", lambda x: np.arange(5.0)[np.argsort(x)] * x, (V,)),
    ("into zeros", lambda x: _assigned(np.zeros((3, 4)), x > 0, x[0, 1]), (M,)),
]  # fmt: skip

MEMORY: list[Row] = [
    ("fromiter", lambda x: np.fromiter((v * v for v in x), float), (V,)),
    ("fromiter count", lambda x: np.fromiter((v * v for v in x), float, 2), (V,)),
    ("ndenumerate", lambda x: sum(v * v * (i + 2 * j) for (i, j), v in np.ndenumerate(x)), (M,)),
    ("ndindex", lambda x: sum(x[i] ** 2 * i[0] for i in np.ndindex(x.shape)), (V,)),
    ("view", lambda x: _in_place(x, lambda y: y.view().fill(y[0, 0] ** 2)), (M,)),
    ("as_strided", lambda x: as_strided(x, (3, 3), (x.strides[0], x.strides[0])) ** 2, (V,)),
    ("as_strided matrix", lambda x: as_strided(x, (2, 3, 2), (x.strides[0], *x.strides[::-1][:1], 8)), (M,)),
    ("flat", lambda x: x.flat[2] * x.flat[3:6], (M,)),
    ("flat written", lambda x: _flat_written(x), (M,)),
    ("real and imag written", lambda x: _parts_written(x), (V,)),
    ("full", lambda x: np.full((2, 5), x), (V,)),
]  # fmt: skip

MASKED: list[Row] = [
    # Which entries are chosen follows from the values: under vmap there is no single answer.
    ("compress traced", lambda x: np.compress(x > 0, x), (P,)),
    ("extract traced", lambda x: np.extract(x > 0, x * x), (M,)),
    ("nonzero", lambda x: x[np.nonzero(x > 0)] ** 2, (M,)),
    ("nonzero method", lambda x: x[(x > 0).nonzero()] ** 2, (M,)),
    ("flatnonzero", lambda x: x.ravel()[np.flatnonzero(x > 0)], (M,)),
    ("argwhere", lambda x: x[tuple(np.argwhere(x > 0)[0])] * x, (M,)),
    ("where 1", lambda x: x[np.where(x > 0)] ** 2, (M,)),
    ("place traced", lambda x: _in_place(x, lambda a: np.place(a, a > 0, a[0].copy())), (M,)),
    ("piecewise", lambda x: np.piecewise(x, [x < 0, x > 0.5], [lambda v: v**2, np.exp, 7.0]), (M,)),
    ("piecewise args", lambda x, y: np.piecewise(x, x < 0, [lambda v, k: k * v, lambda v, k: v / k], y), (V, 3.0)),
    ("piecewise scalar", lambda x: np.piecewise(x, [x < 0, x >= 0], [np.abs, lambda v: v**2]), (np.float64(2.0),)),
    ("piecewise traced constants", lambda x, y: np.piecewise(x, [x < 0], [y, 2.0]), (V, 3.0)),
    ("unique", lambda x: np.unique(np.concatenate([x, x[:2]])), (V,)),
    ("unique axis", lambda x: np.unique(np.vstack([x, x[:1]]), axis=0), (M,)),
    ("union1d", lambda x, y: np.union1d(x, np.append(y, x[0])), (V, W)),
    ("intersect1d", lambda x, y: np.intersect1d(x, np.append(y, x[1:3])), (V, W)),
    ("setdiff1d", lambda x: np.setdiff1d(x, x[1:3]), (V,)),
    ("setxor1d", lambda x, y: np.setxor1d(x, np.append(y, x[1:3])), (V, W)),
    ("unique_values", lambda x: np.unique_values(x), (V,)),
    ("delete traced", lambda x: np.delete(x, x > 0), (P,)),
    ("bincount traced", lambda x: np.bincount(np.abs(x).astype(int), weights=x), (3 * V,)),
    ("trim_zeros", lambda x: np.trim_zeros(np.concatenate(([0.0, 0.0], x, [0.0]))), (V,)),
    ("trim_zeros f", lambda x: np.trim_zeros(np.concatenate(([0.0, 0.0], x, [0.0])), "f"), (V,)),
    ("vectorize", lambda x: np.vectorize(lambda v: v * v if v > 0 else np.sin(v))(x), (M,)),
    ("vectorized before", lambda x: vectorized(x) * 2, (V,)),
]  # fmt: skip

COUNTS: list[Row] = [
    # Results that are whole numbers: no derivative, but NumPy's values.
    ("histogram", lambda x: np.histogram(x, [-2, 0, 2]), (V,)),
    ("histogram int bins", lambda x: np.histogram(x, bins=np.array([-2, 0, 1]))[0], (V,)),
    ("searchsorted", lambda x: np.searchsorted(np.sort(x), [0.0, 9.0]), (V,)),
    ("searchsorted right", lambda x: np.searchsorted([0.0, 1.0], x, side="right"), (M,)),
    ("digitize", lambda x: np.digitize(x, [-1.0, 0.0, 1.0]), (M,)),
    ("digitize right", lambda x: np.digitize(x, [1.0, 0.0, -1.0], right=True), (M,)),
    ("isin", lambda x: np.isin(x, x[0]), (M,)),
    ("isin not", lambda x: np.isin(x, [x[0, 0], 5.0], invert=True), (M,)),
    ("lexsort", lambda x: np.lexsort((x[0], np.round(x[1]))), (M,)),
    ("ravel_multi_index", lambda x: np.ravel_multi_index((np.argsort(x), np.argsort(-x)), (6, 7)), (V,)),
    ("unravel_index", lambda x: np.unravel_index(np.argmax(x), x.shape), (M,)),
]  # fmt: skip

COUNTED: list[Row] = [
    ("bincount", lambda x: np.bincount(np.argsort(x)), (V,)),
    ("contains", lambda x: (2.0 in x) + x * 0, (M,)),
    ("up to a traced place", lambda x: np.arange(5)[: np.argmax(x) + 1], (V,)),
    ("written up to a traced place", lambda x: _assigned(np.zeros(5, int), np.s_[: np.argmax(x)], 3), (V,)),
    ("unique empty", np.unique, (np.empty(0),)),
    ("bincount empty", lambda w: np.bincount(np.zeros(0, int), w, 3), (np.empty(0),)),
    ("unique index", lambda x: np.unique(np.append(x, x[0]), return_index=True)[1], (V,)),
    ("unique inverse", lambda x: np.unique(np.append(x, x[0]), return_inverse=True)[1], (V,)),
    ("unique counts", lambda x: np.unique(np.append(x, x[0]), return_counts=True)[1], (V,)),
    ("unique 2-d inverse", lambda x: np.unique(x[[0, 1, 0]], return_inverse=True), (M,)),
    ("unique axis all", lambda x: np.unique(x[[0, 1, 0]], True, True, True, axis=0), (M,)),
    ("unique_all", lambda x: tuple(np.unique_all(x[[0, 1, 0]])), (V,)),
    ("unique_counts", lambda x: tuple(np.unique_counts(x[[0, 1, 0]])), (V,)),
    ("unique_inverse", lambda x: tuple(np.unique_inverse(x[[0, 1, 0]])), (V,)),
    ("unique nan", lambda x: np.unique(np.append(x, [np.nan, np.nan]), return_counts=True), (V,)),
    ("unique nan apart", lambda x: np.unique(np.append(x, [np.nan, np.nan]), equal_nan=False), (V,)),
    ("intersect1d indices", lambda x: np.intersect1d(x, x[[3, 1]], return_indices=True), (V,)),
]  # fmt: skip


def _in_place(x: Any, write: Callable[[Any], Any]) -> Any:
    """Return a copy of an array that something has been written into."""
    y = np.array(x)
    assert write(y) is None
    return y


def _assigned(y: Any, mask: Any, value: Any) -> Any:
    y = np.array(y)
    y[mask] = value
    return y


def _masked(x: Any) -> Any:
    y = np.array(x)
    y[np.ones(x.shape, bool)] = 3.0
    y[y < 0] = 0.0
    return y * x


def _flat_written(x: Any) -> Any:
    y = np.zeros((3, 4))
    y.flat = x[0]
    y.flat[3:6] = x[1, 0] ** 2
    y.T.flat[1] = x[2, 2]
    return y


def _parts_written(x: Any) -> Any:
    z = x + 0j
    z.imag = x**2
    z.real[1:] = x[0]
    z.imag[0] *= 2
    return z


def _appended(x: Any) -> Any:
    found = []
    for k in range(3):
        found.append(x[k] * x[k + 1])
    return np.sum(found)


@np.vectorize
def vectorized(v: Any) -> Any:
    return v**2 if v > 0 else np.zeros(2)[0] + v


def _pad_with(row: Any, width: Any, axis: int, options: Any) -> None:
    row[: width[0]] = options["value"]
    if width[1]:
        row[-width[1] :] = 2 * options["value"]


def _pad_with_sum(row: Any, width: Any, axis: int, options: Any) -> None:
    row[: width[0]] = row[width[0]] ** 2
    if width[1]:
        row[-width[1] :] = np.sum(row) * (axis + 1)


def rows(*tables: list[Row]) -> Any:
    return [pytest.param(f, args, id=name) for table in tables for name, f, args in table]


@pytest.mark.parametrize(("f", "args"), rows(LINEAR, PADS, CURVED, LISTS, MEMORY, EDGES, WHERE))
def test_derivatives(f: Callable[..., Any], args: Any) -> None:
    check(f, *args)


@pytest.mark.parametrize(("f", "args"), rows(MASKED))
def test_derivatives_where_values_decide(f: Callable[..., Any], args: Any) -> None:
    check(f, *args, batch=False)


@pytest.mark.parametrize(("f", "args"), rows(COUNTS))
def test_whole_numbers(f: Callable[..., Any], args: Any) -> None:
    check(f, *args, smooth=False)


@pytest.mark.parametrize(("f", "args"), rows(COUNTED))
def test_whole_numbers_where_values_decide(f: Callable[..., Any], args: Any) -> None:
    check(f, *args, smooth=False, batch=False)
