"""Labels: the confusion matrix, and the trade between precision and recall over a threshold."""

import html
from collections.abc import Sequence

import altair as alt
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.evaluate.apart import are_apart
from core.evaluate.classification import UNPARSED, ClassificationReport, classification_report
from core.evaluate.examples import Judged
from core.evaluate.thresholds import (
    AtThreshold,
    LabelRow,
    at_threshold,
    average_precision,
    likeliest_accuracy,
    precision_recall_curve,
)
from core.evaluate.uncertainty import wilson_interval
from core.evaluate.undefined import or_dash
from core.percent import percent
from pages.shared.colours import BLUE, GREY, ORANGE
from pages.shared.plain import plain


def report_of(rows: Sequence[Judged], labels: Sequence[str]) -> ClassificationReport:
    references, outputs = [row.reference for row in rows], [row.output for row in rows]
    return classification_report(references, outputs, labels)


def show_report(rows: Sequence[Judged], labels: Sequence[str]) -> float:
    """Confusion matrix beside precision, recall and F1 of every label; returns the accuracy."""
    report = report_of(rows, labels)
    left, right = st.columns(2)
    figure = confusion_figure(labels, report.confusion)
    left.plotly_chart(figure, width="stretch", key="evaluation_matrix")
    table = [
        {
            "label": label,
            "precision": or_dash(found.precision, 3),
            "recall": or_dash(found.recall, 3),
            "F1": or_dash(found.f1, 3),
            "examples": found.support,
        }
        for label, found in report.per_class.items()
    ]
    macro = {
        "label": "macro: mean of the labels",
        "precision": or_dash(report.macro_precision, 3),
        "recall": or_dash(report.macro_recall, 3),
        "F1": or_dash(report.macro_f1, 3),
        "examples": len(rows),
    }
    right.dataframe([*table, macro], hide_index=True, width="stretch")
    n_unparsed = sum(row[-1] for row in report.confusion)
    right.caption(
        f"{n_unparsed} of {len(rows)} answers are none of the labels (“unparsed”). They count as wrong: "
        "they lower the recall of the right label, and count in no label’s precision. A label that is never "
        "answered has no precision (–); in the macro average it counts as 0."
    )
    return report.accuracy


def confusion_finding(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> str:
    """The commonest mistake, in a line."""
    n = sum(map(sum, confusion))
    n_right = sum(confusion[k][k] for k in range(len(labels)))
    columns = [*labels, UNPARSED]
    mistakes = {
        (label, answer): confusion[i][j]
        for i, label in enumerate(labels)
        for j, answer in enumerate(columns)
        if i != j
    }
    (label, answer), most = max(mistakes.items(), key=lambda item: item[1])
    line = f"{n_right} of {n} right"
    return f"{line}; most often “{label}” → {answer}: {most}" if most else f"{line}, no mistake"


def confusion_figure(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> go.Figure:
    """Rows: the right label. Columns: the answer, the last one for answers that are no label."""
    columns = [*labels, UNPARSED]
    figure = go.Figure(
        go.Heatmap(
            z=[list(row) for row in confusion],
            x=[html.escape(name) for name in columns],  # Plotly reads tags in its texts
            y=[html.escape(label) for label in labels],
            colorscale=[
                [0, "#e8edf2"],
                [1, BLUE],
            ],  # opaque: the digits' colour suits it in any theme
            zmin=0,
            showscale=False,
            text=[list(row) for row in confusion],
            texttemplate="%{text}",
            hovertemplate="right: %{y}<br>answered: %{x}<br>%{z} examples<extra></extra>",
            xgap=3,
            ygap=3,
        )
    )
    heading = confusion_finding(labels, confusion)
    return figure.update_layout(
        title={"text": html.escape(heading), "font": {"size": 15}},
        xaxis={"title": "answer", "type": "category"},
        yaxis={"title": "right label", "autorange": "reversed", "type": "category"},
        height=140 + 56 * len(labels),
        margin={"t": 50, "b": 50},
    )


def likeliest_words(rows: Sequence[LabelRow], written: float) -> str:
    """The likeliest label as the answer, beside what the model wrote."""
    likeliest = likeliest_accuracy(rows)
    line = f"The likeliest label is right in {likeliest:.2f} of the examples, what it writes in {written:.2f}"
    n = len(rows)
    one, other = (wilson_interval(round(share * n), n) for share in (likeliest, written))
    missing = likeliest > written and are_apart(one, other)
    return line + (": what is missing is the form of the answer." if missing else ".")


def show_thresholds(rows: Sequence[LabelRow], written: float) -> None:
    """Choose a label and a threshold; see what it catches and what it costs.

    `written` is the accuracy of the model's written answers.
    """
    st.markdown(f"**{likeliest_words(rows, written)}**")
    labels: list[str] = list(rows[0].probabilities)
    left, right = st.columns(2)
    label = left.selectbox("Label to find", labels, key="evaluation_label", bind="query-params")
    threshold = right.slider(
        f"Say “{plain(label)}” at or above this probability",
        0.0,
        1.0,
        0.5,
        0.01,
        key="evaluation_threshold",
        bind="query-params",
    )
    probabilities = [row.probabilities[label] for row in rows]
    is_label = [row.reference == label for row in rows]
    here = at_threshold(probabilities, is_label, threshold)
    curve = precision_recall_curve(probabilities, is_label)
    left, right = st.columns(2)
    left.altair_chart(histogram(probabilities, is_label, label, here), width="stretch")
    right.altair_chart(curve_chart(curve, here), width="stretch")
    mass = sum(row.mass for row in rows) / len(rows)
    st.caption(
        f"Each label is scored as the whole answer, up to its end token; the shares shown sum to 1 over "
        f"the {len(labels)} labels. Of all probability, the labels hold {percent(mass, 1)} on average: the rest "
        "is on other answers, which this view leaves out."
    )


def histogram(
    probabilities: Sequence[float], is_label: Sequence[bool], label: str, here: AtThreshold
) -> alt.LayerChart | alt.FacetChart:
    """Where the examples lie, by their right label, and the threshold between them."""
    other = f"not “{label}”"
    kinds = [f"“{label}”", other]
    frame = pd.DataFrame(
        {
            "probability": probabilities,
            "right label": [kinds[0] if yes else other for yes in is_label],
        }
    )
    heading = (
        f"{here.threshold:.2f}: {here.true_positives} found, {here.false_positives} false alarms, "
        f"{here.false_negatives} missed"
    )
    bars = (
        alt.Chart(frame)
        .mark_bar(opacity=0.75)
        .encode(
            x=alt.X(
                "probability:Q",
                bin=alt.Bin(step=0.05, extent=[0, 1]),
                title=f"probability of “{label}”",
                scale=alt.Scale(domain=[0, 1]),
            ),
            y=alt.Y("count():Q", title="examples"),
            color=alt.Color(
                "right label:N",
                title="right answer",
                scale=alt.Scale(domain=kinds, range=[BLUE, ORANGE]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["right label", alt.Tooltip("count()", title="examples")],
        )
    )
    rule = (
        alt.Chart(pd.DataFrame({"threshold": [here.threshold]}))
        .mark_rule(color=GREY, strokeWidth=3)
        .encode(x="threshold:Q")
    )
    return (bars + rule).properties(title=heading, height=300, description=heading)


def curve_chart(curve: Sequence[AtThreshold], here: AtThreshold) -> alt.LayerChart | alt.FacetChart:
    """Precision over recall for every threshold; the dot is the chosen one."""
    scale = alt.Scale(domain=[0, 1])
    frame = pd.DataFrame([point.to_dict() for point in curve])
    heading = [
        f"Precision {or_dash(here.precision)}, recall {or_dash(here.recall)}, F1 {or_dash(here.f1)}",
        f"at {here.threshold:.2f}; average precision {average_precision(curve):.2f}",
    ]
    x, y = (alt.X("recall:Q", scale=scale), alt.Y("precision:Q", scale=scale))
    tooltip = [
        alt.Tooltip(name, format=".2f") for name in ("threshold", "recall", "precision", "f1")
    ]
    line = (
        alt.Chart(frame)
        .mark_line(color=BLUE, interpolate="step-before")
        .encode(x=x, y=y, order="recall", tooltip=tooltip)
    )
    dot = (
        alt.Chart(pd.DataFrame([here.to_dict()]))
        .mark_point(filled=True, size=160, color=ORANGE, opacity=1)
        .encode(x=x, y=y, tooltip=tooltip)
    )
    return (line + dot).properties(title=heading, height=300, description=" ".join(heading))
