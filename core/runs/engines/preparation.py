"""How far a model's preparation is, as the process that prepares it says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preparation:
    """How far the preparation of a model is."""

    model: str
    running: bool
    stage: str = ""
    message: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    error: str = ""

    @property
    def share(self) -> float:
        return self.done_bytes / self.total_bytes if self.total_bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class PreparationLine:
    """A line of `python -m core prepare --json`."""

    type: str = ""
    stage: str = ""
    message: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    reason: str = ""
