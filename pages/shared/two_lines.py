"""The two lines under a score on labels, in charts: right form, and right by the likeliest label."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from core.evaluate.form_and_label import LIKELIEST_LABEL, LINES, RIGHT_FORM, Line

CAPTION = (
    f"Where answers are labels: | is the share of answers of the {RIGHT_FORM}, ◇ the share "
    f"{LIKELIEST_LABEL}, whatever was written."
)
_SHAPES = {"right_form": "stroke", "label_accuracy": "diamond"}


def line_columns(found: Sequence[Line]) -> dict[str, float | None]:
    """Both values for a row of a chart; None where they were not measured."""
    values = {line.field: line.value for line in found}
    return {field: values.get(field) for field in LINES}


def are_measured(rows: pd.DataFrame) -> bool:
    return any(field in rows and bool(rows[field].notna().to_numpy().any()) for field in LINES)


def line_marks(rows: pd.DataFrame, *, scale: alt.Scale, **encoding: Any) -> list[alt.Chart]:
    """A layer for each line over a chart whose x is a share; `encoding` says the rest, such as y."""
    return [
        alt.Chart(rows[rows[field].notna()])
        .mark_point(
            filled=False, size=110, strokeWidth=1.8, opacity=1, shape=_SHAPES[field], angle=90
        )
        .encode(
            x=alt.X(f"{field}:Q", scale=scale),
            tooltip=[alt.Tooltip(f"{field}:Q", format=".2f", title=name)],
            **encoding,
        )
        for field, name in LINES.items()
        if field in rows and bool(rows[field].notna().to_numpy().any())
    ]
