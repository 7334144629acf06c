"""Lesson, ranks: what more rank buys, from recorded runs and the reader's."""

import streamlit as st

from core.config import RunConfig
from core.experiments.ranks import RankRow, rank_row
from core.recorded import collection
from pages.lessons.lora.matrices import rank_figures, rank_finding
from pages.shared.engine import store

COLLECTIONS = ("ranks", "targets")


def over_ranks(wanted: RunConfig) -> None:
    """The runs, recorded and the reader's, that differ from the settings above in rank and seed alone, or all."""
    st.header("What does more rank buy?")
    recorded, own = recorded_rows(), own_rows()
    found = [*recorded, *own]
    if not found:
        st.caption("Your LoRA runs collect here. Train one above, then another rank.")
        return
    rate = wanted.optimizer.learning_rate
    alike = [row for row in found if row.differs_in_rank_alone(wanted.method, rate=rate)]
    every = st.toggle(
        f"Also show runs with other settings ({len(found) - len(alike)})",
        not alike,
        key="lora_ranks_every",
    )
    shown = found if every else alike
    if not shown:
        st.caption("No run yet with the settings above. Train one.")
        return
    st.markdown(f"**{rank_finding(shown)}**")
    for number, (place, figure) in enumerate(zip(st.columns(3), rank_figures(shown), strict=True)):
        place.plotly_chart(figure, width="stretch", key=f"lora_ranks_{number}")
    tests = ", ".join(map(str, sorted({row.n for row in shown})))
    n_own = sum(bool(row.run_id) for row in shown)
    st.caption(
        f"Each mark is a run, scored on {tests} test examples; hover for its settings. {n_own} of the "
        f"{len(shown)} are yours"
        + (
            ", the others came with the app; their seconds are those of the machine that recorded them."
            if n_own < len(shown)
            else "."
        )
    )


@st.cache_data(show_spinner=False)
def recorded_rows() -> list[RankRow]:
    """The runs that come with the app."""
    runs = [run for name in COLLECTIONS for run in collection(name).runs]
    rows = (rank_row(run.valid_config, run.summary) for run in runs)
    return [row for row in rows if row]


def own_rows() -> list[RankRow]:
    ended = [run for run in store().runs() if run.status == "finished"]
    rows = (rank_row(run.valid_config, run.summary, run_id=run.id) for run in ended)
    return [row for row in rows if row]
