"""A path that no file system takes is refused before a command begins, whatever option names it."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cli.main import build_parser, main
from core.cli.options import a_path

TOO_LONG = "9" * 400


def actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of this command and of all commands below it."""
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            for below in set(action.choices.values()):
                yield from actions_of(below)
        else:
            yield action


def test_all_options_read_paths_in_one_way() -> None:
    types = [action.type for action in actions_of(build_parser())]
    assert Path not in types
    assert types.count(a_path) > 20


@pytest.mark.parametrize("path", [TOO_LONG, "a/" * 2040 + "b"])
def test_what_is_no_path_is_one_sentence(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["course", "check", "--folder", path]) == 2
    said = capsys.readouterr().err
    assert "is no path here: " in said
    assert len(said) < 300


def test_a_path_may_name_what_is_not_there_yet_or_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "new" / "folder", tmp_path / "file", tmp_path / "file" / "below"):
        assert a_path(str(path)) == path
