"""Answers of the growing trie, and sampling stages, against transformers' own."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

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
        assert answer.text == tiny64.tokenizer.decode(whole[0, len(prompt) :].tolist()).strip()


def test_an_answer_is_cut_when_the_limit_ends_it_and_not_the_model(tiny64: LoadedModel) -> None:
    (whole,) = answer_greedily(tiny64.model, tiny64, [PROMPTS[0]], max_new_tokens=9)
    ids = tiny64.model.generate(
        torch.tensor([PROMPTS[0]]),
        max_new_tokens=9,
        do_sample=False,
        eos_token_id=1,
        pad_token_id=1,
    )[0, len(PROMPTS[0]) :].tolist()
    assert whole.was_cut
    assert 1 not in ids
    # The same model, for which the fourth token it says is the end: it ends by itself from 4 tokens on.
    end = tiny64.tokenizer.pieces([ids[3]])[0]
    special = tiny64.tokenizer.special | {"eos_token": tiny64.tokenizer.backend.id_to_token(ids[3])}
    ending = replace(
        tiny64,
        tokenizer=replace(tiny64.tokenizer, special=special, end_ids=(ids[3],)),
        answers=dict[Any, Any](),
    )
    first = ids.index(ids[3]) + 1
    found = {
        limit: answer_greedily(ending.model, ending, [PROMPTS[0]], max_new_tokens=limit)[0]
        for limit in (first - 1, first, first + 1)
    }
    assert [found[limit].was_cut for limit in sorted(found)] == [True, False, False]
    assert found[first].text == found[first + 1].text
    assert end not in found[first].text[-len(end) :]
    again = answer_greedily(ending.model, ending, [PROMPTS[0]] * 2, max_new_tokens=first - 1)
    assert [answer.was_cut for answer in again] == [True, True]  # remembered answers know it, too


def test_greedy_stream_equals_batch(tiny64: LoadedModel) -> None:
    settings = SamplingSettings(max_new_tokens=9)
    *_, last = stream(tiny64.model, tiny64, PROMPTS[1], settings)
    (answer,) = answer_greedily(tiny64.model, tiny64, [PROMPTS[1]], max_new_tokens=9)
    assert last.text.strip() == answer.text


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
        assert sum(row.probabilities[stage] for row in rows) == pytest.approx(1, abs=1e-5)


def test_too_long_or_empty_prompts_are_refused(tiny: LoadedModel) -> None:
    with pytest.raises(UserError, match="together at most 256"):
        list(stream(tiny.model, tiny, [5] * 250, SamplingSettings(max_new_tokens=10)))
    with pytest.raises(UserError, match="empty"):
        list(stream(tiny.model, tiny, [], SamplingSettings()))


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.thorough
def test_the_longest_prompts_that_fit_stay_below_1500_mb() -> None:
    """64 prompts of 1,900 tokens, nothing in common, are what a test split may hold at worst; eight tell."""
    code = """
import torch
from core.catalog import DEFAULT_MODEL
from core.generate.batch import answer_greedily
from core.memory import peak_memory_mb
from core.models.load import load
from core.models.probe import resolve_dtype
base = load(DEFAULT_MODEL, dtype=resolve_dtype("auto"))
prompts = torch.randint(100, 40_000, (8, 1900), generator=torch.Generator().manual_seed(0)).tolist()
answer_greedily(base.model, base, prompts, max_new_tokens=3)
print(peak_memory_mb())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1500
