"""Build the page that ``wg.view`` writes: ``src/wengert/view/page/index.html``, from the TypeScript in ``viewer/``.

    python tools/page.py            # build it
    python tools/page.py --check    # build it elsewhere and compare: is what is committed what the sources give?
    python tools/page.py --tours    # make the documents of the guided tours again as well

Needs Node 20 or later; packages come from ``viewer/package-lock.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VIEWER = ROOT / "viewer"
PAGE = ROOT / "src" / "wengert" / "view" / "page"
LICENCES = PAGE / "LICENSES.txt"
GENERATED = VIEWER / "src" / "generated" / "primitives.ts"
MOST_BYTES = 3_000_000
BUNDLED = {
    "elkjs": "https://github.com/kieler/elkjs",
    "katex": "https://github.com/KaTeX/KaTeX",
    "preact": "https://github.com/preactjs/preact",
    "@preact/signals": "https://github.com/preactjs/signals",
    "@preact/signals-core": "https://github.com/preactjs/signals",
}
"""Packages that the page contains -> where their source is to be had."""


FONTS = ("katex", "fonts of KaTeX", "OFL-1.1", "https://github.com/KaTeX/katex-fonts")
"""Fonts that come with a package, under a licence of their own: package, name, licence, home."""


def npm(*arguments: str) -> None:
    """Run npm in the viewer's folder."""
    program = shutil.which("npm")
    if program is None:
        raise SystemExit("tools/page.py needs Node (npm), version 20 or later: https://nodejs.org")
    subprocess.run([program, *arguments], cwd=VIEWER, check=True, stdout=sys.stderr)


def install() -> None:
    """Install the packages that the lock file names, where they are not there yet or it has changed."""
    stamp, lock = VIEWER / "node_modules" / ".package-lock.json", VIEWER / "package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", "--no-audit", "--no-fund")


def built() -> str:
    """Return the page as the sources give it."""
    install()
    npm("run", "build")
    return (VIEWER / "dist" / "index.html").read_text(encoding="utf-8")


def tours() -> list[dict[str, Any]]:
    """Return the documents of the guided tours, of the functions in ``examples/lecture.py``."""
    sys.path.insert(0, str(ROOT / "examples"))
    import lecture

    from wengert.view.document import document

    network = document(lecture.xor_loss, lecture.xor_point(), parameters=(2, 3, 4, 5), learning_rate=0.3)
    return [
        {
            "id": "lecture",
            "title": "The lecture's example",
            "document": document(lecture.f, (2.0, 3.0), manual=lecture.df),
        },
        {"id": "simple", "title": "A simple example", "document": document(lecture.simple, (1.0, 2.0, 0.0))},
        {"id": "network", "title": "A network", "document": network},
    ]


def licences() -> str:
    """Return the licences of what the page contains besides Wengert's own code."""
    parts = ["The page of wg.view contains these packages, unchanged but for being minified and bundled.\n"]
    for name, home in BUNDLED.items():
        folder = VIEWER / "node_modules" / name
        package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        (text,) = sorted(folder.glob("LICENSE*"))
        parts.append(_licence(f"{name} {package['version']}, {package['license']}, {home}", text))
        if name == FONTS[0]:
            _, called, licence, source = FONTS
            parts.append(
                _licence(f"{called} {package['version']}, {licence}, {source}", VIEWER / "licences" / "OFL-1.1.txt")
            )
    return "\n".join(parts)


def _licence(head: str, text: Path) -> str:
    return f"{head}\n{'-' * len(head)}\n\n{text.read_text(encoding='utf-8').strip()}\n"


def main() -> int:
    sys.path.insert(0, str(ROOT / "src"))
    from wengert.view.javascript import module

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--tours", action="store_true", help="make the tours' documents again")
    options = parser.parse_args()
    target = PAGE / "index.html"
    if options.check:
        stale = [] if GENERATED.read_text(encoding="utf-8") == module() else [str(GENERATED.relative_to(ROOT))]
        if not stale and target.read_text(encoding="utf-8") != built():
            stale.append(str(target.relative_to(ROOT)))
        if not stale and LICENCES.read_text(encoding="utf-8") != licences():
            stale.append(str(LICENCES.relative_to(ROOT)))
        for name in stale:
            print(f"{name} is not what its sources give; run `make page` and commit it")
        return 1 if stale else 0
    GENERATED.write_text(module(), encoding="utf-8")
    html = built()
    size = len(html.encode())
    if size > MOST_BYTES:
        raise SystemExit(f"the page has {size:,} bytes, over its limit of {MOST_BYTES:,}")
    target.write_text(html, encoding="utf-8")
    LICENCES.write_text(licences(), encoding="utf-8")
    print(f"{target.relative_to(ROOT)}: {size:,} bytes")
    if options.tours:
        made = json.dumps(tours(), allow_nan=False, separators=(",", ":"))
        (PAGE / "tours.json").write_text(made + "\n", encoding="utf-8")
        print(f"tours.json: {len(made):,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
