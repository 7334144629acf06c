"""Statuses that are spelled as text, here and in the product: each is one that a run can have."""

import ast

import pytest

from core.paths import ROOT
from core.runs.states import RunStatus


def compared(source: str) -> list[str]:
    """The texts that something's `.status` is compared with, alone or in a tuple, list or set."""
    found: list[ast.expr] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Attribute) and side.attr == "status" for side in sides):
                for side in sides:
                    found += (
                        side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
                    )
    return [e.value for e in found if isinstance(e, ast.Constant) and isinstance(e.value, str)]


@pytest.mark.thorough
def test_only_statuses_that_exist_are_compared_with() -> None:
    files = [f for part in ("core", "pages", "tests") for f in (ROOT / part).rglob("*.py")]
    found = {(str(f), text) for f in files for text in compared(f.read_text("utf-8"))}
    assert len(found) > 10
    assert {(file, text) for file, text in found if text not in set(RunStatus)} == set()


def test_a_status_that_does_not_exist_is_found() -> None:
    assert compared('assert get(x["id"]).status in ("stopped", "gone")') == ["stopped", "gone"]
