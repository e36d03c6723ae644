"""The errors for what no graph can record."""

from __future__ import annotations

from typing import Any, Final

from ..core.builder import leaked
from ..core.source import user_line
from ..errors import UntraceableError, WengertError, explain

STAY_FLOAT: Final = (
    "stay in NumPy: x instead of float(x), np.sin(x) instead of math.sin(x); code that needs Python numbers "
    "gets a rule with wg.custom_jvp; an array that it is written into must be made inside the function or be an "
    "argument that is differentiated"
)
STAY_ARRAY: Final = (
    "stay in NumPy, whose functions take traced values; code that needs real arrays gets a rule with wg.custom_jvp; an "
    "array that it is written into must be made inside the function or be an argument that is differentiated"
)


def untraceable(what: str, value: Any, fix: str = STAY_ARRAY) -> WengertError:
    """Return the error for a use of a traced value that no graph can record."""
    if value.builder is not None and value.builder.finished:
        return leaked(value)
    return UntraceableError(
        explain(
            f"A traced value cannot be {what}: it stands for any value, and its derivative would be lost.",
            found=repr(value),
            line=user_line(),
            fix=fix,
        )
    )
