"""The command `rates`: a few short runs at learning rates from small to large, and which rate they suggest."""

from argparse import Namespace
from dataclasses import asdict, replace
from typing import Any

from core.cli.data import add_data_options
from core.cli.options import a_path, add_json_option
from core.cli.output import emit, emit_event, say
from core.cli.train import check_ready, config_with_data
from core.config import RunConfig
from core.config.command import add_options, command_of
from core.errors import UserError
from core.experiments.rate_finder import (
    RULE,
    SOURCE,
    STEPS,
    Tried,
    left,
    rate_configs,
    suggestion,
    tidy,
    tried,
)
from core.runs.names import decimals
from core.runs.store import RunStore


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser(
        "rates", help="try learning rates in short runs and suggest one; takes the options of train"
    )
    parser.add_argument("--data", type=a_path, help="JSONL, JSON or CSV (see: data --help)")
    add_data_options(parser)
    add_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=find_rate)


def find_rate(arguments: Namespace) -> int:
    """Carry out the runs whose rate is not known yet, print what each came to and the command with the suggested rate."""
    config = config_with_data(arguments)
    configs = rate_configs(config)
    check_ready(config)
    store = RunStore()
    _carry_out(left(configs, tried(configs, store)), store, json_wanted=arguments.json)
    found = tried(configs, store)
    tidy(found, store)
    for one in found:
        emit(_row(one)) if arguments.json else print(_words(one))
    suggested = suggestion(found)
    command = _command(config, suggested.rate)
    if arguments.json:
        last = {"type": "rates", "suggested": suggested.rate, "said": suggested.said}
        emit(last | {"command": command, "source": SOURCE})
        return 0
    print(f"{suggested.said}\n{RULE}\n{SOURCE}")
    if command:
        print(f"Next: {command}")
    return 0


def _carry_out(configs: list[RunConfig], store: RunStore, *, json_wanted: bool) -> None:
    """One after another; one that diverges has told what its rate does."""
    from core.experiments.runner import carry_out
    from core.runs.worker import BaseKeeper

    keeper = BaseKeeper()
    for number, config in enumerate(configs, start=1):
        say(
            f"{number} of {len(configs)}: {STEPS} steps at {decimals(config.optimizer.learning_rate)}"
        )
        try:
            if json_wanted:
                carry_out([config], store, keeper, on_event=emit_event)
            else:
                carry_out([config], store, keeper)
        except UserError as error:
            if "diverged" not in str(error):
                raise
            say("It diverged.")


def _row(one: Tried) -> dict[str, object]:
    return {"type": "rate", **asdict(one), "has_diverged": one.has_diverged}


def _words(one: Tried) -> str:
    if one.has_diverged:
        return f"rate {decimals(one.rate):>9}: diverged"
    return f"rate {decimals(one.rate):>9}: loss {one.start:.2f} → {one.loss:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _command(config: RunConfig, rate: float | None) -> str:
    """That of the run itself, at the suggested rate."""
    if rate is None:
        return ""
    return command_of(replace(config, optimizer=replace(config.optimizer, learning_rate=rate)))
