"""The command `train`: its options are the settings of a RunConfig, and what it prints its events."""

import signal
import threading
from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from core import catalog
from core.cli.commands import show_event
from core.cli.data import add_data_options, keep_data, read_data
from core.cli.options import a_path, add_json_option
from core.cli.output import emit, emit_event, say
from core.config import RunConfig
from core.config.command import ONE_SOURCE, SOURCES, add_options, command_of, config_of
from core.data import uploads
from core.data.run_data import load_run_data
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.models import acquire
from core.runs import unfinished
from core.runs.store import Run, RunStore, worker_identity


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser("train", help="fine-tune on a task or a data file")
    # What is done with a file before it is a dataset, and so no setting of the run.
    parser.add_argument("--data", type=a_path, help="JSONL, JSON or CSV (see: data --help)")
    add_data_options(parser)
    add_options(parser)
    parser.add_argument(
        "--resume",
        metavar="RUN",
        default="",
        help="go on from where this run was stopped, with its settings and its data",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the settings and the command, train nothing"
    )
    add_json_option(parser)
    parser.set_defaults(run=train)


def train(arguments: Namespace) -> int:
    """Train, print what happens and leave the run in the store."""
    store = RunStore()
    stopped = _stopped(arguments, store)
    config = stopped.config if stopped else config_with_data(arguments)
    if arguments.dry_run:
        return _describe(config, json_wanted=arguments.json)
    check_ready(config)
    from core.runs.execute import execute
    from core.runs.worker import BaseKeeper

    worker = worker_identity()
    run = store.resume(stopped.id, worker=worker) if stopped else store.start(config, worker=worker)
    with _interruptible() as is_wanted:
        on_event = emit_event if arguments.json else show_event
        execute(run, store, BaseKeeper(), on_event=on_event, should_stop=is_wanted)
    ended = store.get(run.id)
    if not ended.status.is_over:
        raise UserError(
            f"How run {run.id} ended cannot be recorded now; the disk may be full. It is kept beside the "
            "runs if there is room, and recorded when they are next opened with space to spare."
        )
    if not arguments.json:
        say(f"run {run.id}: {ended.status}{' - ' + ended.reason if ended.reason else ''}")
        if unfinished.can_go_on(ended):
            say(f"go on with it: python -m core train --resume {run.id}")
    if ended.status == "finished":
        return 0
    return 130 if is_wanted() else 1


def _stopped(arguments: Namespace, store: RunStore) -> Run | None:
    """The run to go on from; `UserError` where settings are given besides it."""
    if not arguments.resume:
        return None
    given = [name for name in vars(arguments) if name.startswith("--")]
    given += ["--data"] if arguments.data else []
    if given:
        raise UserError(
            f"--resume takes the settings of that run, all of them: leave {', '.join(given)} out."
        )
    return store.get(arguments.resume)


@contextmanager
def _interruptible() -> Generator[Callable[[], bool]]:
    """Inside, Ctrl-C stops after the step, so that the run can go on later; pressed again it stops at once."""
    pressed = False

    def stop_soon(*_: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        say("It stops after this step. Press Ctrl-C again to stop at once.")

    if threading.current_thread() is not threading.main_thread():  # no signal comes here
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, stop_soon)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def check_ready(config: RunConfig) -> None:
    """`UserError` where its data or its model are not here or do not fit, before anything is loaded."""
    if config.data.dataset:
        uploads.load(config.data.dataset)
    entry = catalog.find_model(config.model)
    if not acquire.is_ready(entry):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    load_run_data(config, ChatTokenizer.load(acquire.model_dir(entry)))


def config_with_data(arguments: Namespace) -> RunConfig:
    """The config of the options, after a data file was kept under its content address."""
    if arguments.data:
        if any(option in arguments for option in SOURCES):
            raise UserError(ONE_SOURCE)
        setattr(arguments, "--dataset", keep_data(read_data(arguments.data, arguments)))
    return config_of(arguments)


def _describe(config: RunConfig, *, json_wanted: bool) -> int:
    found = {"hash": config.hash, "config": config.to_dict(), "command": command_of(config)}
    if json_wanted:
        emit({"type": "config", **found})
    else:
        say(f"settings {config.hash}, nothing was trained; the command is:")
        print(found["command"])
    return 0
