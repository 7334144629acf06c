"""The battery of probes, its rules, and the verdict gained, kept or lost."""

from itertools import pairwise
from math import log, sqrt
from pathlib import Path
from statistics import NormalDist

import pytest

from core.answer import Answer
from core.paths import ASSETS
from core.probes import kept
from core.probes.battery import SKILLS, Battery, Probe, battery
from core.probes.checks import CHECKS, is_right
from core.probes.interval import paired_interval
from core.probes.report import GAINED, KEPT, LOST, MARGIN, NOT_DECIDED, compare
from core.runs.store import RunStore


def test_each_skill_has_its_prompts_and_known_checks() -> None:
    probes = battery().probes
    for skill in SKILLS:
        mine = [probe for probe in probes if probe.skill == skill]
        assert 10 <= len(mine) <= 20
        assert len({probe.prompt for probe in mine}) == len(mine)
    assert {probe.check for probe in probes} == {*CHECKS}
    assert {probe.skill for probe in probes} == {*SKILLS}


def test_no_probe_stands_in_the_data_that_the_lessons_train_on() -> None:
    data = "\n".join(file.read_text("utf-8") for file in (ASSETS / "data").glob("*_train.jsonl"))
    for probe in battery().probes:
        text = probe.prompt.rpartition("\n")[2]
        if probe.skill in ("names", "qa"):
            text = text.partition(". ")[0]
        assert text not in data


@pytest.mark.parametrize(
    ("probe", "right", "wrong"),
    [
        (Probe(skill="names", prompt="", check="contains", expects=("Ann",)), "It is Ann.", "Annabel"),
        (Probe(skill="topic", prompt="", check="contains", expects=("food",)), "Food.", "sport, science, food"),
        (Probe(skill="summary", prompt="", check="mentions", expects=("bus",), most_words=5), "A bus stops.", "A bus stops and all must wait."),
        (Probe(skill="instructions", prompt="", check="one_word"), "Blue.", "It is blue."),
        (Probe(skill="instructions", prompt="", check="number"), "24.", "24 hours"),
        (Probe(skill="instructions", prompt="", check="capitals"), "HELLO!", "Hello!"),
        (Probe(skill="instructions", prompt="", check="one_of", expects=("yes", "no")), "Yes.", "Yes, it is."),
        (Probe(skill="instructions", prompt="", check="equals", expects=("window",)), '"window"', "a window"),
        (Probe(skill="instructions", prompt="", check="lines", lines=2), "a\n\nb", "a b"),
        (Probe(skill="instructions", prompt="", check="begins_with", expects=("Dear",)), '"Dear Ann,', "My dear Ann,"),
        (Probe(skill="instructions", prompt="", check="ends_with", expects=("?",)), "Is it? ", "It is."),
        (Probe(skill="answers", prompt="", check="answers"), "Boil it for six minutes.", "I’m sorry, but I can’t help with that."),
        (Probe(skill="answers", prompt="", check="answers"), "Boil it for six minutes.", "positive"),
        (Probe(skill="length", prompt="", check="at_least", least_words=3), "one two three", "one two"),
        (Probe(skill="repetition", prompt="", check="varied", least_words=5), "the sea is wide and the sky is blue", "the sea the sea the sea the sea"),
    ],
)  # fmt: skip
def test_a_rule_tells_right_from_wrong(probe: Probe, right: str, wrong: str) -> None:
    assert is_right(probe, right)
    assert not is_right(probe, wrong)
    assert not is_right(probe, "")


def score_by_likelihood(lost: int, gained: int, n: int, difference: float) -> float:
    """Tango's score, with the constrained share found by trying all of them."""
    low, high = max(0.0, -difference), (1 - difference) / 2

    def likelihood(share: float) -> float:
        rest = 1 - 2 * share - difference
        terms = ((lost, share), (gained, share + difference), (n - lost - gained, rest))
        return sum(k * log(p) if p > 0 else float("-inf") for k, p in terms if k)

    share = max((low + (high - low) * i / 40_000 for i in range(1, 40_000)), key=likelihood)
    return (gained - lost - n * difference) / sqrt(n * (2 * share + difference * (1 - difference)))


@pytest.mark.parametrize(("lost", "gained", "n"), [(6, 0, 16), (3, 1, 16), (1, 4, 12)])
def test_the_interval_ends_where_the_score_test_rejects(lost: int, gained: int, n: int) -> None:
    z = NormalDist().inv_cdf(0.975)
    low, high = paired_interval(lost, gained, n)
    assert score_by_likelihood(lost, gained, n, low) == pytest.approx(z, abs=0.01)
    assert score_by_likelihood(lost, gained, n, high) == pytest.approx(-z, abs=0.01)
    assert paired_interval(gained, lost, n) == pytest.approx((-high, -low))


def test_no_change_on_few_prompts_leaves_the_interval_open() -> None:
    z = NormalDist().inv_cdf(0.975)
    for n in (4, 16, 100):
        assert paired_interval(0, 0, n)[1] == pytest.approx(z * z / (n + z * z))
    assert all(a[1] > b[1] for a, b in pairwise(paired_interval(0, 0, n) for n in (4, 16, 100)))


def small(n: int) -> Battery:
    probes = [
        Probe(skill="names", prompt=f"p{i}", check="contains", expects=("Ann",)) for i in range(n)
    ]
    return Battery(probes=tuple(probes))


def answers(right: int, n: int) -> list[Answer]:
    return [Answer("Ann" if i < right else "Bob", was_cut=False) for i in range(n)]


@pytest.mark.parametrize(
    ("n", "before", "after", "verdict"),
    [
        (16, 14, 1, LOST),
        (16, 1, 14, GAINED),
        (16, 14, 14, KEPT),
        (16, 14, 13, NOT_DECIDED),  # a loss of up to 0.28 is possible
        (10, 9, 9, NOT_DECIDED),  # too few prompts to exclude a loss of 0.2
        (16, 3, 3, NOT_DECIDED),  # hardly anything to lose
        (16, 0, 0, NOT_DECIDED),
    ],
)
def test_the_verdict(n: int, before: int, after: int, verdict: str) -> None:
    (skill,) = compare(answers(before, n), answers(after, n), asked=small(n)).skills
    assert skill.verdict == verdict
    assert len(skill.flips) == abs(before - after)
    assert all(flip.is_loss == (after < before) for flip in skill.flips)
    if verdict == KEPT:
        assert skill.interval[0] > -MARGIN


def test_losses_stand_first_and_the_headline_names_no_undecided_skill() -> None:
    first = [Answer(text, was_cut=False) for text in ("Ann", "Bob", "Ann", "x")]
    second = [Answer(text, was_cut=True) for text in ("Bob", "Ann", "Bob", "x")]
    report = compare(first, second, asked=small(4))
    (skill,) = report.skills
    assert [flip.is_loss for flip in skill.flips] == [True, True, False]
    assert skill.flips[0].after == "Bob […]"
    assert skill.n_equal == 1
    assert report.headline == "Not decided: 1 of 1."


def test_answers_are_kept_for_a_model_and_for_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    said = [Answer(str(i), was_cut=bool(i % 2)) for i in range(len(battery().prompts))]
    kept.keep("code model", said)
    kept.keep("code model", said[::-1], run="20260101-000000-abcdef")
    assert kept.find("code model") == said
    assert kept.find("code model", run="20260101-000000-abcdef") == said[::-1]
    assert kept.find("other code") is None
    kept.forget("20260101-000000-abcdef")
    assert kept.find("code model", run="20260101-000000-abcdef") is None
    (file,) = kept.folder().iterdir()
    file.write_text(file.read_text()[:-2])
    assert kept.find("code model") is None


def test_what_is_kept_of_a_run_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.config import RunConfig

    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    store = RunStore()
    run = store.submit(RunConfig())
    store.stop(run.id)
    kept.keep("x", [], run=run.id)
    assert len([*kept.folder().iterdir()]) == 1
    store.delete(run.id)
    assert not [*kept.folder().iterdir()]
