"""Turn a 4-bit GGUF file into a folder every tool reads: bf16 safetensors and a fast tokenizer.

transformers reads GGUF itself, but slowly (about 20 s for 135 million parameters), so it is done
once. Needs torch; `core.models.acquire` imports it at the last moment.
"""

import errno
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader
from safetensors import SafetensorError
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
from transformers.utils import logging

CHECK_TEXT = "In 1969,\n\n2 people walked on the Moon."


def convert_gguf(gguf: Path, target: Path) -> None:
    """Write the model of `gguf` to the new folder `target`, in Hugging Face format.

    The folder is read back before returning: a conversion that changed the model raises
    `RuntimeError`. A full disk raises `OSError`.
    """
    logging.disable_progress_bar()
    tokenizer: Any = AutoTokenizer.from_pretrained(
        str(gguf.parent), gguf_file=gguf.name, local_files_only=True
    )
    model: Any = AutoModelForCausalLM.from_pretrained(
        str(gguf.parent),
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),  # else save_pretrained refuses
        dtype=torch.bfloat16,
        local_files_only=True,
    )
    tokenizer.model_max_length = model.config.max_position_embeddings
    _restore_digit_splitting(tokenizer, gguf)
    try:
        model.save_pretrained(target)
    except SafetensorError as error:
        if f"os error {errno.ENOSPC}" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device", str(target)) from error
        raise
    tokenizer.save_pretrained(target)
    _check(model, tokenizer, target)


def _restore_digit_splitting(tokenizer: Any, gguf: Path) -> None:
    """Split numbers into single digits where the GGUF says that the model was trained so.

    transformers gives every GGUF the pre-tokenizer of GPT-2. That of SmolLM splits digits off
    first; without it a blank line before a number becomes other tokens than in training.
    """
    field = GGUFReader(gguf).get_field("tokenizer.ggml.pre")
    if field is not None and field.contents() == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )


def _check(model: Any, tokenizer: Any, folder: Path) -> None:
    """Raise `RuntimeError` unless `folder` holds exactly this model and tokenizer."""
    read: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=torch.bfloat16, use_safetensors=True, local_files_only=True
    )
    read_tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    ids: list[int] = tokenizer.encode(CHECK_TEXT, add_special_tokens=False)
    same_tokens = read_tokenizer.encode(CHECK_TEXT, add_special_tokens=False) == ids
    with torch.inference_mode():
        batch = torch.tensor([ids])  # (1, T)
        same_logits = torch.equal(model.eval()(batch).logits, read.eval()(batch).logits)
    if not (same_tokens and same_logits):
        raise RuntimeError(f"The converted model in {folder} differs from its GGUF file.")
