"""Measure for a record: the machine is watched, and each measurement gets a stamp of its own.

Stamps are kept in the data folder. So a recording that was stopped, or refused because the machine was
busy at times, goes on where it was: what was disturbed, or measured at another time without a watch, is
measured again, and only that.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from core.machine import describe_machine
from core.paths import data_dir, save_whole
from core.quiet import Quietness, Watch, refuse
from core.stamp import Stamp
from core.typed_json import read

OTHERWISE = "the same command then measures only what was disturbed"


class Recorder:
    """Watches the measurements of a record. `UserError` when the machine is busy already."""

    def __init__(self, watch: Watch) -> None:
        watch.refuse_busy()
        self.watch = watch

    def is_done(self, key: str) -> bool:
        """Whether the run or measurement `key` was made on this machine while it was quiet."""
        found = kept(key)
        if found is None or found.quiet.during is None:
            return False
        return not found.disturbed and found.machine == describe_machine()

    def begins(self) -> None:
        """What went on since the last measurement belongs to none."""
        self.watch.look()

    def ended(self, key: str, *, dtype: str, device: str) -> Stamp:
        """The stamp of what was measured just now; it is kept."""
        load = self.watch.look()
        quiet = Quietness(before=self.watch.before, during=load)
        found = Stamp.now(dtype=dtype, device=device, quiet=quiet)
        path = _folder() / f"{key}.json"
        save_whole(path, json.dumps(asdict(found), ensure_ascii=False).encode(), parents=True)
        return found

    def stamps(self, keys: Sequence[str]) -> list[Stamp]:
        """Of all measurements of a record; `UserError` where some were disturbed."""
        found = [kept(key) or Stamp() for key in keys]
        disturbed = [one for one in found if one.disturbed]
        if disturbed:
            said = f"{len(disturbed)} of {len(found)} measurements were disturbed."
            refuse([said, *disturbed[-1].disturbed], otherwise=OTHERWISE)
        return found


def kept(key: str) -> Stamp | None:
    """The stamp of a run or measurement; None when it has none that can be read."""
    try:
        return read(Stamp, json.loads((_folder() / f"{key}.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _folder() -> Path:
    return data_dir() / "stamps"
