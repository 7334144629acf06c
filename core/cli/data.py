"""The command `data`, and what `train` and `evaluate` share with it: reading a file of pairs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core import catalog
from core.cli.options import USUAL_MODEL, a_path, add_json_option, add_model_option
from core.cli.output import emit, say
from core.config import DataConfig, RunConfig
from core.data import uploads
from core.data.example import Example, make_example
from core.data.examples import CUSTOM_TEMPLATE
from core.data.intake import BadLinesError, Dataset, parse_mapping
from core.data.lengths import check_test_pairs, long_pairs, pair_limit, too_long
from core.data.split import duplicate_notes
from core.data.tokenizer import ChatTokenizer
from core.datacheck.check import check_data, numbered_examples
from core.datacheck.expected import expect
from core.datacheck.lengths import lengths_of
from core.datafile import read_file
from core.datafile.hub import fetch
from core.errors import UserError
from core.models.acquire import is_ready, model_dir
from core.paths import write_whole
from core.runs.store import RunStore


def add_data_options(parser: ArgumentParser) -> None:
    """How a data file is read: options of every command that takes one."""
    parser.add_argument(
        "--map",
        dest="mapping",
        default="",
        metavar="prompt=COLUMN,completion=COLUMN",
        help="which columns of the file to take, where their names are not known ones",
    )
    parser.add_argument(
        "--skip-bad-lines", action="store_true", help="leave out lines that cannot be used"
    )


def read_data(path: Path, arguments: Namespace) -> Dataset:
    """The file a command was given; what was recognised and left out goes to standard error."""
    mapping = parse_mapping(arguments.mapping) if arguments.mapping else None
    try:
        found = read_file(path, mapping=mapping, skip_bad_lines=arguments.skip_bad_lines)
    except BadLinesError as error:
        raise UserError(f"{str(error).rstrip('.')} with --skip-bad-lines.") from error
    for sentence in (found.taken, *found.warnings):
        if sentence:
            say(f"{found.name}: {sentence}")
    return found


def keep_data(data: Dataset) -> str:
    """Keep the pairs under their address, and remember on which lines they stood."""
    return uploads.keep(data.records, uploads.Source(name=data.name, lines=data.lines))


def check_test_data(data: Dataset, examples: Sequence[Example], tokenizer: ChatTokenizer) -> None:
    """`UserError` when a test prompt leaves no room for its answer; all such lines are named."""
    numbered = [replace(e, number=n) for e, n in zip(examples, data.lines, strict=True)]
    check_test_pairs(numbered, tokenizer, what=data.name, word="line")


def add_parser(actions: Any) -> None:
    parser = actions.add_parser("data", help="what a data file holds, before it is trained on")
    parser.add_argument(
        "file",
        type=a_path,
        nargs="?",
        metavar="FILE",
        help="JSONL, JSON, CSV, TSV, XLSX or Parquet",
    )
    parser.add_argument(
        "--hub", default="", metavar="OWNER/NAME", help="a data set of the Hugging Face hub instead"
    )
    parser.add_argument("--split", default="train", help="of a data set of the hub")
    parser.add_argument(
        "--out", type=a_path, metavar="FILE", help="where to write what came from the hub"
    )
    add_data_options(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="look through the pairs: lengths, duplicates, contradictions, labels, leakage, control tokens, "
        "empty cells; and what a run on them is expected to take",
    )
    add_model_option(parser, help_text="whose tokens are counted: catalogue id or local folder")
    add_json_option(parser)
    parser.set_defaults(run=describe)


def describe(arguments: Namespace) -> int:
    """Format, mapping and number of pairs, and what is wrong with them."""
    data = read_data(_file(arguments), arguments)
    notes = [] if arguments.check else pair_notes(data)
    if arguments.json:
        message = data.to_dict()
        emit({"type": "dataset", **message, "warnings": [*message["warnings"], *notes]})
    else:
        print(f"{data.name}: {len(data.records)} pairs ({data.file_type}; {data.format})")
        print(f"columns: {', '.join(data.columns)}; {data.mapping.in_words}")
        for note in notes:
            print(note)
    if arguments.check:
        check(data, arguments)
    return 0


def _file(arguments: Namespace) -> Path:
    """The file that was named, or what was fetched from the hub as one."""
    if bool(arguments.file) == bool(arguments.hub):
        raise UserError("Name a data file, or a data set of the hub with --hub OWNER/NAME.")
    if arguments.file:
        return arguments.file
    place = arguments.out or Path(f"{arguments.hub.replace('/', '--')}-{arguments.split}.jsonl")
    say(f"Fetching the split {arguments.split} of {arguments.hub}")
    content = fetch(arguments.hub, arguments.split).encode()
    try:
        write_whole(place.absolute(), content)
    except OSError as error:
        raise UserError(f"{place} cannot be written: {error.strerror or error}.") from error
    say(f"Written to {place}")
    return place


def check(data: Dataset, arguments: Namespace) -> None:
    """What is to be known before a run with the usual settings: a line, or an object, for each finding."""
    entry = catalog.find_model(arguments.model)
    own = DataConfig(task=catalog.CUSTOM_TASK, dataset=keep_data(data))
    config = RunConfig(model=entry.id, data=own)
    tokenizer = ChatTokenizer.load(model_dir(entry)) if is_ready(entry) else None
    for found in check_data(config, tokenizer, skipped=data.skipped):
        if arguments.json:
            emit(found.to_dict())
        else:
            print(f"{found.level}: {found.sentence}")
    if tokenizer is None:
        say(f"Lengths are not counted: {entry.title} is not prepared.")
        return
    lengths = lengths_of(numbered_examples(config), tokenizer)
    tokens = lengths.batch_tokens(config.optimizer.batch_size)
    expected = expect(config, RunStore(), batch_tokens=tokens)
    if arguments.json:
        known = {"seconds": expected.seconds, "memory_mb": expected.memory_mb}
        emit({"type": "expected", **known, "said": expected.in_words})
    else:
        print(expected.in_words)


def pair_notes(data: Dataset) -> list[str]:
    """Duplicates, contradictions, and pairs that are too long for the default model, if it is here."""
    numbered = zip(data.records, data.lines, strict=True)
    examples = [make_example(r, CUSTOM_TEMPLATE, number=line) for r, line in numbered]
    notes = duplicate_notes(examples, word="line")
    entry = catalog.find_model(USUAL_MODEL)
    if is_ready(entry):
        tokenizer = ChatTokenizer.load(model_dir(entry))
        long, limit = long_pairs(examples, tokenizer), pair_limit(tokenizer)
        parts = "prompt and completion together"
        said = too_long(long, limit, what=data.name, word="line", parts=parts)
        notes += [said] if said else []
    return notes
