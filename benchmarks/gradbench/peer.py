"""One of the suite's own tools, run the way it can be compared: ``python -m benchmarks.gradbench.peer NAME``.

Runs in the suite's directory, with the suite's Python package on the path.  JAX's results are waited for (the suite's
wrapper times only how long it takes to hand the work over), and C++ programs are built where they are not there yet
(the suite builds them again in every run).
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CPP = ("manual", "finite")


def wait_for_results() -> None:
    """Let the wrapper around JAX's functions return when the result is there."""
    import jax
    from gradbench import wrap

    def waiting(decorator: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **options: lambda fun: decorator(**options)(lambda x: jax.block_until_ready(fun(x)))

    wrap.multiple_runs = waiting(wrap.multiple_runs)
    wrap.function = waiting(wrap.function)


def build_once() -> None:
    """Let the tool's answer to ``define`` build a program only where there is none."""
    from gradbench import cpp

    def define(*, args: Any, module: str) -> dict[str, Any]:
        program = Path("tools", args.tool, "bin", module)
        if not program.exists():
            made = subprocess.run(
                ["make", "-C", f"tools/{args.tool}", f"bin/{module}"], text=True, capture_output=True, check=False
            )
            if made.returncode:
                return {"success": False, "error": made.stderr}
        return {"success": True}

    cpp.define = define


def main() -> None:
    name = sys.argv[1]
    if name in CPP:
        build_once()
        sys.argv = ["cpp", name]
        importlib.import_module("gradbench.cpp").main()
    else:
        if name == "jax":
            wait_for_results()
        # Not pinned by the tool itself, for whoever started this process has pinned it.
        sys.argv = [name, "--multithreaded"] if name == "jax" else [name]
        tool = importlib.import_module(f"gradbench.tools.{name}.run")
        sys.path.insert(0, str(Path(str(tool.__file__)).parent))  # where it finds its modules when run as a script
        tool.main()


if __name__ == "__main__":
    main()
