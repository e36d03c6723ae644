"""Capture: Python's loops and choices become control flow of the graph, found in the source of the functions that run.

``rewrite`` turns the statements of a function into calls; ``loops`` and ``choices`` are what is called.
"""

from .. import rebind
from .builtin import MathModule, math_version
from .notes import AliasError, Notes
from .places import saved_versions
from .runtime import RUNTIME
from .source import rewritten

rebind.CAPTURE.append(rebind.Capture(rewritten, RUNTIME, MathModule(), math_version))

__all__ = ["AliasError", "Notes", "saved_versions"]
