"""The judge: a limit holds with its whole interval, a change when intervals are apart, and it says why."""

from dataclasses import replace

import pytest

from core.config import (
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    MitigationConfig,
    OptimizerConfig,
    RunConfig,
)
from core.course.challenges import (
    Pair,
    PairAnswer,
    PairChallenge,
    Prompt,
    PromptAnswer,
    PromptChallenge,
    RunChallenge,
)
from core.course.conditions import Condition, Limit, Setting, Smallest, Trend, Untrained
from core.course.judge import judge_pair, judge_run
from core.course.judge_prompts import judge_prompt
from core.course.measured_run import MeasuredRun
from core.course.measures import measured
from core.course.verdict import MET, MISSED, UNKNOWN, UNSURE, Verdict
from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation, Event, Step, Validation
from core.experiments.prompting import Row
from core.runs.record import RunSummary

N = 48
HEAD = {"id": "x", "lesson": "lora", "title": "X", "level": 1, "task": ".", "hint": ".", "why": "."}


def check(task: str, right: int, *, step: int = 20) -> Evaluation:
    return Evaluation(
        step=step,
        task=task,
        n=N,
        score=right / N,
        metric="exact_match",
        interval=wilson_interval(right, N),
        right_form=0.5,
        intervals={"right_form": wilson_interval(N // 2, N)},
    )


def step(number: int, loss: float) -> Step:
    return Step(
        step=number,
        loss=loss,
        learning_rate=1e-3,
        grad_norm=1.0,
        examples_per_s=1.0,
        tokens_per_s=1.0,
        tokens_computed=1,
        tokens_padded=1,
        step_s=1.0,
        elapsed_s=1.0,
    )


def run(*events: Event, config: RunConfig | None = None, trained: int = 10) -> MeasuredRun:
    summary = RunSummary(
        trainable_params=trained, total_params=1_000, steps=20, artifact_bytes=500_000
    )
    return MeasuredRun(run_id="r", config=config or RunConfig(), events=events, summary=summary)


def judged(condition: Condition, found: MeasuredRun, *others: MeasuredRun) -> Verdict:
    one = RunChallenge(**HEAD, conditions=(condition,), solution="", defaults="")  # type: ignore[arg-type]
    by_hash = {other.config.hash: other for other in others}
    return judge_run(one, found, lambda config: by_hash.get(config.hash))


def state(condition: Condition, found: MeasuredRun, *others: MeasuredRun) -> str:
    (finding,) = judged(condition, found, *others).findings
    return finding.state


@pytest.mark.parametrize(
    ("right", "came"), [(48, MET), (40, MET), (39, UNSURE), (34, UNSURE), (33, MISSED)]
)
def test_a_floor_holds_with_its_whole_interval(right: int, came: str) -> None:
    assert state(Limit(measure="names.after", at_least=0.7), run(check("names", right))) == came


@pytest.mark.parametrize(("right", "came"), [(0, MET), (22, MET), (23, UNSURE), (29, MISSED)])
def test_a_ceiling_likewise(right: int, came: str) -> None:
    assert state(Limit(measure="names.after", at_most=0.6), run(check("names", right))) == came


def test_where_the_challenge_says_so_what_was_measured_is_enough() -> None:
    limit = Limit(measure="names.after", at_least=0.7, sure=False)
    assert state(limit, run(check("names", 34))) == MET
    assert state(limit, run(check("names", 33))) == MISSED


def test_what_a_run_did_not_measure_is_not_decided() -> None:
    verdict = judged(Limit(measure="topic.after", at_least=0.7), run(check("names", 48)))
    assert verdict.findings[0].state == UNKNOWN
    assert (verdict.solved, verdict.words) == (False, "Not decided yet.")
    assert "Topic at the end: at least 0.7 is asked for; this run did not measure it." in (
        verdict.findings[0].words
    )


def test_the_sentence_names_figure_interval_and_examples() -> None:
    (finding,) = judged(
        Limit(measure="names.after", at_least=0.7), run(check("names", 36))
    ).findings
    assert finding.words == (
        "Names at the end: at least 0.7 is asked for; this run has 0.75 (95 % interval 0.61 to 0.85, 48 examples), "
        "too close to call."
    )


@pytest.mark.parametrize(
    ("first", "last", "goes", "came"),
    [
        (10, 40, "up", MET),
        (20, 24, "up", MISSED),
        (40, 10, "down", MET),
        (24, 20, "down", MISSED),
        (20, 24, "not up", MET),
        (10, 40, "not up", MISSED),
        (40, 10, "not up", MET),
        (40, 10, "not down", MISSED),
    ],
)
def test_a_score_changed_when_its_intervals_are_apart(
    first: int, last: int, goes: str, came: str
) -> None:
    found = run(check("names", first, step=0), check("names", last))
    assert state(Trend(measure="names", goes=goes), found) == came


@pytest.mark.parametrize(
    ("last", "goes", "came"),
    [(0.8, "down", MET), (0.95, "down", MISSED), (0.95, "not down", MET), (1.2, "up", MET)],
)
def test_a_loss_changed_by_more_than_a_tenth(last: float, goes: str, came: str) -> None:
    found = run(Validation(step=0, loss=1.0, n=8), Validation(step=20, loss=last, n=8))
    assert state(Trend(measure="validation", goes=goes), found) == came


def test_one_look_is_no_change() -> None:
    for measure in ("names", "validation", "loss"):
        found = run(check("names", 10), Validation(step=20, loss=1.0, n=8), step(1, 1.0))
        assert state(Trend(measure=measure, goes="down"), found) == UNKNOWN


def test_the_training_loss_is_a_mean_of_three_steps() -> None:
    found = run(*(step(n, loss) for n, loss in enumerate([3.0, 2.0, 1.0, 9.0, 0.1, 0.2, 0.3])))
    first, last = measured("loss.before", found), measured("loss.after", found)
    assert first
    assert last
    assert (first.value, last.value) == (pytest.approx(2.0), pytest.approx(0.2))


def test_shares_sizes_and_fields() -> None:
    found = run(check("names", 10), trained=1)
    assert state(Limit(measure="trained.percent", at_most=0.1), found) == MET
    assert state(Limit(measure="trained.percent", at_most=0.09), found) == MISSED
    assert state(Limit(measure="weights.mb", at_most=0.5), found) == MET
    assert state(Limit(measure="steps.after", at_least=21), found) == MISSED
    assert state(Limit(measure="names.right_form.after", at_least=0.3), found) == MET
    assert state(Limit(measure="names.precision.after", at_least=0.3), found) == UNKNOWN


@pytest.mark.parametrize(
    ("condition", "came"),
    [
        (Setting(setting="method.name", one_of=("lora",)), MET),
        (Setting(setting="method.name", one_of=("full", "prompt")), MISSED),
        (Setting(setting="method.rank", at_least=8), MET),
        (Setting(setting="method.rank", at_most=4), MISSED),
        (Setting(setting="method.target_modules", one_of=(["value"],)), MET),
        (Setting(setting="method.target_modules", one_of=(["query", "value"],)), MISSED),
    ],
)
def test_settings(condition: Setting, came: str) -> None:
    config = RunConfig(method=MethodConfig(target_modules=("value",)))
    assert state(condition, run(config=config)) == came


def test_what_a_cure_looked_at_counts_as_trained() -> None:
    kl = MitigationConfig(regularizer="kl", strength=1.0, keep=("names",))
    for config, came in (
        (RunConfig(), MET),
        (RunConfig(cure=kl), MISSED),
        (RunConfig(data=DataConfig(task="sentiment", others=("names",))), MISSED),
    ):
        assert state(Untrained(untrained="names"), run(config=config)) == came


def of_rank(rank: int, right: int) -> MeasuredRun:
    return run(check("names", right), config=RunConfig(method=MethodConfig(rank=rank)))


def smallest(found: MeasuredRun, *others: MeasuredRun) -> list[str]:
    one = RunChallenge(
        **HEAD,  # type: ignore[arg-type]
        conditions=(
            Limit(measure="names.after", at_least=0.7),
            Smallest(smallest="method.rank", sizes=(1, 2, 4, 8)),
        ),
        solution="",
        defaults="",
    )
    by_hash = {other.config.hash: other for other in others}
    verdict = judge_run(one, found, lambda config: by_hash.get(config.hash))
    return [finding.state for finding in verdict.findings]


def test_the_smallest_is_the_one_below_which_it_fails() -> None:
    assert smallest(of_rank(4, 45), of_rank(2, 20)) == [MET, MET]
    assert smallest(of_rank(4, 45), of_rank(2, 45)) == [MET, MISSED]
    assert smallest(of_rank(4, 45), of_rank(1, 20)) == [MET, UNKNOWN]
    assert smallest(of_rank(1, 45)) == [MET, MET]
    assert smallest(of_rank(3, 45), of_rank(2, 20)) == [MET, MISSED]  # no size that is compared


def test_a_run_of_another_seed_is_no_size_smaller() -> None:
    other = replace(of_rank(2, 20).config, seed=1)
    assert smallest(of_rank(4, 45), replace(of_rank(2, 20), config=other)) == [MET, UNKNOWN]


def test_another_model_is_said_first() -> None:
    config = RunConfig(model="gpt2")
    verdict = judged(
        Limit(measure="names.after", at_least=0.7), run(check("names", 48), config=config)
    )
    assert not verdict.solved
    assert verdict.findings[0].words == "The challenge is one for SmolLM2-135M-Instruct."


PAIR = PairChallenge(
    **HEAD,  # type: ignore[arg-type]
    pair=Pair(is_right=False, above=0.9),
    solution=PairAnswer(reference="", output=""),
    defaults=PairAnswer(reference="", output=""),
)
LONG = "the ferry to the island leaves at noon from the old harbour on every day of the week"


@pytest.mark.parametrize(
    ("reference", "output", "is_right", "came"),
    [
        (LONG, LONG.replace("noon", "nine"), False, True),
        (LONG, LONG.replace("noon", "nine"), True, False),
        (LONG, LONG, False, False),
        (LONG, f"“{LONG}”.", False, False),
        (LONG, "nothing at all", False, False),
        ("", "", False, False),
        ("?!", LONG, False, False),
        (
            "The old bridge is safe for cars and open to everyone again.",
            "The old bridge is not safe for cars and not open to everyone again.",
            False,
            False,
        ),
    ],
)
def test_a_wrong_answer_with_a_high_f1(
    reference: str, output: str, is_right: bool, came: bool
) -> None:
    verdict = judge_pair(PAIR, PairAnswer(reference=reference, output=output), is_right=is_right)
    assert verdict.solved is came
    assert verdict.findings[-1].words.endswith(".")


def row(labels: int, right: int, *, form: str = "chat", seed: int = 0) -> Row:
    return Row(
        kind="prompt",
        task="sentiment",
        labels=labels,
        seed=seed,
        form=form if labels else "",
        score=right / N,
        interval=wilson_interval(right, N),
        metric="exact_match",
        n=N,
        prompt_tokens=1.0,
        uncached_tokens=1.0,
        answer_tokens=1.0,
        seconds=(1.0,),
        cached_seconds=(1.0,),
    )


def prompted(
    prompt: Prompt, answer: PromptAnswer, rows: list[Row], found: MeasuredRun | None = None
) -> Verdict:
    one = PromptChallenge(
        **HEAD,  # type: ignore[arg-type]
        prompt=prompt,
        solution=answer,
        defaults=answer,
    )
    return judge_prompt(one, answer, rows, found)


def test_a_prompt_against_none() -> None:
    better = Prompt(better_than="no examples")
    answer = PromptAnswer(shots=1)
    assert prompted(better, answer, [row(0, 5), row(1, 40)]).solved
    assert prompted(better, answer, [row(0, 38), row(1, 40)]).findings[0].state == UNSURE
    assert prompted(better, answer, [row(0, 45), row(1, 10)]).findings[0].state == MISSED
    assert prompted(better, answer, [row(0, 5)]).findings[0].state == UNKNOWN
    assert prompted(better, PromptAnswer(shots=0), [row(0, 5)]).findings[0].state == MISSED


def test_a_prompt_against_fewer_examples_of_its_form_and_seed() -> None:
    worse, answer = Prompt(worse_than="fewer examples"), PromptAnswer(shots=8, seed=1)
    rows = [row(8, 10, seed=1), row(1, 40), row(1, 40, form="text", seed=1), row(2, 12, seed=1)]
    assert not prompted(worse, answer, rows).solved
    assert prompted(worse, answer, [*rows, row(1, 40, seed=1)]).solved


def test_a_prompt_against_a_tuned_model() -> None:
    better, answer, rows = Prompt(better_than="a tuned model"), PromptAnswer(shots=1), [row(1, 40)]
    tuned = run(check("sentiment", 10))
    assert prompted(better, answer, rows, tuned).solved
    assert not prompted(better, answer, rows, run(check("sentiment", 38))).solved
    assert not prompted(better, answer, rows).solved
    short = replace(tuned, summary=replace(tuned.summary, steps=5))
    assert not prompted(better, answer, rows, short).solved
    other = RunConfig(
        data=DataConfig(task="topic"),
        optimizer=OptimizerConfig(),
        evaluation=EvaluationConfig(tasks=("sentiment",)),
    )
    assert not prompted(better, answer, rows, replace(tuned, config=other)).solved
