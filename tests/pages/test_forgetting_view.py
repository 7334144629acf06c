"""The curves of a run that is followed are built anew at a check, not at every look between two."""

from pathlib import Path

import pytest

from core.events import Event
from core.experiments.collapse import collapse
from pages.shared import forgetting
from tests.events import evaluation, step
from tests.pages.shipped import ship


@pytest.mark.thorough
def test_the_curves_are_built_once_for_a_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    built: list[int] = []
    usual = forgetting.curves

    def counted(events: list[Event], *more: object, **options: object) -> object:
        built.append(len(events))
        return usual(events, *more, **options)  # pyright: ignore

    monkeypatch.setattr(forgetting, "curves", counted)
    events: list[Event] = [evaluation(0, "names", 0.5)]
    for number in range(1, 4):
        forgetting._chart_of("a", 1, 20, False, events, (), None)
        events.append(step(number))
    assert built == [1]
    events.append(evaluation(5, "names", 0.25))
    chart = forgetting._chart_of("a", 2, 20, False, events, (), None)
    assert built == [1, 5]
    assert chart.to_dict()["title"][0].startswith("At step 5")
    forgetting._chart_of("b", 2, 20, False, events, (), None)
    assert built == [1, 5, 5]
    (recorded,) = ship(tmp_path, [collapse()])
    forgetting._chart_of("b", 2, 20, True, events, (), recorded)
    assert built == [1, 5, 5, 5]
