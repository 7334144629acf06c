"""A data file as it is uploaded or named on the command line, to prompt-completion pairs.

Three steps, each in a file of its own: what the file's rows are (`rows`), which of their columns hold
prompt and completion (`shapes`), and whether their cells are texts (`cells`). What was recognised is
named in the `Dataset`, so that it can be shown and changed; nothing is guessed silently.
"""

from core.data.intake.dataset import (
    MAX_UPLOAD_BYTES,
    MAX_UPLOAD_PAIRS,
    BadLinesError,
    Dataset,
    UnknownColumnsError,
    read,
)
from core.data.intake.shapes import Mapping, parse_mapping

__all__ = [
    "MAX_UPLOAD_BYTES",
    "MAX_UPLOAD_PAIRS",
    "BadLinesError",
    "Dataset",
    "Mapping",
    "UnknownColumnsError",
    "parse_mapping",
    "read",
]
