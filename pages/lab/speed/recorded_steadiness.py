"""The recorded memory of a training worker from run to run, and how the campaign of faults ended."""

import altair as alt
import pandas as pd
import streamlit as st

from core.bench.faults.campaign import Report
from core.bench.faults.tries import BAD, SENTENCE, SILENT
from core.bench.memory import MOST_GROWTH_MB, MemoryGrowth
from pages.shared.colours import BLUE
from pages.shared.plain import plain

KINDS = {
    "kills": "A training run killed at a random moment",
    "servers": "The app’s server killed during a run",
    "connections": "The database away during a run, or its connections cut",
    "nodes": "A machine of a Ray cluster killed during a run",
    "uploads": "A damaged data file",
    "options": "A hostile value for an option of a command",
    "addresses": "A hostile value in the address of a page",
    "disk": "A full disk, or one that may only be read",
    "damage": "A damaged run store, or damaged files of a run",
    "recorded": "A damaged recording",
}


def memory_rows(found: MemoryGrowth) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run": range(1, len(found.held_mb) + 1),
            "method": found.methods,
            "MB": found.held_mb,
        }
    )


def memory_chart(found: MemoryGrowth) -> alt.Chart:
    """A dot for each run."""
    return (
        alt.Chart(memory_rows(found))
        .mark_circle(size=36, color=BLUE, opacity=0.8)
        .encode(
            x=alt.X("run:Q", title="run"),
            y=alt.Y("MB:Q", title="memory held after the run (MB)", scale=alt.Scale(domainMin=0)),
            tooltip=["run", "method", alt.Tooltip("MB", format=",.0f")],
        )
        .properties(height=240, description=found.finding)
    )


def memory_record(found: MemoryGrowth | None) -> None:
    """The record, or how to make one."""
    if found is None:
        st.caption(
            "Nothing is recorded yet. Measure this machine: `python -m core bench memory --record` "
            "(100 short runs; other programs do not disturb it)."
        )
        return
    st.markdown(f"**{found.finding}**")
    st.altair_chart(memory_chart(found), width="stretch", key="speed_memory")
    anew = found.n_workers - 1
    said = f" The worker was started anew {anew} times." if anew else ""
    st.caption(
        "One worker carries out all runs; each has another method than the one before, and another seed. What the "
        "second half adds: the mean of its last round of methods less that of its first. At most "
        f"{MOST_GROWTH_MB} MB is our aim.{said} {plain(found.where)} Made with `{found.command}`."
    )


def fault_rows(found: Report) -> pd.DataFrame:
    """A row for each kind of try: how many there were, and how they ended."""
    return pd.DataFrame(
        [
            {
                "": KINDS.get(kind, kind),
                "tried": f"{row['tried']:,}",
                "ended with a sentence": f"{row[SENTENCE]:,}",
                "did no harm": f"{row[SILENT]:,}",
                "ended badly": f"{sum(row[outcome] for outcome in BAD):,}",
            }
            for kind, row in found.counts.items()
        ]
    ).set_index("")


def faults_record(found: Report | None) -> None:
    """The record, or how to make one."""
    if found is None:
        st.caption(
            "Nothing is recorded yet. Try it on this machine: `python -m core bench faults --record` "
            "(an hour or so; other programs do not disturb it)."
        )
        return
    st.markdown(f"**{found.finding}**")
    st.table(fault_rows(found))
    for one in found.found:
        times = "once" if one.times == 1 else f"{one.times} times"
        said = f"{one.outcome}, {times}; for example: {one.what}"
        st.markdown(f"- {plain(said)}")
    st.caption(
        "Each try must end with a clear sentence or do no harm. Badly: an error that nobody foresaw, more than two "
        "seconds of computing, a sentence that repeats more than 100 characters of the input, recorded events that "
        f"are gone, or a process left over. {plain(found.where)} Made with `{found.command}`."
    )
