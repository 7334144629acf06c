"""The first rows of a data set of the Hugging Face hub, through the library `datasets`, as JSONL."""

from itertools import islice

from core.data.intake import MAX_UPLOAD_PAIRS
from core.datafile.tables import as_jsonl
from core.errors import UserError, quote, shortened


def fetch(name: str, split: str = "train") -> str:
    """Up to MAX_UPLOAD_PAIRS rows of a split, read as they stream; no code of the data set runs.

    Raises `UserError` where the library or the hub is not there, and for a name or split that is not.
    """
    try:
        from datasets import load_dataset  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise UserError(
            "Data sets of the hub need the package datasets: pip install datasets"
        ) from error
    try:
        rows = load_dataset(name, split=split, streaming=True)
        found = list(islice(rows, MAX_UPLOAD_PAIRS))
    except Exception as error:  # datasets, httpx and fsspec raise exceptions without a common base
        raise UserError(_explained(error, name, split)) from error
    return as_jsonl(list(enumerate(map(dict, found), start=1)))


def _explained(error: Exception, name: str, split: str) -> str:
    said = " ".join(str(error).split())
    kind = type(error).__name__
    if "NotFound" in kind and "onnect" not in said:
        return f"The Hugging Face hub has no open data set {shortened(name)}; choose another."
    if "onfig name" in said:
        return f"The data set {shortened(name)} has several parts; download the one you want as a file."
    if "cripts" in said:
        return f"The data set {shortened(name)} is made by a script, which is not run; download it as a file."
    if "split" in said.lower():
        return f"The data set {shortened(name)} has no split {quote(split)}: {shortened(said)}."
    return (
        f"The data set {shortened(name)} cannot be fetched from here ({kind}); connect this machine to the hub, or "
        "download the data elsewhere and give the file."
    )
