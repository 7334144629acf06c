"""Figures and answers of the lesson on one base with many adapters, from small results written by hand."""

from streamlit.testing.v1 import AppTest

from core.experiments.adapters import Adapter, names_of, newest_of_each
from pages.lessons.one_base.adapters import memory_finding as copies_finding
from pages.lessons.one_base.adapters import memory_rows, weights_words


def test_a_hundred_adapters_take_less_than_a_hundred_copies() -> None:
    frame = memory_rows(2e6, 100_000_000)
    assert copies_finding(frame) == (
        "100 tasks: 20.0 GB as copies, 0.40 GB as adapters, 50 times less"
    )
    made = Adapter(run_id="x123456", task="names", rank=8, seed=0, score=0.9, n_bytes=10)
    assert made.title == "Names · 123456"


def adapter(task: str, run_id: str) -> Adapter:
    return Adapter(run_id=run_id, task=task, rank=8, seed=0, score=0.9, n_bytes=2_000_000)


def test_of_each_task_the_newest_adapter_is_loaded_and_named_by_it() -> None:
    new, old = adapter("sentiment", "3-aaaaaa"), adapter("sentiment", "1-bbbbbb")
    names = adapter("names", "2-cccccc")
    loaded = newest_of_each([new, names, old], ["sentiment", "topic", "names"])
    assert loaded == [new, names]
    assert names_of(loaded) == {"Sentiment": new, "Names": names}
    assert names_of([new, old]) == {"Sentiment · aaaaaa": new, "Sentiment · bbbbbb": old}


def test_copies_and_adapters_in_one_line() -> None:
    assert weights_words(3, 2e6, 134_515_008) == "3 copies 807 MB, base + 3 adapters 275 MB"


def answers_told() -> None:
    import streamlit as st

    from core.experiments.adapter_answers import BASE, sample_prompt
    from core.runs.messages import Switched
    from pages.lessons.one_base.adapters import remember, told

    prompt = sample_prompt("sentiment")
    st.text(told(prompt, "Base model", BASE)[0])
    st.text(told("Another prompt", "Base model", BASE))
    switched = Switched(switch_ms=1.0, loaded=1, adapter_bytes={}, base_bytes=1)
    remember(prompt, "Sentiment", switched, "mine")
    st.text(told(prompt, "Sentiment", "sentiment"))


def test_ones_own_answer_stands_in_place_of_the_recorded_one() -> None:
    app = AppTest.from_function(answers_told).run()
    assert not app.exception
    assert [text.value for text in app.text] == [
        "Base model (recorded)", "('Base model', '?')", "('Sentiment', 'mine')",
    ]  # fmt: skip
