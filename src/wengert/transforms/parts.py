"""Cotangents of a part, through operations that work entry by entry.

What flows back to ``a + 0.1 * b`` from ``(a + 0.1 * b)[1:]`` alone is zero in front; so is what flows on to a and to b.
As long as it meets nothing but sums and factors that are the same everywhere, only the part is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..core.builder import Builder
from ..core.graph import Equation
from ..ops.family import Linear
from ..ops.index import Into

_SUMS: Final = frozenset({"add", "sub", "neg", "copy", "scale"})


class Parts:
    """Transposes equations whose cotangent is known to be zero outside of a part.

    Parameters
    ----------
    builder : Builder
        Where the transpose is recorded.
    """

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._makers: dict[int, tuple[Any, ...]] = {}
        self._seen = (0, 0)

    def transposed(self, ct: Any, equation: Equation, env: Mapping[int, Any]) -> list[Any] | None:
        """Return the contributions to an equation's inputs, as parts; None where the whole has to be computed."""
        if not isinstance(ct, Into) or equation.primitive.name not in _SUMS or any(i.aval.shape for i in ct.indices):
            return None
        inner = ct.ct.aval
        ins: list[Any] = []
        for i in equation.inputs:
            known = self._cut(env[i], inner.shape) if i in env else Linear(inner)
            if known is None:
                return None
            ins.append(known)
        made = equation.primitive.transpose(ct.ct, *ins, **dict(equation.params))
        return [None if part is None else ct.of(part) for part in made]

    def _cut(self, known: Any, shape: tuple[int, ...]) -> Any:
        """Return a part of a value that is the same everywhere; None of any other."""
        made = self._maker(known)
        if made is None:
            return None
        record, ins, params = made
        named = dict(params)
        if record.name == "full":
            return self.builder.full(named["value"], shape, named["dtype"])
        if record.name == "broadcast" and not self.builder.avals[ins[0]].shape:
            return self.builder.apply_named("broadcast", self._symbol(ins[0]), shape=shape, axes=())
        return None

    def _symbol(self, number: int) -> Any:
        return self.builder.output(number)

    def _maker(self, value: Any) -> tuple[Any, ...] | None:
        """Return primitive, operands and parameters of the equation that makes a value."""
        start, first = self._seen
        for _, outs, (record, ins, params, _), _ in self.builder.entries(start, first):
            self._makers[outs[0]] = (record, ins, params)
        self._seen = (len(self.builder.code), len(self.builder.avals))
        return self._makers.get(value.id)
