"""Many readers look less often, each for themselves, and all of them together as often as ten."""

import pytest
import streamlit as st

from pages.shared.pace import LOOKS_PER_S, RECENT_S, Readers


@pytest.mark.parametrize("n_readers", [1, 5, 10, 11, 20, 30, 41, 100])
def test_together_they_look_no_more_often_than_the_limit(n_readers: int) -> None:
    readers = Readers()
    slower = max(readers.slower(f"reader {n}", 0.0) for n in range(n_readers))
    assert n_readers / slower <= LOOKS_PER_S
    assert slower == 1 or n_readers / (slower / 2) > LOOKS_PER_S


def test_who_has_gone_slows_nobody() -> None:
    readers = Readers()
    for n in range(30):
        readers.slower(f"reader {n}", 0.0)
    assert readers.slower("reader 0", RECENT_S - 1) == 4
    assert readers.slower("reader 0", 2 * RECENT_S) == 1


def test_no_rerun_collects_all_garbage() -> None:
    """Streamlit does unless it is told not to, by a name it knows; AppTest never does."""
    assert st.get_option("runner.postScriptGC") is False
