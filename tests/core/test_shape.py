"""Parameter counts against published ones, and shapes read from a folder."""

import json
from pathlib import Path

import pytest

from core import catalog
from core.errors import UserError
from core.shape import PUBLISHED, ModelShape, of_folder, total_parameters

# Exact counts: of the tensors in the published checkpoints (safetensors metadata on the Hugging Face
# hub). LLaMA-65B: Touvron et al. 2023, table 2, 65.2B. GPT-3: Brown et al. 2020, table 2.1, 175.0B,
# rounded there; its sizes are in the same row.
EXACT = {
    "GPT-2": 124_439_808,
    "SmolLM2-135M": 134_515_008,
    "SmolLM2-360M": 361_821_120,
    "Qwen2.5-0.5B": 494_032_768,
    "Llama-2-7B": 6_738_415_616,
    "Llama-3-8B": 8_030_261_248,
    "Llama-2-13B": 13_015_864_320,
    "Llama-2-70B": 68_976_648_192,
}


@pytest.mark.parametrize(("title", "n"), EXACT.items())
def test_published_counts(title: str, n: int) -> None:
    assert total_parameters(PUBLISHED[title]) == n


def test_counts_that_are_published_rounded() -> None:
    assert total_parameters(PUBLISHED["GPT-3 175B"]) == pytest.approx(175e9, rel=0.003)
    assert total_parameters(PUBLISHED["LLaMA-65B"]) == pytest.approx(65.2e9, rel=0.003)


def test_the_catalogue_says_the_same() -> None:
    known = {entry.parameters for entry in catalog.MODELS.values()}
    assert known <= {total_parameters(shape) for shape in PUBLISHED.values()}


def folder(tmp_path: Path, **values: object) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(values), "utf-8")
    return tmp_path


LLAMA = {
    "model_type": "llama",
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
}


def test_a_folder_of_each_kind(tmp_path: Path) -> None:
    assert total_parameters(of_folder(folder(tmp_path, **LLAMA))) == 134_515_008
    mistral = LLAMA | {"model_type": "mistral", "tie_word_embeddings": False}
    assert total_parameters(of_folder(folder(tmp_path, **mistral))) == 134_515_008 + 49152 * 576
    qwen = LLAMA | {
        "model_type": "qwen2",
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
    }
    assert total_parameters(of_folder(folder(tmp_path, **qwen))) == EXACT["Qwen2.5-0.5B"]
    gpt2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257, "n_positions": 1024}
    found = of_folder(folder(tmp_path, model_type="gpt2", **gpt2))
    assert total_parameters(found) == EXACT["GPT-2"]
    assert "gate" not in found.linears


def test_biases_and_head_size_of_a_folder(tmp_path: Path) -> None:
    wide = LLAMA | {"head_dim": 128, "attention_bias": True, "mlp_bias": True}
    found = of_folder(folder(tmp_path, **wide))
    assert found.linears["query"] == (576, 9 * 128)
    assert found.linears["output"] == (9 * 128, 576)
    assert found.biased == tuple(found.linears)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model_type": "mamba"}, "'mamba' are not known here; known are: llama"),
        (
            {"model_type": "llama"},
            "a model: LlamaConfig without hidden_size, .*num_attention_heads, .*",
        ),
        ({}, "does not describe a model: 'model_type'"),
        (LLAMA | {"num_key_value_heads": 2}, "9 heads cannot share 2"),
        (
            LLAMA | {"hidden_size": "wide", "head_dim": 64},
            "hidden_size is 'wide', where a whole number is wanted",
        ),
    ],
)
def test_what_is_no_known_model_is_refused(
    values: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words):
        of_folder(folder(tmp_path, **values))


def test_a_folder_without_a_readable_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not describe a model"):
        of_folder(tmp_path)
    (tmp_path / "config.json").write_text("[]", "utf-8")
    with pytest.raises(UserError, match="does not describe a model"):
        of_folder(tmp_path)


def test_sizes_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(UserError, match="layers must be a whole number from 1"):
        ModelShape(
            title="none",
            hidden=8,
            intermediate=16,
            layers=0,
            heads=2,
            kv_heads=1,
            head_dim=4,
            vocabulary=10,
            tied=True,
        )
