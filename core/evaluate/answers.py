"""Is a free-text answer right? Comparisons that ignore case, quotes and punctuation at the ends."""

import re
import unicodedata

from core.catalog import SENTIMENT_LABELS
from core.evaluate.overlap import unicode_words

_ENDS = re.compile(r"^[\W_]+|[\W_]+$")


def normalise(text: str) -> str:
    """NFC, case folded, white space collapsed, punctuation at both ends dropped.

    >>> normalise(' "Positive." ')
    'positive'
    """
    folded = " ".join(unicodedata.normalize("NFC", text).casefold().split())
    return _ENDS.sub("", folded)


def exact_match(reference: str, output: str) -> bool:
    return normalise(reference) == normalise(output)


def contains(reference: str, output: str) -> bool:
    """The reference stands in the output as whole words: "Ann" is not in "Annabel".

    An untouched model answers in sentences; this finds the name in them.
    """
    wanted, given = unicode_words(reference), unicode_words(output)
    width = len(wanted)
    return bool(wanted) and any(
        given[i : i + width] == wanted for i in range(len(given) - width + 1)
    )


def answered_with_sentiment(output: str) -> bool:
    """The answer begins with a sentiment label.

    Only the first word counts: a model that forgot answers "positive", while a sentence in which
    the word happens to stand ("a positive number") answers the question.
    """
    return unicode_words(output)[:1] in [[label] for label in SENTIMENT_LABELS]
