"""A finding: what kind it is, how much it matters, a sentence, and the lines it is about."""

from dataclasses import asdict, dataclass
from typing import Literal

from core.typed_json import JsonObject

Level = Literal["stops", "look", "note"]
"""A run cannot start with it; worth a look before; good to know."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: str
    """Such as "near_duplicates"; a page and a program tell findings apart by it."""
    level: Level
    sentence: str
    lines: tuple[int, ...] = ()
    """Of the file, or the numbers of the pairs where the lines are not known."""

    def to_dict(self) -> JsonObject:
        """As the command line writes it."""
        return {"type": "finding", **asdict(self), "lines": list(self.lines), "n": len(self.lines)}
