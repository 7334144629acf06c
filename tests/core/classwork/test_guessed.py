"""Guesses of a class beside what came, on the recorded runs that ship with the app."""

from dataclasses import replace

import pytest

from core.classroom.guesses import Guess
from core.classwork.guessed import about, fan, histogram, nearest, option_of
from core.course.content import lesson
from core.course.predictions import Chosen, Drawn
from core.course.sources import MeasuredRun, Runs
from core.experiments.collapse import collapse

FORGETTING = lesson("forgetting")
PARK, CURVE = FORGETTING.prediction("park"), FORGETTING.prediction("names_curve")
assert isinstance(PARK, Chosen)
assert isinstance(CURVE, Drawn)
TUNED = "“positive” or “negative”"


def guess(space: str, said: str | tuple[float, ...]) -> Guess:
    return Guess(space=space, guess=said, at=0.0)


def recorded_runs() -> list[MeasuredRun]:
    source = FORGETTING.figures["textbook"]
    assert isinstance(source, Runs)
    return source.measured()


def test_before_the_truth_only_guesses_are_told() -> None:
    given = [
        guess("a", TUNED),
        guess("b", TUNED),
        guess("c", "something else"),
        guess("d", "a joke"),
    ]
    found = histogram(FORGETTING, PARK, given, recorded_runs(), with_truth=False)
    assert {o.text: o.spaces for o in found.options if o.n} == {
        TUNED: ("a", "b"), "something else": ("c",),
    }  # fmt: skip
    assert found.n == 3
    assert (found.recorded, found.n_runs) == ("", 0)
    assert not any(option.is_recorded or option.n_runs for option in found.options)


def test_the_truth_is_what_the_recorded_runs_say_and_what_the_class_measured() -> None:
    runs = recorded_runs()
    assert len(runs) == 3
    other = replace(runs[0], config=collapse(method="full", rate=2e-5, steps=20, seed=0))
    found = histogram(FORGETTING, PARK, [guess("a", TUNED)], [*runs, other], with_truth=True)
    (came,) = [option for option in found.options if option.is_recorded]
    assert came.text == TUNED
    assert found.recorded.startswith("It answered “")
    assert found.n_runs == 3  # the gentle rate is not what is asked about
    assert sum(option.n_runs for option in found.options) == 3


def test_a_run_with_another_seed_is_about_the_same() -> None:
    (run, *_) = recorded_runs()
    same = replace(run, config=replace(run.config, seed=77))
    longer = replace(
        run, config=replace(run.config, optimizer=replace(run.config.optimizer, steps=40))
    )
    assert about(FORGETTING, CURVE, [same, longer]) == [same]
    formula = lesson("one_base")
    assert about(formula, formula.prediction("adapter_size"), [same]) == []


def test_a_formula_answers_where_nothing_is_run() -> None:
    course = lesson("one_base")
    one = course.prediction("adapter_size")
    assert isinstance(one, Chosen)
    came = one.measured(course.figures)
    assert came
    assert one.compare(option_of(one, came), came).distance == 0
    found = histogram(course, one, [], with_truth=True)
    assert [option.is_recorded for option in found.options].count(True) == 1


def test_drawings_have_a_middle_and_a_distance() -> None:
    given = [
        guess("a", (0.9, 0.8, 0.7, 0.6)),
        guess("b", (0.5, 0.4, 0.3, 0.2)),
        guess("c", (0.1, 0.1, 0.1, 0.1)),
        guess("of an older version", (0.1, 0.1)),
        guess("no drawing", "0.5"),
    ]
    before = fan(FORGETTING, CURVE, given, recorded_runs(), with_truth=False)
    assert [line.space for line in before.drawn] == ["a", "b", "c"]
    assert before.middle == (0.5, 0.4, 0.3, 0.2)
    assert (before.recorded, before.runs, before.mean_distance) == ((), (), None)
    base = recorded_runs()[0].summary.first_scores["names"]
    assert before.start == pytest.approx(base)
    after = fan(FORGETTING, CURVE, given, recorded_runs(), with_truth=True)
    assert after.steps == (5, 10, 15, 20)
    assert len(after.recorded) == 3  # seeds
    assert after.runs == after.recorded  # the recorded runs, taken for those of the class
    for line in after.drawn:
        wanted = (
            sum(abs(a - b) for a, b in zip(line.heights, after.recorded[0].heights, strict=True))
            / 4
        )
        assert line.distance == pytest.approx(wanted)
    best = min(after.drawn, key=lambda line: line.distance or 0)
    assert nearest(after.drawn, {"a": "Mia", "b": "Omar", "c": "Lin"}).startswith(
        {"a": "Mia", "b": "Omar", "c": "Lin"}[best.space]
    )
    assert nearest(after.drawn, {}) == ""
