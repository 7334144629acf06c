"""Lesson, costs: what requests cost either way, and from which one on training pays."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from core.evaluate.apart import are_apart, interval_words
from core.experiments.break_even import BreakEven, break_even
from core.experiments.prompting import TUNED, Way
from pages.lessons.choice.figures import LOOKS, NEAR, best, name_of
from pages.shared.colours import GREY
from pages.shared.one_of import one_of

MOST_REQUESTS = 1_000_000
TIME_TICKS = {
    "tickvals": [1, 60, 3600, 86_400],
    "ticktext": ["1 second", "1 minute", "1 hour", "1 day"],
}
"""Of an axis of seconds, in words that a person counts in."""


def in_legend(way: Way) -> str:
    """Its name on two lines where it is long: a legend does not wrap, and a phone would cut it."""
    return name_of(way).replace(" (", "<br>(")


def when_it_pays(found: Sequence[Way], *, with_scores: bool) -> tuple[str, bool]:
    """The break-even chart; returns the unit and whether prompts are cached."""
    st.header("When does training pay?")
    left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
    prompts = [way for way in found if not way.is_tuned]
    names = [name_of(way) for way in prompts]
    top = best(found, tuned=False)
    usual = prompts.index(top) if top else 0
    chosen = left.selectbox("Instead of", names, usual, key=f"choice_against_{len(names)}_{usual}")
    unit = one_of(
        middle.segmented_control,
        "Cost in",
        ("seconds", "tokens"),
        default="seconds",
        key="choice_unit",
        bind="query-params",
    )
    cached = right.toggle("With a prompt cache", key="choice_cached", bind="query-params")
    prompted = prompts[names.index(chosen)]
    of_kind = [[way for way in found if way.kind == kind] for kind in TUNED]
    tuned = [way for mine in of_kind if (way := best(mine, tuned=True, near=NEAR))]
    costs = {way: way.cost(unit, cached=cached) for way in (prompted, *tuned)}
    met = {way: break_even(costs[way], costs[prompted]) for way in tuned}
    for way in tuned:
        beside = score_beside(prompted, way) if with_scores else ""
        st.markdown(f"**{name_of(way)} {pay_words(met[way], unit)}.** {beside}")
    figure = break_even_figure(prompted, tuned, unit=unit, cached=cached)
    st.plotly_chart(figure, width="stretch", key="choice_break_even")
    st.caption(
        "Total = training + requests × cost of a request. Of each method, the fewest examples that score "
        f"within {NEAR:g} of its best. The chart compares costs only: look at the scores above it. "
        + (
            "A training token costs about three times a token that is only read, as gradients are "
            "computed, too; here each counts as one."
            if unit == "tokens"
            else "Your own time for labelling and for writing prompts is not included."
        )
    )
    return unit, cached


def pay_words(met: BreakEven, unit: str) -> str:
    """When tuning pays, as certain as it is."""
    if met.requests is None:
        if met.earliest is None:
            return f"never pays in {unit}: its requests cost no less"
        return (
            f"does not pay in {unit} by these medians, though their intervals leave open that it "
            f"does, from request {met.earliest:,} on"
        )
    if met.requests == met.latest == 1:
        return f"pays in {unit} from the first request"
    said = f"pays in {unit} from request {met.requests:,} on"
    if met.latest is None:
        return f"{said}, though the intervals leave open whether it ever does"
    if met.earliest == met.latest:
        return said
    return f"{said} (between {met.earliest:,} and {met.latest:,})"


def break_even_figure(prompted: Way, tuned: Sequence[Way], *, unit: str, cached: bool) -> go.Figure:
    """Total cost over the number of requests; a ring where a tuned model becomes the cheaper one."""
    asked = prompted.cost(unit, cached=cached)
    costs = {way: way.cost(unit, cached=cached) for way in tuned}
    met = {way: break_even(cost, asked).requests for way, cost in costs.items()}
    widest = max((n for n in met.values() if n and n <= MOST_REQUESTS), default=400)
    requests = [0, max(10, round(2.5 * widest))]
    figure = go.Figure()
    for way, cost in ((prompted, asked), *costs.items()):
        colour = LOOKS[way.kind, "" if way.is_tuned else "chat"][1]
        figure.add_scatter(
            x=requests,
            y=[cost.total(n) for n in requests],
            mode="lines",
            line={"color": colour, "width": 3, "dash": "solid" if way.is_tuned else "dash"},
            name=in_legend(way),
            hoverinfo="skip",
        )
    for way, crossing in met.items():
        if crossing and crossing <= MOST_REQUESTS:
            figure.add_scatter(
                x=[crossing],
                y=[costs[way].total(crossing)],
                mode="markers+text",
                marker={
                    "color": LOOKS[way.kind, ""][1],
                    "symbol": "circle-open",
                    "size": 16,
                    "line": {"width": 3},
                },
                text=[f"{crossing:,}"],
                textposition="top left",
                textfont={"size": 14},
                hovertemplate=f"{name_of(way)}: cheaper from request {crossing:,} on<extra></extra>",
                showlegend=False,
            )
    return figure.update_layout(
        xaxis={"title": "requests", "tickformat": ",", "rangemode": "tozero"},
        yaxis={"title": f"total {unit}", "tickformat": ",", "rangemode": "tozero"},
        height=460,
        margin={"l": 10, "r": 10, "t": 20},
        legend={"orientation": "h", "y": -0.2},
    )


def cheaper_words(
    prompted: Way, tuned: Way, requests: int, *, unit: str, cached: bool, with_scores: bool
) -> str:
    """What a number of requests costs either way, how good both are, and what follows."""
    costs = [way.cost(unit, cached=cached).total(requests) for way in (prompted, tuned)]
    less = name_of(tuned if costs[1] < costs[0] else prompted)
    said = [
        f"{name_of(way)}: {amount(cost, unit)}"
        + (f", score {way.score:.2f}" if with_scores else "")
        for way, cost in zip((prompted, tuned), costs, strict=True)
    ]
    asked = f"{requests:,} request" + ("" if requests == 1 else "s")
    found = f"{asked}: {'; '.join(said)}. {less} costs less."
    if not with_scores:
        return found
    return f"{found} As for the scores, {interval_words(prompted.interval, tuned.interval)}."


def amount(value: float, unit: str) -> str:
    """Seconds in the unit a person would use, or tokens.

    >>> amount(7200, "seconds")
    '2.0 hours'
    """
    if unit != "seconds":
        return f"{value:,.0f} tokens"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} minutes" if value < 7200 else f"{value / 3600:,.1f} hours"


def total_figure(
    prompted: Way,
    tuned: Way,
    requests: int,
    *,
    unit: str,
    cached: bool,
    most: int,
    with_scores: bool,
) -> go.Figure:
    """Two lines of total cost over the requests, both axes logarithmic, with the chosen number marked."""
    figure = go.Figure()
    ends = [10 ** (k / 8) for k in range(8 * len(str(most)) - 7)]
    for way in (prompted, tuned):
        cost = way.cost(unit, cached=cached)
        colour = LOOKS[way.kind, "" if way.is_tuned else "chat"][1]
        figure.add_scatter(
            x=ends,
            y=[cost.total(n) for n in ends],
            mode="lines",
            line={"color": colour, "width": 3, "dash": "solid" if way.is_tuned else "dash"},
            name=in_legend(way) + (f": score {way.score:.2f}" if with_scores else ""),
            hovertemplate="%{x:,.0f} requests: %{y:,.3g} " + unit + "<extra></extra>",
        )
        figure.add_scatter(
            x=[requests],
            y=[cost.total(requests)],
            mode="markers",
            marker={"color": colour, "size": 13},
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_vline(x=requests, line={"color": GREY, "dash": "dot"})
    return figure.update_layout(
        xaxis={"title": "requests (log scale)", "type": "log", "tickformat": "~s", "dtick": 1},
        yaxis={"title": "total time" if unit == "seconds" else f"total {unit}", "type": "log"}
        | (TIME_TICKS if unit == "seconds" else {"tickformat": "~s", "dtick": 1}),
        height=340,
        margin={"l": 10, "r": 20, "t": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )


def score_beside(prompted: Way, tuned: Way) -> str:
    """What the comparison of costs leaves out."""
    one, other = prompted.interval, tuned.interval
    sure = (
        "The 95 % intervals do not overlap, so the two do not buy the same."
        if are_apart(one, other)
        else "The 95 % intervals overlap."
    )
    return (
        f"{name_of(prompted)} scores {prompted.score:.2f} [{one[0]:.2f}, {one[1]:.2f}], "
        f"{name_of(tuned)} {tuned.score:.2f} [{other[0]:.2f}, {other[1]:.2f}]. {sure}"
    )
