"""Every primitive, every sample of it, every check that follows from its record."""

from __future__ import annotations

import pytest

import wengert  # noqa: F401  (fills the registry)
from wengert.core.primitive import PRIMITIVES, NoRule, Primitive
from wengert.testing import CHECKS, RuleError, cases, check

CASES = [pytest.param(record, number, id=f"{record.name}-{number}") for record, number in cases()]


# Derivatives that exist only as a limit of the formula, at single points.
LIMITS = {
    "beta": "between poles of gamma at whole numbers that are not positive",
    "betaln": "between poles of gamma at whole numbers that are not positive",
    "binom": "between poles of gamma at whole numbers that are not positive",
    "poch": "between poles of gamma at whole numbers that are not positive",
    "boxcox": "0 * log 0 in the derivative by the exponent",
    "boxcox1p": "0 * log 0 in the derivative by the exponent",
    "huber": "delta = 0 and residual = 0",
    "pseudo_huber": "delta = 0 and residual = 0",
}


@pytest.mark.parametrize(("record", "number"), CASES)
def test_rules(record: Primitive, number: int) -> None:
    sample = record.samples()[number]
    for name, rule in CHECKS.items():
        if name != "special" or record.name not in LIMITS:
            rule(record, sample)


@pytest.mark.parametrize("name", sorted(LIMITS.keys() & PRIMITIVES.keys()))
def test_limits_are_still_limits(name: str) -> None:
    """Whoever makes a rule right at these points is told to take it off the list."""
    with pytest.raises(RuleError):
        check(PRIMITIVES[name], "special")


@pytest.mark.parametrize("record", PRIMITIVES.values(), ids=PRIMITIVES)
def test_every_primitive_has_samples(record: Primitive) -> None:
    samples = record.samples()
    assert samples
    if not isinstance(record.transpose, NoRule):
        return
    # What is not linear shows its derivative on at least one smooth sample, unless it says that it has none.
    assert any(s.smooth for s in samples) or record.label == "gradient stop" or isinstance(record.jvp, NoRule)


def test_rules_that_do_not_exist_say_why() -> None:
    for record in PRIMITIVES.values():
        for rule in (record.jvp, record.transpose, record.batch):
            if isinstance(rule, NoRule):
                assert len(rule.why) > 10, record.name
