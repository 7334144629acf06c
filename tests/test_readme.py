"""What the README tells a newcomer to type exists."""

import re
import shlex

import pytest

from core.cli.main import build_parser
from core.paths import ROOT

README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = sorted(set(re.findall(r"python -m core ([^\n`&]+)", README)))
TREE = re.findall(r"^((?:app|pages|core|assets)[\w/.]*) {2,}", README, re.MULTILINE)
LINKS = re.findall(r"\]\((?!http)([^)]+)\)", README)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_understood(command: str) -> None:
    words = [word for word in shlex.split(command) if word != "--help"]
    assert callable(build_parser().parse_args(words).run)


@pytest.mark.parametrize("path", [*TREE, *LINKS, "requirements.txt", "requirements-dev.txt"])
def test_path_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_readme_names_commands_and_files() -> None:
    assert len(COMMANDS) >= 6
    assert len(TREE) >= 10
