"""GGUF files: each tensor as it was merged, and transformers' own reader computes the same with them."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from transformers import AutoModelForCausalLM

from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.export import gguf_file
from core.export.export import export
from core.export.modelfile import modelfile, turns_of
from core.runs.store import RunStore
from tests.core.conftest import make_tokenizer
from tests.core.export.test_export import finished
from tests.core.methods.tuning import IDS
from tests.core.models.architectures import CONFIGS


@pytest.fixture
def exported(tiny_folder: Path, tmp_path: Path, tuned_home: Path) -> Path:
    run = finished("lora", tiny_folder)
    export(RunStore(), run.id, tmp_path / "merged", "merged", is_checked=False)
    return export(RunStore(), run.id, tmp_path / "gguf", "gguf", is_checked=False).folder


@pytest.mark.thorough
def test_the_files_hold_the_merged_model(exported: Path, tiny_folder: Path) -> None:
    names = {p.name for p in exported.iterdir()}
    assert {"model-F16.gguf", "model-Q8_0.gguf", "Modelfile", "README.md"} <= names
    merged = AutoModelForCausalLM.from_pretrained(exported.parent / "merged").eval()
    with torch.no_grad():
        wanted = merged(IDS).logits
        read = AutoModelForCausalLM.from_pretrained(exported, gguf_file="model-F16.gguf")
        torch.testing.assert_close(read.eval()(IDS).logits, wanted, rtol=0, atol=0.05)
        read = AutoModelForCausalLM.from_pretrained(exported, gguf_file="model-Q8_0.gguf")
        found = read.eval()(IDS).logits
    assert (found - wanted).abs().max() < 0.1 * wanted.abs().max()
    assert not torch.equal(found, wanted)
    found = json.loads((exported / "tensors.json").read_text())
    assert [one["file"] for one in found] == ["model-F16.gguf", "model-Q8_0.gguf"]
    n = sum(1 for name in merged.state_dict() if name != "lm_head.weight")
    assert [one["n_tensors"] for one in found] == [n, n]
    assert all(0 < one["largest_share_of_bound"] <= 1 for one in found)
    assert found[0]["largest_error"] < 0.1 * found[1]["largest_error"]


@pytest.mark.thorough
def test_a_file_says_how_to_read_it(exported: Path, tiny_folder: Path) -> None:
    reader = gguf.GGUFReader(exported / "model-Q8_0.gguf")
    tokenizer = ChatTokenizer.load(tiny_folder)

    def said(key: str) -> object:
        field = reader.get_field(key)
        assert field is not None, key
        return field.contents()

    assert said("general.architecture") == "llama"
    assert said("llama.attention.head_count_kv") == 2
    assert said("llama.rope.dimension_count") == 8
    assert said("tokenizer.ggml.pre") == "gpt-2"
    assert said("tokenizer.chat_template") == tokenizer.template
    assert said("tokenizer.ggml.eos_token_id") == tokenizer.end_ids[0]
    tokens, kinds = said("tokenizer.ggml.tokens"), said("tokenizer.ggml.token_type")
    assert tokens[:2] == ["<|im_start|>", "<|im_end|>"]
    assert kinds[:3] == [gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, gguf.TokenType.NORMAL]
    kinds_of = {t.name: t.tensor_type for t in reader.tensors}
    assert kinds_of["blk.0.ffn_down.weight"] is Kind.Q8_0
    assert kinds_of["blk.0.attn_norm.weight"] is Kind.F32


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_a_wrong_tensor_is_found(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, quantize = finished("lora", tiny_folder), gguf.quants.quantize

    def damaged(values: np.ndarray, kind: Kind) -> np.ndarray:
        return quantize(values * np.float32(1.01), kind)

    monkeypatch.setattr(gguf_file.gguf.quants, "quantize", damaged)
    with pytest.raises(UserError, match="does not hold the model that was merged"):
        export(RunStore(), run.id, tmp_path / "gguf", "gguf", is_checked=False)
    assert not (tmp_path / "gguf").exists()


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_biases_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    run = finished("bitfit", tiny_folder)
    with pytest.raises(UserError, match="models without biases only"):
        export(RunStore(), run.id, tmp_path / "gguf", "gguf")


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_another_architecture_is_refused_in_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    config = CONFIGS["qwen2"](make_tokenizer(folder))
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    run = finished("lora", folder)
    with pytest.raises(UserError, match=r"for Llama's architecture only.* this model is a qwen2"):
        export(RunStore(), run.id, tmp_path / "gguf", "gguf")
    assert not (tmp_path / "gguf").exists()


def test_the_bounds_are_those_of_the_types() -> None:
    values = np.random.default_rng(0).normal(0, 0.1, (64, 96)).astype(np.float32)
    for kind in (Kind.F16, Kind.Q8_0):
        data = gguf.quants.quantize(values, kind)
        error = np.abs(gguf.quants.dequantize(data, kind) - values)
        share = (error / gguf_file._bound(values, kind)).max()  # pyright: ignore[reportPrivateUsage]
        assert 0.8 < share <= 1, kind


def test_heads_are_turned_as_transformers_turns_them_back() -> None:
    values = np.arange(16 * 3, dtype=np.float32).reshape(16, 3)
    turned = gguf_file._interleaved(values, 2)  # pyright: ignore[reportPrivateUsage]
    assert turned[:8, 0].tolist() == [0, 12, 3, 15, 6, 18, 9, 21]


def test_the_modelfile_dresses_a_prompt_as_the_chat_template(tiny_folder: Path) -> None:
    tokenizer = ChatTokenizer.load(tiny_folder)
    turns = turns_of(tokenizer)
    assert turns is not None
    assert turns.chat("Hi") == tokenizer.chat([{"role": "user", "content": "Hi"}])
    text = modelfile(tokenizer, file="model-F16.gguf")
    assert text.startswith("FROM ./model-F16.gguf\n")
    assert "{{ if .Prompt }}<|im_start|>user\n{{ .Prompt }}<|im_end|>\n" in text
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert "SYSTEM" not in text


def test_a_system_text_that_the_template_adds_is_in_the_modelfile(
    tiny_folder: Path, tmp_path: Path
) -> None:
    template = (
        "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )
    for path in tiny_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "chat_template.jinja").write_text(template)
    tokenizer = ChatTokenizer.load(tmp_path)
    assert 'SYSTEM """Be kind."""' in modelfile(tokenizer, file="x.gguf")
    turns = turns_of(tokenizer)
    assert turns is not None
    assert turns.chat("Hi") == tokenizer.chat([{"role": "user", "content": "Hi"}])


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m['content'] | upper }}{% endfor %}",
        "{% for m in messages %}{{ raise_exception('no') }}{% endfor %}",
        "{% for m in messages %}[{{ loop.index }}]{{ m['content'] }}{% endfor %}",
    ],
)
def test_a_template_that_does_more_gets_none(
    template: str, tiny_folder: Path, tmp_path: Path
) -> None:
    for path in tiny_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "chat_template.jinja").write_text(template)
    tokenizer = ChatTokenizer.load(tmp_path)
    assert turns_of(tokenizer) is None
    assert "TEMPLATE" not in modelfile(tokenizer, file="x.gguf")
