"""What ``wg.jit`` makes of a subject: kernels, their equations, cost and code."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final

import numpy as np

from ..api.compile import bind_constants
from ..api.explain.subject import Subject
from ..core.graph import Equation
from ..core.source import Source
from ..run import llvm
from ..transforms.demand import only_read
from ..transforms.simplify import simplify

_MOST_CODE: Final = 40_000
"""Characters of LLVM IR that are shown of one step."""
_REPEATS: Final = 30
_MARK: Final = compile("", "<compiled>", "exec")
"""Code object of the places that say which recorded equation a simplified one comes from: the offset is its index."""


def compiled(subject: Subject, order: list[int]) -> dict[str, Any]:
    """Compile a subject's graph, as jit does, and measure it.

    Returns
    -------
    dict
        ``steps``: ``{text, kind, equations, operations, bytes, seconds, llvm}``, the equations as places in the
        schedule; ``arena``, ``operations``, ``bytes``; ``seconds`` of one call; ``simplified``: the number of equations
        compiled.
    """
    graph = subject.graph
    marked = tuple(
        Equation(e.primitive, e.inputs, e.outputs, e.params, Source(_MARK, k)) for k, e in enumerate(graph.equations)
    )
    n_args = len(subject.leaves)
    bound = bind_constants(replace(graph, equations=marked), n_args, subject.inputs[n_args:])
    lowered = only_read(simplify(bound))
    program = llvm.profile.Profiled(lowered)
    args = [np.ascontiguousarray(x) if np.ndim(x) else x for x in subject.leaves]
    args = [np.asarray(x, of.dtype) if of.shape else x for x, of in zip(args, lowered.in_avals, strict=True)]
    seconds = program.measure(args, _REPEATS)
    place_of = {k: n for n, k in enumerate(order)}
    steps = []
    for step, own, took in zip(program.steps, llvm.inspect.equations_of_steps(program), seconds, strict=True):
        sources = (lowered.equations[k].source for k in own)
        equations = sorted({place_of[s.lasti] for s in sources if s is not None and s.lasti in place_of})
        code = "\n".join(str(module) for module in llvm.inspect.step_modules(step))
        steps.append(
            {
                "text": llvm.inspect.step_text(step, lowered),
                "kind": type(step).__name__.lower(),
                "equations": equations,
                "operations": int(llvm.inspect.operations(step)),
                "bytes": int(llvm.inspect.bytes_moved(step)),
                "seconds": took,
                "llvm": code if len(code) <= _MOST_CODE else code[:_MOST_CODE] + "\n; ...",
            }
        )
    return {
        "steps": steps,
        "arena": int(program.arena),
        "operations": sum(step["operations"] for step in steps),
        "bytes": sum(step["bytes"] for step in steps),
        "seconds": _whole(llvm.NativeProgram(lowered), args),
        "simplified": len(lowered.equations),
    }


def _whole(program: Any, args: list[Any]) -> float:
    """Return the seconds of the fastest call."""
    best = float("inf")
    for _ in range(_REPEATS):
        start = time.perf_counter()
        program(args)
        best = min(best, time.perf_counter() - start)
    return best
