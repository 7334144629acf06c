"""Every challenge: it can be read, its solution solves it, and the lesson's defaults do not."""

import argparse
import shlex
from pathlib import Path

import pytest

from core.config import RunConfig
from core.config.command import add_options, config_of
from core.course.challenges import (
    FILE,
    LEVELS,
    TUNED,
    AnyChallenge,
    PairChallenge,
    PromptChallenge,
    RunChallenge,
    challenge,
    challenges,
)
from core.course.conditions import Smallest
from core.course.judge import judge_pair, judge_run
from core.course.judge_prompts import judge_prompt
from core.course.lessons import LESSONS
from core.course.measured_run import find
from core.course.verdict import UNKNOWN, Verdict
from core.errors import UserError
from core.experiments import prompting_record
from core.experiments.collections import wanted

ALL = challenges()
ON_RUNS = [one for one in ALL if isinstance(one, RunChallenge)]
ON_PAIRS = [one for one in ALL if isinstance(one, PairChallenge)]
ON_PROMPTS = [one for one in ALL if isinstance(one, PromptChallenge)]
RECORDED = {config.hash for collection in wanted() for config in collection.configs}


def config_from(options: str) -> RunConfig:
    """The config that options of `train` spell."""
    parser = argparse.ArgumentParser(prog="train", add_help=False)
    add_options(parser)
    return config_of(parser.parse_args(shlex.split(options)))


def name(one: AnyChallenge) -> str:
    return one.id


def test_there_are_enough_of_every_kind_and_level() -> None:
    assert len(ALL) >= 20
    assert {one.lesson for one in ALL} == {page.id for page in LESSONS}
    assert {one.level for one in ALL} == set(LEVELS)
    assert min(len(ON_RUNS), len(ON_PAIRS), len(ON_PROMPTS)) >= 3


@pytest.mark.parametrize("one", ALL, ids=name)
def test_its_texts_are_whole_sentences(one: AnyChallenge) -> None:
    assert all(text.strip() for text in one.texts)
    assert all(text.endswith(".") for text in (one.task, one.hint, one.why))
    assert len(one.task.split()) <= 60


@pytest.mark.parametrize("one", ON_RUNS, ids=name)
def test_what_it_is_tested_on_is_recorded_sooner_or_later(one: RunChallenge) -> None:
    solution = config_from(one.solution)
    assert solution.hash in RECORDED
    assert config_from(one.defaults).hash in RECORDED
    for condition in one.conditions:
        if isinstance(condition, Smallest) and (other := condition.smaller(solution)):
            assert other.hash in RECORDED


def judged(one: RunChallenge, options: str) -> Verdict:
    run = find(config_from(options))
    if run is None:
        pytest.skip("not recorded yet")
    return judge_run(one, run, find)


@pytest.mark.parametrize("one", ON_RUNS, ids=name)
def test_the_stored_run_solves_it(one: RunChallenge) -> None:
    verdict = judged(one, one.solution)
    if any(finding.state == UNKNOWN for finding in verdict.findings):
        pytest.skip("not all of it is recorded yet")
    assert verdict.solved, [finding.words for finding in verdict.findings]


@pytest.mark.parametrize("one", ON_RUNS, ids=name)
def test_the_lesson_s_defaults_do_not_solve_it(one: RunChallenge) -> None:
    assert not judged(one, one.defaults).solved


@pytest.mark.parametrize("one", ON_PAIRS, ids=name)
def test_the_stored_texts_solve_it_and_the_lesson_s_do_not(one: PairChallenge) -> None:
    is_right = one.pair.is_right
    assert judge_pair(one, one.solution, is_right=is_right).solved
    assert not judge_pair(one, one.solution, is_right=not is_right).solved
    assert not judge_pair(one, one.defaults, is_right=is_right).solved


@pytest.mark.parametrize("one", ON_PROMPTS, ids=name)
def test_the_stored_prompt_solves_it_and_the_default_does_not(one: PromptChallenge) -> None:
    rows = prompting_record.recorded()
    assert rows
    runs = [find(config_from(p.run)) if p.run else None for p in (one.solution, one.defaults)]
    if one.prompt.other == TUNED and None in runs:
        pytest.skip("not recorded yet")
    assert judge_prompt(one, one.solution, rows.rows, runs[0]).solved
    assert not judge_prompt(one, one.defaults, rows.rows, runs[1]).solved


def test_one_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(UserError, match="no challenge 'alchemy'"):
        challenge("alchemy")


HEAD = """
defaults = "--task sentiment"
[[challenges]]
id = "x"
title = "t"
level = 1
task = "."
hint = "."
why = "."
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[challenges", "cannot be read"),
        (HEAD, "A challenge has one of: conditions, pair, prompt"),
        (
            HEAD + 'solution = ""\nconditions = [{ measure = "alchemy.after", at_least = 1 }]',
            "alchemy",
        ),
        (HEAD + 'solution = ""\nconditions = [{ measure = "names.after" }]', "at_least or at_most"),
        (HEAD + 'solution = ""\nconditions = [{ measure = "names", goes = "round" }]', "round"),
        (
            HEAD + 'solution = ""\nconditions = [{ setting = "method.colour", one_of = [1] }]',
            "colour",
        ),
        (
            HEAD + 'solution = ""\nconditions = [{ untrained = "names", also = 1 }]',
            "also is not known",
        ),
        (HEAD + 'solution = ""\nconditions = [{ size = 1 }]', "A condition has one of"),
        (HEAD + "conditions = []", "solution"),
        (HEAD.replace("level = 1", "level = 4"), "level"),
        (HEAD + 'pair = { is_right = true }\nsolution = { reference = "a" }', "output"),
        (
            HEAD
            + 'prompt = { better_than = "luck" }\nsolution = { shots = 1 }\ndefaults = { shots = 1 }',
            "luck",
        ),
    ],
)
def test_a_slip_of_the_pen_is_named(tmp_path: Path, text: str, said: str) -> None:
    folder = tmp_path / "lora"
    folder.mkdir()
    (folder / FILE).write_text(text, "utf-8")
    with pytest.raises(UserError, match=f"lora/{FILE}.*{said}"):
        challenges("lora", folder=tmp_path)


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    body = HEAD + 'solution = ""\nconditions = [{ untrained = "names" }]'
    for lesson in ("lora", "peft"):
        (tmp_path / lesson).mkdir()
        (tmp_path / lesson / FILE).write_text(body, "utf-8")
    with pytest.raises(UserError, match="called x"):
        challenges(folder=tmp_path)
