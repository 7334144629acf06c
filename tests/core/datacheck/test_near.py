"""Texts that are nearly the same: what is found is what comparing all pairs finds."""

import random

from hypothesis import given
from hypothesis import strategies as st

from core.datacheck.near import NEAR, near_pairs

texts = st.lists(
    st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=7).map(" ".join), max_size=5
)


@given(texts)
def test_no_pair_is_missed(found: list[str]) -> None:
    """With five texts at most, no word is common."""
    sets = [set(text.split()) for text in found]
    wanted = {
        later
        for later in range(len(found))
        for earlier in range(later)
        if found[later] != found[earlier]
        and len(sets[later] & sets[earlier]) / len(sets[later] | sets[earlier]) >= NEAR
    }
    assert {near.later for near in near_pairs(found)} == wanted


def test_a_shared_instruction_makes_no_two_prompts_alike() -> None:
    chance = random.Random(1)
    long = (
        "Read the following customer review and say in one word whether it is good or bad please "
    )
    found = [long + " ".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=3)) for _ in range(60)]
    words = [sorted(set(text.split()[-3:])) for text in found]
    assert all(words[a] == words[b] for a, b in near_pairs(found))


def test_punctuation_and_case_make_no_difference() -> None:
    assert near_pairs(["What is up?", "Other words here", "what is UP"]) == [(2, 0)]
