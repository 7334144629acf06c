"""Every architecture gives the answers and probabilities of transformers' own forward, on the tree or plainly."""

from typing import Any

import pytest
import torch

from core import methods
from core.config import (
    MethodConfig,
)
from core.data.encode import Encoded
from core.data.examples import Example
from core.generate.batch import answer_greedily
from core.generate.settings import SamplingSettings
from core.generate.stream import Decoder, stream
from core.models.load import LoadedModel
from core.runs.evaluate_run import label_probabilities
from tests.core.models.architectures import NAMES, WINDOW
from tests.core.models.own_forward import KNOBS, PLAINLY, PROMPTS, Folders, own_loss, own_model


def generated(own: Any, prompt: list[int], n: int, ends: tuple[int, ...]) -> list[int]:
    ids = torch.tensor([prompt])
    output = own.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=n,
        do_sample=False,
        eos_token_id=list(ends),
        pad_token_id=1,
    )
    return output[0, len(prompt) :].tolist()


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_generate_s(name: str, bases: dict[str, LoadedModel], folders: Folders) -> None:
    own, base = own_model(folders[name]), bases[name]
    ends = base.tokenizer.end_ids
    wanted = [generated(own, prompt, 20, ends) for prompt in PROMPTS]
    answers = answer_greedily(base.model, base, PROMPTS, max_new_tokens=20)
    for prompt, ids, answer in zip(PROMPTS, wanted, answers, strict=True):
        streamed = stream(base.model, base, prompt, SamplingSettings(max_new_tokens=20))
        assert [token.id for token in streamed] == ids
        said = ids[:-1] if ids[-1] in ends else ids
        assert answer.text == base.tokenizer.decode(said).strip()
        assert answer.was_cut == (ids[-1] not in ends)


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "prompt", "prefix", "full"])
@pytest.mark.parametrize("name", NAMES)
def test_tuned_answers_are_generate_s(
    name: str, method: str, bases: dict[str, LoadedModel], **knobs: int
) -> None:
    base = bases[name]
    torch.manual_seed(0)
    tuned: Any = methods.find(method).attach(base.model, MethodConfig(name=method, **KNOBS | knobs))
    for p in tuned.parameters():
        if p.requires_grad:
            p.data += 0.1 * torch.randn_like(p)
    tuned.eval()
    ends = base.tokenizer.end_ids
    answers = answer_greedily(tuned, base, PROMPTS, max_new_tokens=8)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        ids = by_hand(tuned, prompt, 8, ends)
        settings = SamplingSettings(max_new_tokens=8)
        assert [token.id for token in stream(tuned, base, prompt, settings)] == ids
        said = ids[:-1] if ids[-1] in ends else ids
        assert answer.text == base.tokenizer.decode(said).strip()
        assert answer.was_cut == (ids[-1] not in ends)


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["prompt", "prefix"])
@pytest.mark.parametrize("name", PLAINLY)
def test_more_virtual_tokens_than_a_window_holds(
    name: str, method: str, bases: dict[str, LoadedModel]
) -> None:
    test_tuned_answers_are_generate_s(name, method, bases, virtual_tokens=WINDOW + 4)


@torch.no_grad()
def by_hand(tuned: Any, prompt: list[int], n: int, ends: tuple[int, ...]) -> list[int]:
    """Greedy decoding without a cache, through the tuned model's own (peft's) forward."""
    answer: list[int] = []
    while len(answer) < n and not (answer and answer[-1] in ends):
        found = tuned(input_ids=torch.tensor([[*prompt, *answer]])).logits
        answer.append(int(found[0, -1].argmax()))
    return answer


@pytest.mark.parametrize("name", NAMES)
def test_label_probabilities_are_the_model_s_own(
    name: str, bases: dict[str, LoadedModel], folders: Folders
) -> None:
    own, base = own_model(folders[name]), bases[name]
    examples = [
        Example(prompt="the cat sat on the mat " * n, completion=label)
        for n, label in ((1, "cat"), (3, "dog ran"), (2, "cat"), (1, "dog ran"))
    ]
    (message,) = label_probabilities(
        base.model, base, "custom", examples, should_stop=lambda: False
    )
    for row, example in zip(message.rows, examples, strict=True):
        logs: list[float] = []
        for label in ("cat", "dog ran"):
            prompt = base.tokenizer.ask(example.prompt)
            completion = [*base.tokenizer.encode(label), base.tokenizer.end_id]
            pair = Encoded(prompt, completion)
            with torch.no_grad():
                logs.append(-own_loss(own, [pair]).item() * len(completion))
        wanted = torch.tensor(logs).softmax(0).tolist()
        assert list(row.probabilities.values()) == pytest.approx(wanted, abs=1e-4)
        assert row.mass == pytest.approx(sum(torch.tensor(logs).exp().tolist()), rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_decoder_goes_back_and_on(
    name: str, bases: dict[str, LoadedModel], folders: Folders
) -> None:
    own, base = own_model(folders[name]), bases[name]
    decoder = Decoder(base.model, base)
    text = [*range(100, 100 + 2 * WINDOW)]
    with torch.no_grad():
        decoder(text)
        decoder([40, 41, 42])
        decoder.forget_after(len(text))
        found = decoder([50, 51])
        wanted = own(input_ids=torch.tensor([[*text, 50, 51]])).logits[0, -1]
    assert torch.allclose(found, wanted, atol=1e-4)
