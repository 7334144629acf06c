"""Answers of the growing trie, and sampling stages, against transformers' own."""

import pytest
import torch
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from core.errors import UserError
from core.generate.batch import answer_greedily
from core.generate.sampling import final_probabilities
from core.generate.settings import SamplingSettings
from core.generate.stream import next_tokens, stream
from core.models.load import LoadedModel

PROMPTS = [[5, 6, 7], [5, 6, 7, 8, 9], [5, 6], [20, 21, 22, 23], [5, 6, 7], [40]]


def test_answers_equal_one_by_one_generation(tiny64: LoadedModel) -> None:
    found = answer_greedily(tiny64.model, tiny64, PROMPTS, max_new_tokens=9)
    for prompt, answer in zip(PROMPTS, found, strict=True):
        whole = tiny64.model.generate(
            torch.tensor([prompt]),
            max_new_tokens=9,
            do_sample=False,
            eos_token_id=1,
            pad_token_id=1,
        )
        assert answer == tiny64.tokenizer.decode(whole[0, len(prompt) :].tolist()).strip()


def test_greedy_stream_equals_batch(tiny64: LoadedModel) -> None:
    settings = SamplingSettings(max_new_tokens=9)
    *_, last = stream(tiny64.model, tiny64, PROMPTS[1], settings)
    (answer,) = answer_greedily(tiny64.model, tiny64, [PROMPTS[1]], max_new_tokens=9)
    assert last.text.strip() == answer


def test_equal_seeds_sample_equal_answers(tiny: LoadedModel) -> None:
    def ids(seed: int) -> list[int]:
        settings = SamplingSettings(temperature=2.0, seed=seed, max_new_tokens=12)
        return [t.id for t in stream(tiny.model, tiny, PROMPTS[0], settings)]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


@pytest.mark.parametrize("seed", range(20))
def test_stages_equal_transformers(seed: int) -> None:
    torch.manual_seed(seed)
    logits, seen = torch.randn(200) * 3, [3, 5, 9, 5]
    settings = SamplingSettings(temperature=0.7, top_k=40, top_p=0.8, repetition_penalty=1.3)
    scores, ids = logits[None].clone(), torch.tensor([seen])
    for process in (
        RepetitionPenaltyLogitsProcessor(1.3),
        TemperatureLogitsWarper(0.7),
        TopKLogitsWarper(40),
        TopPLogitsWarper(0.8),
    ):
        scores = process(ids, scores)
    wanted = scores.softmax(-1)[0]
    torch.testing.assert_close(final_probabilities(logits, seen, settings), wanted)


def test_next_token_stages_each_sum_to_one(tiny: LoadedModel) -> None:
    settings = SamplingSettings(temperature=0.5, top_k=5, top_p=0.9, repetition_penalty=1.2)
    rows = next_tokens(tiny.model, tiny, PROMPTS[0], settings, top=20)
    assert len(rows) == 21
    for stage in ("model", "repetition penalty", "temperature", "top-k", "top-p"):
        assert sum(row[stage] for row in rows) == pytest.approx(1, abs=1e-5)


def test_too_long_or_empty_prompts_are_refused(tiny: LoadedModel) -> None:
    with pytest.raises(UserError, match="limit is 256"):
        list(stream(tiny.model, tiny, [5] * 250, SamplingSettings(max_new_tokens=10)))
    with pytest.raises(UserError, match="empty"):
        list(stream(tiny.model, tiny, [], SamplingSettings()))
