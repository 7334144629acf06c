"""Options that several commands share."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

from core.config import RunConfig
from core.errors import shortened
from core.recorded.files import FOLDER

USUAL_MODEL = RunConfig().model


LONGEST_NAME = "a" * 40
"""Of the files that we look for in a folder that is named."""


def a_path(text: str) -> Path:
    """The path that an option names. `ArgumentTypeError` for what is none on this system, such as a name too long."""
    path = Path(text)
    try:
        os.lstat(path / LONGEST_NAME)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except OSError as error:
        raise ArgumentTypeError(f"{shortened(text)} is no path here: {error.strerror}") from error
    return path


def add_model_option(
    parser: ArgumentParser, *, help_text: str = "catalogue id or local folder"
) -> None:
    parser.add_argument("--model", default=USUAL_MODEL, help=help_text)


def add_json_option(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")


def add_folder_option(parser: ArgumentParser) -> None:
    """Where recorded runs are read from."""
    parser.add_argument(
        "--folder", type=a_path, default=FOLDER, help="another folder, such as that of record --out"
    )
