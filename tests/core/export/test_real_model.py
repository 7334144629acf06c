"""The real model, tuned and taken out: a fresh process answers as the app does."""

from pathlib import Path

import pytest
import torch

from core import catalog
from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.export.export import export
from core.export.snippets import QUESTION
from core.models import acquire
from core.paths import cache_dir
from core.runs.execute import execute
from core.runs.store import Run, RunStore
from core.runs.worker import BaseKeeper
from tests.core.export.runs import app_answer, run_snippet

ENTRY = catalog.MODELS[catalog.DEFAULT_MODEL]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of its own, beside the prepared model."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "cache").symlink_to(cache_dir())
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path / "home"))
    return tmp_path


def tuned(method: str, *, rate: float, dtype: str = "auto") -> Run:
    config = RunConfig(
        data=DataConfig(task="names"),
        method=MethodConfig(name=method),
        optimizer=OptimizerConfig(steps=3, learning_rate=rate, warmup_steps=0),
        evaluation=EvaluationConfig(every=10, examples=8, final_examples=8, samples=0),
        dtype=dtype,
    )
    run = RunStore().start(config, worker="test")
    execute(run, RunStore(), BaseKeeper())
    return RunStore().get(run.id)


@pytest.mark.proof
@pytest.mark.slow
def test_a_merged_model_answers_as_the_app(tmp_path: Path) -> None:
    run = tuned("lora", rate=3e-3)
    found = export(RunStore(), run.id, tmp_path / "merged", "merged").parity
    assert found is not None
    assert len(found.rows) == 8
    assert found.n_equal >= 7, found.in_words
    assert found.n_equal + len(found.near_ties) == 8, found.in_words


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.parametrize("method", ["prompt", "prefix"])
def test_the_code_of_a_soft_prompts_card_answers_as_the_app(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In bf16, "My" and "M" are a tie of the first token after three steps of prefix tuning.
    monkeypatch.setattr("core.runs.inference_session.resolve_dtype", lambda _: torch.float32)
    run = tuned(method, rate=0.01, dtype="float32")
    folder = export(RunStore(), run.id, tmp_path / "adapter", is_checked=False).folder
    card = (folder / "README.md").read_text("utf-8")
    said = run_snippet(card, folder, ENTRY.hub_name, acquire.ready_dir(ENTRY), dtype="float32")
    assert said == app_answer(run, QUESTION, max_new_tokens=40)
