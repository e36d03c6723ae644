"""Every primitive, every sample of it, every check that follows from its record."""

from __future__ import annotations

import pytest

import wengert  # noqa: F401  (fills the registry)
from wengert.core.primitive import PRIMITIVES, NoRule, Primitive
from wengert.testing import CHECKS, cases

CASES = [pytest.param(record, number, id=f"{record.name}-{number}") for record, number in cases()]


@pytest.mark.parametrize(("record", "number"), CASES)
def test_rules(record: Primitive, number: int) -> None:
    sample = record.samples()[number]
    for rule in CHECKS.values():
        rule(record, sample)


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
