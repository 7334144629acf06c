"""Where a text starts and an answer ends is what the model's own files say, as transformers reads them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, processors
from transformers import AutoTokenizer, LlamaForCausalLM

from core.data.encode import encode
from core.data.examples import Example
from core.data.tokenizer import ChatTokenizer
from core.generate.batch import answer_greedily
from core.generate.settings import SamplingSettings
from core.generate.stream import stream
from core.models.load import load_folder

Change = Callable[[dict[str, Any]], object]
PLAIN = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}"
LLAMA_3 = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] + m['content'] + '<|eot|>' }}{% endfor %}"
)


def copied(
    tiny_folder: Path,
    to: Path,
    *,
    ends: Any = None,
    starts: bool = False,
    change: Change = lambda config: None,
) -> Path:
    """The tiny model with more special tokens: <|start|>, <|eot|>, <|done|>; `starts`: it adds the first."""
    shutil.copytree(tiny_folder, to, dirs_exist_ok=True)
    backend = Tokenizer.from_file(str(to / "tokenizer.json"))
    # The tiny model has no room for new tokens, so words that are there become special.
    backend.add_special_tokens(["t", "o", "n"])
    if starts:
        backend.post_processor = processors.TemplateProcessing(
            single="<|im_start|> $A", special_tokens=[("<|im_start|>", 0)]
        )
    backend.save(str(to / "tokenizer.json"))
    config = json.loads((to / "tokenizer_config.json").read_text())
    change(config)
    (to / "tokenizer_config.json").write_text(json.dumps(config))
    generation = to / "generation_config.json"
    found = json.loads(generation.read_text())
    generation.write_text(json.dumps({**found, "eos_token_id": ends} if ends is not None else {}))
    return to


def test_the_list_of_generation_config_is_followed(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copied(tiny_folder, tmp_path, ends=[40, 7], change=lambda c: c.pop("chat_template"))
    assert ChatTokenizer.load(folder).end_ids == (1, 40, 7)
    assert ChatTokenizer.load(folder).end_id == 1


def test_without_it_config_json_says_it(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copied(tiny_folder, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "eos_token_id": [9, 11]}))
    assert ChatTokenizer.load(folder).end_ids == (1, 9, 11)


@pytest.mark.parametrize(
    ("template", "wanted"), [(PLAIN, "<|im_start|>"), ("", "<|im_start|>"), (None, "<|im_end|>")]
)
def test_a_completion_ends_as_the_template_ends_a_turn(
    template: str | None, wanted: str, tiny_folder: Path, tmp_path: Path
) -> None:
    """The tokenizer calls <|im_start|> its end of text; the chat template ends turns with <|im_end|>."""

    def change(config: dict[str, Any]) -> None:
        config["eos_token"] = "<|im_start|>"
        if template is not None:
            config["chat_template"] = template

    folder = copied(tiny_folder, tmp_path, ends=[0, 1], change=change)
    tokenizer = ChatTokenizer.load(folder)
    pair = encode(Example(prompt="a dog", completion="ran"), tokenizer)
    assert pair.completion_ids[-1] == tokenizer.backend.token_to_id(wanted)
    assert set(tokenizer.end_ids) == {0, 1}
    assert tokenizer.eos_id == AutoTokenizer.from_pretrained(str(folder)).eos_token_id


@pytest.mark.parametrize("starts", [True, False])
@pytest.mark.parametrize("word", [{}, {"add_bos_token": True}, {"add_bos_token": False}])
@pytest.mark.parametrize("has_template", [True, False])
def test_a_text_starts_as_with_transformers(
    starts: bool, word: dict[str, Any], has_template: bool, tiny_folder: Path, tmp_path: Path
) -> None:
    def change(config: dict[str, Any]) -> None:
        config.update(word)
        if not has_template:
            config.pop("chat_template")

    folder = copied(tiny_folder, tmp_path, starts=starts, change=change)
    ours, theirs = ChatTokenizer.load(folder), AutoTokenizer.from_pretrained(str(folder))
    for text in ("a dog", "", "<|im_start|>a dog"):
        wanted: list[int] = theirs(text, add_special_tokens=True)["input_ids"]
        if text.startswith("<|im_start|>") and wanted[:2] == [0, 0]:
            wanted = wanted[1:]  # a start that is written there already is not doubled
        assert ours.ask(text, raw=True) == wanted
        assert len(ours.typed(text, raw=True)) == len(wanted)
    asked = ours.ask("a dog")
    if has_template:
        chat = [{"role": "user", "content": "a dog"}]
        assert asked == theirs.apply_chat_template(
            chat, add_generation_prompt=True, return_dict=False
        )
    else:
        assert asked == theirs("a dog\n")["input_ids"]
        assert ours.typed("a dog")[: len(ours.start_ids)] == [False] * len(ours.start_ids)


@pytest.mark.thorough
@pytest.mark.parametrize("has_template", [True, False])
@pytest.mark.parametrize("ends", [1, [1, 60], [40, 45, 50, 60, 80, 90, *range(100, 250)]])
def test_answers_stop_where_generate_stops(
    ends: Any, has_template: bool, tiny_folder: Path, tmp_path: Path
) -> None:
    def change(config: dict[str, Any]) -> None:
        if not has_template:
            config.pop("chat_template")

    folder = copied(tiny_folder, tmp_path, ends=ends, starts=True, change=change)
    base = load_folder(folder, id="tiny", dtype=torch.float32)
    own: Any = LlamaForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
    n_ended = 0
    for text in ("the cat", "a dog ran", "positive", "x"):
        ids = base.tokenizer.ask(text)
        output = own.generate(torch.tensor([ids]), max_new_tokens=20, do_sample=False)
        answer: list[int] = output[0, len(ids) :].tolist()
        ended = answer[-1] in ([ends] if isinstance(ends, int) else ends)
        n_ended += ended
        settings = SamplingSettings(max_new_tokens=20)
        streamed = list(stream(base.model, base, ids, settings))
        assert [token.id for token in streamed] == answer
        assert streamed[-1].ended == ended
        (whole,) = answer_greedily(base.model, base, [ids], max_new_tokens=20)
        assert whole.text == base.tokenizer.decode(answer[:-1] if ended else answer).strip()
    assert isinstance(ends, int) or len(ends) < 9 or n_ended  # the long list is met
