"""A run's adapter, exported from the store, in plain peft."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from core import catalog
from core.config import (
    METHODS,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
)
from core.data import uploads
from core.errors import UserError
from core.events import Evaluation
from core.export.card import model_card
from core.export.export import export
from core.paths import data_dir
from core.runs.execute import execute
from core.runs.inference_session import InferenceSession
from core.runs.store import Run, RunStore
from core.runs.worker import BaseKeeper
from tests.core.methods.tuning import IDS, logits

PAIRS = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no"} for n in range(12)]
WITHOUT = ("full", "top_layers", "bitfit", "adapter")
"""peft has no format for these."""


_TUNED: dict[tuple[Path, str, Path], str] = {}


def finished(method: str, folder: Path) -> Run:
    """A run of a method; where this home has one of the same folder, that one."""
    store, key = RunStore(), (data_dir(), method, folder)
    if key in _TUNED:
        return store.get(_TUNED[key])
    config = RunConfig(
        model=str(folder),
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        method=MethodConfig(name=method, rank=2, layers=1, virtual_tokens=3, bottleneck=4),
        optimizer=OptimizerConfig(steps=3, batch_size=4, learning_rate=0.05, warmup_steps=0),
        evaluation=EvaluationConfig(every=5, examples=2, final_examples=2),
        dtype="float32",
    )
    run = store.start(config, worker="test")
    execute(run, store, BaseKeeper())
    assert store.get(run.id).status == "finished"
    _TUNED[key] = run.id
    return store.get(run.id)


@pytest.mark.thorough
@pytest.mark.parametrize("method", [m for m in METHODS if m not in WITHOUT])
@pytest.mark.usefixtures("tuned_home")
def test_plain_peft_gives_the_same_logits(method: str, tiny_folder: Path, tmp_path: Path) -> None:
    run = finished(method, tiny_folder)
    folder = export(RunStore(), run.id, tmp_path / "exported", is_checked=False).folder
    session = InferenceSession(RunStore())
    session.model_for(run.config.model)
    ours, base = session.model_for(run.config.model, run.id)
    plain = AutoModelForCausalLM.from_pretrained(str(tiny_folder), dtype=base.dtype)
    theirs = PeftModel.from_pretrained(plain, str(folder)).to(base.dtype).eval()
    with torch.no_grad():
        found = theirs(IDS).logits[0, -IDS.shape[1] :].float()
    wanted = logits(ours)
    assert not torch.allclose(wanted, logits(base.model), atol=0.05)
    torch.testing.assert_close(
        found, wanted, rtol=0, atol=0.08 if base.dtype.itemsize == 2 else 1e-5
    )
    assert run.summary.artifact_bytes == RunStore().size_bytes(run.id) > 0


@pytest.mark.thorough
@pytest.mark.parametrize("method", WITHOUT)
@pytest.mark.usefixtures("tuned_home")
def test_what_peft_has_no_format_for_is_said(
    method: str, tiny_folder: Path, tmp_path: Path
) -> None:
    run = finished(method, tiny_folder)
    with pytest.raises(UserError, match=f"tuned with {method}, which peft has no format for"):
        export(RunStore(), run.id, tmp_path / "exported", is_checked=False)
    assert not (tmp_path / "exported").exists()


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_the_adapter_names_its_base_by_what_others_call_it(
    tiny_folder: Path, tmp_path: Path
) -> None:
    run = finished("lora", tiny_folder)
    folder = export(RunStore(), run.id, tmp_path / "exported", is_checked=False).folder
    named = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert named == catalog.find_model(str(tiny_folder)).id
    assert catalog.MODELS[catalog.DEFAULT_MODEL].hub_name == "HuggingFaceTB/SmolLM2-135M-Instruct"


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_the_card_says_base_settings_scores_and_how_to_load(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished("lora", tiny_folder)
    folder = export(RunStore(), run.id, tmp_path / "exported", is_checked=False).folder
    card = (folder / "README.md").read_text("utf-8")
    assert str(tiny_folder) not in card  # no folder of this machine
    assert f"base_model: {tiny_folder.name}" in card
    assert "as they are" in card
    last = [e for e in RunStore().events(run.id) if isinstance(e, Evaluation)][-1]
    low, high = last.interval
    assert f"| {last.score:.2f} | {low:.2f} to {high:.2f} | {last.n} |" in card
    assert "| optimizer.steps | 3 |" in card
    assert "PeftModel.from_pretrained" in card
    entry = catalog.MODELS[catalog.DEFAULT_MODEL]
    monkeypatch.setattr(catalog, "find_model", lambda _: entry)
    card = model_card(run, [])
    assert f"base_model: {entry.hub_name}" in card
    assert f"not trained on the weights of {entry.hub_name} themselves.** {entry.rounding}" in card
    assert "python -m core prepare" in card
    assert 'gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf"' in card
    assert "None were measured." in card
