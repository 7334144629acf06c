"""The real prepared model is what its makers published: tokens, chat, precision, answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.models import acquire

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder() -> Path:
    entry = catalog.MODELS[catalog.DEFAULT_MODEL]
    assert acquire.is_ready(entry), (
        f"The model {entry.id} is not prepared; run: python -m core prepare"
    )
    return acquire.model_dir(entry)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        str(folder), dtype="auto", use_safetensors=True, local_files_only=True
    ).eval()


def test_only_safe_files(folder: Path) -> None:
    assert {p.suffix for p in folder.iterdir()} == {".json", ".jinja", ".safetensors"}


def test_weights_are_bf16_and_plain(folder: Path, model: Any) -> None:
    import torch

    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert model.num_parameters() == catalog.MODELS[catalog.DEFAULT_MODEL].parameters
    assert "quantization_config" not in json.loads((folder / "config.json").read_text("utf-8"))


def test_embeddings_are_tied(model: Any) -> None:
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight


def test_special_tokens(tokenizer: Any, model: Any) -> None:
    assert tokenizer.is_fast
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.eos_token_id == model.config.eos_token_id == 2
    assert tokenizer.pad_token == "<|im_end|>"
    assert tokenizer.model_max_length == model.config.max_position_embeddings == 8192


def test_chat_template(tokenizer: Any) -> None:
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text == (
        "<|im_start|>system\n"
        "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("in 1999", ["in", "Ġ", "1", "9", "9", "9"]),
        ("x\n\n1. y", ["x", "ĊĊ", "1", ".", "Ġy"]),
        ("a  12", ["a", "ĠĠ", "1", "2"]),
    ],
)
def test_digits_are_split_first(tokenizer: Any, text: str, pieces: list[str]) -> None:
    """As the GGUF's pre-tokenizer name, smollm, stands for: digits, then GPT-2's pattern."""
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode(text)) == pieces


def test_any_text_survives_the_tokenizer(tokenizer: Any) -> None:
    text = "Zoë paid 1,234.50 €\n\n\t— twice!  漢字 🙂 <|im_end|>"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_it_answers(tokenizer: Any, model: Any) -> None:
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    answer = model.generate(**prompt, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :])
