"""lstm: the mean log-likelihood of a sequence of characters (as vectors of bits) under layers of LSTM cells.

The weights are diagonal: every product is entry by entry.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

import wengert as wg
from benchmarks.gradbench.function import Function, array


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def cell_step(weight, bias, hidden, cell, x):
    """One step of a layer; weight and bias hold the parts for forget gate, input gate, output gate and change."""
    b = len(x)
    forget = sigmoid(x * weight[:b] + bias[:b])
    ingate = sigmoid(hidden * weight[b : 2 * b] + bias[b : 2 * b])
    outgate = sigmoid(x * weight[2 * b : 3 * b] + bias[2 * b : 3 * b])
    change = np.tanh(hidden * weight[3 * b :] + bias[3 * b :])
    cell = cell * forget + ingate * change
    return outgate * np.tanh(cell), cell


def loss(main, extra, state, sequence):
    """Minus the mean log-likelihood; main: weight and bias of each layer in turn; state: hidden and cell."""
    state = np.array(state)
    total = 0.0
    for t in range(len(sequence) - 1):
        x = sequence[t] * extra[0]
        for i in range(0, len(state), 2):
            hidden, cell = cell_step(main[i], main[i + 1], state[i], state[i + 1], x)
            state[i] = hidden
            state[i + 1] = cell
            x = hidden
        prediction = x * extra[1] + extra[2]
        normalised = prediction - np.log(np.sum(np.exp(prediction)) + 2.0)
        total = total + np.sum(sequence[t + 1] * normalised)
    return -total / ((len(sequence) - 1) * sequence.shape[1])


def _parse(data):
    return tuple(array(data[name]) for name in ("main_params", "extra_params", "state", "sequence"))


def _joined(gradients):
    return np.concatenate([np.ravel(g) for g in gradients]).tolist()


FUNCTIONS = {
    "objective": Function(loss, _parse),
    "jacobian": Function(wg.grad(loss, argnums=(0, 1)), _parse, _joined),
}
