"""The judge of challenges on prompts: a prompt that was measured, beside another one or beside a tuned model."""

from collections.abc import Iterable, Sequence

from core.course.challenges import NOTHING, TUNED, PromptAnswer, PromptChallenge
from core.course.measured_run import MeasuredRun
from core.course.measures import Measured, measured
from core.course.verdict import (
    MET,
    MISSED,
    UNKNOWN,
    UNSURE,
    Finding,
    Verdict,
    capital,
    number,
    single,
    way,
)
from core.experiments.mitigations import LEARNED
from core.experiments.prompting import PROMPTED, Row

LEAST_STEPS = 20
"""Of a tuned model that a prompt is to beat: fewer would be no training."""


def judge_prompt(
    challenge: PromptChallenge,
    answer: PromptAnswer,
    rows: Sequence[Row],
    run: MeasuredRun | None = None,
) -> Verdict:
    """A prompt that was measured, beside what it is compared with; `rows` are all measured prompts."""
    prompt = challenge.prompt
    mine = _row(rows, answer.shots, answer.form, answer.seed)
    if mine is None:
        return single(UNKNOWN, f"{_prompt_words(answer)} was not measured.")
    if prompt.other == TUNED:
        return _against_tuned(mine, answer, run)
    if not answer.shots:
        return single(MISSED, "This prompt has no examples itself: choose one that has.")
    if prompt.other == NOTHING:
        others = [_row(rows, 0, "", answer.seed)]
    else:
        fewer = [row for row in rows if row.kind == PROMPTED and 0 < row.labels < answer.shots]
        others = [row for row in fewer if (row.form, row.seed) == (answer.form, answer.seed)]
    compared = [
        _compared(_measured_row(mine), _measured_row(row), is_better=bool(prompt.better_than))
        for row in others
        if row and row.labels != mine.labels
    ]
    if not compared:
        what = "no examples" if prompt.other == NOTHING else "fewer examples of this form and seed"
        return single(UNKNOWN, f"There is no measurement with {what} to set beside it.")
    best = next((one for one in compared if one.state == MET), compared[0])
    return Verdict(findings=(best,))


def prompt_rows(rows: Iterable[Row]) -> list[Row]:
    """Those that were measured on reviews by prompting."""
    return [row for row in rows if row.kind == PROMPTED and row.task == LEARNED]


def _against_tuned(mine: Row, answer: PromptAnswer, run: MeasuredRun | None) -> Verdict:
    if run is None:
        return single(UNKNOWN, "Choose a run that was tuned on reviews, too.")
    if run.config.data.tasks != (LEARNED,):
        return single(MISSED, "The run is to be tuned on reviews and on nothing else.")
    theirs = measured(f"{LEARNED}.after", run)
    if theirs is None:
        return single(UNKNOWN, "The run was not scored on reviews.")
    trained = Finding(
        state=MET if run.summary.steps >= LEAST_STEPS else MISSED,
        words=f"The run is to have at least {LEAST_STEPS} steps; it has {run.summary.steps}.",
    )
    best = _compared(_measured_row(mine), theirs, is_better=True)
    return Verdict(findings=(trained, best))


def _row(rows: Sequence[Row], shots: int, form: str, seed: int) -> Row | None:
    for row in prompt_rows(rows):
        if row.labels == shots and (not shots or (row.form, row.seed) == (form, seed)):
            return row
    return None


def _measured_row(row: Row) -> Measured:
    low, high = row.interval
    return Measured(value=row.score, low=low, high=high, n=row.n)


def _prompt_words(answer: PromptAnswer) -> str:
    if not answer.shots:
        return "A prompt without examples"
    examples = "1 example" if answer.shots == 1 else f"{answer.shots} examples"
    return f"A prompt with {examples} as {answer.form}, seed {answer.seed},"


def _compared(mine: Measured, other: Measured, *, is_better: bool) -> Finding:
    went = way(other, mine)
    wanted = "up" if is_better else "down"
    said = f"{capital(number(mine))} against {number(other)}"
    if went == wanted:
        return Finding(state=MET, words=f"{said}: {'higher' if is_better else 'lower'} for sure.")
    if not went:
        return Finding(state=UNSURE, words=f"{said}: the intervals overlap.")
    return Finding(state=MISSED, words=f"{said}: {'lower' if is_better else 'higher'}.")
