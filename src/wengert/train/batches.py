"""Mini-batches: the data in small random portions, the same ones in every run with the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.source import user_line
from ..core.tree import flatten, paths, tree_map
from ..errors import ArgumentError, ShapeError, explain


@dataclass(frozen=True, eq=False)
class Batches:
    """Arrays cut into mini-batches along axis 0, shuffled anew in each epoch.

    The order of an epoch is a function of the seed and the epoch's number alone, so an epoch can be taken up at any
    batch without running through the ones before.

    Parameters
    ----------
    data : container of arrays
        Such as ``(x, y)``; all of one length.
    size : int
        Entries of a batch.
    seed : int
    shuffle : bool
    drop_last : bool
        Leave out the last batch of an epoch if it is smaller than the others.

    Raises
    ------
    ShapeError
        If the arrays differ in length or have no entries.
    ArgumentError
        If the size is not positive, or no batch is left.

    Examples
    --------
    >>> batches = Batches((np.arange(5), np.arange(5) * 10), 2, seed=1)
    >>> len(batches)
    3
    >>> [y.tolist() for x, y in batches.epoch(0)]
    [[40, 0], [10, 20], [30]]
    >>> [y.tolist() for x, y in batches.epoch(0, start=2)]
    [[30]]
    """

    data: Any
    size: int
    seed: int = 0
    shuffle: bool = True
    drop_last: bool = False

    def __post_init__(self) -> None:
        leaves = flatten(self.data)[0]
        lengths = {np.shape(leaf)[:1] for leaf in leaves}
        if len(lengths) != 1 or lengths <= {(), (0,)}:
            shapes = ", ".join(
                f"data{path} {np.shape(leaf)}" for path, leaf in zip(paths(self.data), leaves, strict=True)
            )
            raise ShapeError(
                explain("All arrays of a data set have one length, at least 1.", found=shapes, line=user_line())
            )
        if self.size < 1 or len(self) == 0:
            raise ArgumentError(
                explain(
                    "A batch has at least one entry, and an epoch at least one batch.",
                    found=f"size={self.size}, drop_last={self.drop_last} for {self.entries} entries",
                    line=user_line(),
                )
            )

    @property
    def entries(self) -> int:
        """Entries of the data set."""
        return int(np.shape(flatten(self.data)[0][0])[0])

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self.entries // self.size if self.drop_last else -(-self.entries // self.size)

    def order(self, epoch: int) -> np.ndarray[Any, Any]:
        """Return the numbers of the entries in the order of an epoch."""
        n = self.entries
        return np.random.default_rng([self.seed, epoch]).permutation(n) if self.shuffle else np.arange(n)

    def epoch(self, number: int, start: int = 0) -> Iterator[Any]:
        """Yield the batches of an epoch, from batch ``start`` on, in the containers of the data."""
        order = self.order(number)
        for k in range(start, len(self)):
            chosen = order[k * self.size : (k + 1) * self.size]
            yield tree_map(lambda array, chosen=chosen: np.asarray(array)[chosen], self.data)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of epoch 0."""
        return self.epoch(0)
