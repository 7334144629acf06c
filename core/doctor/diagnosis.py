"""What the doctor says: a cause, the figure that shows it, how sure it is, and the run to try next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.config import RunConfig
from core.data import uploads
from core.data.example import Record


@dataclass(frozen=True, kw_only=True)
class NextRun:
    """The run to try next."""

    change: str
    """What differs from the run, to stand on a button: "Train at a rate of 0.0001"."""
    config: RunConfig
    records: tuple[Record, ...] | None = None
    """Mended pairs that take the place of the run's own; None where those stay."""

    def ready(self) -> RunConfig:
        """The config to submit; mended pairs are kept as a new dataset first. `UserError` on a full disk."""
        if self.records is None:
            return self.config
        source = uploads.source(self.config.data.dataset)
        kept = uploads.keep([*self.records], replace(source, lines=()))
        return replace(self.config, data=replace(self.config.data, dataset=kept))


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    cause: str
    """Its name, such as "overfits"."""
    sentence: str
    """What was found, with the figure: the cause in plain words, a colon, and what shows it."""
    measure: str
    """What `figure` is."""
    figure: float
    limit: float
    """What the figure is held against: beyond it the cause is named."""
    strength: float
    """0 to 1, to order by: how surely it is this, and not something that follows from another cause."""
    next: NextRun | None = None
    advice: str = ""
    """What to do where no setting helps."""


def ordered(found: Sequence[Diagnosis]) -> list[Diagnosis]:
    """The likeliest cause first."""
    return sorted(found, key=lambda one: -one.strength)
