"""A picture of one decoder layer: what a tuning method trains is blue, what stays frozen is grey."""

import html
from dataclasses import dataclass

from core.config import METHODS, MethodConfig
from core.config.specification import BEFORE_DOWN
from core.formulas.parameters import trained_layers
from core.shape import ModelShape
from pages.shared.colours import BLUE, GREY

WIDTH, HEIGHT = 400, 640
STREAM, SKIP = 200, 384
"""Where the residual stream runs down, and where it passes around attention and MLP."""
CHIP_HEIGHT = 18


@dataclass(frozen=True)
class Box:
    """A place with weights: its centre line, top, size and label. What is added stands at its right."""

    x: int
    y: int
    width: int
    height: int
    label: str


BOXES = {
    "embeddings": Box(120, 12, 160, 28, "embeddings"),
    "norm1": Box(140, 92, 120, 24, "norm"),
    "query": Box(24, 144, 54, 34, "q"),
    "key": Box(138, 144, 54, 34, "k"),
    "value": Box(252, 144, 54, 34, "v"),
    "output": Box(140, 246, 120, 28, "o"),
    "norm2": Box(140, 348, 120, 24, "norm"),
    "gate": Box(72, 396, 72, 30, "gate"),
    "up": Box(232, 396, 72, 30, "up"),
    "down": Box(140, 462, 120, 28, "down"),
    "norm": Box(140, 570, 120, 24, "norm"),
    "head": Box(120, 608, 160, 26, "output"),
}
ATTENTION_Y, LAYER_TOP, LAYER_BOTTOM = 208, 68, 556
JOINS = (318, 536)
"""Where attention and MLP join the residual stream again."""
BOTTLENECKS = {"output": 282, "down": 498}
"""Tops of the adapters that follow these places."""


def layer_picture(method: MethodConfig, shape: ModelShape) -> str:
    """The layer as SVG, 400 units wide; text takes the colour of the page."""
    spec = METHODS[method.name]
    found = spec.picture(method)
    first = shape.layers - trained_layers(method, shape)
    touches_layers = bool(found.bottlenecks or {*found.trained, *found.added} - {"embeddings"})
    parts = [
        *_flow(),
        *_stack(shape.layers, range(first, shape.layers) if touches_layers else range(0)),
        *(_box(box, is_trained=place in found.trained) for place, box in BOXES.items()),
        *(_chips(place, labels) for place, labels in found.added.items()),
        *(_bottleneck(y) for y in BOTTLENECKS.values() if found.bottlenecks),
    ]
    label = html.escape(f"One decoder layer with {spec.title}. {spec.adds}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" '
        f'style="display:block;width:100%;max-width:400px;margin:auto">{"".join(parts)}</svg>'
    )


def _flow() -> list[str]:
    """The stream through the layer, around attention and around the MLP."""
    lines = [
        f"M{STREAM} 40 V92 M{STREAM} 116 V130 M51 130 H279 M51 130 V144 M165 130 V144 M279 130 V144",
        f"M51 178 V{ATTENTION_Y} M165 178 V{ATTENTION_Y} M279 178 V{ATTENTION_Y}",
        f"M{STREAM} {ATTENTION_Y + 24} V246 M{STREAM} 274 V348",
        f"M{STREAM} 372 V384 M108 384 H268 M108 384 V396 M268 384 V396",
        f"M108 426 V444 H268 V426 M{STREAM} 444 V462 M{STREAM} 490 V570 M{STREAM} 594 V608",
        f"M{STREAM} 80 H{SKIP} V{JOINS[0]} H{STREAM + 9}",
        f"M{STREAM} 336 H{SKIP} V{JOINS[1]} H{STREAM + 9}",
    ]
    paths = [f'<path d="{line}" fill="none" stroke="{GREY}"/>' for line in lines]
    frame = _rect(18, LAYER_TOP, 378, LAYER_BOTTOM - LAYER_TOP, fill="none", dash="4 4")
    attention = _rect(24, ATTENTION_Y, 282, 24, fill="none", dash="")
    words = _text(165, ATTENTION_Y + 17, "attention (no weights)")
    joins = [
        f'<circle cx="{STREAM}" cy="{y}" r="9" fill="{GREY}"/>'
        + _text(STREAM, y + 5, "+", colour="#000000")
        for y in JOINS
    ]
    return [*paths, frame, attention, words, *joins]


def _stack(n_layers: int, trained: range) -> list[str]:
    """All decoder layers as a column of bars at the left, the first on top."""
    height = (LAYER_BOTTOM - LAYER_TOP) / n_layers
    bars = [
        _rect(
            2,
            LAYER_TOP + i * height,
            9,
            height - 1.5,
            fill=BLUE if i in trained else GREY,
            opacity=1 if i in trained else 0.35,
        )
        for i in range(n_layers)
    ]
    words = f"trained in {len(trained) or 'none'} of {n_layers} layers"
    return [*bars, _text(4, LAYER_TOP - 8, words, anchor="start")]


def _box(box: Box, *, is_trained: bool) -> str:
    fill, opacity = (BLUE, 1.0) if is_trained else (GREY, 0.25)
    rect = _rect(box.x, box.y, box.width, box.height, fill=fill, opacity=opacity)
    middle = box.x + box.width / 2
    colour = "#ffffff" if is_trained else "currentColor"
    return rect + _text(middle, box.y + box.height / 2 + 5, box.label, colour=colour)


def _chips(place: str, labels: tuple[str, ...]) -> str:
    """Small trained parts in a row at the right of a place; virtual tokens come before it."""
    if place == BEFORE_DOWN:
        x, y = STREAM + 12, 443 - CHIP_HEIGHT / 2
    else:
        box = BOXES[place]
        x = box.x - 27 * len(labels) if place == "embeddings" else box.x + box.width + 3
        y = box.y + (box.height - CHIP_HEIGHT) / 2
    parts: list[str] = []
    for label in labels:
        width = 24 if place == "embeddings" else 17 if len(label) == 1 else 30
        parts.append(_rect(x, y, width, CHIP_HEIGHT, fill=BLUE))
        parts.append(_text(x + width / 2, y + 14, label, size=13, colour="#ffffff"))
        x += width + 2
    return "".join(parts)


def _bottleneck(y: float) -> str:
    """Wide, narrow, wide: an adapter on the stream."""
    left, right = STREAM - 60, STREAM + 60
    points = (
        f"{left},{y} {right},{y} {STREAM + 24},{y + 12} {right},{y + 24} "
        f"{left},{y + 24} {STREAM - 24},{y + 12}"
    )
    return f'<polygon points="{points}" fill="{BLUE}"/>' + _text(
        right + 6, y + 16, "adapter", anchor="start"
    )


def _rect(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str,
    opacity: float = 1.0,
    dash: str | None = None,
) -> str:
    line = "" if dash is None else f'stroke="{GREY}" stroke-dasharray="{dash}"'
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4" fill="{fill}" '
        f'fill-opacity="{opacity:g}" {line}/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 14,
    anchor: str = "middle",
    colour: str = "currentColor",
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">'
        f"{html.escape(text)}</text>"
    )
