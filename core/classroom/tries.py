"""A limit on wrong tries: who guesses codes gets a few a minute."""

import time
from collections.abc import Callable
from threading import Lock

from core.errors import UserError

MOST_TRIES = 5
WINDOW_S = 60.0


class Tries:
    """Wrong tries of each address within the last minute; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, list[float]] = {}
        self._lock = Lock()

    def check(self, address: str) -> None:
        """Raises `UserError` while an address has to wait."""
        with self._lock:
            self._forget_old()
            if len(self._wrong.get(address, ())) >= MOST_TRIES:
                raise UserError(
                    "Too many wrong tries from this device. Wait a minute, then try again."
                )

    def wrong(self, address: str) -> None:
        """Count a wrong try."""
        with self._lock:
            self._wrong.setdefault(address, []).append(self._clock())

    def _forget_old(self) -> None:
        limit = self._clock() - WINDOW_S
        recent = {who: [at for at in times if at > limit] for who, times in self._wrong.items()}
        self._wrong = {who: times for who, times in recent.items() if times}
