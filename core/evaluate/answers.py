"""Is a free-text answer right? Comparisons that ignore how an answer is dressed, never what it says.

Two answers are equal when they differ at most in case, white space, quotes around the whole and one
closing sentence mark. A sign, a symbol, a unit, a digit or an emoji always counts: "-1" is not "1", "C++"
is not "C", "10%" is not "10". What would leave nothing is not dropped: "!" stays "!".
"""

import re
import unicodedata
from collections.abc import Iterator

from core.catalog import SENTIMENT_LABELS

SENTENCE_MARKS = frozenset(".!?。．！？｡؟۔।։።")
QUOTES = {
    '"': '"', "'": "'", "＂": "＂", "“": "”", "”": "”", "‘": "’", "’": "’", "«": "»", "»": "«",
    "„": "“”", "‚": "‘’", "‹": "›", "›": "‹", "「": "」", "『": "』", "｢": "｣", "〝": "〞〟",
}  # fmt: skip
"""Opening quotes, each with the marks that may close it."""
_EMPHASIS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
"""Markdown: **bold**, _slanted_ and `code`."""
_IN_NUMBERS = frozenset(".,:'’٫٬—―")
"""Between two digits these make one number, time or range."""
_JOINING = frozenset("%‰&#*@/\\§†‡•")
"""Punctuation that belongs to what it touches, as symbols do."""


def normalise(text: str) -> str:
    """NFC, case folded, white space collapsed, without quotes around it and one closing sentence mark.

    >>> normalise(' "Positive." '), normalise("-1."), normalise("C++"), normalise("?!"), normalise("!")
    ('positive', '-1', 'c++', '?', '!')
    """
    folded, may_drop_mark = _folded(text), True
    while True:
        if len(folded) > 2 and folded[-1] in QUOTES.get(folded[0], ""):
            inner = folded[1:-1].strip()
        elif may_drop_mark and folded[-1:] in SENTENCE_MARKS:
            inner, may_drop_mark = folded[:-1].strip(), False
        else:
            return folded
        if not inner:
            return folded
        folded = inner


def exact_match(reference: str, output: str) -> bool:
    return normalise(reference) == normalise(output)


def contains(reference: str, output: str) -> bool:
    """The output is the reference, or the normalised reference stands in it by itself.

    By itself: next to it are the text's ends, white space, brackets, quotes, an equals sign or
    punctuation between words. Not a letter or digit ("Ann" is not in "Annabel"), no hyphen, no sign or
    other symbol ("1" is not in "-1", "10" not in "10%", "C" not in "C++") and nothing that makes a longer
    number of it ("1" is not in "1.5"). An emoji may touch words and other emoji. Markdown's marks for
    emphasis do not count, and ’ is as good as '. A base model answers in sentences; this finds
    the answer in them.
    """
    if exact_match(reference, output):
        return True
    forms = (normalise(reference), _folded(reference))
    return any(True for form in forms for _ in _places(form, _folded(output)))


def answered_with_sentiment(output: str) -> bool:
    """The answer begins with a sentiment label.

    Only the first word counts: a model that forgot answers "positive", while a sentence in which
    the word happens to stand ("a positive number") answers the question.
    """
    return any(
        not re.search(r"\w", before)
        for label in SENTIMENT_LABELS
        for before in _places(label, _folded(output))
    )


def _folded(text: str) -> str:
    """Without case and with single spaces, as Unicode compares texts (D145), composed."""
    folded = unicodedata.normalize("NFD", text).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def _places(wanted: str, output: str) -> Iterator[str]:
    """For each place where `wanted` stands by itself in the output, both folded: the text before it."""
    wanted, output = wanted.replace("’", "'"), output.replace("’", "'")
    for text in dict.fromkeys((output, _EMPHASIS.sub(r"\2", output))):
        start = text.find(wanted) if wanted else -1
        while start >= 0:
            before, after = text[:start], text[start + len(wanted) :]
            on_the_left = _goes_on(wanted[0], before[-2:][::-1]) or _is_decimal(wanted, before)
            if not on_the_left and not _goes_on(wanted[-1], after[:2]):
                yield before
            start = text.find(wanted, start + 1)


def _goes_on(edge: str, beyond: str) -> bool:
    """A text that ends with `edge` goes on in the next characters `beyond`, nearest first."""
    near, far = beyond[:1], beyond[1:]
    kind = unicodedata.category(near) if near else "Zs"
    if _is_picture(edge) or _is_picture(near):
        # Skin tones, variation selectors, joiners and the two halves of a flag make one emoji.
        return kind in ("Mn", "Mc", "Me", "Cf", "Sk") or (_is_flag(edge) and _is_flag(near))
    if edge.isnumeric() and near in _IN_NUMBERS and far.isnumeric():
        return True
    if near == edge and not near.isalnum():  # a run of one symbol: "." of "…", "+" of "++"
        return True
    if near == "=":
        return bool(far) and unicodedata.category(far)[0] == "S"  # as in ">=", "=="
    return kind[0] in "LMNSC" or kind == "Pc" or near in _JOINING or _is_joining_dash(near)


def _is_decimal(wanted: str, before: str) -> bool:
    """A number whose point comes first: ".5" is not "5"."""
    return wanted[0].isnumeric() and before.endswith(".")


def _is_joining_dash(character: str) -> bool:
    """Hyphens and their like; not the long dashes between words."""
    return unicodedata.category(character or " ") == "Pd" and character not in "—―"


def _is_picture(character: str) -> bool:
    """An emoji, or a symbol like one; not a unit such as ° or ㎏."""
    is_there = "\u2300" <= character < "\u3000" or character >= "\U0001f000"
    return is_there and unicodedata.category(character) == "So"


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
