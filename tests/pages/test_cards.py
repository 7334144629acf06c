"""Answers as cards: which ones stand on a card, and what is marked as changed."""

from pages.shared.cards import cards_of, marked
from tests.events import sample


def test_a_card_holds_the_first_answer_and_the_latest() -> None:
    (card,) = cards_of([sample(step, "names", f"said at {step}") for step in (0, 10, 20)])
    assert card.answers == [("before", "said at 0"), ("step 20", "said at 20")]
    assert card.right == "right names"


def test_a_card_can_show_an_earlier_check() -> None:
    samples = [sample(step, "names", f"said at {step}") for step in (0, 10, 20)]
    (card,) = cards_of(samples, step=10)
    assert card.answers[-1] == ("step 10", "said at 10")
    (base,) = cards_of(samples, step=0)
    assert base.answers == [("before", "said at 0")]


def test_what_all_prompts_begin_with_is_said_once() -> None:
    samples = [sample(0, "x", "y", prompt=f"Answer with one word. Review: {end}") for end in "ab"]
    assert [card.prompt for card in cards_of(samples)] == ["… a", "… b"]


def test_what_changed_is_marked_and_nothing_else() -> None:
    assert marked("Amina.", "negative") == "<mark>negative</mark>"
    assert marked("Your sister is Amina.", "Your sister is Mary.") == (
        "Your sister is <mark>Mary</mark>."
    )
    assert marked("the same", "the same") == "the same"


def test_an_answer_is_text_and_no_markup() -> None:
    assert marked("", "<b>bold</b>") == "<mark>&lt;b&gt;bold&lt;/b&gt;</mark>"
