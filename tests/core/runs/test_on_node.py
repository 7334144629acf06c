"""What actors do on their nodes, carried out in this process: no cluster is needed for that."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config import RunConfig
from core.events import Step
from core.generate.settings import SamplingSettings
from core.runs import answering
from core.runs.engines import local, on_node
from core.runs.engines.on_node import Answerer, Trainer
from core.runs.messages import Generate
from core.runs.pipe import AnswerLine, line_of, request_line
from core.runs.states import RunStatus
from core.runs.storage import storage
from core.runs.store import RunStore
from core.typed_json import read
from tests.core.runs.tiny_runs import configs_of

pytestmark = [pytest.mark.usefixtures("home")]


@pytest.fixture(autouse=True)
def settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("TUNING_FORK_ARTIFACTS", (home / "for all").as_uri())
    monkeypatch.setattr(on_node, "watch_memory", lambda on_exceeded: None)


@pytest.fixture
def config(tiny_folder: Path) -> Callable[..., RunConfig]:
    return configs_of(tiny_folder, usual_steps=2)


def said_to(answerer: Answerer, number: int, asked: Generate) -> list[AnswerLine]:
    lines = answerer.answer(line_of(request_line(number, asked)))
    return [read(AnswerLine, {"request": number, **line}) for line in lines]


@pytest.mark.thorough
def test_runs_are_trained_one_after_another_with_uploads_and_weights_of_all_machines(
    home: Path, config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore()
    for seed in (1, 2):
        local.check(config(seed=seed))
        store.submit(config(seed=seed))
    database = (home / "data" / "runs.sqlite3").as_posix()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{database}")
    monkeypatch.setenv("TUNING_FORK_HOME", str(home / "node"))
    assert Trainer().work() is False
    ended = store.runs()
    assert [run.status for run in ended] == [RunStatus.FINISHED] * 2, [r.reason for r in ended]
    assert {run.worker for run in ended} == {on_node.identity()}
    assert on_node.identity().startswith("ray/")
    assert [e.step for e in store.events(ended[0].id) if isinstance(e, Step)] == [1, 2]
    assert not (home / "node" / "data" / "runs" / ended[0].id).exists()
    place = storage()
    assert place is not None
    assert place.size_of_run(ended[0].id)
    asked = Generate(model=ended[0].config.model, text="cat", run=ended[0].id)
    *messages, done = said_to(Answerer(), 1, asked)
    assert done.done
    assert messages
    assert not any(message.error for message in messages)


@pytest.mark.thorough
def test_a_run_whose_model_is_not_here_and_nowhere_fails_with_the_sentence(
    config: Callable[..., RunConfig], tmp_path: Path, tiny_folder: Path
) -> None:
    store = RunStore()
    run = store.submit(config())
    moved = tiny_folder.with_name("moved")
    tiny_folder.rename(moved)
    try:
        Trainer().work()
    finally:
        moved.rename(tiny_folder)
    assert store.get(run.id).status is RunStatus.FAILED
    assert str(tiny_folder.name) in store.get(run.id).reason


@pytest.mark.thorough
def test_questions_that_wait_at_one_actor_are_answered_together(
    config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, real, free = list[int](), answering.next_lines, threading.Event()

    def watched(*arguments: object) -> list[object]:
        if not sizes:
            free.wait(10)
        lines = real(*arguments)  # type: ignore[arg-type]
        sizes.append(len(lines))
        return list(lines)

    monkeypatch.setattr(answering, "next_lines", watched)
    answerer = Answerer()
    short = SamplingSettings(max_new_tokens=3)
    said: dict[int, list[AnswerLine]] = {}

    def ask(number: int) -> None:
        asked = Generate(model=config().model, text=f"cat {number}", settings=short)
        said[number] = said_to(answerer, number, asked)

    threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    while answerer._questions._new.qsize() < 3:
        pass
    free.set()
    for thread in threads:
        thread.join()
    assert sizes[0] == 3
    assert all(lines[-1].done and len(lines) > 1 for lines in said.values())


@pytest.mark.thorough
def test_mistakes_and_cancelled_questions_end_at_once(config: Callable[..., RunConfig]) -> None:
    answerer = Answerer()
    asked = Generate(model=config().model, text="cat")
    (line,) = said_to(answerer, 1, Generate(model=config().model, text="cat", run="nosuch"))
    assert "nosuch" in line.error
    answerer.cancel(2)
    assert said_to(answerer, 2, asked) == [AnswerLine(request=2, done=True)]
    assert len(said_to(answerer, 3, asked)) > 1


def test_who_greets_says_what_it_is() -> None:
    said = on_node.hello()
    assert said["worker"] == on_node.identity()
    assert said["ready"]["device"]
    assert said["threads"] >= 1
