"""How far a prediction is from what came, and when nobody can say whether it was right."""

from dataclasses import replace

import pytest

from core.config import RunConfig
from core.course.content import lesson
from core.course.figures import Figure, check_curve, check_metric, of_runs
from core.course.measured_run import MeasuredRun
from core.course.predictions import Bar, Chosen, Drawn, Option
from core.course.questions import Answer, Question, Why
from core.course.sources import Runs, kind_of
from core.errors import UserError
from core.events import Evaluation, Sample, Step
from core.experiments.collapse import LEAD, collapse
from core.runs.store import RunSummary
from tests.events import evaluation as made

WHY = Why(
    ask="Why?",
    answers=(
        Answer(text="a", explained="Yes.", right=True),
        Answer(text="b", explained="No."),
        Answer(text="c", explained="No."),
    ),
)
KEPT = Chosen(
    id="kept",
    ask="How many?",
    figure="textbook.names.after",
    options=(
        Option(text="below 0.3", high=0.3),
        Option(text="0.3 to 0.6", low=0.3, high=0.6),
        Option(text="above 0.6", low=0.6),
    ),
    why=WHY,
)
TEXTBOOK = Runs(
    runs="forgetting", settings={"method.name": "full", "optimizer.learning_rate": 3e-4}
)
SOURCES = {"textbook": TEXTBOOK}


def evaluation(step: int, task: str, score: float, interval: tuple[float, float]) -> Evaluation:
    return Evaluation(step=step, task=task, n=48, score=score, metric="contains", interval=interval)


def a_run(config: RunConfig | None = None) -> MeasuredRun:
    step = {"learning_rate": 0.0, "grad_norm": 0.0, "examples_per_s": 1.0, "tokens_per_s": 1.0}
    step |= {"tokens_computed": 1, "tokens_padded": 1, "step_s": 1.0, "elapsed_s": 1.0}
    return MeasuredRun(
        config=config or collapse(),
        events=(
            Sample(step=0, task="", prompt=LEAD, reference="", output="Amina and Omar"),
            evaluation(0, "names", 0.8, (0.7, 0.9)),
            Step(step=1, loss=2.0, **step),  # pyright: ignore
            evaluation(10, "names", 0.5, (0.3, 0.7)),
            Sample(step=20, task="", prompt=LEAD, reference="", output="Negative"),
            evaluation(20, "names", 0.1, (0.05, 0.2)),
        ),
        summary=RunSummary(),
    )


@pytest.mark.parametrize(
    ("value", "interval", "is_right", "distance"),
    [
        (0.1, (0.05, 0.2), True, 0.0),
        (0.5, (0.4, 0.55), False, 0.2),
        (0.25, (0.2, 0.35), None, 0.0),  # the interval crosses the border
        (0.35, (0.25, 0.45), None, 0.05),
    ],
)
def test_the_distance_to_a_range(
    value: float, interval: tuple[float, float], is_right: bool | None, distance: float
) -> None:
    came = KEPT.compare("below 0.3", Figure(values=(value,), interval=interval))
    assert came.is_right is is_right
    assert came.distance == pytest.approx(distance)


def test_a_range_inside_the_interval_stays_open() -> None:
    found = Figure(values=(0.45,), interval=(0.2, 0.7))
    assert KEPT.compare("0.3 to 0.6", found).is_right is None


def test_a_guess_that_is_no_option_is_refused() -> None:
    with pytest.raises(UserError, match="not among the options"):
        KEPT.compare("0.9", Figure(values=(0.1,)))


def test_an_answer_is_told_by_its_beginning() -> None:
    park = Chosen(
        id="park",
        ask="?",
        figure="textbook.answer.1.after",
        options=(
            Option(text="names", begins=("amina",)),
            Option(text="a label", begins=("positive", "negative")),
            Option(text="something else"),
        ),
        why=WHY,
    )
    assert park.compare("a label", Figure(text="Negative.")).is_right
    assert not park.compare("names", Figure(text="Negative.")).is_right
    assert park.compare("something else", Figure(text="The park")).distance == 0
    mine = park.measured(SOURCES, a_run())
    assert mine == Figure(text="Negative")


def test_the_reader_s_own_run_answers() -> None:
    found = KEPT.measured(SOURCES, a_run())
    assert found == Figure(values=(0.1,), interval=(0.05, 0.2))
    change = of_runs("names.change", [a_run()])
    assert change
    assert change.value == pytest.approx(-0.7)
    assert change.interval == pytest.approx((-0.85, -0.5))
    best = of_runs("names.best", [a_run()])
    assert best
    assert best.value == 0.8


def test_runs_are_taken_together_with_their_spread() -> None:
    other = a_run()
    other = MeasuredRun(
        config=other.config,
        events=(*other.events[:-1], evaluation(20, "names", 0.3, (0.15, 0.4))),
        summary=RunSummary(),
    )
    found = of_runs("names.after", [a_run(), other])
    assert found
    assert found.words == "0.20 (0.10 to 0.30 over 2 runs)"
    assert found.interval == pytest.approx((0.1, 0.3))


def test_a_drawn_curve_and_its_distance() -> None:
    drawn = Drawn(
        id="curve", ask="?", axis="names", curve="textbook.names", steps=(10, 20), why=WHY
    )
    found = drawn.measured(SOURCES, a_run())
    assert found
    assert [f.value for f in found] == [0.5, 0.1]
    assert drawn.compare([0.7, 0.2], found).distance == pytest.approx(0.15)
    assert drawn.points == ("step 10", "step 20")
    with pytest.raises(ValueError, match="argument"):
        drawn.compare([0.7], found)


def test_bars_of_several_sources_are_not_of_one_run() -> None:
    """A run of the reader's cannot answer for settings that it does not have."""
    bars = (
        Bar(text="LoRA", figure="lora.percent"),
        Bar(text="names", figure="textbook.names.after"),
    )
    drawn = Drawn(id="bars", ask="?", axis="share", bars=bars, why=WHY)
    sources = {
        "lora": kind_of({"count": {}})(count={"name": "lora"}),  # pyright: ignore
        "textbook": Runs(runs="forgetting", settings={"method.name": "full"}),
    }
    with pytest.raises(UserError, match="several settings"):
        drawn.measured(sources, a_run())


def test_a_run_answers_for_its_own_settings_or_where_any_run_is_meant() -> None:
    """Else a run of rank 8 would answer what rank 1 does."""
    other = a_run(collapse(rate=1e-3))
    assert TEXTBOOK.holds(collapse(seed=5))
    assert not TEXTBOOK.holds(other.config)
    asked_of_any = replace(KEPT, any_run=True)
    assert asked_of_any.measured(SOURCES, other) == Figure(values=(0.1,), interval=(0.05, 0.2))
    assert KEPT.measured(SOURCES, other) == KEPT.measured(SOURCES)
    bars = Drawn(
        id="bars",
        ask="?",
        axis="share",
        bars=(
            Bar(text="high", figure="textbook.names.after"),
            Bar(text="low", figure="gentle.names.after"),
        ),
        why=WHY,
    )
    settings = {"method.name": "full", "optimizer.learning_rate": 2e-5}
    sources = {**SOURCES, "gentle": Runs(runs="forgetting", settings=settings)}
    recorded, beside = bars.measured(sources), bars.measured(sources, a_run())
    assert recorded
    assert beside
    assert beside[0].value == 0.1  # its own bar, and no other
    assert beside[1] == recorded[1]


def test_a_prompt_that_another_run_watched_does_not_answer() -> None:
    park = lesson("forgetting").prediction("park")
    figures = lesson("forgetting").figures
    assert isinstance(park, Chosen)
    assert park.measured(figures, a_run()) == Figure(text="Negative")
    config = replace(collapse(), evaluation=replace(collapse().evaluation, prompts=("Hello?",)))
    assert park.measured(figures, a_run(config)) is None


def test_settings_name_one_run_for_each_seed() -> None:
    assert sorted(config.seed for config in TEXTBOOK.configs) == [0, 1, 2]
    assert collapse() in TEXTBOOK.configs
    for settings, said in (
        ({"method.name": "magic"}, "has no run"),
        ({"method.colour": "red"}, "not a setting"),
        ({"method.name": "full"}, "several settings"),
    ):
        with pytest.raises(UserError, match=said):
            _ = Runs(runs="forgetting", settings=settings).configs
    with pytest.raises(UserError, match="No collection"):
        _ = Runs(runs="alchemy").configs


def test_metrics_that_runs_do_not_measure_are_refused() -> None:
    for metric in (
        "names.after",
        "names.f1.before",
        "loss.first",
        "answer.4.after",
        "trained.percent",
    ):
        check_metric(metric, TEXTBOOK)
    for metric in (
        "topic.after",
        "names",
        "answer.5.after",
        "answer.0.after",
        "names.colour.after",
        "",
    ):
        with pytest.raises(UserError, match="not measured"):
            check_metric(metric, TEXTBOOK)
    check_curve("loss", TEXTBOOK)
    with pytest.raises(UserError, match="not measured"):
        check_curve("topic", TEXTBOOK)


@pytest.mark.parametrize(
    "answers",
    [
        WHY.answers[:2],
        (*WHY.answers[1:], Answer(text="d", explained="No.")),
        (*WHY.answers[:2], Answer(text="c", explained=" ")),
        (*WHY.answers, Answer(text="a", explained="Twice.")),
    ],
)
def test_a_question_is_whole(answers: tuple[Answer, ...]) -> None:
    with pytest.raises(UserError, match="question"):
        Question(id="q", ask="?", answers=answers)


def test_a_drawing_is_a_curve_or_bars() -> None:
    for parts in (
        {},
        {"curve": "a.b"},
        {"steps": (1,)},
        {"curve": "a.b", "bars": (Bar(text="x", figure="a.b"),)},
    ):
        with pytest.raises(UserError, match="curve with steps, or bars"):
            Drawn(id="d", ask="?", axis="y", why=WHY, **parts)  # pyright: ignore


def test_a_score_rises_or_falls_only_where_the_intervals_part() -> None:
    held_out = lesson("multitask").prediction("held_out")
    assert isinstance(held_out, Chosen)
    figures = lesson("multitask").figures
    low, near, high = (made(step, "formality", s) for step, s in enumerate((0.2, 0.35, 0.6)))
    later = replace(low, step=5)
    for first, last, came in (
        (low, high, "it rises"),
        (high, later, "it falls"),
        (low, near, "no clear change"),
    ):
        found = held_out.measured(figures, MeasuredRun(config=collapse(), events=(first, last)))
        assert found
        right = [o.text for o in held_out.options if held_out.compare(o.text, found).is_right]
        assert right == [came]


def test_ways_to_go_are_all_there() -> None:
    with pytest.raises(UserError, match="one option for each of up, open, down"):
        replace(KEPT, options=(Option(text="a", goes="up"), Option(text="b", goes="down")))
