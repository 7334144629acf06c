"""Findings about single cells: left out, filled with a word for nothing, or holding control tokens."""

import re
from collections.abc import Sequence

from core.data.example import Example
from core.data.listing import count, first_few, name_lines
from core.data.tokenizer import ChatTokenizer
from core.datacheck.findings import Finding

NOTHING = (
    "none",
    "null",
    "nil",
    "n/a",
    "na",
    "#n/a",
    "#value!",
    "#ref!",
    "undefined",
    "nan",
    "-",
    "--",
)
"""What programs and people write into a cell that has no value, in lower case."""
CONTROL = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|</?s>|<(?:bos|eos|pad|unk|start_of_turn|end_of_turn)>|\[/?INST\]"
)
"""Text that looks like a control token of some model."""


def left_out(skipped: Sequence[tuple[int, str]]) -> list[Finding]:
    """Lines of the file that gave no pair, by the reason."""
    by_reason: dict[str, list[int]] = {}
    for line, reason in skipped:
        by_reason.setdefault(reason, []).append(line)
    return [
        Finding(
            kind="left_out",
            level="note" if reason == "empty" else "look",
            sentence=f"{name_lines(lines).capitalize()} {'is' if len(lines) == 1 else 'are'} left out: {reason}.",
            lines=tuple(lines),
        )
        for reason, lines in by_reason.items()
    ]


def words_for_nothing(examples: Sequence[Example], word: str) -> list[Finding]:
    """Completions that may stand for an empty cell."""
    found = [e for e in examples if e.completion.strip().lower() in NOTHING]
    if not found:
        return []
    said = first_few([f"“{text}”" for text in dict.fromkeys(e.completion.strip() for e in found)])
    lines = tuple(e.number for e in found)
    sentence = (
        f"{count(len(lines), 'completion')} {'says' if len(lines) == 1 else 'say'} {said}, which often stands for "
        f"an empty cell: {name_lines(lines, word)}. Leave them out unless the model should answer that."
    )
    return [Finding(kind="empty_cells", level="look", sentence=sentence, lines=lines)]


def control_tokens(
    examples: Sequence[Example], tokenizer: ChatTokenizer | None, word: str
) -> list[Finding]:
    """Text that looks like a control token of a chat template, or is one of this model's."""
    pattern = re.compile("|".join([CONTROL.pattern, *map(re.escape, _own(tokenizer))]))
    found = [(e, pattern.findall(f"{e.prompt}\n{e.completion}")) for e in examples]
    marked = [e for e, signs in found if signs]
    if not marked:
        return []
    signs = sorted({sign for _, every in found for sign in every})
    lines = tuple(e.number for e in marked)
    sentence = (
        f"Control tokens of a chat template ({first_few(signs)}) stand in the text of "
        f"{count(len(lines), 'pair')}: {name_lines(lines, word)}. They are read as text; take them out unless they "
        "are meant."
    )
    return [Finding(kind="control_tokens", level="look", sentence=sentence, lines=lines)]


def _own(tokenizer: ChatTokenizer | None) -> list[str]:
    """The model's own control tokens, the longest first."""
    if tokenizer is None:
        return []
    added = tokenizer.backend.get_added_tokens_decoder().values()
    return sorted({t.content for t in added if t.special and t.content[1:]}, key=len, reverse=True)
