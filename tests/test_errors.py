"""What every error says, word by word: its class, the rule, what was found, the user's line, the fix.

The texts are in errors.txt beside this file.  After a change that is meant, write it anew and read it aloud::

    python tests/test_errors.py
"""

from __future__ import annotations

import importlib.util
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import wengert as wg
from wengert import errors
from wengert.errors import WengertError, explain, located

HERE = Path(__file__).parent
SNAPSHOT = HERE / "errors.txt"

# Loaded by path: the folder of tests is no package and not on sys.path.
_spec = importlib.util.spec_from_file_location("error_cases", HERE / "error_cases.py")
assert _spec is not None
assert _spec.loader is not None
error_cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(error_cases)
CASES = error_cases.CASES

# NumPy's own classes, where NumPy raises them for the same mistake and code may catch them.
LIKE_NUMPY = {
    "not_a_function",
    "range_of_a_float",
    "truth_of_an_array",
    "assignment_to_a_scalar",
    "index_out_of_bounds",
    "too_many_indices",
    "reshape_to_another_size",
    "axis_out_of_bounds",
    "rows_of_different_lengths",
    "concatenate_of_different_shapes",
    "write_a_complex_into_a_float",
    "unknown_attribute",
}


def raised(name: str) -> Exception:
    with pytest.raises(Exception) as caught:
        CASES[name]()
    return caught.value


def text(error: Exception) -> str:
    """Return class and message, without what differs between machines and edits."""
    message = re.sub(r"0x[0-9a-f]+", "0x...", str(error))
    message = re.sub(r"(\.py):\d+", r"\1", message)
    message = re.sub(r"\d+\.\d+([kMG]B)", r"some \1", message)  # what the planner finds
    return f"{type(error).__name__}: {message}"


def snapshot() -> dict[str, str]:
    parts = re.split(r"^## (\w+)\n", SNAPSHOT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    assert text(raised(name)) == snapshot()[name]


def test_the_snapshot_has_no_others():
    assert list(snapshot()) == list(CASES)


@pytest.mark.parametrize("name", [name for name in CASES if name not in LIKE_NUMPY])
def test_it_is_an_error_of_its_own_class_with_all_its_parts(name):
    error = raised(name)
    assert isinstance(error, WengertError)
    assert type(error).__module__ == "wengert.errors"
    rule, *parts = str(error).split("\n")
    assert rule.endswith(".")
    assert len(rule) < 160
    labels = [part[:9] for part in parts if re.match(r"  (found|at|fix):", part)]
    assert labels == [label for label in ("  found: ", "  at:    ", "  fix:   ") if label in labels]
    assert "  found: " in labels or "  at:    " in labels
    assert "  fix:   " in labels or type(error) in (errors.InvalidGraphError, errors.MissingRuleError)


def test_the_line_is_the_one_that_is_wrong():
    for name in ("python_float", "shapes_that_do_not_broadcast", "concatenate_of_different_shapes", "index_by_a_float"):
        where = re.search(r"at:    error_cases\.py:(\d+) in", str(raised(name)))
        assert where is not None
        line = (HERE / "error_cases.py").read_text(encoding="utf-8").splitlines()[int(where[1]) - 1]
        assert "lambda x" in line


def test_the_next_call_is_right_after_every_one_of_them():
    for name in CASES:
        raised(name)
        assert wg.grad(lambda x: x * x)(3.0) == 6.0
        assert isinstance(np.zeros(2), np.ndarray)


def test_every_class_is_in_the_snapshot():
    classes = {c.__name__ for c in vars(errors).values() if isinstance(c, type) and issubclass(c, WengertError)}
    seen = {body.partition(":")[0] for body in snapshot().values()}
    assert classes - seen == {"WengertError"}


def test_parts_of_a_message():
    assert explain("Rule.") == "Rule."
    assert located("Rule.\n  fix:   do", "f.py:1") == "Rule.\n  at:    f.py:1\n  fix:   do"
    assert located("Rule.", "f.py:1") == "Rule.\n  at:    f.py:1"
    assert located("Rule.\n  at:    g.py:2", "f.py:1") == "Rule.\n  at:    g.py:2"


def write() -> None:
    """Write the snapshot anew."""
    warnings.simplefilter("error")
    with SNAPSHOT.open("w", encoding="utf-8") as file:
        for name in CASES:
            file.write(f"## {name}\n{text(raised(name))}\n\n")


if __name__ == "__main__":
    write()
