"""The commands `inspect` and `memory`: what a run changed inside, and what training would take.

They print what the lessons on PEFT, LoRA and soft prompts draw.
"""

import argparse
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import catalog
from core.cli.output import emit
from core.config import check_number
from core.config.command import add_options, config_of
from core.errors import UserError
from core.formulas.memory import KEEP, OPTIMIZERS, PRECISIONS, memory_parts, total_gb
from core.formulas.parameters import count, trained_share
from core.inspect.prompts import PROMPTS
from core.inspect.results import LoraStart, Matrices, Merged, Spectrum, TakenAway
from core.runs.asked import asked_prompts
from core.runs.messages import LookAtMatrices, LookAtSpectrum, Merge, StartLora, TakeAway
from core.runs.store import RunStore
from core.shape import PUBLISHED, of_folder

if TYPE_CHECKING:
    from core.runs.inference_session import InferenceSession  # needs torch
    from core.runs.rounding import LogitsBeside, ScoresBeside, WeightError

LOOKS = ("start", "matrices", "spectrum", "merge", "take-away", "rounding")
COUNTED = tuple(
    f"method.{name}"
    for name in ("name", "rank", "target_modules", "layers", "bottleneck", "virtual_tokens")
)
"""The settings that decide how many parameters are trained."""


def add_parsers(actions: Any) -> None:
    """Add both commands to the command line."""
    _add_inspect(actions.add_parser("inspect", help="look into what a run changed"))
    _add_memory(actions.add_parser("memory", help="parameters and bytes that training takes"))


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=LOOKS)
    parser.add_argument("--run", dest="run_id", default="", metavar="ID")
    parser.add_argument("--layer", type=int, default=0, help="of matrices and spectrum")
    parser.add_argument(
        "--module", default="query", help="of matrices and spectrum: query, q_proj, …"
    )
    parser.add_argument(
        "--prompt", action="append", default=[], help="asked by merge and take-away"
    )
    add_options(parser, ("method.name", "method.rank"))  # of start, which needs no run
    parser.add_argument(
        "--original", default="", help="of rounding: a model folder, or a repository on the hub"
    )
    parser.add_argument("--model", default=catalog.DEFAULT_MODEL, help="of rounding")
    parser.add_argument("--task", default="sentiment", help="of rounding: scored with both models")
    parser.add_argument("--examples", type=int, default=40, help="of rounding: test examples")
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")
    parser.set_defaults(run=inspect)


def inspect(arguments: Namespace) -> int:
    """Print one look into a run, or the equality of an untrained LoRA with the base."""
    for message in map(asdict, _found(arguments)):
        if arguments.json:
            emit({"type": arguments.what, **message})
        else:
            for key, value in message.items():
                print(value if key == "words" else f"{key}: {_brief(value)}")
    return 0


def _found(
    arguments: Namespace,
) -> (
    Iterator[LoraStart]
    | Iterator[Matrices]
    | Iterator[Spectrum]
    | Iterator[Merged]
    | Iterator[TakenAway]
    | Iterator["WeightError | LogitsBeside | ScoresBeside"]
):
    what, store = arguments.what, RunStore()
    if what == "rounding":
        return _rounding(arguments)
    if what == "start":
        return _session(store).answer(StartLora(config=config_of(arguments)))
    if not arguments.run_id:
        raise UserError(f"inspect {what} wants a run: --run ID.")
    run = store.get(arguments.run_id).id
    prompts = tuple(arguments.prompt or PROMPTS)
    layer, module = arguments.layer, arguments.module
    if what == "merge":
        merge = Merge(run=run, prompts=prompts)
        asked_prompts(merge, store)  # refused before torch is imported
        return _session(store).answer(merge)
    if what == "take-away":
        take_away = TakeAway(run=run, prompts=prompts)
        asked_prompts(take_away, store)
        return _session(store).answer(take_away)
    session = _session(store)
    if what == "matrices":
        return session.answer(LookAtMatrices(run=run, layer=layer, module=module))
    return session.answer(LookAtSpectrum(run=run, layer=layer, module=module))


def _session(store: RunStore) -> "InferenceSession":
    from core.runs.inference_session import InferenceSession

    return InferenceSession(store)


def _rounding(arguments: Namespace) -> Iterator["WeightError | LogitsBeside | ScoresBeside"]:
    """A prepared model beside the original that it was rounded from."""
    from core.runs.rounding import compare, original_folder

    check_number("The number of examples", arguments.examples, 1, 100_000, whole=True)
    catalog.find_task(arguments.task)
    wanted = arguments.original or catalog.find_model(arguments.model).origin
    folder = original_folder(wanted, on_progress=lambda at: None)
    return compare(arguments.model, folder, task=arguments.task, examples=arguments.examples)


def _brief(value: Any) -> str:
    """Lists of numbers by their first ones, the whole is in --json; figures of several rows in lines."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows: list[dict[str, object]] = value
        shown = (", ".join(f"{key} {_brief(part)}" for key, part in row.items()) for row in rows)
        return "".join(f"\n  {line}" for line in shown)
    if isinstance(value, list) and len(value) > 6:
        return f"{value[:3]} … ({len(value)} in all)"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _add_memory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shape",
        default=catalog.MODELS[catalog.DEFAULT_MODEL].shape,
        help=f"one of: {', '.join(PUBLISHED)}; or a folder with a config.json",
    )
    add_options(parser, COUNTED)
    parser.add_argument("--precision", default="bfloat16", choices=tuple(PRECISIONS))
    parser.add_argument("--optimizer", default="AdamW", choices=tuple(OPTIMIZERS))
    parser.add_argument("--batch", type=int, default=1, help="texts in a batch")
    parser.add_argument("--sequence", type=int, default=512, help="tokens in a text")
    parser.add_argument("--keep", default="all", choices=KEEP, help="activations that are kept")
    parser.add_argument(
        "--no-master", action="store_true", help="no float32 copy of 16-bit weights"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")
    parser.set_defaults(run=memory)


def memory(arguments: Namespace) -> int:
    """Print trained parameters and each part of the memory with its formula. Needs no model."""
    shape = PUBLISHED.get(arguments.shape) or of_folder(Path(arguments.shape))
    method = config_of(arguments).method
    check_number("--batch", arguments.batch, 1, 1_000_000, whole=True)
    check_number("--sequence", arguments.sequence, 1, 10_000_000, whole=True)
    parts = memory_parts(
        method,
        shape,
        precision=arguments.precision,
        optimizer=arguments.optimizer,
        batch=arguments.batch,
        sequence=arguments.sequence,
        keep=arguments.keep,
        with_master=not arguments.no_master,
    )
    trained = count(method, shape)
    found = {
        "shape": shape.title,
        "method": method.name,
        "trainable_params": trained.n,
        "share": trained_share(method, shape),
        "formula": f"{trained.symbols} = {trained.numbers}",
        "total_gb": total_gb(parts),
    }
    if arguments.json:
        for part in parts:
            emit(
                {"type": "part", "name": part.name, "bytes": part.n_bytes, "formula": part.symbols}
            )
        emit({"type": "memory", **found})
        return 0
    print(
        f"{shape.title}, {method.name}: {trained.n:,} trained, {100 * found['share']:.3g} % of all"
    )
    print(found["formula"])
    for part in parts:
        print(f"{part.name:16} {part.n_bytes / 1e9:10.3f} GB  {part.symbols} = {part.numbers}")
    print(f"{'together':16} {found['total_gb']:10.3f} GB")
    return 0
