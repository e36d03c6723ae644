"""The training loop: for each mini-batch the loss, its gradient, and a step of the optimiser."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..api.compile import jit as compiled
from ..api.differentiate import value_and_grad
from ..core.source import user_line
from ..core.tree import flatten, tree_map
from ..errors import ArgumentError, CheckpointError, explain
from ..run.tiers import compile_at_once
from .batches import Batches
from .checkpoint import load_checkpoint, save_checkpoint
from .clipping import clip_by_global_norm
from .optimizers import Optimizer
from .progress import progress as make_progress

Loss = Callable[..., Any]


@dataclass
class TrainingState:
    """Where a training run stands: all that a checkpoint holds.

    Attributes
    ----------
    params, optimizer_state : container of arrays
        The loop writes into these arrays; copy what you want to keep.
    epoch : int
        Epochs that are complete.
    batch : int
        Batches done of the epoch after those.
    history : list of dict
        For each complete epoch its number from 1, the mean loss and metrics over its batches as they were trained on,
        the same for the validation data with the prefix ``valid_``, and the seconds it took.
    rng : numpy.random.Generator or None
        For layers that draw random numbers.
    sums : dict
        Loss and metrics of the batches done so far in this epoch, each times its number of entries.
    entries : int
        Those entries.
    seconds : float
        Time spent in this epoch so far.
    stopped : bool
        Whether a callback has ended the training.

    Examples
    --------
    A callback reads it:

    >>> def good_enough(state):
    ...     return state.history[-1]["loss"] < 0.1
    >>> good_enough(TrainingState(None, None, epoch=1, history=[{"epoch": 1, "loss": 0.05}]))
    True
    """

    params: Any
    optimizer_state: Any
    epoch: int = 0
    batch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    rng: np.random.Generator | None = None
    sums: dict[str, float] = field(default_factory=dict)
    entries: int = 0
    seconds: float = 0.0
    stopped: bool = False


Callback = Callable[[TrainingState], bool | None]


def fit(
    loss: Loss,
    params: Any,
    batches: Batches,
    optimizer: Optimizer,
    *,
    epochs: int,
    has_aux: bool = False,
    valid: Iterable[Any] | None = None,
    clip_norm: float | None = None,
    rng: np.random.Generator | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    jit: bool = False,
    progress: bool = True,
) -> TrainingState:
    """Train: go through the data in shuffled mini-batches, and change the parameters after each one.

    Parameters
    ----------
    loss : callable(params, *batch) -> scalar, or (scalar, dict of metrics) with ``has_aux``
        Plain NumPy.  With ``rng`` it is called as ``loss(params, *batch, rng=rng)`` in training, and without it in
        validation, so that ``rng is not None`` tells the two apart.
    params : container of arrays
        First values; they are copied.
    batches : Batches
    optimizer : SGD, Adam, AdamW, or another with ``init`` and ``update``
    epochs : int
        How many times to go through the data, those of a resumed run included.
    has_aux : bool
        ``loss`` also returns metrics, e.g. ``{"accuracy": ...}``.
    valid : iterable of batches, optional
        Data to judge the parameters by after each epoch, e.g. ``Batches((x, y), 256, shuffle=False)``.
    clip_norm : float, optional
        Scale the gradient down to this norm where it is larger.
    rng : numpy.random.Generator, optional
        For dropout and the like; its state is part of the checkpoint.
    callbacks : sequence of callable
        Called with the :class:`TrainingState` after each epoch; one that returns True ends the training.
    checkpoint : path, optional
        Where to write a checkpoint after each epoch.
    checkpoint_every : int, optional
        And after so many batches.
    resume : bool
        Go on from the checkpoint if the file is there.  The run then ends with the same bits as one that was never
        interrupted.
    jit : bool
        Record the loss only once for each shape of a batch (see :func:`wengert.jit`): several times faster for small
        networks.  Not together with ``rng``, since the random numbers would be recorded too.
    progress : bool
        Show a bar in a terminal (package rich), and print a line for each epoch.

    Returns
    -------
    TrainingState

    Raises
    ------
    ArgumentError
        For arguments that make no sense.
    CheckpointError
        If the checkpoint to resume from is damaged or belongs to another run.

    Examples
    --------
    >>> from wengert import nn, train
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> data = train.Batches((x, 3 * x + 1), 16, seed=0)
    >>> net = nn.Linear(1, 1)
    >>> loss = lambda params, x, y: nn.mse(net.apply(params, x), y)
    >>> params = net.init(np.random.default_rng(0))
    >>> state = train.fit(loss, params, data, train.SGD(0.3), epochs=50, progress=False)
    >>> state.params["weight"].round(3), state.params["bias"].round(3)
    (array([[3.]]), array([1.]))
    """
    if epochs < 0 or (checkpoint_every is not None and checkpoint_every < 1):
        raise ArgumentError(
            explain(
                "Epochs are not negative, and batches between checkpoints are at least 1.",
                found=f"epochs={epochs}, checkpoint_every={checkpoint_every}",
                line=user_line(),
            )
        )
    if checkpoint is None and (resume or checkpoint_every is not None):
        raise ArgumentError(
            explain("Resuming and checkpoint_every need a checkpoint.", line=user_line(), fix="checkpoint=path")
        )
    if jit and rng is not None:
        raise ArgumentError(
            explain(
                "A loss that draws random numbers is recorded anew for each batch.",
                found="jit=True with rng",
                line=user_line(),
                fix="leave jit=True out",
            )
        )
    params = tree_map(np.array, params)
    state = TrainingState(params, optimizer.init(params), rng=rng)
    run = _description(batches, optimizer)
    if checkpoint is not None and resume and Path(checkpoint).exists():
        _restore(state, load_checkpoint(checkpoint), run, Path(checkpoint))

    def save() -> None:
        if checkpoint is not None:
            save_checkpoint(checkpoint, _content(state, run))

    gradient_of = value_and_grad(loss, has_aux=has_aux)
    if jit:
        gradient_of = compiled(gradient_of)
    with make_progress(progress, epochs, len(batches)) as show, compile_at_once():
        while state.epoch < epochs and not state.stopped:
            start = time.perf_counter() - state.seconds
            for batch in batches.epoch(state.epoch, state.batch):
                args, options = _call(batch), {} if rng is None else {"rng": rng}
                result, gradients = gradient_of(state.params, *args, **options)
                value, metrics = result if has_aux else (result, {})
                if clip_norm is not None:
                    gradients, _ = clip_by_global_norm(gradients, clip_norm)
                state.params, state.optimizer_state = optimizer.update(
                    gradients, state.optimizer_state, state.params, inplace=True
                )
                _count(state.sums, {"loss": value, **metrics}, _entries(batch))
                state.entries += _entries(batch)
                state.batch += 1
                state.seconds = time.perf_counter() - start
                show.batch(state.epoch, state.batch, float(value))
                if checkpoint_every is not None and state.batch % checkpoint_every == 0 and state.batch < len(batches):
                    save()
            row: dict[str, Any] = {"epoch": state.epoch + 1}
            row |= {name: total / state.entries for name, total in state.sums.items()}
            if valid is not None:
                judged = evaluate(loss, state.params, valid, has_aux=has_aux)
                row |= {f"valid_{name}": mean for name, mean in judged.items()}
            row["seconds"] = time.perf_counter() - start
            state.history.append(row)
            state.epoch, state.batch, state.sums, state.entries, state.seconds = state.epoch + 1, 0, {}, 0, 0.0
            for callback in callbacks:
                state.stopped |= bool(callback(state))
            save()
            show.epoch(row)
    return state


def evaluate(loss: Loss, params: Any, batches: Iterable[Any], *, has_aux: bool = False) -> dict[str, float]:
    """Return the mean loss, and with ``has_aux`` the mean metrics, over the entries of all batches.

    Parameters
    ----------
    loss, params, has_aux
        As for :func:`fit`.  ``loss`` runs as plain NumPy and without ``rng``.
    batches : iterable of batches

    Returns
    -------
    dict
        ``{"loss": ...}`` and the metrics.

    Raises
    ------
    ArgumentError
        If there are no batches.

    Examples
    --------
    >>> evaluate(lambda p, x: np.mean((x - p) ** 2), 1.0, [(np.array([0.0, 3.0]),), (np.array([1.0]),)])
    {'loss': 1.6666666666666667}
    """
    sums: dict[str, float] = {}
    entries = 0
    for batch in batches:
        result = loss(params, *_call(batch))
        value, metrics = result if has_aux else (result, {})
        _count(sums, {"loss": value, **metrics}, _entries(batch))
        entries += _entries(batch)
    if not entries:
        raise ArgumentError(
            explain(
                "A mean needs at least one batch.",
                found="no batches",
                line=user_line(),
                fix="give a list or Batches: a generator is used up after one pass",
            )
        )
    return {name: total / entries for name, total in sums.items()}


@dataclass(frozen=True)
class EarlyStop:
    """A callback that ends the training when a figure of the history has not become better for some epochs.

    Parameters
    ----------
    patience : int
        How many epochs to wait for something better.
    monitor : str
        Name of the figure in the history.
    mode : {"min", "max"}
        Whether smaller or larger is better.
    least : float
        How much better counts.

    Raises
    ------
    ArgumentError
        If the history has no such figure.

    Examples
    --------
    >>> stop = EarlyStop(patience=2)
    >>> stop(TrainingState(None, None, history=[{"valid_loss": v} for v in (3.0, 1.0, 2.0, 1.5)]))
    True
    """

    patience: int
    monitor: str = "valid_loss"
    mode: str = "min"
    least: float = 0.0

    def __call__(self, state: TrainingState) -> bool:
        if any(self.monitor not in row for row in state.history) or self.mode not in ("min", "max"):
            raise ArgumentError(
                explain(
                    'EarlyStop watches a figure of the history, in mode "min" or "max".',
                    found=f"{self}; the history has {sorted(state.history[-1])}",
                    fix='monitor="loss", or give fit validation data: valid=...',
                )
            )
        sign = 1.0 if self.mode == "min" else -1.0
        best, best_epoch = np.inf, 0
        for epoch, row in enumerate(state.history):
            if sign * row[self.monitor] < best - self.least:
                best, best_epoch = sign * row[self.monitor], epoch
        return len(state.history) - 1 - best_epoch >= self.patience


# -- one batch --------------------------------------------------------------------------------------------------------


def _call(batch: Any) -> tuple[Any, ...]:
    """Return a batch as positional arguments."""
    return tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)


def _entries(batch: Any) -> int:
    return int(np.shape(flatten(batch)[0][0])[0])


def _count(sums: dict[str, float], means: Mapping[str, Any], entries: int) -> None:
    for name, mean in means.items():
        sums[name] = sums.get(name, 0.0) + float(mean) * entries


# -- checkpoints ------------------------------------------------------------------------------------------------------


def _description(batches: Batches, optimizer: Any) -> dict[str, Any]:
    """Say what a checkpoint must agree with to be taken up by a run."""
    return {
        "optimizer": type(optimizer).__name__,
        "entries": batches.entries,
        "batch size": batches.size,
        "seed": batches.seed,
        "shuffle": batches.shuffle,
        "drop_last": batches.drop_last,
    }


def _content(state: TrainingState, run: dict[str, Any]) -> dict[str, Any]:
    return {
        "params": state.params,
        "optimizer_state": state.optimizer_state,
        "epoch": state.epoch,
        "batch": state.batch,
        "history": state.history,
        "rng": None if state.rng is None else state.rng.bit_generator.state,
        "sums": state.sums,
        "entries": state.entries,
        "seconds": state.seconds,
        "stopped": state.stopped,
        "run": run,
    }


def _restore(state: TrainingState, content: Any, run: dict[str, Any], path: Path) -> None:
    """Put the content of a checkpoint into the state of a run, if it belongs to it."""
    if not isinstance(content, dict) or not {"run", *vars(state)} <= content.keys():
        raise CheckpointError(explain("fit resumes from a checkpoint that fit wrote.", found=str(path)))
    differences = [
        f"{k}: {content['run'].get(k)!r} there, {v!r} here" for k, v in run.items() if content["run"].get(k) != v
    ]
    for name in ("params", "optimizer_state"):
        there, here = _shapes(content[name]), _shapes(getattr(state, name))
        if there != here:
            differences.append(f"{name}: {there} there, {here} here")
    kinds = [None if s is None else s["bit_generator"] for s in (content["rng"], _rng_state(state.rng))]
    if kinds[0] != kinds[1]:
        differences.append(f"rng: {kinds[0]} there, {kinds[1]} here")
    if differences:
        raise CheckpointError(
            explain(
                "A run resumes from its own checkpoint.",
                found=f"{path} differs: {'; '.join(differences)}",
                fix="use the same network, optimiser and batches, or another checkpoint file",
            )
        )
    for name in ("params", "optimizer_state", "epoch", "batch", "history", "sums", "entries", "seconds", "stopped"):
        setattr(state, name, content[name])
    if state.rng is not None:
        state.rng.bit_generator.state = content["rng"]


def _rng_state(rng: np.random.Generator | None) -> Any:
    return None if rng is None else rng.bit_generator.state


def _shapes(tree: Any) -> str:
    return str(tree_map(lambda leaf: f"{np.asarray(leaf).dtype}{np.shape(leaf)}", tree))
