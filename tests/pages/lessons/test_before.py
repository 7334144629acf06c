"""The chain of sampling steps: what each does, and that those that are off stand grey and change nothing."""

import pytest
import torch

from core.generate.sampling import stages
from core.generate.settings import SamplingSettings, sampling_steps
from core.generate.tokens import NextToken
from pages.lessons.before.prompting import chain_chart, last_on, next_token_chart
from pages.shared.colours import BLUE, GREY

CASES = [
    (SamplingSettings(), ["model", "temperature"]),
    (SamplingSettings(top_p=0.5, top_k=3), ["model", "temperature"]),  # greedy: nothing is left
    (SamplingSettings(temperature=1.0), ["model"]),
    (SamplingSettings(temperature=1.0, top_p=0.5), ["model", "top-p"]),
    (SamplingSettings(temperature=0.7, top_k=2), ["model", "temperature", "top-k"]),
    (SamplingSettings(temperature=1.0, repetition_penalty=1.5), ["model", "repetition penalty"]),
]


@pytest.mark.parametrize(("settings", "on"), CASES)
def test_a_step_that_is_off_changes_nothing(settings: SamplingSettings, on: list[str]) -> None:
    steps = sampling_steps(settings)
    assert [step.name for step in steps if step.is_on] == on
    found = dict(stages(torch.tensor([2.0, 1.5, 0.3, -1.0]), [0], settings))
    assert list(found) == [step.name for step in steps]
    before = found["model"]
    for step in steps:
        assert torch.equal(found[step.name], before) or step.is_on
        before = found[step.name]
    assert torch.equal(found[last_on(steps).name], before)  # what a token is drawn from


@pytest.mark.parametrize(("settings", "on"), CASES)
def test_the_chain_is_drawn_with_grey_for_off(settings: SamplingSettings, on: list[str]) -> None:
    steps = sampling_steps(settings)
    names = [step.name for step in steps]
    rows = [NextToken(id=i, token=f"t{i}", probabilities=dict.fromkeys(names, 0.5)) for i in (1, 2)]
    panels = chain_chart(rows, steps).to_dict()["hconcat"]
    assert [p["mark"]["color"] for p in panels] == [BLUE if name in on else GREY for name in names]
    chart = next_token_chart(rows, last_on(steps)).to_dict()
    assert len(chart["encoding"]["color"]["scale"]["domain"]) == (1 if on == ["model"] else 2)
