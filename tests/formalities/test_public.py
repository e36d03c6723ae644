"""Every public name is documented in NumPy's style, with an example that is run (pytest runs all doctests in src)."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import wengert

PROMISED = """grad value_and_grad jvp vjp linearize jacobian hessian hvp vmap stop_gradient custom_jvp custom_vjp
check_grads trace explain scan fori_loop while_loop cond switch associative_scan""".split()

SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n(-+)$", re.MULTILINE)


def sections(doc: str) -> dict[str, str]:
    """Split a docstring into its underlined sections; the text above the first is under the empty name."""
    heads = list(SECTION.finditer(doc))
    ends = [*(head.start() for head in heads), len(doc)]
    found = {"": doc[: ends[0]]}
    found |= {head[1]: doc[head.end() : end] for head, end in zip(heads, ends[1:], strict=True)}
    return found


def has_entry(section: str, parameter: str) -> bool:
    """Say whether a section lists the parameter: ``x``, ``x : type``, ``x, y : type`` or ``*x``."""
    names = (re.split(r" ?: |$", line)[0].split(", ") for line in section.splitlines() if not line.startswith(" "))
    return any(parameter in (name.lstrip("*") for name in line) for line in names)


def complaints(name: str, thing: object) -> list[str]:
    """Return what is missing in the documentation of a public name."""
    # A class without a docstring of its own would pass with its base's.
    own = vars(thing).get("__doc__") if isinstance(thing, type) else getattr(thing, "__doc__", None)
    if not own or not own.strip():
        return [f"{name}: no docstring"]
    doc = inspect.cleandoc(own)
    if isinstance(thing, ModuleType):
        return []
    if not (callable(thing) or isinstance(thing, type)):
        return [f"{name}: {type(thing).__name__} has no place for a docstring; make it an attribute of a module"]
    found = []
    parts = sections(doc)
    if not re.match(r"[^\n]+\.(\n\n|\n?$)", doc):
        found.append(f"{name}: the docstring does not begin with a summary of one line that ends in a full stop")
    for head in SECTION.finditer(doc):
        if len(head[1]) != len(head[2]):
            found.append(f"{name}: the underline of '{head[1]}' has another length")
    if ">>> " not in parts.get("Examples", ""):
        found.append(f"{name}: no section 'Examples' with a line that begins with >>>")
    if inspect.isfunction(thing):
        for parameter in inspect.signature(thing).parameters:
            if not has_entry(parts.get("Parameters", ""), parameter):
                found.append(f"{name}: parameter '{parameter}' is not in the section 'Parameters'")
        if "Returns" not in parts and "Yields" not in parts:
            found.append(f"{name}: no section 'Returns'")
    return found


def test_the_promised_names_are_public() -> None:
    assert sorted(set(PROMISED) - set(wengert.__all__)) == []


def test_all_is_sorted_and_complete() -> None:
    assert list(wengert.__all__) == sorted(set(wengert.__all__))
    assert [name for name in wengert.__all__ if not hasattr(wengert, name)] == []


@pytest.mark.parametrize("name", [name for name in wengert.__all__ if not name.startswith("__")])
def test_public_name_is_documented(name: str) -> None:
    assert complaints(name, getattr(wengert, name)) == []


# -- the checker itself, on planted faults -----------------------------------------------------------------------------


def good(x: float, *args: float) -> float:
    """Return x.

    Parameters
    ----------
    x : float
        A number.
    *args : float
        Not used.

    Returns
    -------
    float

    Examples
    --------
    >>> 1 + 1
    2
    """
    return x


class Undocumented(ValueError): ...


def test_a_good_docstring_passes() -> None:
    assert complaints("good", good) == []


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Return x.", "Return x", "summary"),
        ("Return x.", "Return x,\n    or not.", "summary"),
        ("Parameters\n    ----------", "Parameters\n    -----", "underline"),
        ("x : float\n        A number.", "", "parameter 'x'"),
        ("*args : float\n        Not used.", "", "parameter 'args'"),
        ("Returns\n    -------\n    float", "", "'Returns'"),
        ("Examples\n    --------", "", "'Examples'"),
        (">>> 1 + 1", "1 + 1", "'Examples'"),
    ],
)
def test_planted_faults_are_found(monkeypatch: pytest.MonkeyPatch, old: str, new: str, why: str) -> None:
    assert good.__doc__ is not None and old in good.__doc__
    monkeypatch.setattr(good, "__doc__", good.__doc__.replace(old, new))
    found = complaints("good", good)
    assert len(found) == 1
    assert why in found[0]


def test_a_missing_docstring_is_found() -> None:
    assert complaints("f", lambda x: x) == ["f: no docstring"]
    assert complaints("Undocumented", Undocumented) == ["Undocumented: no docstring"]
    assert len(complaints("number", 3)) == 1


def test_what_is_loaded_on_demand_is_what_type_checkers_see() -> None:
    tree = ast.parse(Path(wengert.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.asname: "." + statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
    }
    assert seen == wengert._HOME


def test_nobody_waits_for_what_is_not_asked_for() -> None:
    program = "import sys, wengert; print(*(m for m in sys.modules if m.startswith('wengert.')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "wengert.ops" in loaded
    assert not [m for m in loaded if m.startswith(("wengert.api", "wengert.trace", "wengert.view"))]


def test_functions_stand_above_folders_of_their_name() -> None:
    program = "import wengert as wg, wengert.trace.record, wengert.view.html; print(wg.trace, wg.view)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.count("<function") == 2
