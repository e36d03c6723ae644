"""All cases, a module per kind of program."""

from __future__ import annotations

from fnmatch import fnmatchcase

from benchmarks.case import Case
from benchmarks.cases import arrays, chain, cnn, logistic, mlp, rosenbrock, small, transformer

MODULES = (rosenbrock, logistic, mlp, chain, small, arrays, cnn, transformer)


def all_cases() -> list[Case]:
    return [case for module in MODULES for case in module.cases()]


def select(suite: str | None, patterns: list[str]) -> list[Case]:
    """Cases of `suite` (all if None) whose name matches one of the shell patterns, or has one as its group."""
    return [
        case
        for case in all_cases()
        if (suite is None or suite in case.suites)
        and (not patterns or any(case.group == p or fnmatchcase(case.name, p) for p in patterns))
    ]
