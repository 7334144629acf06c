"""Runs that come with the app: real ones, read through the same interface as those of this machine.

    found = find(config)                        # exactly these settings, or None
    events, times = found.events(), found.times()
    run = as_run(found)                         # for the views that draw a live run

Nothing is interpolated: a setting that is not recorded has a nearest one (`nearest`), which is said to be
another. `python -m core record` makes the runs, core/experiments/collections.py says which. Imports no torch.
"""

from core.recorded.answers import recorded_answer
from core.recorded.collection import Collection, collection, collections, find, find_hash, find_run
from core.recorded.nearest import Difference, nearest
from core.recorded.run import RecordedRun, as_run
from core.recorded.spread import beside_recorded

__all__ = [
    "Collection",
    "Difference",
    "RecordedRun",
    "as_run",
    "beside_recorded",
    "collection",
    "collections",
    "find",
    "find_hash",
    "find_run",
    "nearest",
    "recorded_answer",
]
