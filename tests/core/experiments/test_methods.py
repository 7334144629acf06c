"""What runs of the methods, of ranks and of soft prompts say side by side, from records written by hand."""

from typing import Any

import pytest

from core.config import FAMILIES, METHODS, MethodConfig, RunConfig, as_taught, default_learning_rate
from core.errors import UserError
from core.events import Event, NearWord, VirtualToken, VirtualTokens, VocabularyMap, Word
from core.experiments.method_rows import method_row, method_settings
from core.experiments.methods import method_config, recorded_configs
from core.experiments.ranks import full_config, rank_config, rank_row, ranks_of
from core.experiments.soft_prompts import (
    SIZES,
    prompt_config,
    size_run,
    token_configs,
    wandering,
)
from core.runs.store import RunSummary
from tests.events import evaluation, memory, step

FIGURES = RunSummary(
    trainable_params=1,
    total_params=100,
    artifact_bytes=7,
    train_s=10.0,
    steps=20,
    scores={"sentiment": 0.9, "names": 0.5},
)


def happened(learned: float = 0.9, kept: float = 0.5) -> list[Event]:
    return [
        memory(),
        evaluation(0, "sentiment", 0.0),
        evaluation(20, "sentiment", learned),
        evaluation(20, "names", kept),
    ]


def test_every_method_has_a_family_and_a_run() -> None:
    assert {spec.family for spec in METHODS.values()} == set(FAMILIES)
    assert sorted(as_taught()) == sorted(METHODS)
    configs = list(recorded_configs((), (0, 1)))
    assert [c.method.name for c in configs] == [*METHODS, *METHODS]
    for config in configs:
        assert config.optimizer.learning_rate == default_learning_rate(config.method.name)
    with pytest.raises(UserError, match="method"):
        list(recorded_configs(("lorra",), (0,)))


def test_a_knob_keeps_lora_s_scale() -> None:
    assert METHODS["lora"].knob_settings(4) == {"rank": 4, "alpha": 8.0}
    assert METHODS["rslora"].knob_settings(4) == {"rank": 4}
    assert METHODS["ia3"].knob_settings(4) == {}


def test_a_row_holds_what_its_run_measured() -> None:
    row = method_row(method_config("lora", seed=3), happened(), FIGURES, run_id="r")
    assert row is not None
    assert (row.knob, row.seed, row.n) == ("rank 8", 3, 60)
    assert row.share == 0.01
    assert row.training_bytes == 4 + 8 + 100
    assert row.total_bytes == row.training_bytes + 400 + 40
    assert row.step_s == 0.5
    assert row.scores == {"sentiment": 0.9, "names": 0.5}
    timed = [*happened(), *(step(n, step_s=s) for n, s in ((1, 0.1), (2, 0.3), (3, 9.0)))]
    again = method_row(method_config("lora"), timed, FIGURES)
    assert again is not None
    assert again.step_s == 0.3


@pytest.mark.parametrize(
    "change",
    [
        {"model": "gpt2"},
        {"data": {"task": "names"}},
        {"optimizer": {"steps": 3}},
        {"cure": {"regularizer": "l2sp", "strength": 1.0}},
    ],
    ids=str,
)
def test_a_run_that_is_not_alike_has_no_row(change: dict[str, Any]) -> None:
    config = method_config("lora").to_dict()
    for key, value in change.items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    assert method_row(RunConfig.from_dict(config), happened(), FIGURES) is None


def test_a_run_without_its_memory_or_names_has_no_row() -> None:
    config = method_config("lora")
    assert method_row(config, happened()[1:], FIGURES) is None
    assert method_row(config, happened()[:-1], FIGURES) is None
    assert method_row(None, happened(), FIGURES) is None


def test_what_is_not_as_usual_is_said() -> None:
    config = method_config("lora", rank=4, alpha=4.0, target_modules=("q_proj",), last_layers=2)
    row = method_row(config, happened(), FIGURES)
    assert row is not None
    assert row.knob == "rank 4, query, last 2 layers, alpha 4"


def test_seeds_of_a_setting_stand_together() -> None:
    rows = [
        method_row(method_config(name, seed=seed), happened(score), FIGURES)
        for name, seed, score in (("lora", 0, 0.8), ("full", 0, 0.9), ("lora", 1, 0.9))
    ]
    found = method_settings(row for row in rows if row)
    assert [s.name for s in found] == ["full", "lora"]
    assert found[1].values("sentiment") == (0.8, 0.9)
    assert found[1].mean("sentiment") == pytest.approx(0.85)
    assert found[1].mean("general") is None


def test_ranks_compare_when_all_else_is_alike() -> None:
    method = MethodConfig(rank=4, alpha=8.0)
    row = rank_row(rank_config(method, rate=1e-3), FIGURES)
    assert row is not None
    assert (row.learned, row.kept, row.train_s) == (0.9, 0.5, 10.0)
    assert row.differs_in_rank_alone(MethodConfig(rank=64, alpha=8.0), rate=1e-3)
    assert not row.differs_in_rank_alone(MethodConfig(rank=64, alpha=8.0), rate=3e-3)
    assert not row.differs_in_rank_alone(MethodConfig(name="dora", alpha=8.0), rate=1e-3)
    assert ranks_of([row, row]) == [4]
    full = full_config(rank_config(method, rate=1e-3, seed=5))
    assert (full.method.name, full.seed) == ("full", 5)
    assert rank_row(full, FIGURES) is None


def test_the_curve_of_sizes_takes_runs_that_differ_in_size_alone() -> None:
    assert [c.method.virtual_tokens for c in token_configs()] == list(SIZES)
    events = [evaluation(0, "sentiment", 0.0), evaluation(20, "sentiment", 0.8)]
    found = size_run(prompt_config(5), events, is_recorded=True)
    assert found is not None
    assert (found.virtual_tokens, found.score, found.n) == (5, 0.8, 60)
    for other in (prompt_config(5, steps=9), prompt_config(5, start="random")):
        assert size_run(other, events, is_recorded=True) is None
    assert size_run(method_config("lora"), events, is_recorded=True) is None


def look(step: int, *nearest: tuple[str, float]) -> VirtualTokens:
    tokens = [
        VirtualToken(x=0.0, y=0.0, norm=1.0, nearest=[NearWord(token=t, cosine=c)])
        for t, c in nearest
    ]
    return VirtualTokens(step=step, tokens=tokens)


def test_wandering_counts_words_left_and_words_of_the_task() -> None:
    words = [Word(token=t, x=0.0, y=0.0) for t in ("film", "negative")]
    plane = VocabularyMap(step=0, words=words, explained=(0.3, 0.2))
    events = [plane, look(0, (" tea", 1.0), (" sun", 1.0)), look(9, (" tea", 0.5), (" film", 0.7))]
    found = wandering(events)
    assert found is not None
    assert (found.n, found.n_same_word, found.n_near_task) == (2, 1, 1)
    assert (found.start_cosine, found.end_cosine) == (1.0, pytest.approx(0.6))
    assert wandering(events[:2]) is None
