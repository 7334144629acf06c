"""Runs and questions compute in their turn only, and hold nobody up while they do not compute."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.events import Evaluation, Event, Step, Validation
from core.generate import answerer, stream
from core.generate.settings import SamplingSettings
from core.runs import compute_lock
from core.runs.compute_lock import ComputeLock
from core.runs.execute import execute
from core.runs.inference_session import InferenceSession
from core.runs.messages import Generate
from core.runs.store import RunStore
from core.runs.worker import BaseKeeper
from core.train import checks, loop, training

PAIRS = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no"} for n in range(12)]


@pytest.fixture
def others_look(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Whether another process could compute now."""
    monkeypatch.setattr(compute_lock, "n_cores", lambda: 1)
    seen = ComputeLock(n_threads=1, folder=home / "data")
    return lambda: compute_lock._is_free(seen._computing)


def watch(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, look: Callable[[], bool]
) -> list[bool]:
    """What `look` says at each call of a function."""
    found: list[bool] = []
    own = getattr(owner, name)

    def watched(*a: Any, **k: Any) -> Any:
        found.append(look())
        return own(*a, **k)

    monkeypatch.setattr(owner, name, watched)
    return found


def config(folder: Path) -> RunConfig:
    return RunConfig(
        model=str(folder.resolve()),
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        method=MethodConfig(name="lora", rank=2),
        optimizer=OptimizerConfig(steps=4, batch_size=4, patience=5),
        evaluation=EvaluationConfig(every=2, examples=2, final_examples=2, prompts=("cat",)),
        dtype="float32",
    )


def test_a_run_computes_in_its_turn_and_records_outside(
    tiny_folder: Path, others_look: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    computing = {
        name: watch(monkeypatch, owner, name, others_look)
        for owner, name in (
            (loop, "take_step"),
            (checks, "validation_loss"),
            (answerer, "run_layers"),
        )
    }
    saving = watch(monkeypatch, training.Trained, "save", others_look)
    recording: list[tuple[Event, bool]] = []
    store = RunStore()
    run = store.start(config(tiny_folder), worker="test")
    execute(run, store, BaseKeeper(), on_event=lambda e: recording.append((e, others_look())))
    assert store.get(run.id).status == "finished"
    for name, free in computing.items():
        assert free, name
        assert not any(free), f"{name} ran out of turn"
    assert {type(event) for event, _ in recording} >= {Step, Evaluation, Validation}
    assert all(free for _, free in recording)
    assert saving == [True]


def test_a_stopped_run_lets_go(
    tiny_folder: Path, others_look: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    saving = watch(monkeypatch, training.Trained, "save", others_look)
    store = RunStore()
    run = store.start(config(tiny_folder), worker="test")
    store.request_stop(run.id)
    execute(run, store, BaseKeeper())
    assert store.get(run.id).status == "stopped"
    assert saving == [True]
    assert others_look()


def test_a_question_computes_in_its_turn_and_answers_outside(
    tiny_folder: Path, others_look: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    computing = watch(monkeypatch, stream, "run_layers", others_look)
    session = InferenceSession(RunStore())
    asked = Generate(
        model=str(tiny_folder.resolve()), text="cat", settings=SamplingSettings(max_new_tokens=5)
    )
    said = [(message.token.text, others_look()) for message in session.answer(asked)]
    assert said
    assert all(free for _, free in said)
    assert computing
    assert not any(computing)
    plain = [message.token.text for message in InferenceSession(RunStore()).generate(asked)]
    assert [text for text, _ in said] == plain
