"""The glossary: whole, in order, with links that are alive; and the first use of each term in a text."""

import re
from pathlib import Path

import pytest

from core.course.glossary import FILE, anchor_of, found, pieces, problems, terms
from core.errors import UserError
from core.paths import ROOT

LISTED = [
    "pretrained model",
    "prompt-completion pair",
    "supervised learning",
    "loss",
    "instruction tuning",
    "single-task tuning",
    "multi-task tuning",
    "catastrophic forgetting",
    "sequential learning",
    "regularization",
    "PEFT",
    "base model",
    "adapter",
    "15–20 %",
    "selective methods",
    "additive methods",
    "reparameterization methods",
    "rank decomposition",
    "soft prompt",
    "prompt tuning",
    "virtual token",
    "precision",
    "recall",
    "F-score",
    "unigram",
    "n-gram",
]
"""What a pupil needs to have defined."""


def headings() -> dict[str, set[str]]:
    """What stands as a heading in each page's source."""
    pages: dict[str, set[str]] = {}
    for source in (ROOT / "pages").glob("l*/*/*.py"):
        said = re.findall(r'st\.(?:sub)?header\(\s*"([^"]+)"', source.read_text("utf-8"))
        pages.setdefault(source.parent.name, set()).update(said)
    return pages


def test_every_term_is_right_and_every_link_alive() -> None:
    assert problems(headings=headings()) == []
    assert len(terms()) >= 80


@pytest.mark.parametrize("name", LISTED)
def test_what_a_pupil_needs_is_defined(name: str) -> None:
    assert found(name), f"the glossary lacks {name}"


def test_terms_that_lessons_name_are_there() -> None:
    from core.course.content import lesson
    from core.course.lessons import LESSONS

    written = [p.id for p in LESSONS if (ROOT / "assets/course" / p.id / "course.toml").is_file()]
    named = {term for id in written for term in lesson(id).terms}
    assert named - terms().keys() == set()


def written(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text, "utf-8")
    return folder


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        '[b]\nname = "Bee"\ndefinition = "An animal"\npage = "lora"\nheading = "Nowhere"\nsee = ["c"]\n'
        '[a]\nname = "Ant"\ndefinition = "Another."\npage = "zoo"\nsynonyms = ["bee"]\n',
    )
    said = " ".join(problems(folder=folder, headings={"lora": ["Rank"]}))
    for wrong in (
        "'Ant' is not in alphabetical order",
        "'bee' names b and a",
        "no page 'zoo'",
        "no heading 'Nowhere'",
        "refers to 'c'",
        "without a full stop",
    ):
        assert wrong in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[a]\nname = "A"\n', "without definition, page"),
        ('[a]\nname = "A"\ndefinition = "B."\npage = "lora"\nseee = []\n', "seee is not known"),
        ("[a\n", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        terms(folder=written(tmp_path, text))


def test_anchors_are_those_of_streamlit() -> None:
    assert anchor_of("Do we typically train 15–20 % of the weights?") == (
        "do-we-typically-train-15-20-of-the-weights"
    )
    assert terms()["rank"].address == "lora#what-does-more-rank-buy"


def test_the_first_use_of_each_term_is_cut_out() -> None:
    text = (
        "LoRA has a rank. A higher rank is `rank` in [rank](x), and a crank is none. # no heading"
    )
    cut = list(pieces(text, terms()))
    assert "".join(piece.text for piece in cut) == text
    assert [(p.text, p.term.id) for p in cut if p.term] == [("LoRA", "lora"), ("rank", "rank")]


def test_longer_names_come_before_those_in_them() -> None:
    cut = pieces("Prompt tuning trains a soft prompt.", terms())
    assert [p.term.id for p in cut if p.term] == ["prompt_tuning", "soft_prompt"]


def test_headings_code_and_links_are_left_alone() -> None:
    text = "# Rank\n`rank` [rank](https://rank.org) $rank$ https://example.org/rank"
    assert [p.text for p in pieces(text, terms()) if p.term] == []
