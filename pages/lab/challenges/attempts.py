"""How a challenge is tried: a run is chosen, two texts are written, or a measured prompt is chosen."""

from dataclasses import dataclass

import streamlit as st

from core import recorded
from core.config import RunConfig
from core.course.challenges import (
    Challenge,
    PairAnswer,
    PairChallenge,
    PromptAnswer,
    PromptChallenge,
    RunChallenge,
)
from core.course.judge import judge_pair, judge_run
from core.course.judge_prompts import judge_prompt, prompt_rows
from core.course.measured_run import MeasuredRun, by_id, find
from core.course.verdict import Verdict
from core.experiments import prompting_record
from core.experiments.collections import SEEDS
from core.experiments.mitigations import LEARNED
from core.experiments.prompting import (
    SHOTS,
    TEXT_SHOTS,
    Row,
    prompt_evaluations,
    prompt_row,
)
from core.runs import prompt_evaluation
from core.runs.names import run_name
from core.runs.states import RunStatus
from pages.shared.engine import store

MOST_OWN = 50
JUDGE = "Let the judge look"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A run that one may show to the judge."""

    run_id: str
    label: str


def try_run(one: RunChallenge) -> Verdict | None:
    """Choose a run and ask the judge."""
    chosen = choose_run(one, set(one.tasks))
    if not chosen or not judge_button(one):
        return None
    return judge_run(one, by_id(chosen, store()), run_of)


def try_pair(one: PairChallenge) -> Verdict | None:
    """Write two texts and ask the judge."""
    left, right = st.columns(2)
    key = f"challenges_{one.id}"
    reference = left.text_area(
        "Reference", one.defaults.reference, max_chars=1_000, key=f"{key}_reference"
    )
    output = right.text_area("Answer", one.defaults.output, max_chars=1_000, key=f"{key}_output")
    said = st.radio(
        "As you judge it, the answer is",
        ("right", "wrong"),
        index=None,
        horizontal=True,
        key=f"{key}_said",
    )
    if not judge_button(one, disabled=said is None):
        return None
    answer = PairAnswer(reference=reference, output=output)
    return judge_pair(one, answer, is_right=said == "right")


def try_prompt(one: PromptChallenge, *, with_run: bool) -> Verdict | None:
    """Choose a measured prompt, and a run where one is to be beaten."""
    rows = measured_prompts()
    if not rows:
        st.caption("No prompt is measured yet.")
        return None
    chosen = st.selectbox(
        "A prompt that was measured",
        range(len(rows)),
        format_func=lambda n: prompt_label(rows[n]),
        key=f"challenges_{one.id}_prompt",
    )
    run = choose_run(one, {LEARNED}) if with_run else ""
    if not judge_button(one, disabled=with_run and not run):
        return None
    row = rows[chosen]
    answer = PromptAnswer(shots=row.labels, form=row.form or "chat", seed=row.seed, run=run)
    return judge_prompt(one, answer, rows, by_id(run, store()) if run else None)


def judge_button(one: Challenge, *, disabled: bool = False) -> bool:
    return st.button(JUDGE, key=f"challenges_{one.id}_judge", disabled=disabled)


def run_of(config: RunConfig) -> MeasuredRun | None:
    """The finished run of these settings, made here or recorded."""
    return find(config, store())


def choose_run(one: Challenge, tasks: set[str]) -> str:
    """A finished run of this machine or a recorded one that scored these tasks; "" where there is none."""
    found = {candidate.run_id: candidate.label for candidate in candidates(tasks)}
    if not found:
        st.caption("There is no finished run with these scores yet. Start one in the lesson.")
        return ""
    return st.selectbox(
        "A finished run",
        list(found),
        format_func=found.__getitem__,
        key=f"challenges_{one.id}_run",
    )


def candidates(tasks: set[str]) -> list[Candidate]:
    """Own runs, the newest first, then recorded ones."""
    done = [run for run in store().runs() if run.status is RunStatus.FINISHED]
    own = [
        Candidate(run_id=run.id, label=f"{run_name(run.config_dict)} · yours, {run.id[-6:]}")
        for run in done[:MOST_OWN]
        if tasks <= run.summary.scores.keys()
    ]
    shipped = [
        Candidate(run_id=run.run_id, label=f"{run_name(run.config_dict)} · recorded, {one.name}")
        for one in recorded.collections()
        for run in one.runs
        if tasks <= run.summary.scores.keys()
    ]
    return [*own, *shipped]


def measured_prompts() -> list[Row]:
    """Those measured on this machine, then the recorded ones of other settings."""
    wanted = [
        *prompt_evaluations(LEARNED, SHOTS, SEEDS),
        *prompt_evaluations(LEARNED, TEXT_SHOTS, SEEDS, form="text"),
    ]
    rows = [prompt_row(found) for one in wanted if (found := prompt_evaluation.find(one))]
    known = {(row.labels, row.form, row.seed) for row in rows}
    kept = prompting_record.recorded()
    rows += [
        row
        for row in prompt_rows(kept.rows if kept else ())
        if (row.labels, row.form, row.seed) not in known
    ]
    return sorted(rows, key=lambda row: (row.labels, row.form, row.seed))


def prompt_label(row: Row) -> str:
    """Such as "4 examples as a chat, seed 2"."""
    if not row.labels:
        return "no examples"
    examples = "1 example" if row.labels == 1 else f"{row.labels} examples"
    form = "as a chat" if row.form == "chat" else "in one message"
    return f"{examples} {form}, seed {row.seed}"
