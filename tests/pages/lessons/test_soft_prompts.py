"""Figures and findings of the lesson on soft prompts, from small results written by hand."""

from dataclasses import replace

from core.events import NearWord, VirtualToken, VirtualTokens, VocabularyMap, Word
from core.experiments.soft_prompts import SizeRun
from core.runs.messages import TextScore
from pages.lessons.soft_prompts.figures import against_words, map_chart
from pages.lessons.soft_prompts.sizes import size_finding
from tests.events import evaluation


def size(n: int, score: float) -> SizeRun:
    return SizeRun(
        virtual_tokens=n,
        method="prompt",
        seed=0,
        score=score,
        interval=(score - 0.1, score + 0.1),
        n=60,
        is_recorded=False,
    )


def test_a_best_number_of_virtual_tokens_is_named_where_intervals_part() -> None:
    assert size_finding([size(1, 0.5)]).startswith("Run more sizes")
    words = size_finding([size(1, 0.5), size(10, 0.9), size(10, 0.7)])
    assert words == (
        "10 virtual tokens scored highest, 0.80 (2 runs); the 95 % intervals of all other sizes lie below"
    )
    near = size_finding([size(1, 0.7), size(2, 0.2), size(5, 0.65), size(10, 0.8)])
    assert near == (
        "No best size is shown: 10 virtual tokens scored highest, 0.80 (one run), but its 95 % interval "
        "overlaps with that of size 1, 5"
    )


def test_overlapping_intervals_have_no_winner() -> None:
    soft = evaluation(20, "sentiment", 0.8, interval=(0.7, 0.9))
    hand = TextScore(score=0.6, interval=(0.5, 0.75), n=60, n_tokens=12, n_cut=0, max_new_tokens=8)
    assert "overlap, so neither is shown to be higher" in against_words(soft, hand, 10)
    assert "do not overlap" in against_words(soft, replace(hand, interval=(0.4, 0.6)), 10)


def test_the_map_is_drawn_at_the_step_asked_for() -> None:
    words = [Word(token="film", x=0.0, y=0.0)]
    plane = VocabularyMap(step=0, words=words, explained=(0.3, 0.2))
    nearest = [NearWord(token=" tea", cosine=0.5)]
    looks = [
        VirtualTokens(step=n, tokens=[VirtualToken(x=n, y=1.0, norm=1.0, nearest=nearest)])
        for n in (0, 1, 2)
    ]
    chart = map_chart([plane, *looks], 1).to_dict()
    assert chart["title"].startswith("After step 1, 1 virtual tokens: mean cosine")
    drawn = list(chart["datasets"].values())
    assert any([r.get("x") for r in rows] == [1] for rows in drawn)  # the token, at step 1 only
