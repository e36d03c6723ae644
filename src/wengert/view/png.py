"""Drawings as pixels."""

from __future__ import annotations

from ..errors import MissingExtraError, explain

_MOST_PIXELS = 12_000


def png(svg: str, width: float, height: float) -> bytes:
    """Return a drawing in SVG as PNG, two pixels for each unit of length, or fewer where it would be too large.

    Raises
    ------
    MissingExtraError
        If CairoSVG, or the library cairo that it uses, is not installed.
    """
    try:
        import cairosvg
    except (ImportError, OSError) as error:
        raise MissingExtraError(
            explain(
                "PNG is made from SVG by the package CairoSVG and the library cairo.",
                found=str(error).partition("\n")[0],
                fix="pip install 'wengert[view]', and install cairo (libcairo2 on Debian); or save it as .svg",
            )
        ) from error
    made: bytes = cairosvg.svg2png(bytestring=svg.encode(), scale=min(2.0, _MOST_PIXELS / max(width, height, 1.0)))
    return made
