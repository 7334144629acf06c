"""Two models on the same examples: who is right where, and whether that may be luck."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from core.evaluate.classification import UNPARSED
from core.evaluate.examples import MEASURES, Judged, scores
from core.evaluate.form_and_label import forms_of_two
from core.evaluate.paired import compare_paired, in_one_line
from pages.lessons.evaluation.any_model import BINARY
from pages.shared.cards import shared_words
from pages.shared.colours import BLUE, GREY, ORANGE


def on_both(
    rows: Sequence[Judged], others: Sequence[Judged]
) -> tuple[list[Judged], list[Judged]] | None:
    """The rows of the examples that both have; None where there are none."""
    theirs = {row.number: row for row in others}
    mine = [row for row in rows if row.number in theirs]
    return (mine, [theirs[row.number] for row in mine]) if mine else None


def show_comparison(
    rows: Sequence[Judged], others: Sequence[Judged], names: tuple[str, str], measure: str
) -> None:
    """One model against another on the same examples, in a line, a chart and a table."""
    found = compare_paired(scores(rows, measure), scores(others, measure))
    line = in_one_line(found, *names)
    st.markdown(f"**{line[0].upper()}{line[1:]}**")
    parsed = [[row.label != UNPARSED for row in found if row.label] for found in (rows, others)]
    if warning := forms_of_two(parsed, names):
        st.markdown(warning)
    st.altair_chart(difference_chart(rows, others, names, measure), width="stretch")
    how = (
        "McNemar's exact test looks only at examples that exactly one of the two gets right."
        if found.p_value is not None
        else "The examples are drawn again 10,000 times with replacement (paired bootstrap)."
    )
    st.caption(f"{how} In brackets: 95 % interval of the difference, by paired bootstrap.")
    shared = shared_words([row.prompt for row in rows])
    table = [
        {
            "number": one.number,
            "right answer": one.reference,
            names[0]: one.output,
            names[1]: other.output,
            "difference": round(getattr(other, measure) - getattr(one, measure), 3),
            "prompt": ("… " if shared else "") + one.prompt[shared:],
        }
        for one, other in zip(rows, others, strict=True)
        if getattr(one, measure) != getattr(other, measure)
    ]
    if table:
        st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch", height=280)


def difference_chart(
    rows: Sequence[Judged], others: Sequence[Judged], names: tuple[str, str], measure: str
) -> alt.Chart:
    """Right or wrong: how many examples fall to whom. Else: how the differences are spread."""
    pairs = list(zip(scores(rows, measure), scores(others, measure), strict=True))
    if measure in BINARY:
        kinds = {
            (1, 1): ("both right", GREY),
            (1, 0): (f"only {names[0]}", ORANGE),
            (0, 1): (f"only {names[1]}", BLUE),
            (0, 0): ("both wrong", "#c9ccd1"),
        }
        counts = [
            {"kind": name, "examples": pairs.count(pair)} for pair, (name, _) in kinds.items()
        ]
        heading = ", ".join(f"{row['kind']}: {row['examples']}" for row in counts)
        return (
            alt.Chart(pd.DataFrame(counts), title="Who is right on how many examples")
            .mark_bar()
            .encode(
                x=alt.X("examples:Q", title="examples"),
                y=alt.Y(
                    "kind:N",
                    title=None,
                    sort=None,
                    axis=alt.Axis(labelLimit=260, labelOverlap=False),
                ),
                color=alt.Color(
                    "kind:N",
                    legend=None,
                    scale=alt.Scale(
                        domain=[name for name, _ in kinds.values()],
                        range=[colour for _, colour in kinds.values()],
                    ),
                ),
                tooltip=["kind", "examples"],
            )
            .properties(height=alt.Step(26), description=heading)
        )
    frame = pd.DataFrame({"difference": [other - one for one, other in pairs]})
    better = sum(other > one for one, other in pairs)
    worse = sum(other < one for one, other in pairs)
    heading = f"{names[1]} scores higher on {better} examples, lower on {worse}"
    return (
        alt.Chart(frame, title=heading)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X(
                "difference:Q", bin=alt.Bin(step=0.1), title=f"difference in {MEASURES[measure]}"
            ),
            y=alt.Y("count():Q", title="examples"),
            tooltip=[alt.Tooltip("count()", title="examples")],
        )
        .properties(height=220, description=heading)
    )
