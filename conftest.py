"""Settings for every test, whether it stands in tests/, in a docstring or in the documentation."""

from __future__ import annotations

import os

from hypothesis import settings

# No test may need a display.
os.environ.setdefault("MPLBACKEND", "Agg")

# A time limit for each example would make tests fail on a busy machine; the same examples in every run make a failure
# repeatable. The nightly run looks further, at other examples each time.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
