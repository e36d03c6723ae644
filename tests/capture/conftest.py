"""Loops are captured however short they are, so that small programs test what large ones do."""

from __future__ import annotations

import pytest

from wengert.trace.capture import loops


@pytest.fixture(autouse=True)
def short_loops_are_captured(monkeypatch):
    monkeypatch.setattr(loops, "SHORT", 0)
