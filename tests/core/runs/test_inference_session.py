"""What a page may ask of finished runs, on a tiny real model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core import catalog
from core.config import (
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
)
from core.data import uploads
from core.errors import UserError
from core.runs.execute import execute
from core.runs.inference_session import InferenceSession
from core.runs.store import RunStore
from core.runs.worker import OPERATIONS, STOPPABLE, BaseKeeper

PAIRS = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no"} for n in range(12)]
SHORT = {"max_new_tokens": 6}
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


def last(messages: Iterator[dict[str, Any]]) -> dict[str, Any]:
    *_, found = messages
    return found


def answer(session: InferenceSession, folder: Path, **more: Any) -> str:
    found = session.generate(
        should_stop=lambda: False, model=str(folder.resolve()), text="cat 1", settings=SHORT, **more
    )
    return last(found)["text"]


@pytest.mark.thorough
def test_switching_answers_as_each_run_alone_and_as_the_base(tiny_folder: Path) -> None:
    one, two = (finished(tiny_folder, seed=seed) for seed in (0, 1))
    session = InferenceSession(RunStore())
    wanted = {name: answer(session, tiny_folder, run=name) for name in (one, two, "")}
    assert len(set(wanted.values())) == 3
    for name in (one, two, "", one):
        first, *rest = session.switch(
            should_stop=lambda: False,
            model=str(tiny_folder.resolve()),
            adapters=[two, one],
            active={name: 1.0} if name else {},
            text="cat 1",
            settings=SHORT,
        )
        assert rest[-1]["text"] == wanted[name]
        assert first["switch_ms"] > 0
        assert first["loaded"] == 2
        assert first["adapter_bytes"][one] < first["base_bytes"] / 10
    full = finished(tiny_folder, method="full")
    with pytest.raises(UserError, match="no LoRA run"):
        last(
            session.switch(
                should_stop=lambda: False,
                model=str(tiny_folder.resolve()),
                adapters=[full],
                active={},
                text="cat 1",
                settings=SHORT,
            )
        )


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
    assert last(session.matrices(run=run, layer=1, module="q_proj"))["rank"] == 2
    assert last(session.spectrum(run=run, layer=1, module="q_proj"))["effective_rank"] <= 2.01
    assert len(last(session.merge(run=run, prompts=["cat 1"]))["rows"]) == 2
    assert last(session.take_away(run=soft, prompts=["cat 1"]))["equal"]
    assert last(session.lora_start(config=RunStore().get(run).config_dict))["b_norm"] == 0
    with pytest.raises(UserError, match="empty"):
        last(session.merge(run=run, prompts=["  "]))


def test_a_text_before_every_prompt_is_scored(tiny_folder: Path) -> None:
    session = InferenceSession(RunStore())
    found = last(
        session.score_text(
            should_stop=lambda: False,
            model=str(tiny_folder.resolve()),
            task="sentiment",
            text="the cat",
            examples=3,
        )
    )
    base = session.base
    assert base is not None
    assert found["n"] == 3
    assert found["n_tokens"] == len(base.tokenizer.encode("the cat"))
    asked = [base.tokenizer.decode(list(key[1:])) for key in base.answers]
    assert len(asked) == 3
    assert all("the cat\n\n" in text for text in asked)


def test_every_operation_of_the_worker_is_a_session_s() -> None:
    torch.manual_seed(0)
    assert set(STOPPABLE) < set(OPERATIONS)
    assert all(callable(getattr(InferenceSession, name)) for name in OPERATIONS)
