"""LoRA small enough to see every number: a component with a 6 x 6 matrix and a product of rank 1 beside it.

Drawing and dragging happen in the browser (assets/components/low_rank.js). The numbers are an example: nothing
here is a weight of the model.
"""

import streamlit as st
from streamlit.components import v2

from core.paths import ASSETS

FOLDER = ASSETS / "components"
W = (
    (2, -1, 0, 1, 0, -2),
    (0, 1, 1, -1, 2, 0),
    (-1, 0, 2, 0, 1, 1),
    (1, 2, -1, 1, 0, 0),
    (0, 0, 1, 2, -1, 1),
    (1, -1, 0, 0, 1, 2),
)
B = (1, 0, -1, 2, 0, 0)
A = (1, -1, 0, 0, 2, 1)


@st.cache_resource(show_spinner=False)
def _component():
    html, css, js = (
        (FOLDER / f"low_rank.{kind}").read_text("utf-8") for kind in ("html", "css", "js")
    )
    return v2.component("low_rank", html=html, css=css, js=js)


def low_rank() -> None:
    """Draw it; a page that is opened again begins with the same numbers."""
    st.markdown("**Drag a number of B or A up or down: a whole matrix moves.**")
    _component()(key="lora_low_rank", data={"W": W, "B": B, "A": A})
    st.caption(
        "An example of rank 1. LoRA begins with B = 0, so that nothing changes before the first step: try it."
    )
