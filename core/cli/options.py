"""Options that several commands share."""

from argparse import ArgumentParser
from pathlib import Path

from core.config import RunConfig
from core.recorded.files import FOLDER

USUAL_MODEL = RunConfig().model


def add_model_option(
    parser: ArgumentParser, *, help_text: str = "catalogue id or local folder"
) -> None:
    parser.add_argument("--model", default=USUAL_MODEL, help=help_text)


def add_json_option(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")


def add_folder_option(parser: ArgumentParser) -> None:
    """Where recorded runs are read from."""
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="another folder, such as that of record --out"
    )
