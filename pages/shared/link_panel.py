"""A teacher prepares a link: which controls of a page are locked or hidden in it, the address, a short one, a QR code."""

import streamlit as st

from core.classroom.links import SHORT, Link, address_of
from core.classroom.qr import as_svg
from core.classwork.places import page_titles
from core.errors import UserError
from pages.shared.address import controls, server, settings
from pages.shared.plain import plain
from pages.shared.prepared_link import in_words
from pages.shared.visitor import classroom, visitor

PLAIN = (
    "A plain link: all of it stands in the address, so it works on any computer with this app. Who opens it can "
    "turn every control."
)
FIXED = (
    "A signed link: edited, it no longer opens. It is signed with the key of this computer, so it works here and "
    "nowhere else. The page without the link stays open to everybody."
)


@st.dialog("Prepare a link to this page")
def link_to_this_page(page: str) -> None:
    """For the page behind it, as it is set now."""
    link_panel(Link(page=page, settings=_without_links()), controls(), key=f"links_{page}")


def _without_links() -> dict[str, list[str]]:
    return {name: said for name, said in settings().items() if name not in (SHORT, "link")}


def link_panel(link: Link, names: list[str], *, key: str) -> None:
    """Choose what is locked or hidden among the controls `names`, and take the link away."""
    st.markdown(f"**{plain(page_titles().get(link.page, link.page))}**, as it is set now.")
    known = list(dict.fromkeys((*names, *link.settings)))
    left, right = st.columns(2)
    chosen = [
        place.multiselect(
            label,
            known,
            format_func=lambda name: in_words(name, link.page),
            key=f"{key}_{what}",
            help=help_text,
        )
        for place, label, what, help_text in (
            (left, "Lock", "locked", "Seen, and not to be changed."),
            (right, "Hide", "hidden", "Not shown; it keeps the value that it has now."),
        )
    ]
    link = Link(
        page=link.page, settings=link.settings, locked=tuple(chosen[0]), hidden=tuple(chosen[1])
    )
    try:
        whole = base() + address_of(link)
    except UserError as error:
        st.error(plain(str(error)))
        return
    st.caption(FIXED if link.is_signed else PLAIN)
    st.code(whole, language=None, wrap_lines=True)
    if st.button("Make it short, with a QR code", key=f"{key}_short", icon=":material/qr_code:"):
        code = classroom().short_links.shorten(visitor(), link)
        show_short(f"{base()}/?{SHORT}={code}")


def show_short(address: str) -> None:
    """For the board: large, and as a picture."""
    st.header(plain(address.partition("://")[2] or address))
    st.image(as_svg(address), caption="Scan this, or type the address", width=320)
    if "://localhost" in address or "://127." in address:
        st.caption("This address works on this computer only; a class opens it to the room.")
    else:
        st.caption("This computer keeps short links, so this one works while this server runs.")


def base() -> str:
    """The address under which the room reaches this server, else that of this browser."""
    who = visitor()
    if who.class_id and (address := classroom().classes.get(who.class_id).address):
        return address
    return server()
