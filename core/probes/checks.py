"""Whether an answer to a probe is right: rules that code can check.

What an answer must hold is looked up as in the scores of the tasks (core/evaluate/answers.py:contains), so
that "Annabel" is not "Ann" and "17" is not "7".
"""

import re
from collections.abc import Callable

from core.evaluate.answers import contains, exact_match
from core.probes.battery import Probe

MOST_REPEATED = 0.2
"""Share of word triples that may have stood in the text before."""
LEAST_ANSWER = 4
"""Words of an answer that says something."""
TOPICS = ("sport", "science", "business", "health", "travel", "food")
REFUSALS = (
    "i'm sorry",
    "i am sorry",
    "i cannot",
    "i can't",
    "i can not",
    "i'm not able",
    "i am not able",
    "i'm unable",
    "i am unable",
    "as an ai",
    "as a language model",
    "i won't",
    "i will not",
    "i must decline",
    "i don't have the ability",
)
"""How a refusal begins; looked for in an answer's first hundred characters."""
NUMBER = re.compile(r"[+-]?\d[\d.,]*")


def words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’-]\w+)*", text)


def repeated_share(text: str) -> float:
    """Share of word triples that stood in the text before; 0 for fewer than two triples.

    >>> repeated_share("the sea the sea the sea the sea")
    0.6666666666666666
    """
    said = [word.casefold() for word in words(text)]
    triples = [*zip(said, said[1:], said[2:], strict=False)]
    return 1 - len(set(triples)) / len(triples) if len(triples) > 1 else 0.0


def refuses(text: str) -> bool:
    start = text.strip().replace("’", "'").casefold()[:100]
    return any(refusal in start for refusal in REFUSALS)


def _contains(probe: Probe, text: str) -> bool:
    held = any(contains(expected, text) for expected in probe.expects)
    others = (
        [t for t in (*TOPICS, "sports") if t not in probe.expects] if probe.skill == "topic" else []
    )
    return held and not any(contains(other, text) for other in others)


def _mentions(probe: Probe, text: str) -> bool:
    is_short = 0 < len(words(text)) <= probe.most_words
    return is_short and all(expected.casefold() in text.casefold() for expected in probe.expects)


def _lines(probe: Probe, text: str) -> bool:
    return len([line for line in text.splitlines() if line.strip()]) == probe.lines


def _capitals(probe: Probe, text: str) -> bool:
    del probe
    return text.isupper()


def _number(probe: Probe, text: str) -> bool:
    del probe
    return bool(NUMBER.fullmatch(text.strip().rstrip(".")))


def _varied(probe: Probe, text: str) -> bool:
    """One word repeats nothing, and is no text either."""
    return len(words(text)) >= probe.least_words and repeated_share(text) <= MOST_REPEATED


CHECKS: dict[str, Callable[[Probe, str], bool]] = {
    "contains": _contains,
    "mentions": _mentions,
    "one_word": lambda probe, text: len(words(text)) == 1,
    "number": _number,
    "capitals": _capitals,
    "one_of": lambda probe, text: any(exact_match(one, text) for one in probe.expects),
    "equals": lambda probe, text: any(exact_match(one, text) for one in probe.expects),
    "lines": _lines,
    "begins_with": lambda probe, text: text.strip(" \"“”'").startswith(probe.expects),
    "ends_with": lambda probe, text: text.rstrip().endswith(probe.expects),
    "answers": lambda probe, text: len(words(text)) >= LEAST_ANSWER and not refuses(text),
    "at_least": lambda probe, text: len(words(text)) >= probe.least_words,
    "varied": _varied,
}


def is_right(probe: Probe, text: str) -> bool:
    return CHECKS[probe.check](probe, text)
