"""Memory is poisoned: all of it before a call, and each buffer after its last use.  Results must not notice.

Whatever is read before it is written, or after something else may lie there, turns into nan or into nonsense.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from benchmarks.programs.harness.suite import load, select
from wengert.run.llvm.plan import touched
from wengert.run.llvm.profile import Profiled, _runs

POISON = 0xFF  # as float64, float32: nan; as an integer: -1


class Poisoned(Profiled):
    """A program whose memory is poisoned."""

    def __init__(self, graph: Any) -> None:
        super().__init__(graph)
        running = [step for step in self.steps if _runs(step)]
        last: dict[Any, int] = {}
        for k, step in enumerate(running):
            last |= {buffer: k for buffer in touched(step) if buffer.kind == "arena" and buffer not in self._bases}
        self.dead = [[buffer for buffer, at in last.items() if at == k] for k in range(len(running))]
        native = self._run

        def run(*args: Any) -> None:
            native(*args)
            self.spoil(self.dead[self.at])
            self.at += 1

        self._run = run

    def spoil(self, buffers: list[Any]) -> None:
        for buffer in buffers:
            self.frame.arena[buffer.offset : buffer.offset + buffer.size * buffer.dtype.itemsize] = POISON

    def _interpret(self, step: Any, frame: Any) -> None:
        super()._interpret(step, frame)
        self.spoil(self.dead[self.at])
        self.at += 1

    def __call__(self, args: Any) -> Any:
        self.frame = self._new_frame()
        self.frame.arena[self._head :] = POISON
        self._frames = [self.frame]
        self.at = 0
        return super().__call__(args)


@pytest.mark.parametrize("name", select([]))
def test_gradients_of_programs_do_not_notice(name: str) -> None:
    program = load(name)
    arguments = program.make("small")
    jitted = wg.jit(wg.value_and_grad(program.function, argnums=program.differentiated(arguments)))
    leaves, _ = jitted.recorded(arguments, {})
    variant = jitted.variant(arguments, {})
    expected = variant.native(leaves)
    poisoned = Poisoned(variant.lowered)
    for _ in range(2):
        for got, wanted in zip(poisoned(leaves), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
    assert poisoned.at == len(poisoned.dead)


def test_the_poison_is_noticed() -> None:
    jitted = wg.jit(lambda x: np.cumsum(np.sin(x)) @ np.cos(x))
    x = np.linspace(0.0, 1.0, 50)
    poisoned = Poisoned(jitted.variant((x,), {}).lowered)
    poisoned.dead[0] = [buffer for step in poisoned.steps for buffer in touched(step) if buffer.kind == "arena"]
    assert not np.array_equal(poisoned([x])[0], jitted(x), equal_nan=False)
