"""Lab: the glossary, and the search over lessons, terms and pages."""

from itertools import groupby

import streamlit as st

from core.course.glossary import PAGES, Term, terms
from core.course.lessons import LESSONS, name_of
from core.course.search import LESSON, LONGEST_QUERY, TERM, Hit, search
from pages.shared.plain import plain
from pages.shared.terms import SEARCH, address_of


def where(term: Term) -> str:
    """A link to where the term happens."""
    page = PAGES[term.page]
    title = f"{name_of(page.id)}, {page.title}" if page in LESSONS else page.title
    return f"[{title}{': ' + term.heading if term.heading else ''}]({term.address})"


def entry(term: Term) -> str:
    """A term as Markdown: its names, what it is, where it happens, what is near it."""
    also = f" (also: {', '.join(term.synonyms)})" if term.synonyms else ""
    near = [terms()[other] for other in term.see]
    see = ", ".join(f"[{other.name}]({address_of(other)})" for other in near)
    lines = [
        f"**{term.name}**{also}  ",
        f"{term.definition}  ",
        f":small[See it in {where(term)}.]",
    ]
    if see:
        lines[-1] += f" :small[Near it: {see}.]"
    return "\n".join(lines)


def show_hits(hits: list[Hit], query: str) -> None:
    """What was found, the best first."""
    if not hits:
        st.write(f"Nothing is called “{plain(query.strip())}”. Try another word, or a shorter one.")
        return
    for hit in hits:
        if hit.entry.kind == TERM:
            st.markdown(entry(terms()[hit.entry.id]))
            continue
        title = hit.entry.title
        if hit.entry.kind == LESSON:
            title = f"{name_of(hit.entry.id)}: {title}"
        st.markdown(f"**[{title}]({hit.entry.address})**  \n{plain(hit.entry.text)}")


def initial(term: Term) -> str:
    return term.name.lstrip("“(")[0].upper()


def show_all() -> None:
    """Every term, by its initial."""
    for letter, group in groupby(terms().values(), key=initial):
        st.subheader(letter)
        for term in group:
            st.markdown(entry(term))


st.title("Glossary")
query = st.text_input(
    "Search lessons, terms and pages",
    max_chars=LONGEST_QUERY,
    key=SEARCH,
    bind="query-params",
    placeholder="forgetting, rank, F1 …",
)
if query.strip():
    show_hits(search(query), query)
else:
    st.caption(f"{len(terms())} terms. Each says where in this app it happens.")
    show_all()
