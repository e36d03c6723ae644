"""Training: optimisers, learning-rate schedules, mini-batches, a loop, checkpoints, metrics.

Parameters and gradients are plain containers of arrays, so each part can be used by itself; the training step is

    value, gradients = wg.value_and_grad(loss)(params, *batch)             # the loss and its gradient
    params, state = optimizer.update(gradients, state, params)             # the step
"""

from .batches import Batches
from .checkpoint import load_checkpoint, save_checkpoint
from .clipping import clip_by_global_norm, clip_by_value, global_norm
from .loop import EarlyStop, TrainingState, evaluate, fit
from .metrics import accuracy, confusion_matrix, top_k_accuracy
from .optimizers import SGD, Adam, AdamW, Optimizer
from .schedules import (
    constant,
    cosine_decay,
    exponential_decay,
    linear_warmup,
    one_cycle,
    step_decay,
)

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Batches",
    "EarlyStop",
    "Optimizer",
    "TrainingState",
    "accuracy",
    "clip_by_global_norm",
    "clip_by_value",
    "confusion_matrix",
    "constant",
    "cosine_decay",
    "evaluate",
    "exponential_decay",
    "fit",
    "global_norm",
    "linear_warmup",
    "load_checkpoint",
    "one_cycle",
    "save_checkpoint",
    "step_decay",
    "top_k_accuracy",
]
