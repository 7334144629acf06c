"""QR codes of an address: a picture for pages, and signs for a terminal. Drawn by segno, which sends nothing."""

from io import StringIO

import segno


def as_svg(text: str) -> str:
    """Black on white with its quiet zone of four modules, so that a phone reads it on a dark page too."""
    return segno.make(text, error="m", micro=False).svg_inline(scale=8, border=4, light="white")


def as_signs(text: str) -> str:
    """For a terminal, two modules a sign."""
    out = StringIO()
    segno.make(text, error="m", micro=False).terminal(out, border=2, compact=True)
    return out.getvalue()
