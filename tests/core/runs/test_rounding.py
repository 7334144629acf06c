"""A model beside the one its weights were rounded from, against the same figures made by hand."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize
from transformers import AutoModelForCausalLM

from core.cli.main import main
from core.errors import UserError
from core.runs.rounding import LogitsBeside, ScoresBeside, WeightError, compare, original_folder
from tests.core.cli.test_main import lines, refused

KIND = GGMLQuantizationType.Q4_1


@pytest.fixture(scope="module")
def rounded(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as the app has its own: matrices of the layers in 4 bits, all of it bf16."""
    folder = tmp_path_factory.mktemp("rounded")
    shutil.copytree(tiny_folder, folder, dirs_exist_ok=True)
    model: Any = AutoModelForCausalLM.from_pretrained(str(tiny_folder), dtype=torch.float32)
    for name, p in model.named_parameters():
        if ".layers." in name and p.dim() == 2:
            blocks = quantize(np.ascontiguousarray(p.detach().numpy()), KIND)
            p.data = torch.from_numpy(dequantize(blocks, KIND).copy())
    model.bfloat16().save_pretrained(folder)
    return folder


def in_float32(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_errors_are_those_of_the_weights(rounded: Path, tiny_folder: Path) -> None:
    found = list(compare(str(rounded), tiny_folder, task="names", examples=5))
    errors = {m.part: m.relative_error for m in found if isinstance(m, WeightError)}
    assert list(errors) == ["embeddings and last norm", "layer 0", "layer 1", "all"]
    one, other = in_float32(rounded), in_float32(tiny_folder)
    pairs = {n: (p, dict(other.named_parameters())[n]) for n, p in one.named_parameters()}
    for part, has in {"layer 1": ".layers.1.", "all": ""}.items():
        mine = [(w - w0, w0) for name, (w, w0) in pairs.items() if has in name]
        error, size = (torch.cat([m[i].flatten() for m in mine]).norm().item() for i in (0, 1))
        assert errors[part] == pytest.approx(error / size, rel=1e-4)
    assert 0.03 < errors["layer 0"] < 0.15  # 4 bits
    assert errors["embeddings and last norm"] < 0.005  # 16 bits


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_logits_and_scores_are_both_models_own(rounded: Path, tiny_folder: Path) -> None:
    *_, answers, scores = compare(str(rounded), tiny_folder, task="names", examples=5)
    assert isinstance(answers, LogitsBeside)
    assert isinstance(scores, ScoresBeside)
    assert answers.n_prompts == 36
    assert answers.n_tokens > answers.n_prompts
    assert answers.largest_logit_difference > 0.1
    assert 0 < answers.same_choice < 1
    assert scores.n == 5
    assert 0 <= scores.same_answers <= 1
    assert scores.score_difference == scores.score - scores.original_score
    *_, answers, scores = compare(str(tiny_folder), tiny_folder, task="names", examples=5)
    assert isinstance(answers, LogitsBeside)
    assert isinstance(scores, ScoresBeside)
    assert (answers.largest_logit_difference, answers.same_choice) == (0, 1)
    assert (scores.score_difference, scores.same_answers) == (0, 1)


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_the_command_prints_it(
    rounded: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["inspect", "rounding", "--model", str(rounded), "--task", "names", "--examples", "2"]
    assert main([*command, "--original", str(tiny_folder), "--json"]) == 0
    printed = lines(capsys)
    assert {line["type"] for line in printed} == {"rounding"}
    assert printed[-1]["n"] == 2
    assert "neither a model folder nor" in refused([*command, "--original", "no-such"], capsys)
    assert "neither a model folder nor" in refused(command, capsys)  # a folder has no original


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_a_hub_that_cannot_be_reached_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://localhost:1")
    with pytest.raises(UserError, match="hub cannot be reached from here"):
        original_folder("someone/model", on_progress=lambda at: None)


@pytest.mark.usefixtures("home")
def test_another_architecture_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_folder, other)
    config = in_float32(tiny_folder).config
    config.num_hidden_layers = 1
    AutoModelForCausalLM.from_config(config).save_pretrained(other)
    with pytest.raises(UserError, match="has other layers than this model"):
        list(compare(str(tiny_folder), other, task="names", examples=2))
