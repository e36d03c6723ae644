"""What the page looks like: pictures of it, made small, are compared with kept ones.

``WENGERT_PICTURES=keep`` keeps the pictures of this run.  The comparison is coarse: it finds parts that are missing,
moved or of another colour, not letters.  Where the browser has other fonts, so that everything has other widths, there
is nothing to compare.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lecture
import numpy as np
import pytest

import wengert as wg

from .conftest import drawn

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed (it comes with matplotlib)")

KEPT = Path(__file__).parent / "pictures"
SIZE = (180, 105)
MOST = 2.0
"""Mean difference of brightness, of 255, up to which two pictures count as the same."""
MOST_SPOT = 20.0
"""The same for the worst of the patches of 12 x 7 pixels."""


FONTS = KEPT / "fonts.txt"
WIDTH = """() => { const c = document.createElement('canvas').getContext('2d');
  const width = (f) => { c.font = `16px ${f}`; return c.measureText('Wengert 0123').width; };
  return ['sans-serif', 'monospace'].map(width); }"""


def press(key: str, times: int = 1) -> Callable[[Any], None]:
    return lambda tab: [tab.keyboard.press(key) for _ in range(times)] and None


def panel(name: str) -> Callable[[Any], None]:
    return lambda tab: tab.locator(f"#tab-{name}").click()


def xor(**options: Any) -> Any:
    point = lecture.xor_point()
    return wg.view(lecture.xor_loss, *point, parameters=(2, 3, 4, 5), open=False, symbolic=False, **options)


def of_f() -> Any:
    return wg.view(lecture.f, 2.0, 3.0, open=False, symbolic=False)


def relax(x: Any) -> Any:
    for _ in range(6):
        for _ in range(5):
            x = np.sin(x) * 1.2
    return np.sum(x)


def of_loops() -> Any:
    return wg.view(wg.jit(relax), np.linspace(0.5, 1, 4), open=False, symbolic=False)


def mlp(x: Any, w1: Any, w2: Any, w3: Any) -> Any:
    return np.mean((np.tanh(np.tanh(x @ w1) @ w2) @ w3) ** 2)


def of_layers() -> Any:
    rng = np.random.default_rng(0)
    args = [rng.standard_normal(shape) for shape in ((8, 3), (3, 5), (5, 4), (4, 1))]
    return wg.view(mlp, *args, parameters=(1, 2, 3), open=False, symbolic=False)


def of_nan() -> Any:
    return wg.view(lambda x: np.sqrt(x) + np.log(x - 4.0), 1.0, open=False, symbolic=False)


def timeless(make: Callable[[], Any]) -> Callable[[], Any]:
    """Make a page without what has been measured, which is another time each time."""

    def made() -> Any:
        page = make()
        for road in page.document["reports"]["roads"]["roads"]:
            road["seconds"] = 1e-6
        for sweep in page.document["reports"]["costs"]["sweeps"]:
            sweep["seconds"] = 1e-6
        return page

    return made


def click(where: str) -> Callable[[Any], None]:
    def act(tab: Any) -> None:
        tab.locator(where).first.click()
        drawn(tab)

    return act


def collapse(tab: Any) -> None:
    tab.get_by_role("button", name="Collapse all").click()
    drawn(tab)
    tab.keyboard.press("End")
    tab.get_by_role("button", name="Fit").click()


VIEWS: dict[str, tuple[Callable[[], Any], str, list[Callable[[Any], None]]]] = {
    "inputs": (of_f, "light", []),
    "backward": (of_f, "light", [press("ArrowRight", 7)]),
    "dark": (of_f, "dark", [press("ArrowRight", 7)]),
    "jacobian": (of_f, "light", [panel("jacobian")]),
    "duality": (of_f, "light", [panel("duality")]),
    "network": (xor, "light", [press("End"), panel("training")]),
    "forward": (of_f, "light", [press("f"), press("ArrowRight", 3)]),
    "table": (of_f, "light", [press("End"), panel("table")]),
    "schedule": (of_f, "dark", [panel("graph")]),
    "patterns": (of_f, "light", [press("End"), panel("patterns")]),
    "roads": (timeless(of_f), "light", [panel("roads")]),
    "costs": (timeless(of_f), "dark", [panel("costs")]),
    "find": (of_nan, "light", [press("End"), click("button.alarm")]),
    "groups": (of_layers, "light", [collapse, panel("find")]),
    "loops": (of_loops, "light", [click(".door"), click(".door"), press("ArrowRight", 2)]),
    "tours": (lambda: wg.view(open=False), "light", []),
    "menu": (of_f, "dark", [click(".menu summary")]),
}


def small(png: bytes) -> Any:
    picture = Image.open(io.BytesIO(png)).convert("RGB").resize(SIZE, Image.Resampling.BOX)
    return np.asarray(picture, np.float64)


def differences(a: Any, b: Any) -> tuple[float, float]:
    """Return the mean difference, and that of the worst patch."""
    apart = np.abs(a - b).mean(axis=2)
    patches = apart.reshape(15, 7, 15, 12).mean(axis=(1, 3))
    return float(apart.mean()), float(patches.max())


def same(a: Any, b: Any) -> bool:
    mean, worst = differences(a, b)
    return mean <= MOST and worst <= MOST_SPOT


@pytest.mark.parametrize("name", VIEWS)
def test_it_looks_as_it_did(show: Any, name: str) -> None:
    make, scheme, actions = VIEWS[name]
    tab = show(make(), width=1440, height=840, color_scheme=scheme)
    for action in actions:
        action(tab)
    fonts = " ".join(f"{width:.2f}" for width in tab.evaluate(WIDTH))
    keep = os.environ.get("WENGERT_PICTURES") == "keep"
    if keep:
        FONTS.write_text(f"{fonts}\n")
    elif FONTS.read_text().strip() != fonts:
        pytest.skip(f"the pictures were taken with other fonts (widths {FONTS.read_text().strip()}, here {fonts})")
    tab.mouse.move(0, 0)
    tab.wait_for_timeout(300)
    taken = small(tab.screenshot())
    file = KEPT / f"{name}.png"
    if keep:
        Image.fromarray(taken.round().astype(np.uint8)).save(file, optimize=True)
    kept = np.asarray(Image.open(file).convert("RGB"), np.float64)
    mean, worst = differences(taken, kept)
    assert same(taken, kept), f"{name}: mean difference {mean:.1f}, of the worst patch {worst:.1f}"


def test_other_views_count_as_different() -> None:
    kept = {name: np.asarray(Image.open(KEPT / f"{name}.png").convert("RGB"), np.float64) for name in VIEWS}
    for a in kept:
        for b in kept:
            assert same(kept[a], kept[b]) == (a == b), (a, b, differences(kept[a], kept[b]))
    blanked = kept["backward"].copy()
    blanked[20:60, 40:120] = blanked[0, 0]  # the graph is gone
    assert not same(blanked, kept["backward"]), differences(blanked, kept["backward"])
