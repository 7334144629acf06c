"""A run's whole model as GGUF, in F16 and Q8_0, as llama.cpp and Ollama read it. Needs torch.

Q8_0 keeps a weight as 8 bits and a scale for every 32 of a row (about half of F16's bytes). Vectors stay
float32, as everywhere in llama.cpp. What was written is read back and compared, tensor by tensor. Llama's
architecture only (SmolLM2 is one), with the tokenizers that its kin have.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from numpy.typing import NDArray

from core import catalog
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.export.merged import merged_model
from core.export.modelfile import modelfile
from core.export.tokenizer_files import write_tokenizer
from core.models import acquire
from core.runs.store import Run
from core.typed_json import Json, read

Floats = NDArray[np.float32]
FILES = {
    "model-F16.gguf": (Kind.F16, gguf.LlamaFileType.MOSTLY_F16),
    "model-Q8_0.gguf": (Kind.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
COMPARED = "tensors.json"
BLOCK = 32
F16_ERROR = 2.0**-11
"""Of a value; below 2⁻¹⁴ its steps are 2⁻²⁴."""
Q8_ERROR = 0.5 / 127 + F16_ERROR
"""Of the largest in a block: half a step of 127, and the scale itself in F16."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """One file, read back."""

    file: str
    n_tensors: int
    largest_error: float
    """Of any weight, against the merged model."""
    largest_share_of_bound: float
    """The largest error as a share of what its type may lose; above 1 something is wrong."""


def write_gguf(run: Run, weights: Path, to: Path) -> list[Written]:
    """Write both files, a Modelfile and the tokenizer; returns what reading them back found."""
    base = acquire.ready_dir(catalog.find_model(run.config.model))
    tokenizer = ChatTokenizer.load(base)
    words = _vocabulary(base)
    model = merged_model(run, weights)
    _check_architecture(model)
    found: list[Written] = []
    for file, (kind, file_type) in FILES.items():
        writer = gguf.GGUFWriter(to / file, "llama")
        _describe(writer, model.config, name=f"{catalog.find_model(run.config.model).title}, tuned")
        writer.add_file_type(file_type)
        _add_tokenizer(writer, tokenizer, words, model.config.vocab_size)
        for name, values in _tensors(model):
            chosen = _kind(values, kind)
            data = gguf.quants.quantize(values, chosen)
            writer.add_tensor(name, data, raw_dtype=chosen)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        found.append(_read_back(to / file, model))
    first = next(iter(FILES))
    (to / "Modelfile").write_text(modelfile(tokenizer, file=first), "utf-8")
    (to / COMPARED).write_text(json.dumps([asdict(one) for one in found], indent=1), "utf-8")
    write_tokenizer(base, to)
    return found


def _check_architecture(model: Any) -> None:
    config = model.config
    if config.model_type != "llama":
        raise UserError(
            f"GGUF is written for Llama's architecture only, such as SmolLM2; this model is a {config.model_type}. "
            "Export it as merged: llama.cpp's own converter reads that."
        )
    if config.rope_parameters.get("rope_type", "default") != "default":
        raise UserError(
            "GGUF is written for models with plain rotary positions only; export it as merged."
        )
    if any(name.endswith(".bias") for name, _ in model.named_parameters()):
        raise UserError(
            "GGUF is written for models without biases only, as transformers drops them when it reads a GGUF; "
            "export it as merged."
        )


def _describe(writer: gguf.GGUFWriter, config: Any, *, name: str) -> None:
    writer.add_name(name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(_head_size(config))
    writer.add_value_length(_head_size(config))
    writer.add_rope_dimension_count(_head_size(config))
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _head_size(config: Any) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """A step by which a text is split before its bytes are merged."""

    type: str
    add_prefix_space: bool = False
    use_regex: bool = True
    individual_digits: bool = False


@dataclass(frozen=True, kw_only=True)
class PreTokenizer(Splitting):
    """One step, or several in their order."""

    pretokenizers: list[Splitting] = field(default_factory=list[Splitting])


@dataclass(frozen=True, kw_only=True)
class Merging:
    type: str
    vocab: dict[str, int]
    merges: list[Any]
    """Each two tokens, or both in one text."""


@dataclass(frozen=True, kw_only=True)
class AddedToken:
    id: int
    content: str
    special: bool


@dataclass(frozen=True, kw_only=True)
class Words:
    """Of tokenizer.json what GGUF needs."""

    model: Merging
    added_tokens: list[AddedToken]
    normalizer: Json = None
    pre_tokenizer: PreTokenizer | None = None


def _vocabulary(base: Path) -> Words:
    """The words of tokenizer.json; `UserError` for a tokenizer that is not like GPT-2's or SmolLM's."""
    try:
        words = read(Words, json.loads((base / "tokenizer.json").read_text("utf-8")))
    except ValueError:  # of another kind
        words = None
    if words is None or _splitting(words) is None:
        raise UserError(
            "This model's tokenizer is of a kind that is not written as GGUF here; export it as merged: "
            "llama.cpp's own converter reads that."
        )
    return words


def _splitting(words: Words) -> str | None:
    """What llama.cpp calls the way in which a text is split before its bytes are merged."""
    first = words.pre_tokenizer
    if words.model.type != "BPE" or words.normalizer or first is None:
        return None
    parts = first.pretokenizers or [first]
    kinds = [part.type for part in parts]
    is_plain = not parts[-1].add_prefix_space and parts[-1].use_regex
    if kinds == ["ByteLevel"] and is_plain:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and is_plain and parts[0].individual_digits:
        return "smollm"
    return None


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: ChatTokenizer, words: Words, n: int) -> None:
    tokens = [f"[PAD{i}]" for i in range(n)]
    types = [gguf.TokenType.UNUSED] * n
    for token, i in words.model.vocab.items():
        tokens[i], types[i] = token, gguf.TokenType.NORMAL
    for added in words.added_tokens:
        tokens[added.id] = added.content
        types[added.id] = gguf.TokenType.CONTROL if added.special else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_splitting(words) or "")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(m) if isinstance(m, list) else m for m in words.model.merges])
    writer.add_eos_token_id(tokenizer.end_ids[0])
    if len(tokenizer.end_ids) > 1:
        writer.add_eot_token_id(tokenizer.end_ids[1])
    for role, add in (
        ("bos_token", writer.add_bos_token_id),
        ("unk_token", writer.add_unk_token_id),
        ("pad_token", writer.add_pad_token_id),
    ):
        found = tokenizer.backend.token_to_id(tokenizer.special[role])
        if tokenizer.special[role] and found is not None:
            add(found)
    writer.add_add_bos_token(bool(tokenizer.start_ids))
    if tokenizer.template:
        writer.add_chat_template(tokenizer.template)


def _tensors(model: Any) -> Iterator[tuple[str, Floats]]:
    """Each tensor under llama.cpp's name, float32, laid out as llama.cpp reads it."""
    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue  # llama.cpp takes the embeddings
        known = names.get_name(name, try_suffixes=(".weight",))
        if known is None:
            raise UserError(f"The tensor {name} has no place in a GGUF of Llama’s architecture.")
        values: Floats = tensor.to(torch.float32).numpy()
        end = name.split(".")[-2]
        yield known, _interleaved(values, heads[end]) if end in heads else values


def _interleaved(values: Floats, n_heads: int) -> Floats:
    """Queries' and keys' rows as llama.cpp turns them: the two halves of a head alternate."""
    halves = values.reshape(n_heads, 2, len(values) // n_heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def _kind(values: Floats, wanted: Kind) -> Kind:
    """Vectors stay float32; a matrix whose rows are no whole number of blocks stays F16."""
    if values.ndim == 1:
        return Kind.F32
    return Kind.F16 if wanted is Kind.Q8_0 and values.shape[-1] % BLOCK else wanted


def _read_back(path: Path, model: Any) -> Written:
    """Compare every tensor of a file with the model; `UserError` where one lost more than its type does."""
    wanted = dict(_tensors(model))
    read = gguf.GGUFReader(path)
    largest = share = 0.0
    for tensor in read.tensors:
        values = wanted.pop(tensor.name)
        found = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(values.shape)
        error = np.abs(found - values)
        largest = max(largest, float(error.max()))
        share = max(share, float((error / _bound(values, tensor.tensor_type)).max()))
    if wanted or not share <= 1:
        raise UserError(
            f"The file {path.name} does not hold the model that was merged; nothing was written."
        )
    return Written(
        file=path.name,
        n_tensors=len(read.tensors),
        largest_error=largest,
        largest_share_of_bound=share,
    )


def _bound(values: Floats, kind: Kind) -> Floats:
    """The most that rounding to `kind` may change each value."""
    tiny = np.float32(2.0**-24)
    if kind is Kind.F32:
        return np.full_like(values, np.finfo(np.float32).tiny)
    if kind is Kind.F16:
        return np.abs(values) * np.float32(F16_ERROR) + tiny
    blocks = np.abs(values.reshape(-1, BLOCK)).max(axis=1, keepdims=True)
    return np.broadcast_to(blocks * np.float32(Q8_ERROR) + tiny, (len(blocks), BLOCK)).reshape(
        values.shape
    )
