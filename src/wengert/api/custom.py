"""Functions whose derivative the user gives: custom_jvp and custom_vjp."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from sys import _getframe
from types import MethodType
from typing import Any, Final

import numpy as np

from ..core.aval import aval_of
from ..core.source import user_line
from ..core.symbol import Sym
from ..core.tree import flatten, tree_map, unflatten
from ..errors import ArgumentError, MissingRuleError, explain
from ..ops.control import custom_call
from ..ops.subgraph import SubGraph
from ..trace.context import current
from ..trace.rebind import rebound
from ..trace.record import record
from ..trace.tracer import Tracer, is_traced, note
from .rulecheck import known_call, where
from .rules import JvpRule, Rule, Site, VjpRule

_NUMBERS: Final = (float, complex, np.ndarray, np.generic)


class CustomFunction:
    """A function with a derivative rule.  Made by :func:`custom_jvp` and :func:`custom_vjp`."""

    __name__: str
    kind: type[Rule]
    missing = ""

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: int | Sequence[int] = ()) -> None:
        functools.update_wrapper(self, fun)
        self.__name__ = getattr(fun, "__name__", type(fun).__name__)
        self.fun = fun
        self.nondiff = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__name__}>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __fingerprint__(self) -> tuple[Any, ...]:
        """What the function and its rule read (see :mod:`wengert.trace.fingerprint`)."""
        return (self.fun, self.nondiff, *self._rules())

    def _rules(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; where an argument is traced, record the call as one equation."""
        args = self._positional(args, kwargs)
        nondiff = [k % len(args) if -len(args) <= k < len(args) else self._refuse(k, len(args)) for k in self.nondiff]
        leaves, tree = flatten(tuple([arg for k, arg in enumerate(args) if k not in nondiff]))
        if not any(map(is_traced, leaves)):
            return self.fun(*args) if current() is None else rebound(self.fun)[0](*args)
        known = known_call(self, tree, leaves)
        if known is not None:
            return known.result
        if any(is_traced(leaf) for k in nondiff for leaf in flatten(args[k])[0]):
            raise ArgumentError(
                explain(
                    "An argument named in nondiff_argnums is not traced.",
                    found=", ".join(f"argument {k}: {args[k]!r}" for k in nondiff),
                    line=user_line(),
                    fix="take it out of nondiff_argnums, and give it a zero derivative in the rule if that is meant",
                )
            )
        if None in self._rules():
            raise MissingRuleError(
                explain(
                    f"{self.__name__} needs a derivative rule before it can be traced.",
                    found="none",
                    line=where(self.fun),
                    fix=self.missing.format(name=self.__name__),
                )
            )
        return self._record(args, nondiff, leaves, tree)

    def _record(self, args: Sequence[Any], nondiff: Sequence[int], leaves: list[Any], tree: Any) -> Any:
        operands, avals, dynamic = [], [], []
        for k, leaf in enumerate(leaves):
            operand = _operand(leaf)
            if operand is not None:
                operands.append(operand)
                avals.append(operand.aval if isinstance(operand, Sym) else aval_of(operand))
                dynamic.append(k)
        site = Site(args, nondiff, tree, leaves, dynamic, avals)
        recording = record(self.fun, lambda tracers: (site.all(site.primals(tracers)), {}), avals, operands)
        if recording.written:
            raise ArgumentError(
                explain(
                    "A function with a derivative rule of its own does not write into its arguments.",
                    found=f"{self.__name__} writes into an argument",
                    line=where(self.fun),
                    fix="work on a copy: x = x.copy()",
                )
            )
        key = recording.key()
        graph = SubGraph.of(recording.graph(), key)
        constants = recording.constants()
        for operand in operands:
            if isinstance(operand, Sym):
                note(operand.builder, _getframe(2))
        # What the rule is handed as it is must not hold on to tracers: those are given anew.
        for k in dynamic:
            leaves[k] = None
        site = Site(_without(args, nondiff), nondiff, tree, leaves, dynamic, avals)
        rule = self.kind(self, site, recording.structure, graph.out_avals)
        outs = custom_call(*operands, *constants, graph=graph, rule=rule)
        return unflatten(recording.structure, outs)

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Resolve keywords and defaults."""
        signature = self._signature
        if signature is None:
            if kwargs:
                inspect.signature(self.fun)  # says what is wrong
            return args
        if not kwargs and self._simple and len(args) == len(signature.parameters):
            return args
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise ArgumentError(
                explain(
                    "All arguments of a function with a derivative rule can be given by position.",
                    found=f"keyword-only arguments {sorted(bound.kwargs)}",
                    line=where(self.fun),
                    fix="remove the * before them from the signature",
                )
            )
        return bound.args

    @functools.cached_property
    def _signature(self) -> inspect.Signature | None:
        """The function's parameters; None for functions written in C that do not say."""
        try:
            return inspect.signature(self.fun)
        except (TypeError, ValueError):
            return None

    @functools.cached_property
    def _simple(self) -> bool:
        """Whether each parameter is one that takes one argument by position."""
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return self._signature is not None and all(p.kind in kinds for p in self._signature.parameters.values())

    def _refuse(self, position: int, count: int) -> int:
        raise ArgumentError(
            explain(
                "nondiff_argnums are positions of arguments.",
                found=f"{position}, but {self.__name__} has {count} arguments",
                line=where(self.fun),
            )
        )


def _operand(leaf: Any) -> Any:
    """Return a leaf as an operand of an equation; None for what is no array of numbers."""
    if isinstance(leaf, Tracer):
        leaf.refresh()
        return leaf.share() if leaf.builder is None else Sym(leaf.builder, leaf.id, leaf.aval)
    return leaf if isinstance(leaf, _NUMBERS) and aval_of(leaf).dtype.kind in "biufc" else None


def _without(args: Sequence[Any], nondiff: Sequence[int]) -> list[Any]:
    return [arg if k in nondiff else None for k, arg in enumerate(args)]


class custom_jvp(CustomFunction):
    """Give a function a forward derivative rule; reverse mode and higher derivatives follow from it.

    Parameters
    ----------
    fun : callable
        A function of arrays or containers of arrays, with such a result.
    nondiff_argnums : int or sequence of int
        Positions of arguments that no derivative is taken with respect to (functions, options); the rule gets them
        first.

    Raises
    ------
    MissingRuleError
        If the function is traced before it has a rule, for a derivative with respect to a value that it captures
        instead of taking it as an argument, or if what the rule captures changes before the derivative is made.
    ArgumentError, ShapeError, DtypeError
        If what the rule returns does not fit the function's result, or is not linear in the tangents.

    Notes
    -----
    The rule is run once for all values: it is made of NumPy functions, uses ``np.where`` instead of ``if``, and has no
    side effects.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> @wg.custom_jvp
    ... def log1pexp(x):
    ...     return np.log1p(np.exp(x))
    >>> @log1pexp.defjvp
    ... def _(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t / (1 + np.exp(-x))
    >>> float(wg.grad(log1pexp)(800.0))
    1.0
    """

    kind = JvpRule
    missing = "give it one with @{name}.defjvp"
    rule_function: Any = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule.

        Parameters
        ----------
        rule : callable
            ``rule(*nondiff, primals, tangents) -> (result, tangent of the result)``, linear in the tangents.
            ``primals`` and ``tangents`` are tuples with one entry for each differentiable argument.

        Returns
        -------
        callable
            The rule, so that this can be used as a decorator.
        """
        self.rule_function = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Set one rule per argument.

        Parameters
        ----------
        *rules : callable or None
            ``rule(tangent, result, *primals) -> tangent of the result`` for each argument, None where that is zero.

        Examples
        --------
        >>> import numpy as np, wengert as wg
        >>> @wg.custom_jvp
        ... def product(x, y):
        ...     return x * y
        >>> product.defjvps(lambda t, out, x, y: t * y, lambda t, out, x, y: x * t)
        >>> [float(g) for g in wg.grad(product, argnums=(0, 1))(2.0, 3.0)]
        [3.0, 2.0]
        """
        if self.nondiff:
            raise ArgumentError(
                explain(
                    "defjvps gives one rule for each argument, and arguments in nondiff_argnums have none.",
                    found=f"nondiff_argnums={self.nondiff}",
                    line=where(self.fun),
                    fix="use defjvp",
                )
            )
        rule = functools.partial(_sum_of_rules, self, rules)
        rule.__wrapped__ = self.fun  # type: ignore[attr-defined]  # where messages point to
        self.rule_function = rule

    def _rules(self) -> tuple[Any, ...]:
        return (self.rule_function,)


def _sum_of_rules(function: custom_jvp, rules: Sequence[Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Return the result and the sum of what the rules of single arguments give."""
    if len(rules) != len(primals):
        raise ArgumentError(
            explain(
                "defjvps takes one rule for each argument.",
                found=f"{len(rules)} rules for {len(primals)} arguments",
                line=where(function.fun),
                fix="give None for an argument whose derivative is zero",
            )
        )
    out = function(*primals)
    terms = [rule(t, out, *primals) for rule, t in zip(rules, tangents, strict=True) if rule is not None]
    if not terms:
        return out, tree_map(np.zeros_like, out)
    return out, tree_map(lambda *parts: functools.reduce(np.add, parts), *terms)


class custom_vjp(CustomFunction):
    """Give a function a reverse derivative rule.

    Parameters
    ----------
    fun : callable
        A function of arrays or containers of arrays, with such a result.
    nondiff_argnums : int or sequence of int
        Positions of arguments that no derivative is taken with respect to; the backward rule gets them first.

    Raises
    ------
    MissingRuleError
        As for :func:`custom_jvp`; and in forward mode, if the backward rule is not linear in the cotangent.
    ArgumentError, ShapeError, DtypeError
        If what the rules return does not fit the function's arguments and result.

    Notes
    -----
    Reverse mode does exactly what the backward rule says, which need not be the derivative (gradient clipping, a
    straight-through estimator).  Higher derivatives differentiate the two rules.  For a real result of complex
    arguments the backward rule gives df/dx - i df/dy, as everywhere.  The rules are run once for all values, as with
    :func:`custom_jvp`.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> @wg.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
    >>> float(wg.grad(lambda x: 5.0 * clipped(x))(2.0))
    1.0
    """

    kind = VjpRule
    missing = "give it one with {name}.defvjp(forward, backward)"
    forward_function: Any = None
    backward_function: Any = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the two rules.

        Parameters
        ----------
        fwd : callable
            Takes what the function takes; returns ``(result, residuals)``.
        bwd : callable
            ``bwd(*nondiff, residuals, cotangent of the result)`` returns a tuple with the cotangent of each
            differentiable argument; None for a zero.
        """
        self.forward_function = fwd
        self.backward_function = bwd

    def _rules(self) -> tuple[Any, ...]:
        return self.forward_function, self.backward_function

    @property
    def rule_function(self) -> Any:
        """Where messages point to."""
        return self.backward_function
