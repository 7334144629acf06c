"""A choice that must be made, where the address leaves it empty."""

from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from pages.shared.one_of import one_of

    options = ("a", "b")
    st.text(one_of(st.segmented_control, "L", options, default="b", key="k", bind="query-params"))


def test_the_default_is_chosen_and_seen_to_be_and_another_choice_holds() -> None:
    app = AppTest.from_function(page)
    app.query_params["k"] = ""
    app.run()
    assert (app.text[0].value, app.session_state["k"]) == ("b", "b")
    app.session_state["k"] = "a"
    assert app.run().run().text[0].value == "a"
    assert not app.warning
    assert not app.exception
