"""Lab: published findings, and which of them hold here, judged by the recorded runs."""

import streamlit as st

from core.findings import Result, Verdict, judged
from core.findings.all import GROUPS
from core.findings.verdict import FEWEST, MARGIN, MEANING
from core.recorded import files
from pages.lab.findings.figure import WAYS, figure_of, words_of
from pages.shared.plain import plain

MARKS = {
    Verdict.HOLDS: "✓",
    Verdict.PARTLY: "◐",
    Verdict.NOT_HERE: "✗",
    Verdict.NOT_DECIDED: "?",
    Verdict.NOT_RECORDED: "…",
}
"""Told apart by shape, and always beside the word."""

OPEN = {
    Verdict.PARTLY: "Only some of it is shown here. Read the parts before you rely on it.",
    Verdict.NOT_DECIDED: "These runs do not settle it, so do not rely on it either way.",
}
"""What it means for a reader, where nothing is settled."""


@st.cache_resource(show_spinner="Judging the findings…", max_entries=2)
def results(indexes: tuple[tuple[str, int], ...]) -> list[Result]:
    """Anew only when an index of the recorded runs was written."""
    del indexes
    return judged()


def indexes() -> tuple[tuple[str, int], ...]:
    """The indexes that there are, and when each was written."""
    found = sorted(files.FOLDER.glob(f"*/{files.INDEX}"))
    return tuple((path.parent.name, path.stat().st_mtime_ns) for path in found)


def choose_verdicts(found: list[Result]) -> list[Verdict]:
    """How many findings have each verdict; those that were chosen, or all."""
    counts = {verdict: sum(r.verdict is verdict for r in found) for verdict in Verdict}
    there = [verdict for verdict in Verdict if counts[verdict]]
    chosen = st.pills(
        f"{len(found)} published findings, by verdict. Choose some to see only those.",
        there,
        selection_mode="multi",
        format_func=lambda verdict: f"{MARKS[verdict]} {counts[verdict]} {verdict}",
        key="findings_verdicts",
    )
    return chosen or there


def card(result: Result) -> None:
    """One finding: closed it is a line, and only an open one is drawn."""
    finding, verdict = result.finding, result.verdict
    opened = st.expander(
        f"{MARKS[verdict]} **{finding.title}** · {verdict}",
        key=f"findings_{finding.name}",
        on_change="rerun",
        bind="query-params",
    )
    if not opened.open:
        return
    with opened:
        text, picture = st.columns([2, 3], gap="medium")
        with text:
            said(result)
        with picture:
            figures(result)


def said(result: Result) -> None:
    """The claim, the test, and what came of it."""
    finding = result.finding
    st.markdown(f"**Published:** {finding.claim}")
    st.caption(finding.cited)
    st.markdown(f"**Tested here:** {finding.experiment}")
    for part in result.parts:
        st.markdown(f"{MARKS[part.verdict]} **{part.verdict}:** {part.part.words}")
        st.caption(plain(part.why))
    if result.meaning:
        st.markdown(f"**For you:** {result.meaning}")
    elif result.verdict in OPEN:
        st.markdown(f"**For you:** {OPEN[result.verdict]}")
    if finding.limits:
        st.caption(f"Unlike the publication: {finding.limits}")


def figures(result: Result) -> None:
    """What was measured, with intervals, and how to measure it again."""
    if not result.shown:
        st.caption(
            f"None of its {result.n_wanted} figures is recorded yet. Its runs can be started with the commands "
            "below."
        )
    for score in dict.fromkeys(score for score, _ in result.shown):
        st.markdown(f"**{score[0].upper()}{score[1:]}**")
        st.plotly_chart(
            figure_of(result, score),
            width="stretch",
            key=f"findings_figure_{result.finding.name}_{score}",
            config={"displayModeBar": False},
            alt=words_of(result, score),
        )
    if result.shown:
        st.caption(
            f"{WAYS} {result.n_recorded} of {result.n_wanted} figures are recorded. "
            "Compared: filled; only shown: grey."
        )
    with st.popover("Measure it yourself", icon=":material/terminal:"):
        commands = [side.command for _, side in result.finding.sides if side.command]
        st.caption("One seed of each side; `--seed` gives the others.")
        st.code("\n".join(dict.fromkeys(commands)), language=None, wrap_lines=True)
        st.caption("The figures and the verdict as text:")
        st.code(f"python -m core findings show {result.finding.name}", language=None)


def rule() -> None:
    with st.expander("How a verdict is found"):
        st.markdown(
            f"A finding has one or more parts; each compares two sides, and each side has at least {FEWEST} seeds. A "
            "side's 95 % interval counts two things: there are only 48 test examples, and other seeds might have come "
            "out otherwise.\n\n"
            '- "Higher" holds where the two intervals do not overlap.\n'
            f'- "No worse" holds where the 95 % interval of the difference lies above −{MARGIN}; "as good", where all of it '
            f"lies within {MARGIN} either way.\n"
            "- Otherwise nothing is decided. That a difference is not shown does not mean that there is none."
        )
        st.markdown(
            "\n".join(
                f"- {MARKS[verdict]} **{verdict}:** {MEANING[verdict]}" for verdict in Verdict
            )
        )
        st.caption(
            "Among so many comparisons one may still come out by chance: take a verdict as a reason to try it yourself."
        )


st.title("Findings")
st.markdown(
    "**What holds at 135 million parameters?** Papers tune models that are ten to a thousand times as large. Here "
    "their findings meet the recorded runs of this small one, and code gives the verdict."
)
found = results(indexes())
wanted = choose_verdicts(found)
rule()
by_name = {result.finding.name: result for result in found}
for group, findings in GROUPS.items():
    mine = [r for f in findings if (r := by_name[f.name]).verdict in wanted]
    if mine:
        st.header(group)
    for result in mine:
        card(result)
