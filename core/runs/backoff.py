"""How long to wait before trying again what fails."""


class Backoff:
    """Pauses that double from `first_s` to `most_s`, and begin anew when it works."""

    def __init__(self, *, first_s: float, most_s: float) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._next_s = first_s

    def failed(self) -> float:
        """Seconds to wait now."""
        pause, self._next_s = self._next_s, min(2 * self._next_s, self._most_s)
        return pause

    def worked(self) -> None:
        self._next_s = self._first_s
