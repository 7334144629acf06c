"""A small picture of each cure: which weights move, what holds them back, or what the batch holds.

Blue moves or is learned; grey is frozen; orange is the old task. All of it reads on light and on dark.
"""

from pages.shared.colours import BLUE, GREY, ORANGE

WIDTH, HEIGHT = 168, 84


def picture(mitigation: str) -> str:
    """The picture as SVG."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" fill="none" stroke="{GREY}" font-family="sans-serif">'
        f"{PICTURES[mitigation]}</svg>"
    )


def _rect(x: float, y: float, w: float, h: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="2" fill="{colour}" stroke="none"/>'


def _layers(coloured: int) -> str:
    """Six layers from the top down, the last `coloured` of them trained."""
    return "".join(_rect(34, 6 + 12 * n, 100, 9, BLUE if n < coloured else GREY) for n in range(6))


def _text(x: float, y: float, words: str, *, colour: str = GREY) -> str:
    return f'<text x="{x}" y="{y}" font-size="12" fill="{colour}" stroke="none">{words}</text>'


def _bowl(rx: float, ry: float) -> str:
    """Contours of a quadratic penalty around the start, and the weights that leave it."""
    rings = "".join(
        f'<ellipse cx="66" cy="44" rx="{rx * k}" ry="{ry * k}" opacity="{1 - 0.25 * k}"/>'
        for k in (1, 2, 3)
    )
    start = f'<circle cx="66" cy="44" r="3.5" fill="{GREY}" stroke="none"/>'
    line = f'<path d="M68 43 L116 22" stroke="{BLUE}" stroke-width="2.5"/>'
    now = f'<circle cx="118" cy="21" r="4.5" fill="{BLUE}" stroke="none"/>'
    return rings + start + line + now + _text(60, 62, "w⁰") + _text(126, 24, "w")


def _two_curves() -> str:
    """The answers of both models as distributions, and the gap between them."""
    return (
        f'<path d="M8 74 C40 74 42 14 66 14 C90 14 92 74 124 74" stroke="{GREY}" stroke-width="2.5"/>'
        f'<path d="M36 74 C72 74 76 30 98 30 C120 30 124 74 158 74" stroke="{BLUE}" '
        'stroke-width="2.5"/>'
        + _text(22, 24, "base")
        + _text(112, 32, "tuned", colour=BLUE)
        + '<path d="M70 50 L92 50" stroke-dasharray="3 2"/>'
    )


def _batch() -> str:
    return "".join(
        _rect(22 + 32 * (n % 4), 14 + 30 * (n // 4), 26, 24, ORANGE if n == 5 else BLUE)
        for n in range(8)
    )


def _pair_of_matrices() -> str:
    return (
        _rect(12, 12, 60, 60, GREY)
        + _text(80, 46, "+")
        + _rect(98, 12, 8, 60, BLUE)
        + _rect(112, 12, 46, 8, BLUE)
        + _text(34, 46, "W", colour="#ffffff")
        + _text(97, 84, "B")
        + _text(128, 34, "A")
    )


def _virtual_tokens() -> str:
    tokens = "".join(_rect(8 + 15 * n, 8, 12, 12, BLUE if n < 4 else GREY) for n in range(10))
    return tokens + "".join(_rect(34, 30 + 12 * n, 100, 9, GREY) for n in range(4))


PICTURES = {
    "full": _layers(6),
    "lora": _pair_of_matrices(),
    "l2sp": _bowl(18, 12),
    "ewc": _bowl(24, 6),
    "kl": _two_curves(),
    "rehearse": _batch(),
    "top_layers": _layers(2),
    "prompt": _virtual_tokens(),
}
"""Of every cure in `core.experiments.mitigations`."""
CAPTIONS = {
    "full": "Every layer moves.",
    "lora": "W stays; only B and A move.",
    "l2sp": "The further w goes from its start, the more it costs, alike in every direction.",
    "ewc": "Going far costs more along the directions that matter for the old task.",
    "kl": "Answers that drift apart cost.",
    "rehearse": "Some pairs of each batch are from the old task.",
    "top_layers": "Only the last layers move.",
    "prompt": "Only new tokens before the text are learned.",
}
