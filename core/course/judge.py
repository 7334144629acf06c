"""The judge of the challenges: it looks at what was measured, with the intervals, and says why.

    verdict = judge_run(challenge, evidence(run_id), find)
    verdict.solved, [finding.words for finding in verdict.findings]

A score comes from some dozens of test examples. So a limit holds only when the whole 95 % interval is on its side
(unless the challenge says otherwise), and a score has changed only when the intervals before and after do not touch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.catalog import DEFAULT_MODEL, MODELS, TASKS
from core.config import RunConfig
from core.course.challenges import (
    NOTHING,
    TUNED,
    Condition,
    Limit,
    PairAnswer,
    PairChallenge,
    PromptAnswer,
    PromptChallenge,
    RunChallenge,
    Setting,
    Smallest,
    Trend,
    Untrained,
)
from core.course.judge_evidence import (
    LOSSES,
    UNITS,
    Evidence,
    Measured,
    measured,
    what_words,
    words_of,
)
from core.evaluate.answers import exact_match
from core.evaluate.compare_texts import compare_texts
from core.evaluate.metric_failures import METRIC_FAILURES, SAME_SCORE
from core.evaluate.overlap import unicode_words
from core.experiments.mitigations import LEARNED
from core.experiments.plane import tasks_seen
from core.experiments.prompting import PROMPTED, Row

MET, MISSED, UNSURE, UNKNOWN = "met", "missed", "too close to call", "not measured"
LOSS_CHANGE = 0.1
"""A loss has no interval; it counts as changed by more than this share of itself."""
Find = Callable[[RunConfig], Evidence | None]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One condition and what became of it."""

    state: str
    """`MET`, `MISSED`, `UNSURE` or `UNKNOWN`."""
    words: str
    """A sentence."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    findings: tuple[Finding, ...]

    @property
    def solved(self) -> bool:
        return all(finding.state == MET for finding in self.findings)

    @property
    def words(self) -> str:
        """What came of all of them together."""
        if self.solved:
            return "Solved."
        open_ = [finding for finding in self.findings if finding.state != MET]
        if all(finding.state in (UNSURE, UNKNOWN) for finding in open_):
            return "Not decided yet."
        return "Not solved."


def judge_run(challenge: RunChallenge, run: Evidence, find: Find) -> Verdict:
    """Every condition, on this run; `find` gives the run that it is compared with, by its settings."""
    base = Setting(setting="model", one_of=(DEFAULT_MODEL,))
    findings = [_finding(one, run, find, challenge) for one in challenge.conditions]
    model = _of_setting(base, run)
    if model.state != MET:
        title = MODELS[DEFAULT_MODEL].title
        findings.insert(0, replace(model, words=f"The challenge is one for {title}."))
    return Verdict(findings=tuple(findings))


def judge_pair(challenge: PairChallenge, answer: PairAnswer, *, is_right: bool) -> Verdict:
    """Whether the answer is right is for the reader to say: the score cannot, which is the point."""
    pair, texts = challenge.pair, (answer.reference, answer.output)
    if not all(map(unicode_words, texts)):
        return _single(MISSED, "Both texts need words.")
    if tuple(map(unicode_words, texts)) in _prepared():
        return _single(MISSED, "This pair is one of ours. Change it into your own.")
    if not pair.is_right and exact_match(*texts):
        return _single(MISSED, "The answer is the reference itself, so it can hardly be wrong.")
    kind = "right" if pair.is_right else "wrong"
    judged = Finding(
        state=MET if is_right == pair.is_right else MISSED,
        words=f"You judge the answer {'right' if is_right else 'wrong'}; a {kind} one is asked for.",
    )
    f1 = compare_texts(*texts, n=pair.n).overlap.f1
    what = "F1" if pair.n == 1 else f"F1 of {pair.n} words in a row"
    if pair.above is not None:
        is_met, wanted = f1 > pair.above, f"above {pair.above:g}"
    else:
        is_met, wanted = f1 < (pair.below or 0.0), f"below {pair.below:g}"
    found = Finding(
        state=MET if is_met else MISSED, words=f"{what} is {f1:.2f}; {wanted} is asked for."
    )
    return Verdict(findings=(judged, found))


def judge_prompt(
    challenge: PromptChallenge,
    answer: PromptAnswer,
    rows: Sequence[Row],
    run: Evidence | None = None,
) -> Verdict:
    """A prompt that was measured, beside what it is compared with; `rows` are all measured prompts."""
    prompt = challenge.prompt
    mine = _row(rows, answer.shots, answer.form, answer.seed)
    if mine is None:
        return _single(UNKNOWN, f"{_prompt_words(answer)} was not measured.")
    if prompt.other == TUNED:
        return _against_tuned(mine, answer, run)
    if not answer.shots:
        return _single(MISSED, "This prompt has no examples itself: choose one that has.")
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
        return _single(UNKNOWN, f"There is no measurement with {what} to set beside it.")
    best = next((one for one in compared if one.state == MET), compared[0])
    return Verdict(findings=(best,))


def prompt_rows(rows: Iterable[Row]) -> list[Row]:
    """Those that were measured on reviews by prompting."""
    return [row for row in rows if row.kind == PROMPTED and row.task == LEARNED]


def _finding(condition: Condition, run: Evidence, find: Find, challenge: RunChallenge) -> Finding:
    match condition:
        case Limit():
            return _of_limit(condition, run)
        case Trend():
            return _of_trend(condition, run)
        case Setting():
            return _of_setting(condition, run)
        case Untrained(untrained=task):
            saw = task in tasks_seen(run.config)
            title = TASKS[task].title
            words = f"{title} is {'' if saw else 'not '}among what the run trained on or looked at."
            return Finding(state=MISSED if saw else MET, words=words)
        case Smallest():
            return _of_smallest(condition, run, find, challenge)


def _of_limit(limit: Limit, run: Evidence) -> Finding:
    found = measured(limit.measure, run)
    name = _capital(words_of(limit.measure))
    is_floor = limit.at_least is not None
    bound = limit.at_least if limit.at_least is not None else limit.at_most or 0.0
    unit = UNITS.get(limit.measure, "")
    wanted = f"{name}: at {'least' if is_floor else 'most'} {bound:g}{unit} is asked for"
    if found is None:
        return Finding(state=UNKNOWN, words=f"{wanted}; this run did not measure it.")
    sign = 1 if is_floor else -1
    has_value = sign * found.value >= sign * bound
    sure = sign * (found.low if is_floor else found.high) >= sign * bound
    said = f"{wanted}; this run has {_number(found, unit)}"
    if has_value and (sure or not limit.sure):
        return Finding(state=MET, words=f"{said}.")
    if has_value:
        return Finding(state=UNSURE, words=f"{said}, too close to call.")
    return Finding(state=MISSED, words=f"{said}.")


def _of_trend(trend: Trend, run: Evidence) -> Finding:
    first = measured(f"{trend.measure}.before", run)
    last = measured(f"{trend.measure}.after", run)
    name = _capital(what_words(trend.measure))
    if first is None or last is None:
        return Finding(
            state=UNKNOWN, words=f"{name}: this run did not measure it before and after."
        )
    way = _way(first, last, is_loss=trend.measure in LOSSES)
    is_met = way != trend.goes[4:] if trend.goes.startswith("not ") else way == trend.goes
    said = {
        "up": "it went up",
        "down": "it went down",
        "": "there is no change that can be told from chance",
    }
    if trend.measure in LOSSES:
        said[""] = "it hardly changed"
    return Finding(
        state=MET if is_met else MISSED,
        words=f"{name}: it is {_must(trend.goes)}; from {_number(first)} to {_number(last)} {said[way]}.",
    )


def _way(first: Measured, last: Measured, *, is_loss: bool) -> str:
    """ "up", "down", or "" for neither."""
    if is_loss:
        change = (last.value - first.value) / first.value if first.value else 0.0
        return "up" if change > LOSS_CHANGE else "down" if change < -LOSS_CHANGE else ""
    return "up" if last.low > first.high else "down" if last.high < first.low else ""


def _must(goes: str) -> str:
    return {
        "up": "to go up",
        "down": "to go down",
        "not up": "not to go up",
        "not down": "not to go down",
    }[goes]


def _of_setting(setting: Setting, run: Evidence) -> Finding:
    value = _value(run.config, setting.setting)
    title = _setting_words(setting.setting)
    if setting.one_of:
        allowed = [_plain(one) for one in setting.one_of]
        is_met = _plain(value) in allowed
        wanted = " or ".join(map(_shown, allowed))
    elif setting.at_least is not None:
        is_met, wanted = value >= setting.at_least, f"at least {setting.at_least:g}"
    else:
        is_met, wanted = value <= (setting.at_most or 0), f"at most {setting.at_most:g}"
    return Finding(
        state=MET if is_met else MISSED,
        words=f"{title}: {wanted} is asked for; this run has {_shown(_plain(value))}.",
    )


def _of_smallest(smallest: Smallest, run: Evidence, find: Find, challenge: RunChallenge) -> Finding:
    name, size = _setting_words(smallest.smallest), smallest.size(run.config)
    if size not in smallest.sizes:
        sizes = ", ".join(map(str, smallest.sizes))
        return Finding(
            state=MISSED, words=f"{name} {size} is not compared; choose one of: {sizes}."
        )
    smaller = smallest.smaller(run.config)
    if smaller is None:
        return Finding(state=MET, words=f"{name} {size} is the smallest there is.")
    below, other = smallest.size(smaller), find(smaller)
    if other is None:
        return Finding(
            state=UNKNOWN,
            words=f"{name} {below} with the same settings is not measured yet: run it as well.",
        )
    others = [c for c in challenge.conditions if not isinstance(c, Smallest)]
    works = all(_finding(one, other, find, challenge).state == MET for one in others)
    does = "does it, too" if works else "does not do it"
    return Finding(
        state=MISSED if works else MET, words=f"{name} {below} with the same settings {does}."
    )


def _against_tuned(mine: Row, answer: PromptAnswer, run: Evidence | None) -> Verdict:
    if run is None:
        return _single(UNKNOWN, "Choose a run that was tuned on reviews, too.")
    if run.config.data.tasks != (LEARNED,):
        return _single(MISSED, "The run is to be tuned on reviews and on nothing else.")
    theirs = measured(f"{LEARNED}.after", run)
    if theirs is None:
        return _single(UNKNOWN, "The run was not scored on reviews.")
    trained = Finding(
        state=MET if run.summary.steps >= LEAST_STEPS else MISSED,
        words=f"The run is to have at least {LEAST_STEPS} steps; it has {run.summary.steps}.",
    )
    best = _compared(_measured_row(mine), theirs, is_better=True)
    return Verdict(findings=(trained, best))


LEAST_STEPS = 20
"""Of a tuned model that a prompt is to beat: fewer would be no training."""


def _compared(mine: Measured, other: Measured, *, is_better: bool) -> Finding:
    way = _way(other, mine, is_loss=False)
    wanted = "up" if is_better else "down"
    said = f"{_capital(_number(mine))} against {_number(other)}"
    if way == wanted:
        return Finding(state=MET, words=f"{said}: {'higher' if is_better else 'lower'} for sure.")
    if not way:
        return Finding(state=UNSURE, words=f"{said}: the intervals overlap.")
    return Finding(state=MISSED, words=f"{said}: {'lower' if is_better else 'higher'}.")


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


def _single(state: str, words: str) -> Verdict:
    return Verdict(findings=(Finding(state=state, words=words),))


def _prepared() -> list[tuple[Any, Any]]:
    """Pairs that the lesson shows, as words."""
    pairs = [(one.reference, one.output) for one in METRIC_FAILURES.values()]
    pairs += [(SAME_SCORE.reference, one) for one in (SAME_SCORE.right, SAME_SCORE.wrong)]
    return [(unicode_words(a), unicode_words(b)) for a, b in pairs]


def _number(found: Measured, unit: str = "") -> str:
    digits = f"{found.value:.2f}" if found.value >= 0.1 or not found.value else f"{found.value:.2g}"
    if found.low == found.high:
        return f"{digits}{unit}"
    return f"{digits}{unit} (95 % interval {found.low:.2f} to {found.high:.2f}, {found.n} examples)"


def _setting_words(path: str) -> str:
    """ "Learning rate" of `optimizer.learning_rate`, "Method" of `method.name`."""
    part, _, name = path.rpartition(".")
    return _capital((part if name == "name" else name).replace("_", " "))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _value(config: Any, path: str) -> Any:
    for name in path.split("."):
        config = getattr(config, name)
    return config


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
