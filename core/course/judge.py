"""The judge of the challenges: it looks at what was measured, with the intervals, and says why.

    verdict = judge_run(challenge, by_id(run_id, store), find)
    verdict.solved, [finding.words for finding in verdict.findings]

A score comes from some dozens of test examples. So a limit holds only when the whole 95 % interval is on its side
(unless the challenge says otherwise), and a score has changed only when the intervals before and after do not touch.
On prompts decides core/course/judge_prompts.py.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.catalog import DEFAULT_MODEL, MODELS, TASKS
from core.config import RunConfig
from core.course.challenges import PairAnswer, PairChallenge, RunChallenge
from core.course.conditions import Condition, Limit, Setting, Smallest, Trend, Untrained
from core.course.measured_run import MeasuredRun
from core.course.measures import LOSSES, UNITS, measured, what_words, words_of
from core.course.sources import value_at
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
from core.evaluate.answers import exact_match
from core.evaluate.compare_texts import compare_texts
from core.evaluate.metric_failures import METRIC_FAILURES, SAME_SCORE
from core.evaluate.overlap import unicode_words
from core.experiments.plane import tasks_seen

Find = Callable[[RunConfig], MeasuredRun | None]


def judge_run(challenge: RunChallenge, run: MeasuredRun, find: Find) -> Verdict:
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
        return single(MISSED, "Both texts need words.")
    if tuple(map(unicode_words, texts)) in _prepared():
        return single(MISSED, "This pair is one of ours. Change it into your own.")
    if not pair.is_right and exact_match(*texts):
        return single(MISSED, "The answer is the reference itself, so it can hardly be wrong.")
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


def _finding(
    condition: Condition, run: MeasuredRun, find: Find, challenge: RunChallenge
) -> Finding:
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


def _of_limit(limit: Limit, run: MeasuredRun) -> Finding:
    found = measured(limit.measure, run)
    name = capital(words_of(limit.measure))
    is_floor = limit.at_least is not None
    bound = limit.at_least if limit.at_least is not None else limit.at_most or 0.0
    unit = UNITS.get(limit.measure, "")
    wanted = f"{name}: at {'least' if is_floor else 'most'} {bound:g}{unit} is asked for"
    if found is None:
        return Finding(state=UNKNOWN, words=f"{wanted}; this run did not measure it.")
    sign = 1 if is_floor else -1
    has_value = sign * found.value >= sign * bound
    sure = sign * (found.low if is_floor else found.high) >= sign * bound
    said = f"{wanted}; this run has {number(found, unit)}"
    if has_value and (sure or not limit.sure):
        return Finding(state=MET, words=f"{said}.")
    if has_value:
        return Finding(state=UNSURE, words=f"{said}, too close to call.")
    return Finding(state=MISSED, words=f"{said}.")


def _of_trend(trend: Trend, run: MeasuredRun) -> Finding:
    first = measured(f"{trend.measure}.before", run)
    last = measured(f"{trend.measure}.after", run)
    name = capital(what_words(trend.measure))
    if first is None or last is None:
        return Finding(
            state=UNKNOWN, words=f"{name}: this run did not measure it before and after."
        )
    went = way(first, last, is_loss=trend.measure in LOSSES)
    is_met = went != trend.goes[4:] if trend.goes.startswith("not ") else went == trend.goes
    said = {
        "up": "it went up",
        "down": "it went down",
        "": "there is no change that can be told from chance",
    }
    if trend.measure in LOSSES:
        said[""] = "it hardly changed"
    return Finding(
        state=MET if is_met else MISSED,
        words=f"{name}: it is {_must(trend.goes)}; from {number(first)} to {number(last)} {said[went]}.",
    )


def _must(goes: str) -> str:
    return {
        "up": "to go up",
        "down": "to go down",
        "not up": "not to go up",
        "not down": "not to go down",
    }[goes]


def _of_setting(setting: Setting, run: MeasuredRun) -> Finding:
    value = value_at(run.config, setting.setting)
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


def _of_smallest(
    smallest: Smallest, run: MeasuredRun, find: Find, challenge: RunChallenge
) -> Finding:
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


def _prepared() -> list[tuple[Any, Any]]:
    """Pairs that the lesson shows, as words."""
    pairs = [(one.reference, one.output) for one in METRIC_FAILURES.values()]
    pairs += [(SAME_SCORE.reference, one) for one in (SAME_SCORE.right, SAME_SCORE.wrong)]
    return [(unicode_words(a), unicode_words(b)) for a, b in pairs]


def _setting_words(path: str) -> str:
    """ "Learning rate" of `optimizer.learning_rate`, "Method" of `method.name`."""
    part, _, name = path.rpartition(".")
    return capital((part if name == "name" else name).replace("_", " "))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
