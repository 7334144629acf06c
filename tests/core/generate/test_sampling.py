"""Each sampling stage against a small reference written from its definition, in plain Python."""

import math
import random
from typing import Any

import pytest
import torch

from core.errors import UserError
from core.generate.sampling import final_probabilities, stages
from core.generate.settings import SamplingSettings, check_prompt

STAGES = ["model", "repetition penalty", "temperature", "top-k", "top-p"]
SEEDS = pytest.mark.parametrize("seed", range(10))
LIMITS: list[tuple[str, list[float], list[float]]] = [
    ("temperature", [0.0, 5.0], [-0.1, 5.1]),
    ("top_k", [0, 100_000], [-1, 100_001, 2.0]),
    ("top_p", [1e-6, 1.0], [0, -0.1, 1.1]),
    ("repetition_penalty", [0.1, 10.0], [0, 10.1]),
    ("max_new_tokens", [1, 1024], [0, 1025, 5.0]),
    ("seed", [0, 2**31 - 1], [-1, 2**31, 0.5]),
]


def random_logits(seed: int) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(0, 3) for _ in range(30)]


def softmax(logits: list[float]) -> list[float]:
    powers = [math.exp(x) for x in logits]
    return [power / sum(powers) for power in powers]


def kept_and_rescaled(probabilities: list[float], kept: set[int]) -> list[float]:
    total = sum(probabilities[i] for i in kept)
    return [p / total if i in kept else 0.0 for i, p in enumerate(probabilities)]


def likeliest_first(probabilities: list[float]) -> list[int]:
    return sorted(range(len(probabilities)), key=lambda i: -probabilities[i])


def stage(name: str, logits: list[float], seen: list[int], **settings: Any) -> list[float]:
    found = dict(stages(torch.tensor(logits), seen, SamplingSettings(**settings)))
    assert list(found) == STAGES
    return found[name].tolist()


@SEEDS
def test_neutral_settings_leave_the_model_alone(seed: int) -> None:
    logits = random_logits(seed)
    for name in STAGES:
        found = stage(name, logits, [1, 2], temperature=1.0)
        assert found == pytest.approx(softmax(logits), abs=1e-6)


@SEEDS
@pytest.mark.parametrize("temperature", [0.1, 0.7, 2.0, 5.0])
def test_temperature_divides_the_logits(seed: int, temperature: float) -> None:
    logits = random_logits(seed)
    wanted = softmax([x / temperature for x in logits])
    assert stage("temperature", logits, [], temperature=temperature) == pytest.approx(
        wanted, abs=1e-6
    )


@SEEDS
def test_temperature_zero_is_certain_of_the_likeliest(seed: int) -> None:
    logits = random_logits(seed)
    best = logits.index(max(logits))
    wanted = [float(i == best) for i in range(len(logits))]
    for others in ({}, {"top_k": 3, "top_p": 0.1}):
        assert stage("top-p", logits, [], temperature=0.0, **others) == wanted


def test_temperature_zero_takes_one_of_equals() -> None:
    assert stage("top-p", [1.0, 1.0, 0.0], [], temperature=0.0) == [1.0, 0.0, 0.0]


@SEEDS
@pytest.mark.parametrize("k", [1, 3, 29, 30, 1000])
def test_top_k_keeps_the_k_likeliest(seed: int, k: int) -> None:
    probabilities = softmax(random_logits(seed))
    wanted = kept_and_rescaled(probabilities, set(likeliest_first(probabilities)[:k]))
    found = stage("top-k", random_logits(seed), [], temperature=1.0, top_k=k)
    assert found == pytest.approx(wanted, abs=1e-6)
    assert sum(p > 0 for p in found) == min(k, 30)


@SEEDS
@pytest.mark.parametrize("p", [1e-6, 0.3, 0.8, 0.99])
def test_top_p_keeps_the_smallest_set_that_reaches_p(seed: int, p: float) -> None:
    probabilities = softmax(random_logits(seed))
    kept: list[int] = []
    for token in likeliest_first(probabilities):
        kept.append(token)
        if sum(probabilities[i] for i in kept) >= p:
            break
    found = stage("top-p", random_logits(seed), [], temperature=1.0, top_p=p)
    assert found == pytest.approx(kept_and_rescaled(probabilities, set(kept)), abs=1e-6)
    assert {i for i, probability in enumerate(found) if probability > 0} == set(kept)


def test_top_p_stops_once_p_is_reached_exactly() -> None:
    logits = [math.log(0.25), math.log(0.5), math.log(0.25)]
    assert stage("top-p", logits, [], temperature=1.0, top_p=0.5) == [0.0, 1.0, 0.0]


@SEEDS
@pytest.mark.parametrize("penalty", [0.5, 1.2, 3.0])
def test_repetition_penalty_divides_logits_of_what_was_seen(seed: int, penalty: float) -> None:
    """Keskar et al. 2019, section 4.1: x / penalty for a seen token, x for any other.

    For a negative logit that would reward the repetition, so it is multiplied instead.
    """
    logits, seen = random_logits(seed), [0, 3, 3, 7, 29]
    changed = [
        x if i not in seen else x / penalty if x > 0 else x * penalty for i, x in enumerate(logits)
    ]
    found = stage("repetition penalty", logits, seen, repetition_penalty=penalty)
    assert found == pytest.approx(softmax(changed), abs=1e-6)


@pytest.mark.parametrize("logit", [2.0, -2.0])
def test_repetition_penalty_makes_repetition_less_likely(logit: float) -> None:
    before, after = (
        stage("repetition penalty", [logit, 0.5], [0], repetition_penalty=penalty)[0]
        for penalty in (1.0, 1.5)
    )
    assert after < before


def test_stages_work_on_what_the_one_before_left() -> None:
    """By hand: the penalty 2 makes 4, 3, 2 out of 8, 3, 2; temperature 0.5 doubles that."""
    settings = SamplingSettings(repetition_penalty=2.0, temperature=0.5, top_k=2, top_p=0.99)
    found = final_probabilities(torch.tensor([8.0, 3.0, 2.0]), [0], settings)
    e = math.exp(2)
    assert found.tolist() == pytest.approx([e / (1 + e), 1 / (1 + e), 0.0])


def test_logits_are_left_as_they_are() -> None:
    logits = torch.tensor([1.0, -2.0, 3.0])
    settings = SamplingSettings(repetition_penalty=2.0, temperature=0.5, top_k=1, top_p=0.5)
    final_probabilities(logits, [0, 1, 2], settings)
    assert logits.tolist() == [1.0, -2.0, 3.0]


@pytest.mark.parametrize(("name", "good", "bad"), LIMITS)
def test_settings_are_checked(name: str, good: list[float], bad: list[float]) -> None:
    for value in good:
        settings: dict[str, Any] = {name: value}
        assert getattr(SamplingSettings(**settings), name) == value
    for wrong in [*bad, float("nan"), float("inf"), "1", None, True]:
        with pytest.raises(UserError, match=f"^{name} must be .*; got .*\\.$"):
            SamplingSettings(**{name: wrong})


def test_an_empty_prompt_is_refused() -> None:
    assert check_prompt(" Hi ") == " Hi "
    with pytest.raises(UserError, match="empty"):
        check_prompt(" \n\t")
