"""Every option of every command with hostile values, in a home without a model, where nothing trains."""

import argparse
import contextlib
import io
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from core.bench.faults.hostile import a_value, in_few_words
from core.bench.faults.tries import Try, attempt
from core.config import RunConfig
from core.runs.store import RunStore

KIND = "options"
NEEDED = {
    "generate": ["--prompt", "Hello"],
    "evaluate": ["--base", "--task", "sentiment"],
    "score": ["--reference", "a b", "--output", "a c"],
    "export": ["--run", "RUN", "--to", "out"],
    "experiment": ["cures"],
    "prepare": ["--wheel", "missing.whl"],
    "train": ["--dry-run"],
    "data": ["pairs.jsonl"],
    "record": ["--list"],
    "recorded show": ["RUN"],
    "runs show": ["RUN"],
    "runs command": ["RUN"],
    "runs stop": ["RUN"],
    "runs delete": ["RUN"],
    "inspect": ["start"],
    "models check": ["missing"],
    "class start": ["--no-server"],
}
"""What a command must have besides the option that is tried, and what keeps it from real work."""
LEFT_OUT = {"bench": "it measures", "-h": "", "--help": ""}
Main = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class Option:
    command: str
    """Such as "runs show"."""
    option: str
    """"" for a positional argument."""


def options_of(parser: argparse.ArgumentParser, command: str = "") -> list[Option]:
    """Every option and positional argument of every command, and of those in it, but those left out."""
    found: list[Option] = []
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        flags = [flag for flag in action.option_strings if flag not in LEFT_OUT]
        if command and (flags or not action.option_strings):
            found.append(Option(command, flags[0] if flags else ""))
        if isinstance(action.choices, dict):
            for name, inner in action.choices.items():
                if name not in LEFT_OUT:
                    found += options_of(inner, f"{command} {name}".strip())
    return found


@contextmanager
def trying(
    place: Path, main: Main, parser: argparse.ArgumentParser
) -> Generator[Callable[[int, Random], Try]]:
    options = options_of(parser)
    before, usual = Path.cwd(), os.environ.get("TUNING_FORK_HOME")
    place.mkdir(parents=True, exist_ok=True)
    os.environ["TUNING_FORK_HOME"] = str(place)
    os.chdir(place)
    try:
        Path("pairs.jsonl").write_text('{"prompt": "2 + 2 =", "completion": "4"}\n' * 3)
        store = RunStore()
        run = store.submit(RunConfig()).id
        store.stop(run)

        def one(number: int, random: Random) -> Try:
            return try_option(number, options[number % len(options)], a_value(random), main, run)

        for command in ("generate", "inspect"):  # what they import takes seconds, once
            run_quietly(main, [command, *NEEDED[command]])

        yield one
    finally:
        os.chdir(before)
        os.environ.pop("TUNING_FORK_HOME")
        if usual is not None:
            os.environ["TUNING_FORK_HOME"] = usual


def try_option(number: int, option: Option, value: str, main: Main, run: str) -> Try:
    needed = [run if word == "RUN" else word for word in NEEDED.get(option.command, [])]
    if not option.option:  # what is tried takes its place
        needed = [] if needed and not needed[0].startswith("-") else needed
    elif option.option in needed:
        at = needed.index(option.option)
        del needed[at : at + 2]
    given = [f"{option.option}={value}"] if option.option else [value]
    arguments = [*option.command.split(), *needed, *given]
    ended = attempt(lambda: run_quietly(main, arguments), [value])
    what = f"{option.command} {option.option or 'ARGUMENT'} {in_few_words(value)}"
    return Try(kind=KIND, number=number, what=what, **vars(ended))


def run_quietly(main: Main, arguments: Sequence[str]) -> str:
    """What the command said on standard error; a status and words that do not fit are an error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    said = err.getvalue().strip()
    out.getvalue().encode()  # as a terminal would have to; standard error is lenient
    if status not in (0, 1, 2):
        raise AssertionError(f"status {status}: {said[:500]}")
    if status == 2 and (not said.startswith("error: ") or "\n" in said):
        raise AssertionError(f"not one clear line: {said[:500]}")
    return said if status else ""
