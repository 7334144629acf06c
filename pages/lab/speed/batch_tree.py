"""A batch drawn twice: as the tree that is computed, and as the padded rows it stands for."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd
import streamlit as st

from core.bench.tree import Segment, count, fed, grow
from core.config import DataConfig, OptimizerConfig, RunConfig
from core.data.encode import Encoded
from core.data.tokenizer import ChatTokenizer
from core.train.plan import make_batches
from pages.shared.colours import BLUE, GREY, ORANGE
from pages.shared.engine import tokenizer

SHARED, OWN, LEARNED, PADDING = "shared beginning", "its own", "completion", "padding"
COLOURS = {SHARED: BLUE, OWN: GREY, LEARNED: ORANGE, PADDING: "rgba(138, 143, 152, 0.3)"}
LANE, AROUND = 24, 110
"""Height of an example, and of legend and axis, in pixels."""
LETTER = 6.4
"""Width of a letter in pixels: texts are cut to what has room, on a phone and on a projector."""


@st.cache_data(show_spinner="Taking a batch", max_entries=32)
def first_batch(task: str, batch_size: int, seed: int) -> list[Encoded]:
    """The first batch that training on a task takes."""
    config = RunConfig(
        data=DataConfig(task=task),
        optimizer=OptimizerConfig(steps=1, batch_size=batch_size),
        seed=seed,
    )
    return make_batches(config, tokenizer())[0]


def lanes(roots: Sequence[Segment], n: int) -> list[int]:
    """The lane of each of n examples, such that those below a segment lie side by side."""
    found = [0] * n
    following = iter(range(n))
    for segment in (s for root in roots for s in root.walk()):
        below = {number for child in segment.children for number in child.examples}
        for number in segment.examples:
            if number not in below:
                found[number] = next(following)
    return found


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """A stretch of tokens: from `start` to `end`, over the lanes `top` to `bottom`."""

    start: int
    end: int
    top: int
    bottom: int
    middle: float
    """Lane of its text."""
    kind: str
    tokens: int
    examples: int
    text: str


def tree_rows(batch: Sequence[Encoded], words: ChatTokenizer) -> pd.DataFrame:
    """The `Rectangle`s of a batch as a tree."""
    roots = grow([fed(pair) for pair in batch])
    lane = lanes(roots, len(batch))
    rows: list[Rectangle] = []
    for segment in (s for root in roots for s in root.walk()):
        mine = [lane[number] for number in segment.examples]
        kind = SHARED if len(mine) > 1 else OWN
        learned_from = len(batch[segment.examples[0]].prompt_ids)
        rows += _parts(segment.ids, segment.start, learned_from, kind, mine, words)
    return pd.DataFrame(rows)


def padded_rows(batch: Sequence[Encoded], words: ChatTokenizer) -> pd.DataFrame:
    """The same examples in the same lanes, each computed whole."""
    roots = grow([fed(pair) for pair in batch])
    lane = lanes(roots, len(batch))
    shared = [0] * len(batch)
    for segment in (s for root in roots for s in root.walk() if len(s.examples) > 1):
        for number in segment.examples:
            shared[number] = segment.start + len(segment.ids)
    width = max(len(pair.ids) for pair in batch)
    rows: list[Rectangle] = []
    for number, pair in enumerate(batch):
        mine, learned_from, cut = [lane[number]], len(pair.prompt_ids), shared[number]
        rows += _parts(pair.ids[:cut], 0, learned_from, SHARED, mine, words)
        rows += _parts(pair.ids[cut:], cut, learned_from, OWN, mine, words)
        rows += _parts([0] * (width - len(pair.ids)), len(pair.ids), width, PADDING, mine, words)
    return pd.DataFrame(rows)


def _parts(
    ids: Sequence[int],
    start: int,
    learned_from: int,
    kind: str,
    mine: Sequence[int],
    words: ChatTokenizer,
) -> list[Rectangle]:
    """One or two rectangles: prompt, then completion."""
    cut = min(max(learned_from - start, 0), len(ids))
    rows: list[Rectangle] = []
    for part, begin, what in ((ids[:cut], start, kind), (ids[cut:], start + cut, LEARNED)):
        if not part:
            continue
        text = "" if kind == PADDING else words.decode(list(part), special=True).replace("\n", "↵")
        rows.append(
            Rectangle(
                start=begin,
                end=begin + len(part),
                top=min(mine),
                bottom=max(mine) + 1,
                middle=(min(mine) + max(mine) + 1) / 2,
                kind=what,
                tokens=len(part),
                examples=len(mine),
                text=text,
            )
        )
    return rows


def heading(batch: Sequence[Encoded]) -> str:
    """What the tree saves, in one line."""
    found = count(batch)
    saved = 1 - found.nodes / found.padded
    return (
        f"As a tree, {found.nodes:,} tokens are computed instead of {found.padded:,}: "
        f"{100 * saved:.0f} % less"
    )


def batch_chart(
    rows: pd.DataFrame, *, title: str, width_tokens: int
) -> alt.LayerChart | alt.FacetChart:
    """Rectangles of tokens; the text stands in those with room for it, and in the tooltip."""
    kinds = [kind for kind in COLOURS if kind in set(rows.kind)]
    across = alt.X(
        "left:Q",
        title="position in the example (tokens)",
        scale=alt.Scale(domain=[0, width_tokens], nice=False),
    )
    n_lanes = int(rows.bottom.max())
    base = alt.Chart(rows).transform_calculate(  # a little space between the blocks
        left="datum.start + 0.1",
        right="datum.end - 0.1",
        upper="datum.top + 0.05",
        lower="datum.bottom - 0.05",
    )
    boxes = base.mark_rect(cornerRadius=3).encode(
        x=across,
        x2="right:Q",
        y=alt.Y("upper:Q", scale=alt.Scale(domain=[n_lanes, 0], nice=False), axis=None),
        y2="lower:Q",
        color=alt.Color(
            "kind:N",
            title=None,
            scale=alt.Scale(domain=kinds, range=[COLOURS[kind] for kind in kinds]),
            legend=alt.Legend(orient="top", columns=2),
        ),
        tooltip=["kind", "tokens", "examples", "text"],
    )
    on_blue = alt.condition(f"datum.kind == '{SHARED}'", alt.value("white"), alt.value("#101418"))
    room = f"floor((datum.tokens * width / {width_tokens} - 6) / {LETTER})"
    words = base.transform_calculate(label=f"{room} < 4 ? '' : truncate(datum.text, {room})")
    words = words.mark_text(align="left", dx=4, fontSize=11).encode(
        x=across, y=alt.Y("middle:Q"), text="label:N", color=on_blue
    )
    return (boxes + words).properties(height=AROUND + LANE * n_lanes, description=title)
