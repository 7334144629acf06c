"""The search box: what is meant stands first."""

import pytest

from core.course.search import Entry, entries, search


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("LoRA", "lora"),
        ("low-rank adaptation", "lora"),
        ("forgetting", "catastrophic_forgetting"),
        ("catastrofic forgeting", "forgetting"),
        ("F1", "f1"),
        ("15–20 %", "fifteen_to_twenty"),
        ("EWC", "ewc"),
        ("soft promp", "soft_prompts"),
        ("workshop glossary", ""),
        ("Cures", "cures"),
        ("before and after", "before_after"),
    ],
)
def test_the_first_hit(query: str, first: str) -> None:
    hits = search(query)
    assert (hits[0].entry.id if hits else "") == first


def test_a_lesson_is_found_by_its_words() -> None:
    assert "soft_prompts" in {hit.entry.id for hit in search("virtual tokens")}


@pytest.mark.parametrize("query", ["", "   ", "?!", "x" * 10_000, "\0", "🎼"])
def test_what_is_no_word_finds_nothing(query: str) -> None:
    assert search(query) == []


def test_every_word_must_fit() -> None:
    ant = Entry(kind="term", id="ant", title="Ant", address="a", text="A small animal.")
    assert search("small ant", among=[ant])
    assert not search("small bee", among=[ant])


def test_no_two_entries_have_one_title() -> None:
    titles = [(entry.kind, entry.title) for entry in entries()]
    assert len(set(titles)) == len(titles)
