"""A training that was stopped anywhere and goes on gives what it would have given without the stop."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core import catalog
from core.config import (
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    MitigationConfig,
    OptimizerConfig,
    RunConfig,
)
from core.data import uploads
from core.errors import Stopped, UserError
from core.events import Event, Notice
from core.models.load import LoadedModel
from core.train.progress import DAMAGED, Mark, Progress
from core.train.training import Trained, train
from tests.core.train.test_loop import PAIRS, comparable

STEPS = 5


def config(method: str = "lora", **parts: Any) -> RunConfig:
    settings: dict[str, Any] = {
        "data": DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        "method": MethodConfig(
            name=method, rank=2, alpha=4, dropout=0.2 if "lora" in method else 0.0
        ),
        "optimizer": OptimizerConfig(learning_rate=0.01, steps=STEPS, batch_size=4),
        "evaluation": EvaluationConfig(every=2, examples=2, samples=1, max_new_tokens=3),
    }
    return RunConfig(**settings | parts)


def until(
    wanted: RunConfig, base: LoadedModel, *, n_asked: int | None, progress: Progress | None = None
) -> tuple[list[Event], Trained, bool]:
    """What happens until it is asked for the n-th time whether to stop; and whether it was stopped."""
    asked, events = 0, list[Event]()

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == n_asked

    training = train(wanted, base, should_stop=stop, progress=progress)
    try:
        while True:
            events.append(next(training))
    except StopIteration as end:
        return events, end.value, False
    except Stopped as stopped:
        partial = stopped.partial
    assert isinstance(partial, Trained)
    return events, partial, True


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return {n: p.detach() for n, p in trained.model.named_parameters() if p.requires_grad}


def told(events: list[Event]) -> list[dict[str, Any]]:
    """Without times, and without what torch kept for the backward pass, which varies by some bytes."""
    return [
        {name: value for name, value in event.items() if name != "activation_bytes"}
        for event in comparable(events)
    ]


def check_every_stop(wanted: RunConfig, base: LoadedModel, folder: Path, *, each: int = 1) -> int:
    """Stop at every `each`-th place and go on; returns how many of them had something to go on from."""
    whole, trained, _ = until(wanted, base, n_asked=None)
    n_resumed, n_asked = 0, 1
    while True:
        events, stopped, was_stopped = until(wanted, base, n_asked=n_asked)
        if not was_stopped:
            return n_resumed
        n_asked += each
        if stopped.progress is None:
            assert not any(e.type == "step" for e in events)
            continue
        path = folder / "progress"
        stopped.progress.save(path)
        progress = Progress.load(path)
        rest, again, _ = until(wanted, base, n_asked=None, progress=progress)
        assert isinstance(rest[0], Notice)
        assert rest[0].message.startswith("Goes on after step")
        together = [*events[: progress.mark.n_events], *rest[1:]]
        assert told(together) == told(whole)
        for name, p in weights(trained).items():
            assert torch.equal(p, weights(again)[name]), name
        n_resumed += 1


@pytest.mark.thorough
def test_stopped_anywhere_it_goes_on_as_if_it_had_not_been(
    home: Path, tiny: LoadedModel, tmp_path: Path
) -> None:
    assert check_every_stop(config(), tiny, tmp_path) > STEPS


@pytest.mark.thorough
@pytest.mark.parametrize(
    "method", ["full", "adalora", "dora", "ia3", "prompt", "prefix", "adapter"]
)
def test_every_kind_of_method_goes_on(
    method: str, home: Path, tiny: LoadedModel, tmp_path: Path
) -> None:
    assert check_every_stop(config(method), tiny, tmp_path, each=5)


@pytest.mark.thorough
@pytest.mark.parametrize("regularizer", ["l2sp", "ewc", "kl"])
def test_penalties_go_on(regularizer: str, home: Path, tiny: LoadedModel, tmp_path: Path) -> None:
    cure = MitigationConfig(regularizer=regularizer, strength=1.0, keep=("names",))
    assert check_every_stop(config(cure=cure), tiny, tmp_path, each=9)


@pytest.mark.thorough
def test_a_sequence_goes_on_in_its_task(home: Path, tiny: LoadedModel, tmp_path: Path) -> None:
    wanted = config(
        data=DataConfig(task="sentiment", others=("names",), order="sequential"),
        optimizer=OptimizerConfig(learning_rate=1e-3, steps=3, batch_size=2),
        evaluation=EvaluationConfig(
            every=2, examples=1, final_examples=1, samples=1, max_new_tokens=2, prompts=("Who?",)
        ),
    )
    assert check_every_stop(wanted, tiny, tmp_path, each=4) > 3


@pytest.mark.thorough
def test_early_stopping_remembers(home: Path, tiny: LoadedModel, tmp_path: Path) -> None:
    wanted = config(
        optimizer=OptimizerConfig(learning_rate=0.05, steps=40, batch_size=4, patience=1),
        evaluation=EvaluationConfig(every=1, examples=1, samples=0, max_new_tokens=1),
    )
    whole, _, _ = until(wanted, tiny, n_asked=None)
    assert whole[-1].to_dict()["stopped_early"]
    assert check_every_stop(wanted, tiny, tmp_path, each=4)


def test_what_is_damaged_or_of_another_training_is_said_so(
    home: Path, tiny: LoadedModel, tmp_path: Path
) -> None:
    path = tmp_path / "progress"
    path.write_bytes(b"PK no weights")
    with pytest.raises(UserError, match="damaged; run it again"):
        Progress.load(path)
    torch.save({"mark": {"stage": 0}, "weights": {}}, path)
    with pytest.raises(UserError, match="damaged; run it again"):
        Progress.load(path)
    other = Progress(
        mark=Mark(step=1, n_in_stage=1),
        weights={"no.such": torch.zeros(1)},
        optimizer={},
        method={},
        random=torch.get_rng_state(),
        first_choice={},
        elapsed_s=0.0,
        peak_memory_mb=0.0,
    )
    with pytest.raises(UserError) as refused:
        list(train(config(), tiny, progress=other))
    assert str(refused.value) == DAMAGED
