"""Every error that Wengert raises on purpose, each with a class of its own.

A message has up to four parts, always in this order: the rule that was broken, what was found instead, the
user's own line, and what to write to mend it.  :func:`explain` puts them together so that all messages look alike.
"""

from __future__ import annotations


def explain(rule: str, *, found: str = "", line: str = "", fix: str = "") -> str:
    """Put the parts of an error message together.

    Parameters
    ----------
    rule
        One sentence: the rule that was broken.
    found
        The actual values, shapes and dtypes.
    line
        The user's line, as :func:`wengert.core.source.user_line` gives it.
    fix
        What to write instead.

    Returns
    -------
    str
        The message, one part a line.

    Examples
    --------
    >>> print(explain("grad needs a scalar output.", found="shape (3,)", fix="use wg.jacobian"))
    grad needs a scalar output.
      found: shape (3,)
      fix:   use wg.jacobian
    """
    parts = [rule]
    if found:
        parts.append(f"  found: {found}")
    if line:
        parts.append(f"  at:    {line}")
    if fix:
        parts.append(f"  fix:   {fix}")
    return "\n".join(parts)


def located(message: str, line: str) -> str:
    """Add the user's line to a message that has none.

    Shape rules do not know who called; what records with them does.

    Examples
    --------
    >>> print(located(explain("Shapes agree.", fix="reshape one"), "model.py:3 in f: x + y"))
    Shapes agree.
      at:    model.py:3 in f: x + y
      fix:   reshape one
    """
    if not line or "\n  at:    " in message:
        return message
    rule, mark, fix = message.partition("\n  fix:   ")
    return f"{rule}\n  at:    {line}{mark}{fix}"


class WengertError(Exception):
    """Base class of all errors that Wengert raises on purpose.

    Each subclass is also a ``TypeError``, ``ValueError`` or other built-in error, so that code which knows nothing of
    Wengert can catch it too.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> try:
    ...     wg.grad(np.sin)(np.zeros(3))
    ... except wg.WengertError as error:
    ...     print(type(error).__name__)
    NonScalarOutputError
    """


class NonScalarOutputError(WengertError, TypeError):
    """``grad`` was asked for the gradient of an output that is not a real scalar."""


class IntegerInputError(WengertError, TypeError):
    """An integer or boolean array was given where a derivative with respect to it was asked for."""


class UntraceableError(WengertError, TypeError):
    """A traced value was used in a way that cannot be recorded in a graph."""


class LeakedTracerError(WengertError, RuntimeError):
    """A traced value outlived the function call that it was made in."""


class BatchedBranchError(WengertError, TypeError):
    """Under ``vmap``, Python asked for the one value of something that has a value per batch entry."""


class ShapeError(WengertError, ValueError):
    """The shapes of the operands do not fit the operation."""


class DtypeError(WengertError, TypeError):
    """The dtypes of the operands do not fit the operation."""


class ArgumentError(WengertError, TypeError):
    """A transform was called with arguments that do not fit (argnums out of range, wrong containers ...)."""


class CyclicGraphError(WengertError, ValueError):
    """The equations given do not form a directed acyclic graph."""


class InvalidGraphError(WengertError, ValueError):
    """A graph breaks one of its invariants (an undefined value, a wrong shape ...)."""


class MissingRuleError(WengertError, NotImplementedError):
    """A primitive has no rule for the transform asked for, or a record was made without saying why not."""


class MissingExtraError(WengertError, ImportError):
    """An optional package is needed and not installed."""


class GradientCheckError(WengertError, AssertionError):
    """``check_grads`` found a derivative that disagrees with the reference."""


class MemoryBudgetError(WengertError, MemoryError):
    """No schedule of checkpoints keeps a derivative within its memory budget."""


class CheckpointError(WengertError, ValueError):
    """A checkpoint file is damaged or does not belong to this training run."""


class ConvergenceError(WengertError, RuntimeError):
    """A numerical solver did not find what it was asked for."""


class SingularSystemError(WengertError, ArithmeticError):
    """A linear system has no unique solution, so that what it defines has no value or no derivative."""


class BadValueError(WengertError, FloatingPointError):
    """A result is nan or inf, and ``wg.debug_nans`` is on.

    Attributes
    ----------
    report
        Where it comes from, as ``wg.find_nan`` says it.
    """

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report
