"""Answers that were guessed are read with the prompts: the same answers, and fewer tokens one by one."""

import pytest
import torch

from core import methods
from core.config import MethodConfig
from core.generate.answerer import Answerer
from core.generate.batch import answer_greedily
from core.models.load import LoadedModel
from tests.core.generate.test_batch import PROMPTS

END = 1
LIMITS = [9, 3, 6, 2, 9, 1]


def said(base: LoadedModel, model: torch.nn.Module, prompt: list[int], n: int) -> list[int]:
    """The ids of a greedy answer, by the model's own forward."""
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(n):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each further token is computed for."""
    rows: list[int] = []
    usual = Answerer._next

    def counted(self: Answerer, tokens: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        rows.append(len(tokens))
        return usual(self, tokens, *more)

    monkeypatch.setattr(Answerer, "_next", counted)
    return rows


@pytest.mark.parametrize("method", ["full", "lora", "prompt", "prefix"])
def test_guesses_change_no_answer(method: str, tiny64: LoadedModel, one_by_one: list[int]) -> None:
    """Right ones, half right ones, longer ones than the limit, and wrong ones."""
    torch.manual_seed(0)
    tuned = methods.find(method).attach(tiny64.model, MethodConfig(name=method)).double().eval()
    usual = answer_greedily(tuned, tiny64, PROMPTS, max_new_tokens=LIMITS)
    n_usual = sum(one_by_one)
    one_by_one.clear()
    whole = [said(tiny64, tuned, prompt, 9) for prompt in PROMPTS]
    guesses = [[*whole[0], END], [*whole[1][:2], 40, END], [*whole[3][:1], END], [77, 78, END]]
    guessed = answer_greedily(tuned, tiny64, PROMPTS, max_new_tokens=LIMITS, guesses=guesses)
    assert guessed == usual
    assert 0 < sum(one_by_one) < n_usual


def test_answers_that_are_all_guessed_need_no_further_token(
    tiny64: LoadedModel, one_by_one: list[int]
) -> None:
    tuned = methods.find("full").attach(tiny64.model, MethodConfig(name="full")).double().eval()
    usual = answer_greedily(tuned, tiny64, PROMPTS, max_new_tokens=3)
    one_by_one.clear()
    guesses = [[*said(tiny64, tuned, prompt, 3), END] for prompt in PROMPTS]
    assert answer_greedily(tuned, tiny64, PROMPTS, max_new_tokens=3, guesses=guesses) == usual
    assert one_by_one == []
