"""Tests that follow from a primitive's record, for Wengert's own primitives and for yours."""

from .rules import CHECKS, RuleError, cases, check

__all__ = ["CHECKS", "RuleError", "cases", "check"]
