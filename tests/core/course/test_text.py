"""Sections, references and links of a lesson's text."""

import pytest

from core.course.citations import NOT_RECORDED
from core.course.sources import Count, Pair, Prompt, Shots
from core.course.text import (
    SECTIONS,
    address_of,
    filled,
    linked,
    references,
    sections,
    typed_numbers,
    without_links,
)
from core.errors import UserError

FIGURES = {"lora": Count(count={"name": "lora", "rank": 8}), "order": Pair(pair="order")}
WHOLE = "".join(f"# {name}\nText of {name}.\n\n" for name in SECTIONS)


def test_sections_are_found_by_name() -> None:
    assert sections(WHOLE, where="x")["notion"] == "Text of notion."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WHOLE.replace("# notion\nText of notion.\n", ""), "lacks the section notion"),
        (WHOLE.replace("# notion", "# idea"), "has a section 'idea'"),
        (WHOLE + "# notion\nAgain.\n", "twice"),
        (WHOLE.replace("Text of notion.", ""), "has nothing in the section 'notion'"),
    ],
)
def test_a_wrong_section_is_said(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        sections(text, where="lora/text.md")


def test_a_reference_becomes_the_figure() -> None:
    assert filled("It trains {{lora.percent}}.", FIGURES) == "It trains 0.34\u00a0%."
    assert filled("{{ lora.number }}", FIGURES) == "460,800 parameters"
    assert filled("F1 {{order.f1.1}}, {{= 0.8}}", FIGURES) == "F1 1.00, 0.8"
    assert references("{{lora.percent}} {{= 0.8}}") == ["lora.percent"]


def test_what_is_not_recorded_says_so() -> None:
    figures = {"many": Prompt(prompt=Shots(shots=777))}
    assert filled("{{many.score}}", figures) == NOT_RECORDED


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("dora.percent", "cites 'dora'"),
        ("lora.speed", "A count has percent"),
        ("order.f1.9", "1 to 4 words"),
    ],
)
def test_a_reference_that_means_nothing_is_said(reference: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        filled(f"{{{{{reference}}}}}", FIGURES)


def test_typed_measurements_are_found() -> None:
    assert typed_numbers("Names fall to 0.06, that is 6 %, at 3e-4.") == ["0.06", "6 %", "3e-4"]
    assert (
        typed_numbers("20 steps of 8 pairs, 10,000 reviews, {{= 95 %}} and {{lora.percent}}") == []
    )
    assert typed_numbers("[a paper](https://arxiv.org/abs/1706.08840)") == []


def test_links_lead_to_pages() -> None:
    text = "See [Soft prompts](lesson:soft_prompts), [Runs](page:runs) and [a paper](source:one)."
    sources = {"one": "https://arxiv.org/abs/1"}
    assert linked(text, sources) == (
        "See [Soft prompts](soft), [Runs](runs) and [a paper](https://arxiv.org/abs/1)."
    )
    assert without_links(text) == "See Soft prompts, Runs and a paper."
    for kind, target in (("lesson", "alchemy"), ("source", "two"), ("film", "x")):
        with pytest.raises(UserError):
            address_of(kind, target, sources)
