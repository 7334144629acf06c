"""One prompt-completion pair."""

from dataclasses import dataclass, field

from core.data.template import fill, trimmed
from core.typed_json import Json

Record = dict[str, Json]
"""A raw pair: `completion`, and the fields that a template may ask for."""


@dataclass(frozen=True, kw_only=True)
class Example:
    prompt: str
    completion: str
    tags: tuple[str, ...] = ()
    fields: Record = field(default_factory=Record, compare=False, repr=False)
    """The raw record this pair was made from."""
    number: int = field(default=0, compare=False, repr=False)
    """Its line in the file it came from where that is known, else its place in the dataset; from 1."""


def make_example(record: Record, template: str, *, number: int = 0) -> Example:
    """Prompt and completion of a record, without blank lines before and white space after them."""
    tags = record.get("tags")
    return Example(
        prompt=fill(template, record),
        completion=trimmed(str(record["completion"])),
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        fields=record,
        number=number,
    )
