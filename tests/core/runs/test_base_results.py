"""What the base model answers at step 0 is computed once: the same events, with and without what is kept."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from core.answer import Answer
from core.config import DataConfig, EvaluationConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.generate.answerer import Answerer
from core.generate.questions import Question, Reply
from core.models.load import LoadedModel, load_folder
from core.runs import base_results, identity
from core.runs.base_results import BaseResults
from core.runs.execute import execute
from core.runs.store import RunStore
from tests.core.train.test_loop import PAIRS, comparable

pytestmark = pytest.mark.usefixtures("home")
WATCHED = ("What is your name?", "What is a cat?")
Asked = list[tuple[int, ...]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Every prompt that is really read."""
    found: Asked = []
    reply = Answerer.reply

    def replying(self: Answerer, group: Sequence[Question]) -> list[Reply]:
        found.extend(question.prompt for question in group)
        return reply(self, group)

    monkeypatch.setattr(Answerer, "reply", replying)
    return found


@pytest.fixture
def events(tiny_folder: Path) -> Callable[..., list[dict[str, Any]]]:
    """The events of a run in a process that has the base anew, but for times and the run's id."""

    def run(prompts: tuple[str, ...] = WATCHED, steps: int = 2) -> list[dict[str, Any]]:
        config = RunConfig(
            model=str(tiny_folder.resolve()),
            data=DataConfig(task="custom", dataset=uploads.keep(PAIRS)),
            optimizer=OptimizerConfig(learning_rate=0.01, steps=steps, batch_size=4),
            evaluation=EvaluationConfig(every=10_000, examples=2, samples=1, prompts=prompts),
        )
        store = RunStore()
        base = load_folder(tiny_folder, id="tiny", dtype=torch.float32)
        started = store.start(config, worker="here:1:0.0")
        execute(started, store, lambda config: base)
        assert store.get(started.id).status == "finished"
        found = comparable(store.events(started.id))
        return [{**event, "run_id": ""} for event in found]

    return run


def at_step_0(asked: Asked) -> int:
    """How many prompts are read at step 0, where a run has no other."""
    n = len(asked)
    asked.clear()
    return n


@pytest.mark.thorough
def test_a_second_run_says_the_same_without_asking_the_base(
    events: Callable[..., list[dict[str, Any]]], asked: Asked
) -> None:
    first, n_first = events(), at_step_0(asked)
    second, n_second = events(), at_step_0(asked)
    assert second == first
    # Four test examples and two watched prompts: only at the last step, and there each is read once.
    assert n_first - n_second == n_second == 4 + 2


@pytest.mark.thorough
def test_another_prompt_is_asked(events: Callable[..., list[dict[str, Any]]], asked: Asked) -> None:
    events()
    at_step_0(asked)
    events()
    known = at_step_0(asked)
    found = events(("What is your name?", "Who are you?"))
    assert at_step_0(asked) == known + 1  # answered and looked after in one reading
    assert [e["prompt"] for e in found if e["type"] == "next_tokens" and e["step"] == 0] == [
        "What is your name?",
        "Who are you?",
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("what", ["code", "damage", "half", "empty"])
def test_other_code_or_a_damaged_file_counts_as_none(
    what: str,
    events: Callable[..., list[dict[str, Any]]],
    asked: Asked,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
) -> None:
    first, n_first = events(), at_step_0(asked)
    (file,) = (home / "data" / "base_results").iterdir()
    kept = file.read_bytes()
    if what == "code":
        monkeypatch.setattr(identity, "LOADED", "another code")
    else:
        changed = kept.replace(b"answer", b"angers", 1)
        file.write_bytes({"damage": changed, "half": kept[: len(kept) // 2], "empty": b""}[what])
    assert events() == first
    assert at_step_0(asked) == n_first
    if what != "code":
        assert file.read_bytes() == kept  # it is whole again


def filled(base: LoadedModel, n: int, *, first: int = 0) -> LoadedModel:
    for i in range(first, first + n):
        base.answers[9, i] = Answer(f"answer {i}", i % 2 == 0)
    base.losses["0f"] = 0.1 + 0.2
    base.label_logs[("yes", "no"), (5, 6)] = (-1.5, -0.1 - 0.2)
    base.next_tokens[5, 6, -1, 7] = (3, ((3, 0.5), (7, 0.25)))
    return base


def test_what_is_kept_comes_back_as_it_was(tiny: LoadedModel, tiny_folder: Path) -> None:
    BaseResults("a").keep(filled(tiny, 3))
    again = load_folder(tiny_folder, id="tiny", dtype=torch.float32)
    again.answers[9, 0] = Answer("known already", False)
    BaseResults("a").recall(again)
    assert again.answers == tiny.answers | {(9, 0): Answer("known already", False)}
    assert (again.losses, again.next_tokens) == (tiny.losses, tiny.next_tokens)
    assert again.label_logs == tiny.label_logs
    other = load_folder(tiny_folder, id="tiny", dtype=torch.float32)
    BaseResults("b").recall(other)
    assert (other.answers, other.losses, other.next_tokens) == ({}, {}, {})


def test_two_processes_keep_what_both_found(tiny: LoadedModel, tiny_folder: Path) -> None:
    second = load_folder(tiny_folder, id="tiny", dtype=torch.float32)
    mine, other = BaseResults("a"), BaseResults("a")
    mine.recall(tiny)
    other.recall(second)
    mine.keep(filled(tiny, 2))
    other.keep(filled(second, 2, first=2))
    BaseResults("a").recall(found := load_folder(tiny_folder, id="tiny", dtype=torch.float32))
    assert len(found.answers) == 4


def test_files_stay_small_and_few(
    tiny: LoadedModel, tiny_folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_results, "MOST_BYTES", 2_000)
    monkeypatch.setattr(base_results, "MOST_FILES", 2)
    for name in "abc":
        BaseResults(name).keep(filled(tiny, 200))
    files = list((home / "data" / "base_results").iterdir())
    assert len(files) == 2
    assert all(file.stat().st_size < 2_100 for file in files)
    BaseResults("c").recall(found := load_folder(tiny_folder, id="tiny", dtype=torch.float32))
    assert (9, 199) in found.answers  # the newest stay
    assert (9, 0) not in found.answers


@pytest.mark.thorough
def test_a_disk_that_refuses_is_no_error(
    events: Callable[..., list[dict[str, Any]]], home: Path
) -> None:
    (home / "data").mkdir(exist_ok=True)
    (home / "data" / "base_results").write_text("a file in the folder's place")
    events()
