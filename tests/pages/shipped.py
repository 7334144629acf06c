"""Recorded runs of a test: real files of real event classes, written where the app then looks for them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from core.config import RunConfig
from core.events import Event
from core.recorded import RecordedRun, files, plan
from core.recorded.run import AT
from core.runs.record import RunSummary
from core.stamp import Stamp
from tests.events import step
from tests.pages.test_any_run import checked, recorded, virtual

STAMP = Stamp(
    commit="c", dtype="float32", device="cpu", machine="a machine", at="2026-11-28T10:00:00Z"
)
STEP_S = 0.5
"""Between two events of a run that comes with the app."""


def ship(
    folder: Path,
    configs: Iterable[RunConfig],
    *,
    name: str = "forgetting",
    events: Sequence[Event] = (),
    times: Sequence[float] = (),
) -> list[RecordedRun]:
    """Write a collection: each run says `events` at `times`, else what such a run says, checked every second step."""
    runs: list[RecordedRun] = []
    for n, config in enumerate(configs):
        run = RecordedRun(
            run_id=f"20261128-1000{n:02d}-{config.hash[:6]}",
            collection=name,
            config_dict=config.to_dict(),
            config_hash=config.hash,
            identity="code model cpu float32",
            command="python -m core train",
            seconds=20.0,
            stamp=STAMP,
            summary=RunSummary(scores=dict.fromkeys(config.evaluation_tasks(), 1.0)),
            folder=folder / name,
        )
        what = events or [*told(config)]
        when = times or [STEP_S * i for i in range(len(what))]
        lines = [
            {**files.rounded(event.to_dict()), AT: at} for event, at in zip(what, when, strict=True)
        ]
        files.write_lines(run.path, [run.to_dict(), *lines])
        runs.append(run)
    plan.keep(name, runs, folder)
    return runs


def told(config: RunConfig) -> Iterator[Event]:
    """A run of four steps that is checked after the second and the last."""
    yield from recorded(config, last_step=0)
    for number in (1, 2, 3, 4):
        yield step(number)
        if config.method.name == "prompt":
            yield virtual(number)
        if number in (2, 4):
            yield from checked(config, number)
