"""What a teacher has beside every page: everyone looks here, the class is paused, a link is prepared."""

from typing import Literal

import streamlit as st

from core.classroom.steering import Look
from core.errors import UserError
from pages.shared.address import paths, settings, values
from pages.shared.link_panel import link_to_this_page
from pages.shared.plain import plain
from pages.shared.visitor import classroom, visitor


def class_corner(page: str) -> None:
    """In the sidebar; nothing for others. `page` is the last part of the address."""
    who = visitor()
    if who.role != "teacher":
        return
    with st.sidebar.container(key="class_corner"):
        try:
            if st.button(
                "Everyone look here",
                key="corner_look",
                icon=":material/visibility:",
                width="stretch",
                disabled=page not in paths(of_learners=True),
            ):
                look_here(who.class_id, Look(page=page, settings=settings(), values=values()))
            freeze_button(who.class_id, key="corner_freeze", width="stretch")
            if st.button(
                "Prepare a link", key="corner_link", icon=":material/link:", width="stretch"
            ):
                link_to_this_page(page)
        except UserError as error:
            st.error(plain(str(error)))


def look_here(class_id: str, look: Look) -> None:
    classroom().steering.look_here(visitor(), class_id, look)
    st.toast(
        "All screens of the class go there within a few seconds.", icon=":material/visibility:"
    )


def freeze_button(
    class_id: str, *, key: str, width: Literal["stretch", "content"] = "content"
) -> None:
    """Pause the class, or let it go on."""
    is_frozen = classroom().steering.state(class_id).is_frozen
    st.button(
        "Let the class go on" if is_frozen else "Pause the class",
        key=key,
        icon=":material/play_arrow:" if is_frozen else ":material/pause:",
        type="primary" if is_frozen else "secondary",
        width=width,
        on_click=classroom().steering.freeze,
        args=(visitor(), class_id, not is_frozen),
    )
