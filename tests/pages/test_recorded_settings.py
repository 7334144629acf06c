"""What a lesson starts as it opens is a setting that comes with the app recorded, and so are its sliders' stops."""

from collections.abc import Iterator

import pytest

from core.config import RunConfig
from core.experiments.collections import wanted
from core.runs.store import RunStore
from tests.pages.fake_engine import FakeEngine
from tests.pages.test_lessons import WORK, engine, opened, pressed, store

pytestmark = pytest.mark.thorough
__all__ = ["engine", "store"]  # fixtures
OPENED = [lesson for lesson in WORK if lesson not in ("choice", "instruction")]
TURNED = [
    ("forgetting", {"forgetting_rate_full": "0.00002"}),
    ("cures", {"cures_cure": "ewc", "cures_ewc": "300"}),
    ("lora", {"lora_rank": "64"}),
    ("soft_prompts", {"soft_prompts_tokens": "50"}),
]
"""Settings in the address, as a link or a control sets them."""


def started(store: RunStore) -> Iterator[RunConfig]:
    for run in store.active():
        yield run.config


@pytest.mark.parametrize(
    ("lesson", "address"), [*((lesson, {}) for lesson in ["instruction", *OPENED]), *TURNED]
)
def test_a_lessons_settings_are_recorded(
    lesson: str, address: dict[str, str], engine: FakeEngine, store: RunStore
) -> None:
    del engine
    known = {config.hash for one in wanted() for config in one.configs}
    pressed(opened(lesson, **address), WORK[lesson])
    configs = list(started(store))
    assert configs
    missing = [config for config in configs if config.hash not in known]
    assert not missing
