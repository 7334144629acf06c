"""A tiny real Llama with a small real tokenizer, made here, for tests of the training core; databases."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from core import catalog
from core.bench.faults import postgresql as installed
from core.models.load import LoadedModel, load, load_folder

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SENTENCES = ["the cat sat on the mat", "a dog ran", "positive negative review", "Ünïcode 日本 🎼"]


def make_tokenizer(folder: Path) -> int:
    """Write a byte-level BPE tokenizer; returns its vocabulary size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "eos_token": "<|im_end|>",
                "bos_token": "<|im_start|>",
                "chat_template": TEMPLATE,
            }
        )
    )
    return tokenizer.get_vocab_size()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=make_tokenizer(folder),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        initializer_range=0.2,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def roomy(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model with room for prompts that hold examples."""
    folder = tmp_path_factory.mktemp("roomy") / "model"
    shutil.copytree(tiny_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 2048}))
    return str(folder.resolve())


@pytest.fixture
def tiny(tiny_folder: Path) -> LoadedModel:
    return load_folder(tiny_folder, id="tiny", dtype=torch.float32)


@pytest.fixture
def tiny64(tiny_folder: Path) -> LoadedModel:
    return load_folder(tiny_folder, id="tiny", dtype=torch.float64)


@pytest.fixture
def tiny_bf16(tiny_folder: Path) -> LoadedModel:
    return load_folder(tiny_folder, id="tiny", dtype=torch.bfloat16)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def smol() -> LoadedModel:
    """The real model; `python -m core prepare` makes it ready."""
    found = load(catalog.DEFAULT_MODEL, dtype=torch.bfloat16)
    return dataclasses.replace(found)


# The databases that runs and classes may have


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server."""
    if not installed.find("initdb"):
        pytest.skip("no PostgreSQL is installed")
    with installed.server() as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def database(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs once on each kind of database, which is empty."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    if request.param == "postgresql":
        address = request.getfixturevalue("postgresql")
        monkeypatch.setenv("DATABASE_URL", address)
        installed.empty(address)
    return request.param
