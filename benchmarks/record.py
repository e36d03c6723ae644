"""Run a benchmark that prints lines, and put those into RESULTS.md: ``python -m benchmarks.record SECTION MODULE``.

python -m benchmarks.record "A copy as bound" benchmarks.copy_bound
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.environment import describe

RESULTS = Path(__file__).with_name("RESULTS.md")


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    section, module, *rest = argv
    done = subprocess.run([sys.executable, "-m", module, *rest], stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="")
    if done.returncode == 0:
        command = shlex.join(["python", "-m", module, *rest])
        machine = "\n".join(f"* {line}" for line in report.machine(describe({})))
        report.insert(RESULTS, section, f"`{command}`\n\n```text\n{done.stdout.strip()}\n```\n\n{machine}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
