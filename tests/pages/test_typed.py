"""A recorded answer comes piece by piece, each at its time, and is the whole answer in the end."""

import re

from core.generate.tokens import Token
from core.runs.messages import Generated
from pages.shared.typed import pieces_of, typed, words_of


def said(*texts: str) -> list[Generated]:
    """An answer that had become each of these texts, half a second apart."""
    return [
        Generated(
            n_prompt=3,
            token=Token(
                id=n, piece="?", text=text, probability=0.5, n_tokens=n, elapsed_s=0.5 * n, ended=False
            ),
        )
        for n, text in enumerate(texts, start=1)
    ]  # fmt: skip


def test_each_token_comes_at_its_time() -> None:
    assert pieces_of(said("To", "Tokyo", "Tokyo.")) == [("To", 0.5), ("kyo", 1.0), (".", 1.5)]


def test_words_without_times_come_at_an_even_pace_and_are_the_whole_text() -> None:
    text = "It is good.\nReally  good."
    pieces = words_of(text)
    assert "".join(word for word, _ in pieces) == text
    assert [at for _, at in pieces] == sorted({at for _, at in pieces})
    assert words_of("") == []


def test_what_a_model_wrote_is_text_and_no_markup() -> None:
    drawn = typed([("<b>", 0.25), (" &", 1.0)])
    assert re.findall(r"delay:([\d.]+)s", drawn) == ["0.25", "1.00"]
    assert "<b>" not in drawn
    assert "&lt;b&gt;" in drawn
