"""Prompting against tuning in pictures: whose figures are shown, scores, costs, and where lines cross."""

from collections.abc import Sequence
from contextlib import suppress

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.config import METHODS
from core.errors import UserError
from core.evaluate.apart import interval_words
from core.evaluate.form_and_label import LIKELIEST_LABEL
from core.experiments import prompting_record
from core.experiments.prompting import PROMPTED, Row, Way, prompt_row, tuned_row
from core.experiments.prompting_record import RecordedRows
from core.runs import prompt_evaluation
from pages.shared.colours import BLUE, GREY, ORANGE
from pages.shared.engine import events_of, store
from pages.shared.error_bars import error_bars
from pages.shared.two_lines import line_cells

FORM_TITLES = {"chat": "as turns of the chat", "text": "in one message"}
LOOKS = {
    (PROMPTED, "chat"): ("prompting, examples as turns of the chat", GREY, "circle"),
    (PROMPTED, "text"): ("prompting, examples in one message", GREY, "diamond-open"),
    ("lora", ""): ("LoRA", BLUE, "square"),
    ("full", ""): ("full fine-tuning", ORANGE, "triangle-up"),
}
NEAR = 0.03
"""Scores no further apart are as good as equal here: the test examples tell no finer."""


def kind_title(kind: str) -> str:
    return "Prompt" if kind == PROMPTED else METHODS[kind].title


def own_rows(task: str) -> list[Row]:
    """What the reader measured on this machine, oldest first."""
    found: list[Row] = []
    for kept in prompt_evaluation.everything():
        if kept.asking.task != task:
            continue
        if not kept.asking.run:
            found.append(prompt_row(kept))
            continue
        with suppress(UserError):  # the run was deleted, or is another learner's
            run = store().get(kept.asking.run)
            found.append(own_tuned(run.id, kept.measured_at))
    return found


@st.cache_data(show_spinner=False, max_entries=500)
def own_tuned(run_id: str, measured_at: float) -> Row:
    """The row of a measured run."""
    kept = [k for k in prompt_evaluation.everything() if k.measured_at == measured_at]
    return tuned_row(kept[0], store().get(run_id).config, events_of(run_id))


def recorded(task: str) -> RecordedRows | None:
    """The shipped figures, if they are of this task."""
    found = prompting_record.recorded()
    return found if found and found.task == task else None


def is_whole(rows: Sequence[Row]) -> bool:
    """Both sides of the comparison are there."""
    return {row.kind == PROMPTED for row in rows} == {True, False}


def name_of(way: Way) -> str:
    """Such as "Prompt with 4 examples in one message" or "LoRA on 64 examples"."""
    examples = f"{way.labels} example{'' if way.labels == 1 else 's'}"
    if way.is_tuned:
        seen = f" ({way.seen_words})" if way.seen_words else ""
        return f"{kind_title(way.kind)} on {examples}{seen}"
    if not way.labels:
        return "Prompt without examples"
    return f"Prompt with {examples}" + (f" {FORM_TITLES[way.form]}" if way.form == "text" else "")


def best(found: Sequence[Way], *, tuned: bool, near: float = 0.0) -> Way | None:
    """The highest score; of those no more than `near` below it, the one with fewest examples."""
    mine = [way for way in found if way.is_tuned == tuned]
    top = max((way.score for way in mine), default=0.0)
    return min(
        (way for way in mine if way.score >= top - near), key=lambda w: w.labels, default=None
    )


def score_finding(found: Sequence[Way]) -> str:
    """The best of both kinds, and whether their intervals overlap."""
    prompted, tuned = best(found, tuned=False), best(found, tuned=True)
    if not prompted or not tuned:
        one = prompted or tuned
        return f"{name_of(one)}: {one.score:.2f}" if one else "Nothing is measured yet"
    return (
        f"Best prompt {prompted.score:.2f} ({_few(prompted)}), "
        f"best tuned model {tuned.score:.2f} ({_few(tuned)}); "
        f"{interval_words(prompted.interval, tuned.interval)}"
    )


def _few(way: Way) -> str:
    """What a way took: labelled examples, and how many runs its figure rests on."""
    examples = f"{way.labels} example{'' if way.labels == 1 else 's'}"
    seeds = f"{len(way.rows)} seed{'' if len(way.rows) == 1 else 's'}"
    return (
        f"{kind_title(way.kind)}, {examples}, {seeds}" if way.is_tuned else f"{examples}, {seeds}"
    )


def score_figure(found: Sequence[Way]) -> go.Figure:
    """Score over the labelled examples shown or trained on: a mark a way, a small dot a seed."""
    labels = sorted({way.labels for way in found})
    place = {n: i for i, n in enumerate(labels)}
    figure = go.Figure()
    shift = {"prompt": 0.0, "lora": -0.1, "full": 0.1}
    for (kind, form), (name, colour, symbol) in LOOKS.items():
        mine = [w for w in found if w.kind == kind and (w.form or form) == form]
        if form == "text":  # without examples both forms are one: it stands with the turns
            mine = [w for w in mine if w.labels]
        if not mine:
            continue
        at = [place[w.labels] + shift[kind] + 0.1 * (form == "text") for w in mine]
        figure.add_scatter(
            x=at,
            y=[w.score for w in mine],
            error_y=error_bars([w.score for w in mine], [w.interval for w in mine], width=0),
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 12},
            name=name,
            text=[f"{name_of(w)}, {len(w.rows)} seeds, n = {w.rows[0].n}" for w in mine],
            hovertemplate="%{text}: %{y:.2f}<extra></extra>",
        )
        labels_of = [(x, one) for x, w in zip(at, mine, strict=True) for one in w.lines]
        if marks := [(x, one.value) for x, one in labels_of if one.field == "label_accuracy"]:
            figure.add_scatter(
                x=[x for x, _ in marks],
                y=[y for _, y in marks],
                mode="markers",
                marker={"color": colour, "symbol": "diamond-open", "size": 9},
                hovertemplate=f"{name}, {LIKELIEST_LABEL}: %{{y:.2f}}<extra></extra>",
                showlegend=False,
            )
        seeds = [(x + 0.05, row.score) for x, w in zip(at, mine, strict=True) for row in w.rows]
        if len(seeds) > len(mine):
            figure.add_scatter(
                x=[x for x, _ in seeds],
                y=[y for _, y in seeds],
                mode="markers",
                marker={"color": colour, "size": 4},
                hoverinfo="skip",
                showlegend=False,
            )
    return figure.update_layout(
        xaxis={
            "title": "labelled examples, shown or trained on",
            "tickvals": list(place.values()),
            "ticktext": [str(n) for n in labels],
        },
        yaxis={"title": "score on test examples", "range": [-0.03, 1.03]},
        height=420,
        margin={"l": 10, "r": 10, "t": 20},
        legend={"orientation": "h", "y": -0.22},
    )


def cost_table(found: Sequence[Way]) -> pd.DataFrame:
    """A row per way: score, tokens, seconds, what training took."""
    rows = []
    for way in found:
        cost, cached = way.cost(), way.cost(cached=True)
        low, high = way.interval
        rows.append(
            {
                "way": name_of(way),
                "score": f"{way.score:.2f} ({low:.2f} to {high:.2f})",
                **line_cells(way.lines),
                "prompt tokens": round(way.prompt_tokens),
                "answer tokens": round(way.answer_tokens, 1),
                "ms a request": f"{1000 * cost.each:.0f} "
                f"({1000 * cost.low:.0f} to {1000 * cost.high:.0f})",
                "ms with a prompt cache": f"{1000 * cached.each:.0f}",
                "training (s)": f"{cost.once:.1f}" if way.is_tuned else "–",
                "training tokens": f"{way.cost('tokens').once:,.0f}" if way.is_tuned else "–",
            }
        )
    return pd.DataFrame(rows)
