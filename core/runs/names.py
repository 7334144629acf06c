"""What a run is called: its tasks in their order, its method and what of it is unusual.

A name says enough to tell runs apart in a list; `told_apart` says of several runs only what differs, for
legends. Both read the stored settings, which may be of another version.
"""

from collections.abc import Sequence
from typing import Any

from core import catalog
from core.config import METHODS, SETTINGS, method_title
from core.config.specification import Knob
from core.data import uploads
from core.percent import percent
from core.runs.record import Run

Config = dict[str, Any]

BETWEEN = {"sequential": ", then ", "mixed": " + "}
NAMED = {
    "data.task",
    "data.others",
    "data.order",
    "data.dataset",
    "method.name",
    "optimizer.learning_rate",
    "cure.regularizer",
    "cure.strength",
    "cure.rehearse_share",
    "seed",
}
"""Settings that a name says in words of its own."""
MOST_SAID = 3
"""Settings named in a legend; where more differ, the first ones tell the runs apart."""


def decimals(value: float) -> str:
    """A number as people write it, without an exponent.

    >>> decimals(1e-05)
    '0.00001'
    """
    return f"{value:.10f}".rstrip("0").rstrip(".")


def tasks_name(config: Config) -> str:
    """Such as "sentiment, then topic, then names"; own pairs by the name of their file."""
    data = config["data"]
    tasks = [data["task"], *data.get("others", ())]
    names = [_task_name(task, data.get("dataset", "")) for task in tasks]
    return BETWEEN.get(data.get("order", ""), " + ").join(names)


def _task_name(task: str, dataset: str) -> str:
    if task in catalog.TASKS:
        return catalog.TASKS[task].title.lower()
    file = uploads.source(dataset).name if dataset else ""
    return f"own pairs ({file})" if file and file != uploads.Source().name else "own pairs"


def run_name(config: Config) -> str:
    """Such as "sentiment, then names · LoRA 0.001, rank 64, seed 3"."""
    method, optimizer = config["method"], config["optimizer"]
    how = [f"{method_name(method['name'])} {decimals(optimizer['learning_rate'])}"]
    if knob := knob_name(method):
        how.append(knob)
    if cure := cure_name(config.get("cure", {})):
        how.append(cure)
    if config["seed"]:
        how.append(f"seed {config['seed']}")
    return f"{tasks_name(config)} · {', '.join(how)}"


def method_name(method: str) -> str:
    return "full" if method == "full" else method_title(method)


def knob_name(method: Config) -> str:
    """Such as "rank 64"; "" at the usual setting, or where there is nothing to set."""
    knob = knob_of(method)
    value = method.get(knob.field, knob.usual) if knob else 0
    return knob.said(value) if knob and value != knob.usual else ""


def knob_of(method: Config) -> Knob | None:
    spec = METHODS.get(method["name"])
    return spec.knob if spec else None


def cure_name(cure: Config) -> str:
    """Such as "EWC 100" or "a fifth rehearsed"; "" without a cure."""
    said: list[str] = []
    if (name := cure.get("regularizer", "none")) != "none":
        said.append(f"{name.upper()} {decimals(cure['strength'])}")
    if cure.get("rehearse"):
        said.append(f"{percent(cure['rehearse_share'])} rehearsal")
    return ", ".join(said)


def told_apart(runs: Sequence[Run]) -> dict[str, str]:
    """Of each run, by its id, only what differs from the others; where nothing does, when it began."""
    every = {run.id: parts_in_words(run.config_dict) for run in runs}
    names = dict.fromkeys(name for parts in every.values() for name in parts)
    differing = [name for name in names if len({p.get(name, "") for p in every.values()}) > 1]
    if "method" in differing:  # each has settings that mean nothing to the other
        differing = [name for name in differing if not name.startswith("method.")]
    found = {
        run_id: ", ".join(parts[name] for name in differing[:MOST_SAID] if parts.get(name))
        for run_id, parts in every.items()
    }
    if len(set(found.values())) == len(found) and all(found.values()):
        return found
    return {run_id: f"{said or 'run'} ({run_id})" for run_id, said in found.items()}


def differing_words(one: Config, other: Config) -> list[tuple[str, str]]:
    """Each setting in which two configs differ, as both have it: ("learning rate 0.005", "learning rate 0.003").

    A part that only one of them has, such as LoRA's rank beside full fine-tuning, is left out: the method says it.
    What is measured on the way is named only where nothing else differs: it mostly follows from the rest.
    """
    a, b = parts_in_words(one), parts_in_words(other)
    names = [name for name in a if a[name] and b.get(name) and a[name] != b[name]]
    told = [name for name in names if not name.startswith("evaluation.")]
    return [(a[name], b[name]) for name in told or names]


def parts_in_words(config: Config) -> dict[str, str]:
    """What a run is made of, in words: first what its name says, then each other setting."""
    method, knob = config["method"], knob_of(config["method"])
    parts = {
        "tasks": tasks_name(config),
        "method": method_name(method["name"]),
        "knob": knob.said(method.get(knob.field, knob.usual)) if knob else "",
        "rate": f"learning rate {decimals(config['optimizer']['learning_rate'])}",
        "cure": cure_name(config.get("cure", {})) or "no cure",
        "seed": f"seed {config['seed']}",
    }
    for path, value in flat(config).items():
        if path in SETTINGS and path not in NAMED and not (knob and path == f"method.{knob.field}"):
            parts[path] = f"{SETTINGS[path].title} {value or 'none'}"
    return parts


def flat(config: Config, prefix: str = "") -> dict[str, str]:
    """Nested settings as "part.name": text."""
    found: dict[str, str] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = ", ".join(value) if isinstance(value, list) else str(value)
    return found
