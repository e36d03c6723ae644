"""Random programs: what is compiled must compute what is interpreted, forward and backward, call after call.

``WENGERT_FUZZ=10000`` tries that many programs, others each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given

from wengert.api.call import Call
from wengert.core.evaluate import evaluate
from wengert.run.interpreter import Program as Interpreted
from wengert.run.llvm.program import NativeProgram
from wengert.transforms.reverse import gradient
from wengert.transforms.simplify import simplify

from ..random_programs import Program, programs
from ..test_random_programs import close, examples, is_single


def check_same(graph: Any, values: list[Any], single: bool) -> None:
    """Run a graph in three ways, the compiled one twice: its memory is used again."""
    reference = evaluate(graph, values)
    interpreted = Interpreted(graph)(values)
    native = NativeProgram(graph)
    first = native(values)
    again = native(values)
    for i, a, b, c in zip(graph.outputs, interpreted, first, again, strict=True):
        assert np.shape(b) == graph.avals[i].shape
        assert np.asarray(b).dtype == graph.avals[i].dtype
        close(a, reference[i], single)
        close(b, reference[i], single)
        np.testing.assert_array_equal(b, c)


@given(programs())
@examples(150)
def test_functions(program: Program) -> None:
    recording = Call(
        program.function(), tuple(program.args), {}, tuple(range(len(program.args))), "trace", promote=False
    ).record()
    values = [*program.args, *recording.constants()]
    check_same(simplify(recording.graph()), values, is_single(program))


@given(programs())
@examples(150)
def test_gradients(program: Program) -> None:
    n = len(program.args)
    recording = Call(program.function(), tuple(program.args), {}, tuple(range(n)), "trace", promote=False).record()
    values = [*program.args, *recording.constants()]
    derived = gradient(recording.graph(), [True] * n + [False] * len(recording.constants()))
    check_same(simplify(derived), values, is_single(program))
