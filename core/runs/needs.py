"""What a request, or a run, needs on the machine that carries it out: models and uploads, by their names."""

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from core.runs.storage import fetch_dataset
from core.runs.store import RunStore

OF_RUNS = ("run", "pairs_of", "start_from")
"""Fields that name a run, whose own needs count, too."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    models: set[str] = field(default_factory=set[str])
    datasets: set[str] = field(default_factory=set[str])

    def fetch(self) -> None:
        """Have the uploads here, where a storage for all machines holds them."""
        for address in self.datasets:
            fetch_dataset(address)


def needs_of(asked: Any, store: RunStore) -> Needs:
    """Of a request of core/runs/messages or a RunConfig. `UserError` for a run that is not known."""
    found = Needs()
    _collect(asked, store, found)
    return found


def _collect(part: Any, store: RunStore, found: Needs) -> None:
    for one in fields(part):
        value = getattr(part, one.name)
        if is_dataclass(value):
            _collect(value, store, found)
        elif not value or not isinstance(value, str):
            continue
        elif one.name == "model":
            found.models.add(value)
        elif one.name == "dataset":
            found.datasets.add(value)
        elif one.name in OF_RUNS:
            _collect(store.get(value).unchecked_config, store, found)
