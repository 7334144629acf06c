"""Terms of the glossary in a text: the first use of each on a page is a link to it.

    uses = FirstUses()                       # once in each rerun of a page
    st.markdown(uses.marked("LoRA trains a low rank."))

A link is reached with the Tab key and opened with Enter; what it says about the term is its tooltip.
"""

from urllib.parse import quote

from core.course.glossary import Term, pieces, terms

SEARCH = "glossary_search"
"""The search box of the glossary, in the address."""


class FirstUses:
    """Which terms a page has marked already."""

    def __init__(self) -> None:
        self._left = dict(terms())

    def marked(self, text: str) -> str:
        """Markdown of ours, with a link at the first use of each term that is still to be marked."""
        shown: list[str] = []
        for piece in list(pieces(text, self._left)):
            if piece.term:
                del self._left[piece.term.id]
                shown.append(f'[{piece.text}]({address_of(piece.term)} "{tooltip(piece.term)}")')
            else:
                shown.append(piece.text)
        return "".join(shown)


def address_of(term: Term) -> str:
    """Of the term in the glossary."""
    return f"glossary?{SEARCH}={quote(term.name, safe='')}"


def tooltip(term: Term) -> str:
    """What it is, as the title of a link."""
    return term.definition.replace('"', "”")
