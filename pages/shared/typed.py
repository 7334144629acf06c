"""A recorded answer that appears piece by piece, as the model wrote it. The browser does it, without the server.

A page that is drawn again with the same answer leaves it standing; where motion is not wanted, all of it is there
at once (assets/components/page.css).
"""

import html
import re
from collections.abc import Sequence

from core.runs.messages import Generated

WORD_S = 0.09
"""Between two words, where no times were kept."""
Piece = tuple[str, float]
"""A text, and the seconds after which it comes."""


def pieces_of(answers: Sequence[Generated]) -> list[Piece]:
    """The tokens of a recorded answer with their times."""
    found: list[Piece] = []
    said = ""
    for answer in answers:
        text, said = answer.token.text.removeprefix(said), answer.token.text
        found.append((text, answer.token.elapsed_s))
    return found


def words_of(text: str) -> list[Piece]:
    """The words of an answer of which no times were kept, at an even pace."""
    return [(word, WORD_S * n) for n, word in enumerate(re.findall(r"\s*\S+\s*", text))]


def typed(pieces: Sequence[Piece]) -> str:
    """As HTML."""
    return "".join(
        f'<span class="typed" style="animation-delay:{at:.2f}s">{html.escape(text)}</span>'
        for text, at in pieces
    )
