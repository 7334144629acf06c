"""The command `export`: take a run home, in a format that works without this app."""

from argparse import BooleanOptionalAction, Namespace
from dataclasses import asdict
from typing import Any

from core.cli.options import a_path
from core.cli.output import emit, say
from core.export.export import FORMATS, MODELS, export
from core.export.parity import table
from core.runs.store import RunStore


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser(
        "export", help="take a run out: as adapter, model, script or report"
    )
    parser.add_argument("--run", dest="run_id", metavar="ID", required=True)
    parser.add_argument("--to", type=a_path, required=True, help="a folder that is new or empty")
    each = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())
    parser.add_argument("--format", choices=tuple(FORMATS), default="peft", help=each)
    parser.add_argument(
        "--check",
        action=BooleanOptionalAction,
        default=None,
        help="have what was exported answer the run's prompts in a fresh process, and compare; of a script: run "
        f"it, which takes as long as training (default: of {', '.join(MODELS)})",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")
    parser.set_defaults(run=run_export)


def run_export(arguments: Namespace) -> int:
    is_checked = arguments.format in MODELS if arguments.check is None else arguments.check
    exported = export(
        RunStore(),
        arguments.run_id,
        arguments.to,
        arguments.format,
        is_checked=is_checked,
        say=say,
    )
    parity = exported.parity
    if arguments.json:
        for row in parity.rows if parity else ():
            emit({"type": "compared", **asdict(row), "is_equal": row.is_equal})
        if parity:
            emit({"type": "parity", "n": len(parity.rows), "n_equal": parity.n_equal,
                  "n_near_ties": len(parity.near_ties), "n_by_rounding": len(parity.by_rounding), "said": parity.in_words})  # fmt: skip
        if exported.repeated:
            emit(
                {
                    "type": "repeated",
                    **asdict(exported.repeated),
                    "said": exported.repeated.in_words,
                }
            )
        emit({"type": "exported", "format": arguments.format, "folder": str(exported.folder)})
        return 0
    if parity:
        print(table(parity.rows))
        print(parity.in_words)
    if exported.repeated:
        print(exported.repeated.in_words)
    say(f"{FORMATS[arguments.format]}: {exported.folder}")
    return 0
