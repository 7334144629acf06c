"""The training loop as a generator: what it yields, that it learns, and that it is reproducible."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core import catalog, methods
from core.config import (
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
)
from core.data import uploads
from core.data.test_sets import fixed_set
from core.errors import Stopped, UserError
from core.evaluate.task import evaluate_task
from core.events import Evaluation, Event, PartialEvaluation, Sample
from core.models.load import LoadedModel
from core.train.checks import likely_answers
from core.train.plan import make_plan
from core.train.stepper import PHASES, Stepper
from core.train.training import Trained, train

TIMES = {"elapsed_s", "step_s", "examples_per_s", "tokens_per_s", "peak_memory_mb", "train_s"}
PAIRS = [
    {"prompt": f"{w} cat {n}", "completion": "yes" if n % 2 else "no"}
    for n in range(12)
    for w in "ab"
]


def config(method: str = "lora", **optimizer: Any) -> RunConfig:
    settings = {"learning_rate": 0.01, "steps": 6, "batch_size": 4, "warmup_steps": 1} | optimizer
    return RunConfig(
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        method=MethodConfig(name=method, rank=4),
        optimizer=OptimizerConfig(**settings),
        evaluation=EvaluationConfig(every=2, examples=2, samples=1),
    )


def run(wanted: RunConfig, base: LoadedModel) -> tuple[list[Event], Trained]:
    events: list[Event] = []
    training = train(wanted, base)
    while True:
        try:
            events.append(next(training))
        except StopIteration as end:
            return events, end.value


def comparable(events: list[Event]) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.to_dict().items() if k not in TIMES} for e in events]


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "full"])
def test_learns_and_leaves_the_base_untouched(method: str, home: Path, tiny: LoadedModel) -> None:
    before = {n: p.clone() for n, p in tiny.model.named_parameters()}
    events, _ = run(config(method, steps=40), tiny)
    losses = [e.to_dict()["loss"] for e in events if e.type == "step"]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    for name, parameter in tiny.model.named_parameters():
        assert torch.equal(parameter, before[name])


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "full"])
def test_equal_seeds_give_equal_events(method: str, home: Path, tiny: LoadedModel) -> None:
    first, second = (comparable(run(config(method), tiny)[0]) for _ in range(2))
    assert first == second


@pytest.mark.thorough
def test_events_come_in_order(home: Path, tiny: LoadedModel) -> None:
    events, _ = run(config(), tiny)
    types = [e.type for e in events]
    assert (types[0], types[-1]) == ("started", "finished")
    checks = [(e.to_dict()["step"], e.to_dict()["n"]) for e in events if e.type == "evaluation"]
    assert checks == [(0, 4), (2, 2), (4, 2), (6, 4)]  # all test pairs before and after


@pytest.mark.thorough
def test_the_last_check_shows_first_what_every_check_asks(home: Path, tiny: LoadedModel) -> None:
    """Samples, then the scores so far with their intervals, then those of all, as asked by themselves."""
    events, trained = run(config(), tiny)
    last = [e for e in events if getattr(e, "step", 0) == 6]
    kinds = [e.type for e in last]
    assert kinds.index("sample") < kinds.index("partial_evaluation") < kinds.index("evaluation")
    first, partial = [e for e in events if isinstance(e, PartialEvaluation)]
    assert (first.step, first.n, first.n_all) == (0, 2, 4)
    assert (partial.step, partial.n, partial.n_all) == (6, 2, 4)
    model = trained.model.eval()
    tests = fixed_set(make_plan(trained.config, tiny.tokenizer).tests[catalog.CUSTOM_TASK], 0)
    of_all, answers = evaluate_task(model, tiny, catalog.CUSTOM_TASK, tests, step=6)
    (found,) = [e for e in last if isinstance(e, Evaluation)]
    assert comparable([found]) == comparable([of_all])
    of_some, _ = evaluate_task(model, tiny, catalog.CUSTOM_TASK, tests[:2], step=6)
    assert (partial.score, partial.interval) == (of_some.score, of_some.interval)
    samples = {e.prompt: e.output for e in last if isinstance(e, Sample)}
    known = {e.prompt: a.text for e, a in zip(tests, answers, strict=True)}
    assert samples.items() <= known.items()


def test_labels_that_are_learned_are_guessed(home: Path, tiny: LoadedModel) -> None:
    end = tiny.tokenizer.end_id
    labels = [[*tiny.tokenizer.encode(word), end] for word in ("no", "yes")]
    plan = make_plan(config(), tiny.tokenizer)
    assert sorted(likely_answers(plan)) == sorted(labels)
    names = replace(config(), data=DataConfig(task="names"))
    assert likely_answers(make_plan(names, tiny.tokenizer)) == []


@pytest.mark.thorough
def test_lora_trains_what_the_formula_says(home: Path, tiny: LoadedModel) -> None:
    events, _ = run(config(), tiny)
    # r (d_in + d_out) for q (32 to 32) and v (32 to 16), in 2 layers
    assert events[0].to_dict()["trainable_params"] == 2 * 4 * ((32 + 32) + (32 + 16))


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "full"])
def test_saved_and_loaded_answers_alike(
    method: str, home: Path, tiny: LoadedModel, tmp_path: Path
) -> None:
    _, trained = run(config(method), tiny)
    trained.save(tmp_path / "run")
    again = methods.find(method).load(tiny.model, tmp_path / "run")
    ids = torch.tensor([[5, 6, 7]])
    tolerance = 1e-5 if method == "lora" else 2e-2  # the change is kept in bf16
    with torch.no_grad():
        torch.testing.assert_close(
            again(ids).logits, trained.model.eval()(ids).logits, rtol=tolerance, atol=tolerance
        )
        assert not torch.allclose(again(ids).logits, tiny.model(ids).logits, atol=tolerance)


def test_stop_keeps_the_model_so_far(home: Path, tiny: LoadedModel, tmp_path: Path) -> None:
    steps = 0

    def stop() -> bool:
        return steps >= 2

    def drain() -> None:
        nonlocal steps
        for event in train(config(steps=50), tiny, should_stop=stop):
            steps += event.type == "step"

    with pytest.raises(Stopped) as stopped:
        drain()
    assert steps == 2
    assert isinstance(stopped.value.partial, Trained)
    stopped.value.partial.save(tmp_path / "partial")
    assert (tmp_path / "partial" / "adapter_config.json").is_file()


def test_divergence_is_said_in_words(
    home: Path, tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: object, **__: object) -> tuple[float, float, float]:
        return float("nan"), 0.0, 1.0

    monkeypatch.setattr("core.train.loop.take_step", diverge)
    with pytest.raises(UserError, match=r"diverged.*Lower the learning rate"):
        run(config(), tiny)


@pytest.mark.thorough
def test_stops_early_without_a_better_validation_loss(home: Path, tiny: LoadedModel) -> None:
    events, _ = run(config(steps=400, learning_rate=0.05, patience=1), tiny)
    finished = events[-1].to_dict()
    assert finished["stopped_early"]
    assert finished["steps"] < 400


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "full"])
def test_stepping_equals_running(method: str, home: Path, tiny: LoadedModel) -> None:
    wanted = config(method, steps=2)
    _, trained = run(wanted, tiny)
    stepper = Stepper(wanted, tiny)
    names = [stepper.advance().name for _ in range(2 * len(PHASES))]
    assert names == [*PHASES, *PHASES]
    ran = dict(trained.model.named_parameters())
    for name, parameter in stepper.trainable.items():
        torch.testing.assert_close(parameter, ran[name])


@pytest.mark.thorough
def test_a_sequence_of_tasks_counts_on(home: Path, tiny: LoadedModel) -> None:
    """Steps, times and footprint belong to the run, not to the task it is at."""
    wanted = RunConfig(
        data=DataConfig(task="sentiment", others=("names",), order="sequential"),
        optimizer=OptimizerConfig(learning_rate=1e-3, steps=3, batch_size=2),
        evaluation=EvaluationConfig(every=9, examples=1, final_examples=1, samples=0),
    )
    events, _ = run(wanted, tiny)
    steps = [e.to_dict() for e in events if e.type == "step"]
    assert [s["step"] for s in steps] == [1, 2, 3, 4, 5, 6]
    so_far = 0.0
    for step in steps:
        so_far += step["step_s"]
        assert step["elapsed_s"] == pytest.approx(so_far)
    assert events[-1].to_dict()["train_s"] == pytest.approx(so_far)
    assert [e.to_dict()["step"] for e in events if e.type == "memory"] == [1]
    phases = [e.to_dict() for e in events if e.type == "phase"]
    bounds = [(p["first_step"], p["last_step"]) for p in phases]
    assert bounds == [(1, 3), (4, 6)]
