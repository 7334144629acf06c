"""What a page may ask of finished runs, on a tiny real model."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import pytest

from core import catalog
from core.config import (
    FINAL_EXAMPLES,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
)
from core.data import uploads
from core.errors import UserError
from core.generate.settings import SamplingSettings
from core.runs.execute import execute
from core.runs.inference_session import InferenceSession
from core.runs.messages import (
    REQUESTS,
    Generate,
    Generated,
    LookAtMatrices,
    LookAtSpectrum,
    Merge,
    Request,
    ScoreText,
    StartLora,
    Switch,
    Switched,
    TakeAway,
)
from core.runs.store import RunStore
from core.runs.worker import BaseKeeper

T = TypeVar("T")
PAIRS = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no"} for n in range(12)]
SHORT = SamplingSettings(max_new_tokens=6)
pytestmark = pytest.mark.usefixtures("home")


def finished(folder: Path, *, method: str = "lora", seed: int = 0) -> str:
    store = RunStore()
    config = RunConfig(
        model=str(folder),
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        method=MethodConfig(name=method, rank=2, virtual_tokens=3),
        optimizer=OptimizerConfig(steps=3, batch_size=4, learning_rate=0.05, warmup_steps=0),
        evaluation=EvaluationConfig(every=5, examples=2, final_examples=2),
        seed=seed,
        dtype="float32",
    )
    run = store.start(config, worker="test")
    execute(run, store, BaseKeeper())
    assert store.get(run.id).status == "finished"
    return run.id


def last(messages: Iterator[T]) -> T:
    *_, found = messages
    return found


def answer(session: InferenceSession, folder: Path, **more: Any) -> str:
    model = str(folder.resolve())
    return last(
        session.generate(Generate(model=model, text="cat 1", settings=SHORT, **more))
    ).token.text


@pytest.mark.thorough
def test_switching_answers_as_each_run_alone_and_as_the_base(tiny_folder: Path) -> None:
    one, two = (finished(tiny_folder, seed=seed) for seed in (0, 1))
    session = InferenceSession(RunStore())
    wanted = {name: answer(session, tiny_folder, run=name) for name in (one, two, "")}
    assert len(set(wanted.values())) == 3
    for name in (one, two, "", one):
        asked = Switch(
            model=str(tiny_folder.resolve()),
            adapters=(two, one),
            active={name: 1.0} if name else {},
            text="cat 1",
            settings=SHORT,
        )
        first, *_, end = session.switch(asked)
        assert isinstance(first, Switched)
        assert isinstance(end, Generated)
        assert end.token.text == wanted[name]
        assert first.switch_ms > 0
        assert first.loaded == 2
        assert first.adapter_bytes[one] < first.base_bytes / 10
    full = finished(tiny_folder, method="full")
    with pytest.raises(UserError, match="no LoRA run"):
        last(session.switch(replace(asked, adapters=(full,), active={})))


@pytest.mark.thorough
def test_scale_zero_answers_as_the_base(tiny_folder: Path) -> None:
    run = finished(tiny_folder)
    session = InferenceSession(RunStore())
    base = answer(session, tiny_folder)
    assert answer(session, tiny_folder, run=run, scale=0.0) == base
    assert answer(session, tiny_folder, run=run) != base
    with pytest.raises(UserError, match="The scale must be a number from -10 to 10"):
        answer(session, tiny_folder, run=run, scale=99.0)


@pytest.mark.thorough
def test_a_run_is_looked_into(tiny_folder: Path) -> None:
    run, soft = finished(tiny_folder), finished(tiny_folder, method="prompt")
    session = InferenceSession(RunStore())
    place: dict[str, Any] = {"run": run, "layer": 1, "module": "q_proj"}
    assert last(session.matrices(LookAtMatrices(**place))).rank == 2
    assert last(session.spectrum(LookAtSpectrum(**place))).effective_rank <= 2.01
    assert len(last(session.merge(Merge(run=run, prompts=("cat 1",)))).rows) == 2
    assert last(session.take_away(TakeAway(run=soft, prompts=("cat 1",)))).equal
    config = RunStore().get(run).config
    assert last(session.lora_start(StartLora(config=config))).b_norm == 0
    with pytest.raises(UserError, match="empty"):
        last(session.merge(Merge(run=run, prompts=("  ",))))


def test_a_text_before_every_prompt_is_scored(tiny_folder: Path) -> None:
    session = InferenceSession(RunStore())
    model = str(tiny_folder.resolve())
    found = last(session.score_text(ScoreText(model=model, task="sentiment", text="the cat")))
    base = session.base
    assert base is not None
    assert found.n == FINAL_EXAMPLES
    assert found.n_tokens == len(base.tokenizer.encode("the cat"))
    asked = [base.tokenizer.decode(list(key[1:])) for key in base.answers]
    assert len(asked) == FINAL_EXAMPLES
    assert all("the cat\n\n" in text for text in asked)


@pytest.mark.parametrize("kind", REQUESTS.values(), ids=lambda kind: kind.operation)
def test_every_request_has_its_operation(kind: type[Request[Any]]) -> None:
    types = get_type_hints(getattr(InferenceSession, kind.operation))
    assert types["asked"] is kind
    (answered,) = get_args(types["return"])
    assert {k.__name__: k for k in get_args(answered) or (answered,)} == kind.answers
