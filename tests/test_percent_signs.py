"""A share is written "11 %" wherever people read it: with a no-break space where it is computed (core/percent.py)."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.paths import ROOT
from core.percent import percent

WITHOUT_SPACE = re.compile(r"(?<![\d.:=\"(-])\d+(?:\.\d+)?%(?![\w({;])")
"""Not of a style sheet, where "100%" is no text."""
OWN_FORMAT = re.compile(r"\.\d+%")
"""In a format, by Python, Plotly or Vega: they all leave the space out."""


def files(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return listed.stdout.split()


SOURCES = files("core/*.py", "pages/*.py", "app.py", "server.py")
TEXTS = files("assets/course/*.toml", "assets/course/*.md", "assets/components/*.js")


def texts_in(source: str) -> Iterator[tuple[int, str]]:
    """The strings of a program with their lines, formats of f-strings too, without docstrings."""
    tree = ast.parse(source)
    docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.lineno, node.value if isinstance(node.value, str) else ""


def wrong(text: str) -> bool:
    return bool(WITHOUT_SPACE.search(text) or OWN_FORMAT.search(text))


@pytest.mark.parametrize("text", ["11%", "from 5% to 6.5%.", ".0%", "%{customdata:.0%}", ".1%"])
def test_what_is_wrong_is_found(text: str) -> None:
    assert wrong(text)


@pytest.mark.parametrize(
    "text", ["11 %", "11\u00a0%", "%d of %s", "width:100%;", 'width="100%"', "%.2f", "%{x}%{y}"]
)
def test_what_is_right_is_left_alone(text: str) -> None:
    assert not wrong(text)


@pytest.mark.thorough
def test_no_program_writes_a_percent_sign_without_a_space() -> None:
    found = [
        f"{name}:{line}: {text!r}"
        for name in SOURCES
        for line, text in texts_in((ROOT / name).read_text("utf-8"))
        if wrong(text) and name != "core/percent.py"
    ]
    assert not found, "\n".join(["use core.percent.percent:", *found])
    assert len(SOURCES) > 300


def test_no_text_has_a_percent_sign_without_a_space() -> None:
    found = [
        f"{name}: {line.strip()}"
        for name in TEXTS
        for line in (ROOT / Path(name)).read_text("utf-8").splitlines()
        if WITHOUT_SPACE.search(line)
    ]
    assert not found, "\n".join(found)
    assert len(TEXTS) > 20


def test_a_share_as_people_write_it() -> None:
    assert (percent(0.113), percent(0.113, 1), percent(1.0)) == (
        "11\u00a0%",
        "11.3\u00a0%",
        "100\u00a0%",
    )
