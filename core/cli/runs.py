"""The command `runs`: what is on record, what is written on it, how to repeat it, stop it or delete it."""

import json
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core.cli.commands import show_event
from core.cli.options import add_json_option
from core.cli.output import emit, say
from core.config.command import command_of
from core.runs.marks import Mark, tags_in
from core.runs.record import DamagedRunError
from core.runs.store import Run, RunStore


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser("runs", help="list, show, name, repeat, stop or delete runs")
    what = parser.add_subparsers(dest="what", required=True)
    for name, command, help in (
        ("list", list_runs, "every run, newest first"),
        ("show", show_run, "the settings of a run and all that it measured"),
        ("command", print_command, "the command that repeats a run"),
        ("mark", mark_run, "give a run a name, tags or a note, or show them"),
        ("stop", stop_run, "ask a run to stop after its step"),
        ("delete", delete_run, "delete a run, its curves and its weights"),
    ):
        sub = what.add_parser(name, help=help)
        if name != "list":
            sub.add_argument("run_id", metavar="ID")
        if name == "mark":
            sub.add_argument("--name", help="what the run is called in lists; empty takes it off")
            sub.add_argument(
                "--tags", help="with commas between them; they replace those there are"
            )
            sub.add_argument("--note", help="a text to keep beside the run")
        add_json_option(sub)
        sub.set_defaults(run=command)


def _message(run: Run) -> Mapping[str, object]:
    return {
        "run_id": run.id,
        "status": str(run.status),
        "reason": run.reason,
        "created_at": run.created_at,
        "config_hash": run.config_hash,
        "config": run.config_dict,
        "summary": run.summary_dict,
    }


def list_runs(arguments: Namespace) -> int:
    store = RunStore()
    marks = store.marks.all()
    for run in store.runs():
        mark = marks.get(run.id, Mark())
        if arguments.json:
            emit({**_message(run), **asdict(mark)})
            continue
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        config = run.unchecked_config
        scores = ", ".join(f"{k} {v:.2f}" for k, v in run.summary.scores.items())
        print(
            f"{run.id}  {when}  {run.status:9} {config.data.task:10} "
            f"{config.method.name:5} {scores}" + (f"  {mark.name}" if mark.name else "")
        )
    return 0


def show_run(arguments: Namespace) -> int:
    store = RunStore()
    run = store.get(arguments.run_id)
    if arguments.json:
        emit(_message(run))
        for message in store.messages(run.id):
            emit(message)
        return 0
    print(json.dumps(_message(run), indent=2, ensure_ascii=False))
    for event in store.events(run.id):
        show_event(event)
    return 0


def print_command(arguments: Namespace) -> int:
    config = RunStore().get(arguments.run_id).config
    command = command_of(config)
    if arguments.json:
        emit({"type": "command", "command": command, "hash": config.hash})
    else:
        print(command)
    return 0


def mark_run(arguments: Namespace) -> int:
    """What is not given stays as it is."""
    store = RunStore()
    run_id = store.get(arguments.run_id).id
    mark = store.marks.of(run_id)
    mark = Mark(
        name=mark.name if arguments.name is None else arguments.name,
        tags=mark.tags if arguments.tags is None else tags_in(arguments.tags),
        note=mark.note if arguments.note is None else arguments.note,
    )
    store.marks.put(run_id, mark)
    if arguments.json:
        emit({"type": "mark", "run_id": run_id, **asdict(mark)})
    else:
        print(f"{run_id}  {mark.name}  [{', '.join(mark.tags)}]  {mark.note}")
    return 0


def stop_run(arguments: Namespace) -> int:
    store = RunStore()
    run = store.get(arguments.run_id)
    if run.status.is_over:
        say(
            f"run {run.id}: is over already ({run.status}){': ' + run.reason if run.reason else ''}"
        )
        return 0
    store.request_stop(run.id)
    say(f"run {run.id}: asked to stop")
    return 0


def delete_run(arguments: Namespace) -> int:
    store = RunStore()
    try:
        run_id = store.get(arguments.run_id).id
    except DamagedRunError as damaged:
        run_id = damaged.run_id
    store.delete(run_id)
    say(f"run {run_id}: deleted")
    return 0
