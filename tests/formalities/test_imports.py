"""Imports go in one direction, so that each layer can be read knowing only those to its left."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "wengert"

CHAIN = ("errors", "core", "ops", "trace", "transforms", "run", "api")
LEAVES = ("numpy", "scipy", "nn", "train", "view", "testing", "cli", "__main__")
LEAF_MAY_IMPORT = {"train": {"nn"}, "cli": set(LEAVES), "__main__": {"cli"}}

# What is there in every installation has no reason to be imported late. llvmlite is left out on purpose: loading LLVM's
# library takes as long as loading NumPy, and a process that compiles nothing should not pay for it.
ALWAYS_INSTALLED = frozenset({*sys.stdlib_module_names, "wengert", "numpy", "scipy", "optree"})


def module_of(file: Path, package: Path) -> tuple[str, ...]:
    """Return ("wengert", "core", "graph") for core/graph.py."""
    parts = (package.name, *file.relative_to(package).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports_of(tree: ast.AST, module: tuple[str, ...], is_package: bool) -> Iterator[tuple[int, tuple[str, ...], bool]]:
    """Yield line, absolute dotted name as a tuple, and whether it stands in a function, for each import."""

    def visit(node: ast.AST, local: bool, lazy: bool) -> Iterator[tuple[int, tuple[str, ...], bool]]:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, tuple(alias.name.split(".")), local
            case ast.ImportFrom(module=source, names=names, level=level):
                base: tuple[str, ...] = tuple(source.split(".")) if source else ()
                if level:
                    above = len(module) - (level if not is_package else level - 1)
                    base = module[:above] + base
                for alias in names:
                    yield node.lineno, (*base, alias.name), local
            case (
                ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module"))
                | ast.Call(func=ast.Name(id="import_module"))
            ):
                match node.args:
                    case [ast.Constant(value=str(name)), *_]:
                        target = tuple(name.split("."))
                        # A package may load its own modules on demand, by the module-level __getattr__ of PEP 562.
                        own = is_package and lazy and target[: len(module)] == module
                        yield node.lineno, target, local and not own
                    case _ if module != module[:1]:
                        yield node.lineno, ("<computed name>",), local
        inside = local or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        within = lazy or (isinstance(node, ast.FunctionDef) and node.name == "__getattr__" and not local)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside, within)

    yield from visit(tree, False, False)


def complaint(source: str, target: str) -> str | None:
    """Say why layer ``source`` may not import layer ``target``, or None if it may."""
    if source == target:
        return None
    if target not in CHAIN + LEAVES:
        return f"there is no layer '{target}'"
    if target in LEAVES:
        if source in LEAVES and target in LEAF_MAY_IMPORT.get(source, set()):
            return None
        return f"'{source}' may not import '{target}'"
    if source in CHAIN and CHAIN.index(target) > CHAIN.index(source):
        return f"'{source}' may not import '{target}', which is to its right"
    return None


def violations(package: Path) -> list[str]:
    """Return a line for each import in the package that breaks a rule."""
    found = []
    for file in sorted(package.rglob("*.py")):
        module = module_of(file, package)
        is_package = file.name == "__init__.py"
        layer = module[1] if len(module) > 1 else None  # None: the package's own __init__, which re-exports
        where = file.relative_to(package.parent)
        if layer is not None and layer not in CHAIN + LEAVES:
            found.append(f"{where}:1: there is no layer '{layer}'")
            continue
        for line, target, local in imports_of(ast.parse(file.read_text(encoding="utf-8")), module, is_package):
            problem = None
            if target[0] == "<computed name>":
                problem = "imports a module whose name is computed"
            elif local and target[0] in ALWAYS_INSTALLED and layer is not None:
                problem = f"imports '{'.'.join(target)}' inside a function"
            elif target[0] == package.name and layer is not None:
                if len(target) == 1 or (len(target) == 2 and target[1] not in CHAIN + LEAVES):
                    # The package's __init__ stands to the right of what it re-exports.
                    if layer not in ("cli", "__main__"):
                        problem = "imports from the package itself, not from a layer"
                else:
                    problem = complaint(layer, target[1])
            if problem:
                found.append(f"{where}:{line}: {problem}")
    return found


def test_imports_go_in_one_direction() -> None:
    assert violations(PACKAGE) == []


def test_every_folder_with_modules_is_a_package() -> None:
    assert [str(d) for d in {f.parent for f in PACKAGE.rglob("*.py")} if not (d / "__init__.py").exists()] == []


# -- the checker itself, on planted faults -----------------------------------------------------------------------------


def check(tmp_path: Path, name: str, source: str) -> list[str]:
    file = tmp_path / "wengert" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")
    return violations(tmp_path / "wengert")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("core/graph.py", "from ..errors import GraphError\nfrom . import aval\nfrom .aval import Aval\nimport numpy"),
        ("core/__init__.py", "from . import graph\nfrom .graph import Graph"),
        ("run/llvm/emit.py", "from ...core.graph import Graph\nfrom ..interpreter import run\nfrom .jit import jit"),
        ("api/__init__.py", "from ..run import interpreter\nfrom .. import errors"),
        ("numpy/__init__.py", "import numpy as np\nfrom wengert.api import grad\nfrom wengert import trace"),
        ("train/loop.py", "from ..nn import Linear\nfrom wengert.nn.loss import mse"),
        ("cli.py", "import wengert as wg\nfrom . import __version__, view, train\nfrom .testing import check_grads"),
        ("__main__.py", "from .cli import main"),
        ("__init__.py", "from .api import grad\nfrom . import numpy\ndef __getattr__(n):\n    import importlib"),
        ("view/widget.py", "def widget():\n    import anywidget"),
        ("run/llvm/jit.py", "def jit():\n    import llvmlite.binding as llvm"),
    ],
)
def test_allowed(tmp_path: Path, name: str, source: str) -> None:
    assert check(tmp_path, name, source) == []


@pytest.mark.parametrize(
    ("name", "source", "why"),
    [
        ("core/graph.py", "x = 1\nfrom ..ops import add", "core/graph.py:2: 'core' may not import 'ops'"),
        ("core/graph.py", "import wengert.run.interpreter", "'core' may not import 'run'"),
        ("core/graph.py", "from wengert import api", "'core' may not import 'api'"),
        ("core/graph.py", "from .. import ops", "'core' may not import 'ops'"),
        ("core/__init__.py", "from ..trace.tracer import Tracer", "'core' may not import 'trace'"),
        ("errors.py", "from .core import graph", "'errors' may not import 'core'"),
        ("api/jac.py", "from ..numpy import sin", "'api' may not import 'numpy'"),
        ("api/jac.py", "import wengert", "imports from the package itself"),
        ("view/page.py", "from wengert import grad", "imports from the package itself"),
        ("nn/layers.py", "from ..train import loop", "'nn' may not import 'train'"),
        ("view/page.py", "from ..numpy import sin", "'view' may not import 'numpy'"),
        ("testing/check.py", "from ..cli import main", "'testing' may not import 'cli'"),
        (
            "core/graph.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..api import grad",
            "core/graph.py:3: 'core' may not import 'api'",
        ),
        ("run/run.py", "def f():\n    from ..core import graph", "imports 'wengert.core.graph' inside a function"),
        ("run/run.py", "def f():\n    import numpy as np", "imports 'numpy' inside a function"),
        ("run/run.py", "class A:\n    async def f(self):\n        import scipy.linalg", "'scipy.linalg' inside"),
        ("run/run.py", "def f():\n    from optree import tree_map", "'optree.tree_map' inside a function"),
        ("run/run.py", "def f():\n    import math", "imports 'math' inside a function"),
        ("run/run.py", "f = lambda: __import__('numpy')", "imports 'numpy' inside a function"),
        ("core/g.py", "import importlib\nx = importlib.import_module('wengert.api')", "'core' may not import 'api'"),
        ("core/g.py", "import importlib\ndef f(n):\n    return importlib.import_module(n)", "name is computed"),
        ("helpers.py", "import math", "there is no layer 'helpers'"),
        ("core/g.py", "from ..helpers import x", "there is no layer 'helpers'"),
    ],
)
def test_planted_faults_are_found(tmp_path: Path, name: str, source: str, why: str) -> None:
    found = check(tmp_path, name, source)
    assert len(found) == 1
    assert why in found[0]
