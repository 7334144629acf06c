"""What a tuning broke: the built-in probes before and after a run, as one picture, and the answers that flipped."""

import plotly.graph_objects as go
import streamlit as st

from core.errors import UserError
from core.percent import percent
from core.probes import kept
from core.probes.battery import SKILLS, battery
from core.probes.report import GAINED, KEPT, LOST, MARGIN, NOT_DECIDED, Report, SkillChange, compare
from core.runs.identity import identity_of_answers
from core.runs.messages import AskProbes, Probed
from pages.shared.cards import Card, show_cards
from pages.shared.colours import BLUE, GREEN, GREY, ORANGE
from pages.shared.engine import engine, store
from pages.shared.prepare import compute_button

MARKS = {
    LOST: ("triangle-down", ORANGE),
    NOT_DECIDED: ("diamond-open", GREY),
    KEPT: ("circle", GREEN),
    GAINED: ("triangle-up", BLUE),
}
"""Of each verdict the mark and its colour."""
MOST_FLIPS = 12


def broke_panel(run_id: str, *, key: str) -> None:
    """What else a run's tuning changed; nothing while it is under way, or where it left no weights."""
    run = store().get(run_id)
    if not run.status.is_over or not store().size_bytes(run_id):
        return
    try:
        report = _kept_report(run_id, run.config.model)
    except UserError:  # its settings are no longer valid; the page says so
        return
    st.subheader("What your tuning broke")
    if report is None:
        st.caption(
            f"{len(battery().probes)} fixed prompts on {len(SKILLS)} skills that the training did not ask for, "
            "answered before and after. The base model’s answers are kept for all its runs."
        )
        report = _ask(run_id, key=key)
    if report:
        show_report(report, key=key)


def _kept_report(run_id: str, model: str) -> Report | None:
    identity = identity_of_answers(model)
    before, after = kept.find(identity), kept.find(identity, run=run_id)
    return compare(before, after) if before and after else None


def _ask(run_id: str, *, key: str) -> Report | None:
    """Ask at the press of a button; any click stops it, and what the base model answered by then stays."""
    go_on, halt = st.columns([2, 1])
    if not compute_button(
        "Ask the probes", key=f"{key}_ask", place=go_on, is_primary=True, width="stretch"
    ):
        return None
    stop, bar = halt.empty(), st.progress(0.0, text="Waiting for the model")
    stop.button("Stop", key=f"{key}_stop", width="stretch")  # any click ends the loop below
    answered, of = 0, 0
    for message in engine().ask(AskProbes(run=run_id), beat=True):
        if isinstance(message, Probed):
            stop.empty()
            bar.empty()
            return compare(message.before, message.after)
        if message:
            answered, of = message.answered, message.of
        if of:  # redrawn every second: this is where a click stops the loop
            bar.progress(answered / of, text=f"{answered} of {of} answers")
        else:
            bar.progress(0.0, text="Waiting for the model")
    return None


def show_report(report: Report, *, key: str) -> None:
    """What was found, the picture, how to read it, and what flipped."""
    st.markdown(f"**{report.headline}**")  # a title in the picture would be cut off
    st.plotly_chart(
        broke_figure(report), width="stretch", key=f"{key}_picture", alt=report.headline
    )
    st.caption(
        f"Bars: 95 % intervals of the difference on the same prompts (Tango’s). Lost or gained: the interval "
        f"leaves out 0. Kept: it excludes a loss of more than {100 * MARGIN:.0f} points. Of nine intervals, one "
        "may miss by chance. One run, one seed."
    )
    with st.expander("The figures, and what counts as right"):
        st.dataframe([_row(skill) for skill in report.skills], hide_index=True, width="stretch")
    flipped = {skill.kind.title: skill for skill in report.skills if skill.flips}
    if not flipped:
        st.caption("No answer became right or wrong.")
        return
    titles = sorted(flipped, key=lambda title: flipped[title].difference)
    chosen = st.selectbox("Answers that flipped", titles, key=f"{key}_skill")
    show_flips(flipped[chosen])


def show_flips(skill: SkillChange) -> None:
    """Answers before and after, side by side; losses first."""
    n_lost = sum(flip.is_loss for flip in skill.flips)
    n_gained = len(skill.flips) - n_lost
    st.caption(
        f"{n_lost} became wrong, {n_gained} became right, of {skill.n}. An answer is right when it "
        f"{skill.kind.right_when}."
    )
    show_cards(
        [
            Card(
                prompt=flip.prompt,
                answers=[
                    ("before", flip.before),
                    ("now wrong" if flip.is_loss else "now right", flip.after),
                ],
            )
            for flip in skill.flips[:MOST_FLIPS]
        ]
    )
    if len(skill.flips) > MOST_FLIPS:
        st.caption(f"The first {MOST_FLIPS} of {len(skill.flips)}.")


def _row(skill: SkillChange) -> dict[str, object]:
    low, high = skill.interval
    return {
        "skill": skill.kind.title,
        "verdict": skill.verdict,
        "before": round(skill.before, 2),
        "after": round(skill.after, 2),
        "difference": f"{skill.difference:+.2f} [{low:+.2f}, {high:+.2f}]",
        "prompts": skill.n,
        "same answers": skill.n_equal,
        "words before": round(skill.words_before, 1),
        "words after": round(skill.words_after, 1),
        "right when the answer": skill.kind.right_when,
    }


def broke_figure(report: Report) -> go.Figure:
    """A row for each skill: its change with the interval, the mark saying lost, not decided, kept or gained."""
    figure = go.Figure()
    figure.add_vrect(
        x0=-100 * MARGIN, x1=0, fillcolor=GREY, opacity=0.12, line_width=0, layer="below"
    )
    figure.add_vline(x=0, line_color=GREY, line_width=1)
    order = sorted(report.skills, key=lambda skill: -skill.difference)
    for verdict, (symbol, colour) in MARKS.items():
        mine = [skill for skill in order if skill.verdict == verdict]
        if not mine:
            continue
        figure.add_scatter(
            x=[100 * skill.difference for skill in mine],
            y=[skill.kind.title for skill in mine],
            name=verdict,
            mode="markers+text",
            text=[f"{100 * skill.before:.0f} → {percent(skill.after)}" for skill in mine],
            textposition="top center",
            cliponaxis=False,
            marker={
                "symbol": symbol,
                "color": colour,
                "size": 14,
                "line": {"width": 2, "color": colour},
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [100 * (skill.interval[1] - skill.difference) for skill in mine],
                "arrayminus": [100 * (skill.difference - skill.interval[0]) for skill in mine],
                "color": colour,
            },
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    return figure.update_layout(
        xaxis={
            "title": "change, in points of 100",
            "range": [-125, 125],
            "tickvals": [-100, -50, 0, 50, 100],
        },
        yaxis={"categoryarray": [skill.kind.title for skill in order], "categoryorder": "array"},
        height=80 + 52 * len(order),
        legend={"orientation": "h", "y": -0.18},
        margin={"t": 20},
    )
