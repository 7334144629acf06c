"""The setting is there before torch, where work is done, and nowhere else."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from core.bench import compare
from core.openmp import BRIEF, with_brief_spin, without_brief_spin
from core.paths import ROOT

COMMAND_LINE = """
import json, os, runpy, sys
from core.cli import main
def found(arguments):
    print(json.dumps([dict(os.environ), "torch" in sys.modules]), flush=True)
    return 0
main.main = found
runpy.run_module("core", run_name="__main__")
"""


def bare() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in (*BRIEF, "OMP_WAIT_POLICY")}


@pytest.mark.parametrize(
    ("set_by_reader", "expected"),
    [
        ({}, BRIEF),
        ({"GOMP_SPINCOUNT": "5"}, BRIEF | {"GOMP_SPINCOUNT": "5"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
    ],
)
def test_what_the_reader_sets_stays(
    set_by_reader: dict[str, str], expected: dict[str, str]
) -> None:
    assert with_brief_spin(set_by_reader) == expected


@pytest.mark.thorough
def test_the_command_line_sets_it_before_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND_LINE],
        cwd=ROOT,
        env=bare(),
        capture_output=True,
        text=True,
        check=True,
    )
    environment, has_torch = json.loads(done.stdout)
    assert not has_torch
    assert environment.items() >= BRIEF.items()


def test_baselines_run_as_they_do_without_us(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BRIEF.items():
        monkeypatch.setenv(name, value)
    given: list[dict[str, str]] = []

    def follow(command: Any, is_first: Any, environment: dict[str, str]) -> Any:
        given.append(environment)
        return {}, 0.0

    monkeypatch.setattr(compare, "follow", follow)
    for side in ("ours", "trainer"):
        compare.run_side(side, "lora8")
    assert given[0].items() >= BRIEF.items()
    assert not given[1].keys() & BRIEF.keys()
    assert without_brief_spin({"GOMP_SPINCOUNT": "5"}) == {"GOMP_SPINCOUNT": "5"}
