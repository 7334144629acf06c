"""A sweep as a heatmap that fills while its runs finish, and as a surface."""

from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go
import streamlit as st

from core.evaluate.uncertainty import wilson_interval
from core.experiments.mitigations import KEPT, LEARNED
from core.experiments.sweep import Cell, Sweep, state
from core.recorded import find
from core.runs.states import RunStatus
from pages.shared.engine import store
from pages.shared.one_of import one_of
from pages.shared.queue import run_all

RECORDED = "recorded"
SCORES = {"learned": "sentiment learned", "kept": "names kept"}


def sweep_view(sweep: Sweep) -> None:
    """The button, and the map that fills while runs finish."""
    left, right = st.columns(2, vertical_alignment="bottom")
    score = one_of(
        left.segmented_control,
        "Show",
        list(SCORES),
        format_func=SCORES.__getitem__,
        default="learned",
        key="lora_sweep_score",
        bind="query-params",
    )
    as_surface = right.toggle("As a surface", key="lora_sweep_surface", bind="query-params")

    def draw() -> None:
        cells = [with_recorded(cell) for cell in state(sweep, store())]
        if n := sum(cell.status == RECORDED for cell in cells):
            st.caption(f"{n} of these runs came with the app; yours take their place.")
        if not any(cell.learned is not None for cell in cells):
            st.caption("No run of this sweep is finished yet. Each takes about 20 seconds.")
            return
        st.markdown(f"**{sweep_finding(cells, score)}**")
        figure = surface(cells, score) if as_surface else heatmap(cells, score)
        st.plotly_chart(figure, width="stretch", key=f"lora_sweep_{score}_{as_surface}")

    run_all(list(sweep.configs()), "Run the sweep", key="lora_sweep", draw=draw)


def with_recorded(cell: Cell) -> Cell:
    """A cell that has no score here yet, with that of the recorded run where there is one."""
    found = find(cell.config) if cell.learned is None else None
    if not found or cell.status in (RunStatus.QUEUED, RunStatus.RUNNING):
        return cell
    scores = found.summary.scores
    return replace(cell, status=RECORDED, learned=scores.get(LEARNED), kept=scores.get(KEPT))


def grid(
    cells: Sequence[Cell], score: str
) -> tuple[list[int], list[float], list[list[float | None]]]:
    """Ranks, rates, and the score at each, None where there is none yet."""
    ranks = sorted({cell.rank for cell in cells})
    rates = sorted({cell.rate for cell in cells})
    values = {(cell.rank, cell.rate): getattr(cell, score) for cell in cells}
    return ranks, rates, [[values[rank, rate] for rate in rates] for rank in ranks]


def sweep_finding(cells: Sequence[Cell], score: str) -> str:
    """The best cell so far, in one line, and how many cells cannot be told from it."""
    known = [cell for cell in cells if getattr(cell, score) is not None]
    highest = max(getattr(cell, score) for cell in known)
    best = [f"rank {c.rank} at {c.rate:g}" for c in known if getattr(c, score) == highest]
    others = f" and {len(best) - 1} more" if len(best) > 1 else ""
    low, _ = _interval(max(known, key=lambda cell: getattr(cell, score)), score)
    n_near = sum(_interval(cell, score)[1] >= low for cell in known) - len(best)
    near = f"; the 95 % intervals of {n_near} more overlap it" if n_near else ""
    return (
        f"{len(known)} of {len(cells)} runs: {SCORES[score]} is highest with {best[0]}{others}: "
        f"{highest:.2f}{near}"
    )


def _interval(cell: Cell, score: str) -> tuple[float, float]:
    """Of a cell's score, a share of the examples it was scored on."""
    n = cell.config.evaluation.final_examples
    return wilson_interval(round(getattr(cell, score) * n), n)


def heatmap(cells: Sequence[Cell], score: str) -> go.Figure:
    """Rank against learning rate; an empty cell has no finished run, a word says how far it is."""
    ranks, rates, z = grid(cells, score)
    words = {
        (cell.rank, cell.rate): f"{getattr(cell, score):.2f}"
        if getattr(cell, score) is not None
        else ("…" if cell.status == RunStatus.RUNNING else "")
        for cell in cells
    }
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=[f"{rate:g}" for rate in rates],
            y=[str(rank) for rank in ranks],
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            text=[[words[rank, rate] for rate in rates] for rank in ranks],
            texttemplate="%{text}",
            hovertemplate="rank %{y}, learning rate %{x}: %{z:.2f}<extra></extra>",
            colorbar={"title": "score"},
            xgap=2,
            ygap=2,
        )
    )
    return figure.update_layout(
        xaxis={"title": "learning rate", "type": "category"},
        yaxis={"title": "rank", "type": "category"},
        height=420,
    )


def surface(cells: Sequence[Cell], score: str) -> go.Figure:
    """The same as a surface over both logarithms."""
    ranks, rates, z = grid(cells, score)
    figure = go.Figure(
        go.Surface(z=z, x=rates, y=ranks, cmin=0, cmax=1, colorscale="Cividis", showscale=False)
    )
    return figure.update_layout(
        scene={
            "xaxis": {"title": "learning rate", "type": "log", "tickvals": rates},
            "yaxis": {"title": "rank", "type": "log", "tickvals": ranks},
            "zaxis": {"title": SCORES[score], "range": [0, 1]},
        },
        height=520,
    )
