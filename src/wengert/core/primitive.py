"""Primitives: one record per elementary operation, holding all there is to know about it.

Everything that the library does with an operation (running it, differentiating it in either direction, batching
it, compiling it, testing it, explaining it) is read from this one record.  There are no parallel tables that could
drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import MissingRuleError, explain
from .aval import Aval
from .source import user_line
from .symbol import Sym, concrete

Rule = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class NoRule:
    """Says in a record that a rule does not exist, and why."""

    why: str

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise MissingRuleError(
            explain(
                "This operation has no rule for the transform asked for.",
                found=self.why,
                line=user_line(),
                fix="write it with other functions, or give the part a derivative with wg.custom_jvp",
            )
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """Arguments to try a primitive with, for the generated tests.

    Attributes
    ----------
    args : tuple of array
        Operands.
    params : mapping
        Parameters of the primitive.
    smooth : bool
        False where the function has no derivative to compare with differences (kinks, poles, integers): the sample
        then tests values, shapes and batching only.
    """

    args: tuple[Any, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    smooth: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """One elementary operation.

    Attributes
    ----------
    name : str
    doc : str
        One line: what it computes.
    evaluate : callable(*arrays, **params) -> array or tuple of arrays
        The operation in NumPy, the reference for everything else.
    infer : callable(*avals, **params) -> Aval or tuple of Aval
        The shape and dtype rule.
    jvp : callable(primals, tangents, outputs, **params) -> tangent or tuple of tangents
        The pushforward.  ``None`` stands for a tangent that is zero.
    transpose : callable(cotangent(s), *inputs, **params) -> contributions, one for each input
        Only for operations that are linear in some of their inputs; those inputs come as :class:`Linear`.
    batch : callable(size, args, batched, **params) -> output(s), batched along axis 0
        ``batched[i]`` says whether operand i has the batch as its axis 0.
    samples : callable() -> sequence of Sample
    label : str
        What a teacher calls it, e.g. ``"gradient distributor"``.
    explanation : str
        The sentence that goes with the label.
    multiple : bool
        True where it makes a tuple of outputs.
    stage : callable(avals, **params) -> callable(*arrays), optional
        A faster ``evaluate`` for fixed avals and parameters.
    lower : callable, optional
        How the compiler emits it; what has none runs in the interpreter between native segments.
    view : bool
        True where ``evaluate`` may return memory of its operand.
    inplace : callable(*arrays, **params), optional
        ``evaluate`` that is allowed to overwrite its first operand.
    commutes : bool
        True where the first two operands can be exchanged.
    elementwise : bool
        True where operands and output have one shape and entry i of the output reads entries i only; NumPy's own
        broadcasting may then stand in for explicit broadcasts when it runs.
    split : callable(primals, tangents, outputs, **params) -> a pair (e, s) for each output, optional
        For decompositions: directions in which repeated eigenvalues part, and the part of the tangent that then grows
        without bound; see ``transforms.forward``.
    push : callable(primals, tangents, outputs, **params) -> outputs, tangents, optional
        ``jvp`` for an operation of several outputs whose derivative computes them in another way.
    linearize : callable(primals, tangents, **params) -> outputs, tangents, optional
        As ``push``, in two equations: one that does not depend on tangents, and one that is linear in them.  For
        operations that hold graphs, whose ``push`` does both in one.
    gather : callable(cotangent(s), so_far, *inputs, **params) -> contributions, optional
        ``transpose`` that is also told what has been gathered so far for each input, to add to it in place.
    remember : bool
        False where ``infer`` is not worth remembering: parameters that hold graphs and the user's functions would be
        kept alive.
    """

    name: str
    doc: str
    evaluate: Rule
    infer: Rule
    jvp: Rule
    transpose: Rule
    batch: Rule
    samples: Callable[[], Sequence[Sample]]
    label: str = ""
    explanation: str = ""
    multiple: bool = False
    stage: Rule | None = None
    lower: Any = None
    view: bool = False
    inplace: Rule | None = None
    commutes: bool = False
    elementwise: bool = False
    flops: Rule | None = None
    push: Rule | None = None
    remember: bool = True
    split: Rule | None = None
    linearize: Rule | None = None
    gather: Rule | None = None
    inferred: dict[Any, tuple[Aval, ...]] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return lookup, (self.name,)

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Record the operation if an operand is symbolic; compute it otherwise."""
        return bind(self, args, params)


PRIMITIVES: Final[dict[str, Primitive]] = {}
_REQUIRED: Final = ("evaluate", "infer", "jvp", "transpose", "batch", "samples")


def primitive(name: str, doc: str, **rules: Any) -> Primitive:
    """Make the record of a primitive and enter it in the registry.

    Raises
    ------
    MissingRuleError
        If a rule is missing and the record does not say ``NoRule("why")``.
    """
    missing = [rule for rule in _REQUIRED if rules.get(rule) is None]
    if missing or not doc:
        raise MissingRuleError(
            explain(
                "A primitive is one complete record.",
                found=f"'{name}' has no {', '.join(missing) or 'doc'}",
                fix='give the rule, or NoRule("why there is none")',
            )
        )
    if name in PRIMITIVES:
        raise MissingRuleError(explain("A primitive has one record.", found=f"a second record for '{name}'"))
    record = Primitive(name, doc, **rules)
    PRIMITIVES[name] = record
    return record


def lookup(name: str) -> Primitive:
    """Return the primitive of this name."""
    return PRIMITIVES[name]


def bind(record: Primitive, args: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Apply a primitive: the innermost builder among the operands records it; without one it is computed."""
    builder = None
    for arg in args:
        if isinstance(arg, Sym) and arg.builder is not None and (builder is None or arg.builder.level > builder.level):
            builder = arg.builder
    if builder is None:
        return record.evaluate(*[concrete(arg) for arg in args], **params)
    return builder.apply(record, args, tuple(params.items()))
