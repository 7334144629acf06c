"""What people write on runs: a name, tags and a note on one, a tag on many."""

from collections.abc import Sequence

import streamlit as st

from core.runs.marks import LONGEST_NAME, LONGEST_NOTE, LONGEST_TAG, Mark, tags_in
from core.runs.store import Run
from pages.shared.engine import store
from pages.shared.plain import plain


def write_on(run: Run) -> None:
    """The popover in which a run gets its name, tags and note."""
    mark = store().marks.of(run.id)
    with (
        st.popover("Name, tags and note", width="stretch"),
        st.form(f"runs_mark_{run.id}", border=False),
    ):
        name = st.text_input("Name", mark.name, max_chars=LONGEST_NAME, key=f"runs_name_{run.id}")
        tags = st.text_input(
            "Tags, with commas between them", ", ".join(mark.tags), key=f"runs_tags_{run.id}"
        )
        note = st.text_area("Note", mark.note, max_chars=LONGEST_NOTE, key=f"runs_note_{run.id}")
        if st.form_submit_button("Save", type="primary"):
            store().marks.put(run.id, Mark(name=name, tags=tags_in(tags), note=note))
            st.rerun()


def show_mark(run: Run) -> None:
    """A run's tags and note."""
    mark = store().marks.of(run.id)
    if mark.tags:
        st.caption(f"Tags: {plain(', '.join(mark.tags))}")
    if mark.note:
        st.markdown(plain(mark.note))


def tag_all(runs: Sequence[Run]) -> None:
    """A tag for several runs at once."""
    with (
        st.popover("Tag them all", width="stretch"),
        st.form("runs_tag_all", border=False, clear_on_submit=True),
    ):
        tag = st.text_input("Tag", max_chars=LONGEST_TAG, key="runs_new_tag")
        if st.form_submit_button("Add the tag", type="primary") and tag.strip():
            store().marks.add_tag([run.id for run in runs], tag)
            st.rerun()
