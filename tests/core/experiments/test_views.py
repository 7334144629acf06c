"""What lessons compare are views of the recorded runs, once all of theirs are there."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import recorded as recorded_runs
from core.config import METHODS, RunConfig
from core.data.tokenizer import ChatTokenizer
from core.events import Evaluation, Memory, Started, Step
from core.experiments import prompting_record, record, run_requests
from core.experiments.base_requests import base_requests
from core.experiments.collections import wanted
from core.experiments.knowledge_probe import FACTS
from core.experiments.method_rows import method_row
from core.experiments.mitigations import mitigation_config
from core.experiments.plane import point
from core.experiments.prompting import SHOTS, TUNED, ways
from core.experiments.record import VIEWS
from core.generate.tokens import Token
from core.recorded import RecordedRun, answers, files, plan
from core.recorded.answers import Asked
from core.recorded.files import EVENTS
from core.runs.messages import Generate, Generated, Measure, Progress, Request
from core.runs.prompt_evaluation import Measured, PromptEvaluation
from core.runs.record import RunSummary
from core.stamp import Stamp
from tests.events import evaluation, memory, sample, step

STAMP = Stamp(commit="c", dtype="float32", device="cpu", machine="m", at="2026-11-28T10:00:00Z")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Recorded runs of this test only."""
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    record.recorded.cache_clear()
    yield tmp_path
    record.recorded.cache_clear()


def started(config: RunConfig) -> Started:
    return Started(
        model=config.model,
        method=config.method.name,
        task=config.data.task,
        device="cpu",
        dtype="float32",
        n_train=config.data.train_examples or 200,
        n_validation=1,
        n_test=1,
        trainable_params=5,
        total_params=9,
    )


def write(name: str, configs: list[RunConfig], folder: Path) -> None:
    """Runs that learned sentiment from 0.5 to 0.9 and lost general questions."""
    runs: list[RecordedRun] = []
    for n, config in enumerate(configs):
        run = RecordedRun(
            run_id=f"20261128-100000-{n:06x}",
            collection=name,
            config_dict=config.to_dict(),
            config_hash=config.hash,
            identity="i",
            command="c",
            seconds=3.0,
            stamp=STAMP,
            summary=RunSummary(train_s=9.0, steps=2, trainable_params=5, total_params=9),
            folder=folder / name,
        )
        events = [
            *(evaluation(0, task, 0.5) for task in config.evaluation_tasks()),
            memory(),
            started(config),
            step(1, step_s=0.25),
            step(2, step_s=0.25),
            sample(2, "", "positive"),
            *(evaluation(2, task, 0.9) for task in config.evaluation_tasks()),
        ]
        lines = [files.rounded(event.to_dict()) for event in events]
        files.write_lines(run.folder / f"{run.run_id}{EVENTS}", [run.to_dict(), *lines])
        runs.append(run)
    plan.keep(name, runs, folder)


@pytest.mark.parametrize("experiment", VIEWS)
def test_every_run_of_a_view_is_in_its_collection(experiment: str) -> None:
    name, configs = VIEWS[experiment]
    (one,) = (one for one in wanted() if one.name == name)
    assert {config.hash for config in configs()} <= {config.hash for config in one.configs}


def test_a_whole_collection_is_the_record_and_a_part_of_it_is_not(folder: Path) -> None:
    configs = list(VIEWS["methods"][1]())
    write("methods", configs[:-1], folder)
    assert record.recorded("methods") is None
    record.recorded.cache_clear()
    write("methods", configs, folder)
    found = record.recorded("methods")
    assert found is not None
    assert (found.date, found.machine) == ("2026-11-28", "m")
    assert found.command == "python -m core record --only methods"
    assert len(found.runs) == len(METHODS) * 3
    assert found.base_score("general") == 0.5
    assert "float32, on cpu" in found.where.lower()
    run = found.runs[0]
    assert run.step_s == 0.25
    assert {type(e) for e in run.events} == {Evaluation, Memory}
    assert not any(isinstance(e, Step) for e in run.events)
    row = method_row(run.config, run.events, run.summary, step_s=run.step_s, is_recorded=True)
    assert row is not None
    assert row.scores["general"] == 0.9


def test_the_plane_of_cures_takes_its_own_settings_of_the_collection(folder: Path) -> None:
    write("mitigations", [*VIEWS["cures"][1](), mitigation_config("full", 1e-5)], folder)
    found = record.recorded("cures")
    assert found is not None
    points = [point(run.config, run.events, is_recorded=True) for run in found.runs]
    assert all(points)
    assert len(points) == len(list(VIEWS["cures"][1]()))


def measured(wanted: PromptEvaluation) -> Measured:
    return Measured(
        asking=wanted,
        measured_at=0.0,
        score=0.5 + wanted.shots / 100,
        metric="exact_match",
        interval=(0.4, 0.6),
        n=48,
        prompt_tokens=30.0,
        uncached_tokens=10.0,
        answer_tokens=2.0,
        seconds=(0.1, 0.2),
        cached_seconds=(0.05, 0.1),
    )


def answered(requests: Iterable[Request[Any]]) -> list[Asked]:
    """What is measured, and to a question its own last word."""
    found: list[Asked] = []
    for request in requests:
        if isinstance(request, Measure):
            found.append((request, [Progress(answered=0, of=9), measured(request.wanted)]))
        if isinstance(request, Generate):
            said = f" {request.text.count('?')} marks, run {request.run[-1:]}"
            token = Token(
                id=1, piece="", text=said, probability=1.0, n_tokens=1, elapsed_s=0.1, ended=True
            )
            found.append((request, [Generated(n_prompt=1, token=token)]))
    return found


def test_prompting_is_a_view_of_runs_and_of_what_was_asked(
    folder: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompting_record.recorded.cache_clear()
    tokenizer = ChatTokenizer.load(tiny_folder)
    monkeypatch.setattr(run_requests, "load_tokenizer", lambda model: tokenizer)
    (one,) = (one for one in wanted() if one.name == "prompting")
    write("prompting", list(one.configs), folder)
    for run in recorded_runs.collection("prompting", folder=folder).runs:
        path = answers.path_of(run.folder, run.run_id)
        asked = answered(one.ask(run.config, run.run_id))
        answers.save(path, asked, identity="i", stamp=STAMP)
    assert prompting_record.recorded() is None  # the base model was asked nothing yet
    prompting_record.recorded.cache_clear()
    asked = answered(base_requests(tokenizer))
    answers.save(answers.base_path(folder), asked, identity="i", stamp=STAMP)
    found = prompting_record.recorded()
    prompting_record.recorded.cache_clear()
    assert found is not None
    assert found.command == "python -m core record --only prompting,base_model"
    together = ways(found.rows)
    assert {(w.kind, w.labels) for w in together} >= {("prompt", k) for k in SHOTS}
    assert {w.kind for w in together} == {"prompt", *TUNED}
    assert all(len(w.rows) == 3 for w in together if w.labels)
    assert {row.once_s for row in found.rows if row.kind == "lora"} == {0.5}
    assert [row["question"] for row in found.facts] == [fact.question for fact in FACTS]
    for row in found.facts:
        assert row["plain"] == "1 marks, run"
        assert row["given"] == "1 marks, run"
        assert row["shown"] == "5 marks, run"  # four solved questions before it
        assert row["tuned"].startswith("1 marks, run ")
        assert row["tuned"] != row["plain"]
