"""The whole network in one picture: what a method trains is blue, to scale, in all decoder layers at once.

Every matrix is a block as high as its share of a layer's parameters. Where a method adds something, the
block's blue part is as large, compared with the block, as what is added there; but never less than a hair,
or it could not be seen.
"""

import html

from core.config import METHODS, MethodConfig
from core.formulas.parameters import count, trained_layers, trained_share
from core.shape import ModelShape
from pages.shared.colours import BLUE, GREY

WIDTH, HEIGHT, TOP = 640, 210, 22
EMBEDDING_PX = 70
HAIR_PX = 1.6
NORMS = ("norm1", "norm2", "norm")


def network_picture(method: MethodConfig, shape: ModelShape) -> str:
    """The network as SVG: the embeddings at the left, then the decoder layers."""
    spec = METHODS[method.name]
    found, n = spec.picture(method), count(method, shape).n
    touched = {*found.trained, *found.added} | ({"output", "down"} if found.bottlenecks else set())
    first = shape.layers - trained_layers(method, shape)
    sizes = {name: d_in * d_out for name, (d_in, d_out) in shape.linears.items()}
    places = [name for name in sizes if name in touched]
    share = 0.0
    if places and not found.trained:
        share = n / (sum(sizes[p] for p in places) * max(1, shape.layers - first))
    parts: list[str] = []
    is_whole = "embeddings" in found.trained
    parts += _block(0, TOP, EMBEDDING_PX, HEIGHT, blue=HEIGHT if is_whole else 0.0)
    if "embeddings" in found.added:
        of_embeddings = n / (shape.hidden * shape.vocabulary)
        parts += _block(0, TOP, EMBEDDING_PX, 0, blue=max(HAIR_PX, of_embeddings * HEIGHT))
    each = (WIDTH - EMBEDDING_PX - 10) / shape.layers
    for layer in range(shape.layers):
        x, y = EMBEDDING_PX + 10 + layer * each, float(TOP)
        for name, size in sizes.items():
            height = HEIGHT * size / sum(sizes.values())
            blue = 0.0
            if layer >= first and name in found.trained:
                blue = height
            elif layer >= first and name in touched:
                blue = max(HAIR_PX, share * height)
            parts += _block(x, y, each - 2, height - 1, blue=min(blue, height - 1))
            y += height
        if layer >= first and {*NORMS} & {*touched}:
            parts += _block(x, TOP - 4, each - 2, 0, blue=HAIR_PX)
    percent = 100 * trained_share(method, shape)
    label = html.escape(f"{spec.title} trains {percent:.3g} % of the network")
    return (
        f'<svg viewBox="0 0 {WIDTH} {TOP + HEIGHT + 4}" role="img" aria-label="{label}" '
        f'style="display:block;width:100%;max-width:760px">{_text(0, "embeddings")}'
        f"{_text(EMBEDDING_PX + 24, f'{shape.layers} decoder layers')}{''.join(parts)}</svg>"
    )


def _block(x: float, y: float, width: float, height: float, *, blue: float) -> list[str]:
    """A grey block, and its blue part from the top."""
    rect = (
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.2f}" fill="{}" fill-opacity="{}"/>'
    )
    parts = [rect.format(x, y, width, height, GREY, 0.3)] if height else []
    return [*parts, rect.format(x, y, width, blue, BLUE, 1)] if blue else parts


def _text(x: float, words: str) -> str:
    return f'<text x="{x:g}" y="13" font-size="15" fill="currentColor">{html.escape(words)}</text>'
