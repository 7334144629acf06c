"""Results go to standard output, progress to standard error."""

import json
import sys
from typing import Any

from core.events import Event


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def emit_event(event: Event) -> None:
    emit(event.to_dict())


def emit(message: dict[str, Any]) -> None:
    print(json.dumps(message, ensure_ascii=False), flush=True)
