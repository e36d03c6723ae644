"""The training step's stages and the loss curve, for a subject with parameters (row L10 of the lecture)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..api.explain.costs import Sweeps
from ..api.explain.values import number
from .records import record, statistics

STEPS: Final = 40
_MOST_SECONDS_OF_WORK: Final = 20_000_000
"""Operations that the curve may take; a larger program is stepped fewer times."""


def training(sweeps: Sweeps, rate: float, work: int) -> dict[str, Any] | None:
    """Return the loss over some steps of plain gradient descent on the data given, and the first step in full.

    Returns
    -------
    dict or None
        ``rate``, ``losses``, ``norms`` of the gradient, and ``parameters``: for each its value, its gradient and what
        the update makes of it, as records.  None where there are no parameters, or no loss.
    """
    subject = sweeps.subject
    active = [k for k, flag in enumerate(subject.active) if flag]
    learnt = [k for k in active if k < len(subject.roles) and subject.roles[k] == "parameter"]
    if not learnt or not subject.scalar:
        return None
    inputs = list(subject.inputs)
    seed = [w for w in subject.cotangents if w is not None]
    steps = max(2, min(STEPS, _MOST_SECONDS_OF_WORK // max(work, 1)))
    losses, norms, parameters = [], [], []
    for step in range(steps):
        outs = sweeps.run_reverse([*inputs, *seed])
        loss, gradients = outs[0], dict(zip(active, outs[1:], strict=True))
        losses.append(number(float(loss)))
        own = [gradients[k] for k in learnt]
        norms.append(number(float(np.sqrt(sum(float(np.sum(np.square(np.abs(g), dtype=np.float64))) for g in own)))))
        for k in learnt:
            before = inputs[k]
            after = np.asarray(before - rate * gradients[k], np.asarray(before).dtype)[()]
            inputs[k] = after
            if step == 0:
                parameters.append(
                    {
                        "value": subject.graph.inputs[k],
                        "before": record(before),
                        "gradient": record(gradients[k]),
                        "after": record(after),
                        "norm": statistics(gradients[k]).get("norm"),
                    }
                )
    return {"rate": rate, "losses": losses, "norms": norms, "parameters": parameters}
