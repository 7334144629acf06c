"""Rows of the run store and run folders, damaged; then each command that reads them."""

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from core.bench.faults.hostile import VALUES, a_value, in_few_words
from core.bench.faults.options import run_quietly
from core.bench.faults.tries import Try, attempt
from core.config import RunConfig
from core.events import Notice
from core.paths import data_dir
from core.runs.artifacts import folder_of
from core.runs.store import RunStore, RunSummary

KIND = "damage"
COLUMNS = {
    "runs": (
        *("config", "summary", "status", "reason", "worker", "version", "config_hash", "id"),
        *("created_at", "started_at", "ended_at", "heartbeat_at", "stop_requested", "n_events"),
    ),
    "events": ("payload", "seq", "at"),
}
JSONS = ("null", "[]", "{}", '""', "1", "{", '{"data": 1}', "[[[[[]]]]]", '{"type": "step"}', "NaN")
COMMANDS = (
    *(["runs", "list"], ["runs", "show", "RUN"], ["runs", "command", "RUN"]),
    *(["runs", "stop", "RUN"], ["export", "--run", "RUN", "--to", "PEFT"]),
    ["export", "--run", "RUN", "--format", "card", "--to", "CARD"],
    ["export", "--run", "RUN", "--format", "report", "--to", "REPORT"],
    ["runs", "delete", "RUN"],
)
Main = Callable[[Sequence[str]], int]


@contextmanager
def trying(place: Path, main: Main) -> Generator[Callable[[int, Random], Try]]:
    usual = os.environ.get("TUNING_FORK_HOME")
    place.mkdir(parents=True, exist_ok=True)
    os.environ["TUNING_FORK_HOME"] = str(place)
    try:
        yield lambda number, random: one(number, random, main, place)
    finally:
        os.environ.pop("TUNING_FORK_HOME")
        if usual is not None:
            os.environ["TUNING_FORK_HOME"] = usual


def one(number: int, random: Random, main: Main, place: Path) -> Try:
    """Damage a store with one finished run, or the run's folder, and read it with every command."""
    shutil.rmtree(data_dir(), ignore_errors=True)
    run = _a_run()
    damage = _damage_folder if number % 3 == 2 else _damage_row
    what = damage(run, random)
    to = place / "exported"
    shutil.rmtree(to, ignore_errors=True)
    values = {"RUN": run} | {name: str(to / name.lower()) for name in ("PEFT", "CARD", "REPORT")}

    def read_all() -> str:
        said: list[str] = []
        for command in COMMANDS:
            words = [values.get(word, word) for word in command]
            if sentence := run_quietly(main, words):
                said.append(sentence)
        return "\n".join(said)

    ended = attempt(read_all)
    return Try(kind=KIND, number=number, what=what, **vars(ended))


def _a_run() -> str:
    """A finished run with an event and an adapter."""
    store = RunStore()
    run = store.start(RunConfig(), worker="somewhere else")
    store.append(run.id, Notice(step=1, message="It goes on."))
    folder = folder_of(run.id)
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "x", "r": 8}')
    (folder / "adapter_model.safetensors").write_bytes(b"\0" * 64)
    store.finish(run.id, RunSummary(scores={"sentiment": 1.0}))
    return run.id


def _damage_row(run: str, random: Random) -> str:
    table = random.choice(tuple(COLUMNS))
    column = random.choice(COLUMNS[table])
    value = random.choice((*VALUES, *JSONS, *JSONS, None))
    if column in ("config", "summary", "payload") and random.random() < 0.5:
        value = _damaged_json(table, column, random)
    with closing(sqlite3.connect(data_dir() / "runs.sqlite3")) as connection, connection:
        text = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if value else value
        with contextlib.suppress(sqlite3.IntegrityError):
            connection.execute(f"UPDATE {table} SET {column} = ?", (text,))
    return f"{table}.{column} = {'NULL' if value is None else in_few_words(value)}"


def _damaged_json(table: str, column: str, random: Random) -> str:
    """What stands there, with one of its values replaced or taken out."""
    with closing(sqlite3.connect(data_dir() / "runs.sqlite3")) as connection:
        (text,) = connection.execute(f"SELECT {column} FROM {table}").fetchone()
    return json.dumps(spoilt(json.loads(text), random))


def spoilt(whole: Any, random: Random) -> Any:
    """A JSON object with one of its values, however deep, replaced or taken out."""
    part = whole
    while isinstance(part, dict | list) and part:
        key: Any = random.choice(tuple(part) if isinstance(part, dict) else range(len(part)))
        if isinstance(part[key], dict | list) and random.random() < 0.7:
            part = part[key]
        elif random.random() < 0.3:
            del part[key]
            break
        else:
            part[key] = random.choice((None, [], {}, 1, -1.5, "x", a_value(random)))
            break
    return whole


def _damage_folder(run: str, random: Random) -> str:
    """A file of the run cut, overwritten or deleted, or all of them."""
    folder = folder_of(run)
    return damage_file(random.choice(sorted(folder.iterdir())), folder, random)


def damage_file(file: Path, folder: Path, random: Random) -> str:
    """Cut, overwrite or delete it, or all of its folder; says what was done."""
    how = random.choice(("cut", "overwritten", "deleted", "a folder", "gone with its folder"))
    if how == "cut":
        file.write_bytes(file.read_bytes()[: random.randrange(20)])
    elif how == "overwritten":
        file.write_bytes(random.randbytes(64))
    elif how == "gone with its folder":
        shutil.rmtree(folder)
    else:
        file.unlink()
        if how == "a folder":
            file.mkdir()
    return f"{file.name} is {how}"
