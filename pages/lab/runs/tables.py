"""The table of runs."""

import pandas as pd
import streamlit as st

from core.runs.listing import Marked, is_scored, title_of
from core.runs.marks import Mark
from core.runs.store import Run
from pages.shared.engine import store

COLUMNS = {
    "run": st.column_config.TextColumn(width=240),
    "tags": st.column_config.ListColumn(),
    "started": st.column_config.DatetimeColumn(format="D MMM, HH:mm"),
    "MB": st.column_config.NumberColumn(format="%.1f", help="On disk"),
}


def run_table(runs: list[Run], marks: Marked) -> pd.DataFrame:
    """One row per run, in their order; a column for tags where there are any."""
    table = pd.DataFrame(
        [
            {
                "run": title_of(run, marks),
                "status": str(run.status),
                "score": score_text(run),
                "tags": list(marks.get(run.id, Mark()).tags),
                "steps": run.unchecked_config.optimizer.steps,
                "started": pd.Timestamp(run.created_at, unit="s", tz="UTC").tz_convert(None),
                "MB": store().size_bytes(run.id) / 1e6,
                "id": f"…{run.id[-6:]}",
            }
            for run in runs
        ]
    )
    return table if any(table["tags"]) else table.drop(columns="tags")


def score_text(run: Run) -> str:
    """Before and after; empty where it was not measured, or on too few examples."""
    if not is_scored(run):
        return ""
    task = run.unchecked_config.data.task
    first, last = run.summary.first_scores.get(task), run.summary.scores.get(task)
    return "" if first is None or last is None else f"{first:.2f} → {last:.2f}"
