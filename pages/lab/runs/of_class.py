"""What only a teacher sees of a run: whose it is, and whether the class sees it on the wall."""

import streamlit as st

from core.runs.store import Run
from pages.shared.engine import store
from pages.shared.plain import plain
from pages.shared.visitor import classroom, visitor


def of_class(run: Run) -> None:
    """Who in the class has this run, and the button that hides it from the others."""
    who = visitor()
    if who.role != "teacher":
        return
    held = [one for one in store().holdings() if one.run_id == run.id]
    names = {one.space: one.name for one in classroom().members(who, who.class_id)}
    known = [plain(names.get(one.space, "you")) for one in held]
    words, button = st.columns([4, 1], vertical_alignment="center")
    is_hidden = any(one.hidden for one in held)
    words.caption(f"Run by {', '.join(known)}." + (" Hidden from the wall." if is_hidden else ""))
    label = "Show on the wall" if is_hidden else "Hide from the wall"
    if button.button(label, key=f"runs_hide_{run.id}", width="stretch"):
        store().hide(run.id, hidden=not is_hidden)
        st.rerun()
