"""Single requests on the clock: the same answers as in a batch, with and without a cached beginning."""

import math
from collections.abc import Sequence

import pytest
import torch

from core.errors import Stopped, UserError
from core.evaluate import requests
from core.evaluate.requests import answer_one_by_one, shared_length
from core.evaluate.uncertainty import median_interval
from core.generate.batch import answer_greedily
from core.generate.stream import Decoder
from core.models.load import LoadedModel

QUESTIONS = ("the cat sat", "the cat ran on the mat", "the cat")
LIMIT = 6


def prompts(base: LoadedModel) -> list[list[int]]:
    return [base.tokenizer.ask(text) for text in QUESTIONS]


@pytest.mark.parametrize("cached", [False, True])
def test_a_request_says_what_it_took(tiny64: LoadedModel, cached: bool) -> None:
    asked = prompts(tiny64)
    found = list(
        answer_one_by_one(tiny64.model, tiny64, asked, max_new_tokens=LIMIT, cached=cached)
    )
    assert [r.n_prompt for r in found] == [len(ids) for ids in asked]
    shared = shared_length(asked) if cached else 0
    assert (shared > 2) == cached
    assert [r.n_computed for r in found] == [len(ids) - shared for ids in asked]
    assert all(r.seconds > 0 for r in found)
    assert all(1 <= r.n_answer <= LIMIT for r in found)


@pytest.mark.parametrize("cached", [False, True])
def test_a_request_alone_is_answered_as_in_a_batch(
    tiny64: LoadedModel, cached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    class Listening(Decoder):
        def __call__(self, ids: Sequence[int]) -> torch.Tensor:
            logits = super().__call__(ids)
            written.append(int(logits.argmax()))
            return logits

    monkeypatch.setattr(requests, "Decoder", Listening)
    alone: list[str] = []
    for request in requests.answer_one_by_one(
        tiny64.model, tiny64, prompts(tiny64), max_new_tokens=LIMIT, cached=cached
    ):
        alone.append(tiny64.tokenizer.decode(written[-request.n_answer :]).strip())
    together = answer_greedily(tiny64.model, tiny64, prompts(tiny64), max_new_tokens=LIMIT)
    assert alone == [answer.text for answer in together]
    assert len(set(alone)) > 1


def test_it_stops_between_requests_and_refuses_what_is_too_long(tiny: LoadedModel) -> None:
    with pytest.raises(Stopped):
        list(
            answer_one_by_one(
                tiny.model, tiny, prompts(tiny), max_new_tokens=2, cached=True,
                should_stop=lambda: True,
            )
        )  # fmt: skip
    with pytest.raises(UserError, match="255 tokens and the answer up to 2; together at most 256"):
        list(answer_one_by_one(tiny.model, tiny, [[5] * 255], max_new_tokens=2, cached=False))


def test_the_interval_of_a_median_goes_by_ranks() -> None:
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert median_interval(range(1, 11)) == (2, 9)  # P(at most 1 of 10 below the median) = 0.011
    assert median_interval(range(1, 31)) == (10, 21)
    assert median_interval([5.0]) == (5.0, 5.0)


@pytest.mark.thorough
def test_no_more_is_left_out_at_each_end_of_a_median_than_its_probability_allows() -> None:
    for n in (*range(1, 400), 1029, 1030, 2500):
        left_out, high = median_interval(range(n))
        assert high == n - 1 - left_out
        below = [sum(math.comb(n, k) for k in range(m + 1)) for m in (left_out, left_out + 1)]
        assert 40 * below[0] <= 2**n or left_out == 0, n  # 2.5 %, in whole numbers
        assert 40 * below[1] > 2**n, n
