"""The rank picture: a component that redraws W and its two thin matrices while a slider moves.

The drawing happens in the browser (assets/components/lora_picture.js), without a word to the server; when
a slider is let go, its value comes here and goes into the URL.
"""

from collections.abc import Sequence

import streamlit as st
from streamlit.components import v2

from core.config import MethodConfig
from core.errors import UserError
from core.paths import ASSETS
from core.shape import ModelShape

RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
USUAL_RANK, USUAL_ALPHA = 8, 16
FOLDER = ASSETS / "components"


@st.cache_resource(show_spinner=False)
def _component():
    html, css, js = (
        (FOLDER / f"lora_picture.{kind}").read_text("utf-8") for kind in ("html", "css", "js")
    )
    return v2.component("lora_picture", html=html, css=css, js=js)


def rank_and_alpha(
    shape: ModelShape, targets: Sequence[str], *, layers: int, total: int, key: str = "lora"
) -> tuple[int, int]:
    """Draw the picture; returns the rank and alpha that stand in the URL.

    `total` is the number of the model's own weights. Raises `UserError` for values in the URL that
    cannot be.
    """
    rank, alpha = (
        _number(f"{key}_rank", USUAL_RANK),
        _number(f"{key}_alpha", USUAL_ALPHA),
    )
    MethodConfig(rank=rank, alpha=alpha)
    shapes = {name: [d_out, d_in] for name, (d_in, d_out) in shape.linears.items()}

    def take() -> None:
        """What the reader let go of goes into the URL, from where it is read."""
        chosen = st.session_state[f"{key}_picture"].get("chosen")
        if chosen:
            st.query_params[f"{key}_rank"] = str(int(chosen["rank"]))
            st.query_params[f"{key}_alpha"] = str(int(chosen["alpha"]))

    _component()(
        key=f"{key}_picture",
        data={
            "shapes": shapes,
            "shown": targets[0],
            "targets": list(targets),
            "layers": layers,
            "total": total,
            "ranks": sorted({*RANKS, rank}),
            "rank": rank,
            "alpha": alpha,
        },
        on_chosen_change=take,
    )
    return rank, alpha


def _number(name: str, usual: int) -> int:
    text = st.query_params.get(name, str(usual))
    try:
        return int(text)
    except ValueError as error:
        raise UserError(f"{name} in the address must be a whole number; got {text!r}.") from error
