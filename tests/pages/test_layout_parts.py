"""Parts of a lesson's experiment: learning rates in words that people read, and links that keep working."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.settings import RATES, decimals


def slider() -> None:
    import streamlit as st

    from pages.shared.settings import rate_slider

    st.write(f"rate {rate_slider(3e-4, key='rate')!r}")


def test_rates_are_written_as_decimals() -> None:
    assert [decimals(rate) for rate in (1e-5, 3e-4, 10, 0.5)] == ["0.00001", "0.0003", "10", "0.5"]
    assert [float(decimals(rate)) for rate in RATES] == list(RATES)


@pytest.mark.parametrize(
    ("linked", "rate", "words"),
    [
        ("", "0.0003", "The usual rate here for this method."),
        ("2e-05", "2e-05", "15 times smaller than the usual 0.0003."),
        ("0.003", "0.003", "10 times the usual 0.0003."),
        ("nonsense", "0.0003", "The usual rate here for this method."),
    ],
)
def test_a_rate_is_set_beside_the_usual_one(linked: str, rate: str, words: str) -> None:
    app = AppTest.from_function(slider)
    if linked:
        app.query_params["rate"] = linked
    app.run()
    assert not app.exception
    assert app.markdown[0].value == f"rate {rate}"
    assert app.caption[0].value == words


def guess(answer: str) -> None:
    from pages.shared.layout import ask_guess, show_guess

    made = ask_guess("what comes?", ("this", "that"), key="x_guess")
    show_guess(made, f"It said “{answer}”.", is_right=made == answer)


def test_a_guess_stands_with_what_came_and_not_in_the_address() -> None:
    app = AppTest.from_function(guess, args=("<b>that</b>",)).run()
    assert not app.get("html")
    app.radio(key="x_guess").set_value("this").run()
    (said,) = app.get("html")
    assert "Your guess: this. It said “&lt;b&gt;that&lt;/b&gt;”." in said.proto.body
    assert not app.query_params
