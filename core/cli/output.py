"""Results go to standard output, progress to standard error."""

import json
import sys
from collections.abc import Mapping

from core.events import Event
from core.typed_json import strict_json


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def emit_event(event: Event) -> None:
    emit(event.to_dict())


def emit(message: Mapping[str, object]) -> None:
    """One JSON object on a line; what is undefined (NaN) is null, as JSON has no word for it."""
    print(json.dumps(strict_json(message), ensure_ascii=False), flush=True)
