"""An answer token by token: transformers' own when greedy, seeded when not, and always ending."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from core import methods
from core.config import MethodConfig
from core.errors import UserError
from core.generate.settings import SamplingSettings
from core.generate.stream import next_tokens, stream
from core.generate.tokens import Token
from core.models.load import LoadedModel

PROMPTS = [[5, 6, 7], [20, 21, 22, 23, 24], [40], [5] * 30]
WARM = SamplingSettings(temperature=1.5, max_new_tokens=15, seed=1)


def answer(
    base: LoadedModel, prompt: list[int], settings: SamplingSettings, model: nn.Module | None = None
) -> list[Token]:
    return list(stream(model or base.model, base, prompt, settings))


def ids(tokens: list[Token]) -> list[int]:
    return [token.id for token in tokens]


def with_end(base: LoadedModel, token: int) -> LoadedModel:
    """The same model, for which `token` ends an answer."""
    return replace(base, tokenizer=replace(base.tokenizer, end_ids=(token,)))


@pytest.mark.parametrize("penalty", [1.0, 1.4])
@pytest.mark.parametrize("prompt", PROMPTS, ids=len)
def test_greedy_equals_transformers(prompt: list[int], penalty: float, tiny64: LoadedModel) -> None:
    settings = SamplingSettings(max_new_tokens=20, repetition_penalty=penalty)
    found = ids(answer(tiny64, prompt, settings))
    whole = tiny64.model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=20,
        do_sample=False,
        repetition_penalty=penalty,
        pad_token_id=1,
    )
    assert found == whole[0, len(prompt) :].tolist()


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_tuned_model_answers_for_itself(method: str, tiny64: LoadedModel) -> None:
    tuned = methods.find(method).attach(tiny64.model, MethodConfig(name=method)).double()
    torch.manual_seed(0)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, std=0.3)
    settings = SamplingSettings(max_new_tokens=10)
    found = ids(answer(tiny64, PROMPTS[0], settings, tuned))
    assert found != ids(answer(tiny64, PROMPTS[0], settings))
    whole = list(PROMPTS[0])
    for _ in found:  # without any cache
        whole.append(int(tuned(torch.tensor([whole])).logits[0, -1].argmax()))
    assert found == whole[len(PROMPTS[0]) :]


def test_equal_seeds_give_equal_answers(tiny: LoadedModel) -> None:
    found = [ids(answer(tiny, PROMPTS[0], replace(WARM, seed=seed))) for seed in (1, 2, 3, 1)]
    assert found[0] == found[3]
    assert len({tuple(answer) for answer in found}) == 3


def test_the_seed_is_all_that_chance_depends_on(tiny: LoadedModel) -> None:
    wanted = ids(answer(tiny, PROMPTS[0], WARM))
    state = torch.get_rng_state()
    torch.manual_seed(99)
    untouched = torch.get_rng_state()
    assert ids(answer(tiny, PROMPTS[0], WARM)) == wanted
    assert torch.equal(torch.get_rng_state(), untouched)
    torch.set_rng_state(state)


@pytest.mark.thorough
def test_tokens_are_drawn_as_often_as_they_are_probable(tiny: LoadedModel) -> None:
    settings = SamplingSettings(temperature=1.0, top_k=2, max_new_tokens=1)
    drawn = [answer(tiny, [5, 6], replace(settings, seed=seed))[0] for seed in range(300)]
    best = max(drawn, key=lambda token: token.probability)
    for token in drawn:
        wanted = best.probability if token.id == best.id else 1 - best.probability
        assert token.probability == pytest.approx(wanted, abs=1e-5)
    share = sum(token.id == best.id for token in drawn) / len(drawn)
    assert share == pytest.approx(best.probability, abs=4 * (0.25 / 300) ** 0.5)


def test_what_each_token_tells(tiny: LoadedModel) -> None:
    tokens = answer(tiny, PROMPTS[0], WARM)
    assert [token.n_tokens for token in tokens] == list(range(1, len(tokens) + 1))
    for n, token in enumerate(tokens, start=1):
        assert token.text == tiny.tokenizer.decode(ids(tokens)[:n])
        assert [token.piece] == tiny.tokenizer.pieces([token.id])
        assert 0 < token.probability <= 1
        assert token.ended == (token.id == tiny.tokenizer.eos_id)
    times = [token.elapsed_s for token in tokens]
    assert times == sorted(times)


def test_the_end_token_ends_the_answer(tiny64: LoadedModel) -> None:
    usual = ids(answer(tiny64, PROMPTS[0], SamplingSettings(max_new_tokens=8)))
    end = usual[3]
    ended = answer(with_end(tiny64, end), PROMPTS[0], SamplingSettings(max_new_tokens=8))
    assert ids(ended) == usual[: usual.index(end) + 1]
    assert [token.ended for token in ended] == [False] * (len(ended) - 1) + [True]


def test_should_stop_ends_it(tiny: LoadedModel) -> None:
    seen: list[Token] = []
    for token in stream(tiny.model, tiny, [5, 6], WARM, should_stop=lambda: len(seen) >= 3):
        seen.append(token)
    assert ids(seen) == ids(answer(tiny, [5, 6], WARM))[:3]
    assert list(stream(tiny.model, tiny, [5, 6], WARM, should_stop=lambda: True)) == []


@pytest.mark.parametrize(("n_prompt", "n_new"), [(246, 11), (257, 1), (2000, 1024)])
def test_a_prompt_without_room_is_refused(n_prompt: int, n_new: int, tiny: LoadedModel) -> None:
    settings = SamplingSettings(max_new_tokens=n_new)
    together = rf"{n_prompt} tokens and the answer up to {n_new}; together at most 256"
    alone = rf"{n_prompt:,} tokens; at most 256 can be answered"
    with pytest.raises(UserError, match=together if n_prompt <= 256 else alone):
        answer(tiny, [5] * n_prompt, settings)


def test_the_whole_context_may_be_used(tiny: LoadedModel) -> None:
    assert len(answer(tiny, [5] * 246, SamplingSettings(max_new_tokens=10))) == 10


def test_an_empty_prompt_is_refused(tiny: LoadedModel) -> None:
    with pytest.raises(UserError, match="prompt is empty"):
        answer(tiny, [], WARM)
    with pytest.raises(UserError, match="prompt is empty"):
        next_tokens(tiny.model, tiny, [], WARM)


def test_next_tokens_are_what_the_stream_draws_from(tiny: LoadedModel) -> None:
    rows = next_tokens(tiny.model, tiny, PROMPTS[0], WARM, top=300)
    *_, others = rows
    assert [row.probabilities["model"] for row in rows[:-1]] == sorted(
        (r.probabilities["model"] for r in rows[:-1]), reverse=True
    )
    assert (others.id, others.token) == (-1, "(all others)")
    (first,) = answer(tiny, PROMPTS[0], replace(WARM, max_new_tokens=1))
    (row,) = [row for row in rows if row.id == first.id]
    assert row.token == first.piece
    assert row.probabilities["top-p"] == pytest.approx(first.probability, rel=1e-5)
