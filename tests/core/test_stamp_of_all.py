"""Stamps of several measurements as one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.errors import UserError
from core.stamp import Stamp


def stamped(change: Callable[[Stamp], Stamp]) -> Stamp:
    first = Stamp(dtype="float32", device="cpu", machine="m", at="2026-01-01T00:00:00Z", commit="a")
    return change(first)


@pytest.mark.thorough
def test_runs_of_two_precisions_or_machines_are_no_record() -> None:
    one = stamped(lambda s: s)
    both = Stamp.of_all([one, stamped(lambda s: replace(s, commit="b"))])
    assert both.commit == "a, b"
    for other in ({"dtype": "bfloat16"}, {"device": "cuda:0"}, {"machine": "n"}):
        with pytest.raises(UserError, match="cannot stand in one record"):
            Stamp.of_all([one, replace(one, **other)])
