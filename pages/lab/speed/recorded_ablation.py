"""The recorded ablation: how much longer it takes without each part of the accelerator."""

import altair as alt
import pandas as pd
import streamlit as st

from core.bench.ablation import Ablation, by_part, differences, finding, gains, verdict
from core.bench.ablation_parts import PARTS, WORKLOADS
from pages.shared.colours import BLUE, ORANGE
from pages.shared.plain import plain


def gain_rows(found: Ablation) -> pd.DataFrame:
    """A row for each part in each workload."""
    return pd.DataFrame(
        [
            {
                "part": gain.part.title,
                "of": WORKLOADS[gain.workload],
                "times": gain.ratio,
                "low": gain.low,
                "high": gain.high,
                "with_s": gain.seconds,
                "without_s": gain.seconds_off,
                "compared with": PARTS[gain.part.against].title + ": off"
                if gain.part.against
                else "everything on",
                "instead": gain.part.off,
                "verdict": verdict(group),
                "code": gain.part.code,
            }
            for group in by_part(gains(found)).values()
            for gain in group
        ]
    )


def gain_chart(found: Ablation) -> alt.LayerChart | alt.FacetChart:
    """The ratios with their intervals; right of the line at 1 a part saves time."""
    rows = gain_rows(found)
    base = alt.Chart(rows).encode(
        y=alt.Y("part:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
        yOffset=alt.YOffset("of:N", sort=list(WORKLOADS.values())),
        color=alt.Color(
            "of:N",
            title=None,
            sort=list(WORKLOADS.values()),
            scale=alt.Scale(range=[BLUE, ORANGE, "#3d4450"]),
            legend=alt.Legend(orient="top"),
        ),
    )
    points = base.mark_point(filled=True, size=70).encode(
        x=alt.X("times:Q", title="times as long without it (line: 95 % interval)").scale(
            zero=False
        ),
        tooltip=["part", "of", alt.Tooltip("times", format=".3f"), "compared with", "instead"],
    )
    spread = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")
    one = alt.Chart(pd.DataFrame({"x": [1.0]})).mark_rule(strokeDash=[4, 4]).encode(x="x:Q")
    return (one + spread + points).properties(height=alt.Step(14), description=finding(found))


def ablation_record(found: Ablation | None) -> None:
    """The record, or how to make one."""
    if found is None:
        st.caption(
            "Nothing is recorded yet. Measure this machine: `python -m core bench ablation --record` "
            "(some eight minutes of a quiet machine)."
        )
        return
    st.markdown(f"**{finding(found)}**")
    if found.stamp.disturbed:
        st.warning(f"This record is disturbed. {' '.join(found.stamp.disturbed)}")
    st.altair_chart(gain_chart(found), width="stretch", key="speed_ablation")
    unlike = max((gap for w, gap in differences(found).items() if w != "answer"), default=0.0)
    st.caption(
        "Each part is switched off alone, by turns with everything on, on the same batches at the same "
        f"weights; losses and gradient norms differ by at most {100 * unlike:.1f} %. {plain(found.where)} Made "
        f"with `{found.command}`."
    )
    with st.expander("All figures, and the code of each part"):
        st.dataframe(gain_rows(found), hide_index=True, width="stretch")
