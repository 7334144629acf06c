"""Lesson, sizes: the score over the number of virtual tokens, of recorded runs and the reader's."""

from collections.abc import Sequence
from statistics import fmean

import plotly.graph_objects as go
import streamlit as st

from core.evaluate.apart import are_apart, runs_words
from core.experiments import record
from core.experiments.soft_prompts import SIZES, SizeRun, size_run
from pages.shared.colours import BLUE, ORANGE
from pages.shared.engine import events_of, store
from pages.shared.error_bars import error_bars


@st.cache_data(show_spinner=False)
def recorded_sizes() -> list[SizeRun]:
    """Recorded points of the learning curve; the methods' table has one of them."""
    found: list[SizeRun] = []
    for name in ("soft_prompts", "methods"):
        shipped = record.recorded(name)
        for run in shipped.runs if shipped else ():
            made = size_run(run.config, run.events, is_recorded=True)
            if made and (name == "soft_prompts" or not record.recorded("soft_prompts")):
                found.append(made)
    return found


@st.cache_data(show_spinner=False, max_entries=500)
def own_size(run_id: str) -> SizeRun | None:
    run = store().get(run_id)
    return size_run(run.valid_config, events_of(run_id), is_recorded=False)


def own_sizes() -> list[SizeRun]:
    """The reader's points, newest first."""
    ended = [run for run in store().runs() if run.status == "finished"]
    return [found for run in ended if (found := own_size(run.id))]


def size_figure(found: Sequence[SizeRun]) -> go.Figure:
    """Sentiment over the number of virtual tokens: a mark a run, with its interval over examples."""
    figure = go.Figure()
    looks = {
        (False, "prompt"): ("your runs: prompt tuning", ORANGE, "circle", 12),
        (False, "prefix"): ("your runs: prefix tuning", BLUE, "square", 12),
        (True, "prompt"): ("recorded: prompt tuning", ORANGE, "circle-open", 8),
        (True, "prefix"): ("recorded: prefix tuning", BLUE, "square-open", 8),
    }
    for (is_recorded, method), (name, colour, symbol, size) in looks.items():
        mine = [r for r in found if (r.is_recorded, r.method) == (is_recorded, method)]
        mine.sort(key=lambda r: (r.virtual_tokens, r.seed))
        if mine:
            figure.add_scatter(
                x=[r.virtual_tokens for r in mine],
                y=[r.score for r in mine],
                error_y=error_bars(
                    [r.score for r in mine], [r.interval for r in mine], thickness=1
                ),
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": size},
                name=name,
                text=[f"seed {r.seed}, n = {r.n}" for r in mine],
                hovertemplate="%{x} virtual tokens: %{y:.2f}<br>%{text}<extra></extra>",
            )
    return figure.update_layout(
        xaxis={"title": "virtual tokens (log scale)", "type": "log"}
        | {"tickvals": list(SIZES), "range": [-0.15, 1.85]},
        yaxis={"title": "sentiment: share right", "range": [-0.02, 1.02]},
        height=300,
        margin={"l": 10, "r": 10, "t": 10},
        legend={"orientation": "h", "y": -0.3},
    )


def size_finding(found: Sequence[SizeRun]) -> str:
    """Where the curve of prompt tuning is highest, and whether that size is shown to be the best.

    Runs share their test reviews, so more of them do not narrow an interval: it is averaged.
    """
    by_size: dict[int, list[SizeRun]] = {}
    for r in found:
        if r.method == "prompt":
            by_size.setdefault(r.virtual_tokens, []).append(r)
    if len(by_size) < 2:
        return "Run more sizes to see what more virtual tokens bring"
    means = {n: fmean(r.score for r in runs) for n, runs in by_size.items()}
    intervals = {
        n: (fmean(r.interval[0] for r in runs), fmean(r.interval[1] for r in runs))
        for n, runs in by_size.items()
    }
    best = max(sorted(means), key=lambda n: means[n])
    near = [n for n in sorted(means) if n != best and not are_apart(intervals[n], intervals[best])]
    top = (
        f"{best} virtual token{'s' if best > 1 else ''} scored highest, {means[best]:.2f} "
        f"({runs_words(len(by_size[best]))})"
    )
    if not near:
        return f"{top}; the 95 % intervals of all other sizes lie below"
    sizes = ", ".join(map(str, near))
    return f"No best size is shown: {top}, but its 95 % interval overlaps with that of size {sizes}"
