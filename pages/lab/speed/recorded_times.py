"""The recorded times of the lesson of forgetting, and of two things that compute at once."""

import altair as alt
import pandas as pd
import streamlit as st

from core.bench import contention, lesson
from pages.shared.colours import AMBER, BLUE, GREEN, GREY
from pages.shared.plain import plain

PART_COLOURS = {
    "queue": GREY,
    "load": AMBER,
    "steps": BLUE,
    "answers": GREEN,
    "saving": "#CC79A7",
}


def part_rows(found: lesson.Lesson) -> pd.DataFrame:
    """Seconds of each part, a row for each in each scenario; each part begins where the last one ends."""
    rows = pd.DataFrame(
        [
            {"with": words, "part": part, "seconds": seconds}
            for words, parts in lesson.medians(found).items()
            for part, seconds in parts.items()
        ]
    )
    end = rows.groupby("with", sort=False).seconds.cumsum()
    return rows.assign(start=end - rows.seconds, end=end)


def part_chart(found: lesson.Lesson) -> alt.Chart:
    """A bar for each scenario, one part after the other."""
    return (
        alt.Chart(part_rows(found))
        .mark_bar(size=22)
        .encode(
            y=alt.Y(
                "with:N",
                sort=None,
                title=None,
                axis=alt.Axis(labelExpr="split(datum.label, ', ')", labelLimit=180),
            ),
            x=alt.X("start:Q", title="seconds of each part (medians)"),
            x2="end:Q",
            color=alt.Color(
                "part:N",
                title=None,
                sort=list(PART_COLOURS),
                scale=alt.Scale(domain=list(PART_COLOURS), range=list(PART_COLOURS.values())),
                legend=alt.Legend(orient="top", columns=3),
            ),
            tooltip=["with", "part", alt.Tooltip("seconds", format=".2f")],
        )
        .properties(height=alt.Step(44), description=lesson.headline(found))
    )


def aim_rows(found: lesson.Lesson | contention.Contention) -> pd.DataFrame:
    """What was measured beside what we aim at, a row each, in words; a dash where there is no aim."""
    is_lesson = isinstance(found, lesson.Lesson)
    rows = lesson.aims(found) if is_lesson else contention.ratios(found)
    spread = "lowest to highest" if is_lesson else "95 %"
    return pd.DataFrame(
        [
            {
                "": row.title,
                "median": f"{row.value:.2f}",
                spread: f"{row.low:.2f} to {row.high:.2f}" if row.low < row.high else "–",
                "aim: at most": f"{row.at_most:g}" if row.at_most else "–",
                "verdict": row.verdict or "–",
            }
            for row in rows
        ]
    ).set_index("")


def lesson_record(found: lesson.Lesson | None) -> None:
    """The record, or how to make one."""
    if found is None:
        how_to_record("lesson", "some eight minutes")
        return
    st.markdown(f"**{lesson.headline(found)}**")
    disturbed(found.stamp.disturbed)
    st.altair_chart(part_chart(found), width="stretch", key="speed_lesson")
    if lesson.aims(found):
        st.table(aim_rows(found))
    st.caption(
        f"{found.steps} steps, in the real queue with the real workers, without a browser. The table: the "
        "runs with a warm worker and kept answers. "
        f"{plain(found.where)} Made with `{found.command}`."
    )


def contention_record(found: contention.Contention | None) -> None:
    """The record, or how to make one."""
    if found is None:
        how_to_record("contention", "some ten minutes")
        return
    st.markdown(f"**{contention.headline(found)}**")
    disturbed(found.stamp.disturbed)
    st.table(aim_rows(found))
    st.caption(
        "How many times as long a step or a question takes, compared within each round: the median over the "
        f"rounds with its 95 % interval. {plain(found.where)} Made with `{found.command}`."
    )


def disturbed(reasons: tuple[str, ...]) -> None:
    if reasons:
        st.warning(f"This record is disturbed. {' '.join(reasons)}")


def how_to_record(name: str, how_long: str) -> None:
    st.caption(
        f"Nothing is recorded yet. Measure this machine: `python -m core bench {name} --record` "
        f"({how_long} of a quiet machine)."
    )
