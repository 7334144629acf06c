"""The commands `models check`: is a model computed exactly here, and how? And `models fetch`: one of the hub."""

import argparse
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from core.cli.options import add_json_option
from core.cli.output import emit, say
from core.config import DTYPES
from core.hub_model import fetch


def add_parsers(actions: Any) -> None:
    """Add `models` to the command line."""
    parser: argparse.ArgumentParser = actions.add_parser("models", help="how a model is computed")
    what: Any = parser.add_subparsers(dest="what", required=True, parser_class=parser.__class__)
    check = what.add_parser("check", help="compare our logits with transformers' own")
    check.add_argument("model", metavar="FOLDER|ID", help="catalogue id or local folder")
    check.add_argument("--dtype", default="auto", choices=DTYPES)
    add_json_option(check)
    check.set_defaults(run=check_model)
    fetched = what.add_parser("fetch", help="fetch a model of the hub that is not in the catalogue")
    fetched.add_argument("name", metavar="OWNER/NAME")
    add_json_option(fetched)
    fetched.set_defaults(run=fetch_model)


def fetch_model(arguments: Namespace) -> int:
    """Fetch it into a folder, which `--model` takes."""
    folder = fetch(arguments.name, on_progress=lambda progress: say(progress.message))
    if arguments.json:
        emit({"type": "prepared", "model": str(folder)})
    else:
        print(f"{arguments.name} is ready; use it with: --model {folder}")
    return 0


def check_model(arguments: Namespace) -> int:
    """Load a model, which compares its logits, and say what was found."""
    from core.models.load import PLAIN, load
    from core.models.probe import resolve_dtype

    base = load(arguments.model, dtype=resolve_dtype(arguments.dtype))
    tokenizer, checked, causal = base.tokenizer, base.checked, base.model
    config: Any = causal.config
    ends = [tokenizer.backend.id_to_token(i) or "" for i in tokenizer.end_ids]
    found = {
        "type": "model",
        "model": base.id,
        "model_type": config.model_type,
        **asdict(checked),
        "dtype": str(base.dtype).removeprefix("torch."),
        "device": str(base.device),
        "start_token": tokenizer.decode([*tokenizer.start_ids], special=True),
        "end_tokens": ends,
    }
    if arguments.json:
        emit(found)
        return 0
    print(
        f"{base.id} ({config.model_type}, {found['dtype']}): logits differ from transformers' own by "
        f"{checked.max_logit_error:.2g} at most, the largest is {checked.largest_logit:.3g}."
    )
    if base.path == "plain":
        print(f"{PLAIN} Reason: {checked.why}.")
    print(f"Answers end at: {' '.join(ends)}")
    return 0
