"""The engine with real worker processes, and short runs for it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.config import RunConfig
from core.runs.engines.local import LocalEngine
from core.runs.store import RunStore
from tests.core.runs.tiny_runs import configs_of


@pytest.fixture
def engine(home: Path) -> Iterator[LocalEngine]:
    made = LocalEngine(RunStore())
    yield made
    made.close()


@pytest.fixture
def config(home: Path, tiny_folder: Path) -> Callable[..., RunConfig]:
    return configs_of(tiny_folder)
