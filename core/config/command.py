"""Settings as options of `python -m core train`, both ways.

`add_options` and `config_of` lead from a command to a config, `words_of` and `command_of` back. Both
directions read the same `SETTINGS`, so the command of a config repeats exactly that config. An option
that is not given takes the setting's default; `_usual` says which three follow from another one.
"""

import argparse
import shlex
from argparse import Namespace
from collections.abc import Iterable, Mapping
from typing import Any

from core import catalog
from core.config.method import default_learning_rate
from core.config.run import SETTINGS, RunConfig
from core.config.settings import Setting
from core.errors import UserError, quote

PROGRAM = ("python", "-m", "core", "train")
ALWAYS_SAID = {"data.task", "method.name"}
"""What a reader wants to see in a command, default or not."""
SOURCES = ("--task", "--tasks", "--dataset")
ONE_SOURCE = "Give only one of --task, --tasks, --data and --dataset."
Options = dict[str, list[Setting]]


def options(paths: Iterable[str] = SETTINGS) -> Options:
    """The options of some settings, each with the one or two settings it gives."""
    found: Options = {}
    for path in paths:
        found.setdefault(SETTINGS[path].option, []).append(SETTINGS[path])
    return found


def add_options(parser: argparse.ArgumentParser, paths: Iterable[str] = SETTINGS) -> None:
    """Add the options of some settings, in one group for each part of a config."""
    groups: dict[str, Any] = {}
    for option, together in options(paths).items():
        part = together[0].path.rpartition(".")[0] or "run"
        if part not in groups:
            groups[part] = parser.add_argument_group(part)
        _add_option(groups[part], option, together)


def _add_option(group: Any, option: str, together: list[Setting]) -> None:
    first = together[0]
    told: dict[str, Any] = {"dest": option, "default": argparse.SUPPRESS}
    told["help"] = help_of(together).replace("%", "%%")
    if "/" in option:
        flags = group.add_mutually_exclusive_group()
        for flag, choice in zip(option.split("/"), first.choices, strict=True):
            flags.add_argument(flag, action="store_const", const=choice, **told)
        return
    kind = ":".join("NUMBER" if one.kind is not str else "NAME" for one in together)
    kind = "TEXT" if kind == "NAME" and not first.choices else kind
    kind = f"{kind},…" if first.is_list and not first.repeats else kind
    group.add_argument(option, action="append" if first.repeats else "store", metavar=kind, **told)


def help_of(together: list[Setting]) -> str:
    """What an option does, what it may be and what it is when it is not given."""
    first, sentences = together[0], [one.help for one in together]
    if first.choices and "/" not in first.option and not (first.is_list and first.example):
        which = "Some of" if first.is_list else "One of"
        sentences.append(f"{which}: {', '.join(filter(None, first.choices))}.")
    if first.example:
        sentences.append(f"For example: {first.example}.")
    usual = first.usual or ("" if len(together) > 1 else _text(first, first.default))
    return " ".join(sentences) + (f" (default: {usual})" if usual else "")


def config_of(arguments: Namespace) -> RunConfig:
    """The config that the given options spell; `UserError` where they spell none."""
    texts = {option: text for option, text in vars(arguments).items() if option in OPTIONS}
    if len(texts.keys() & set(SOURCES)) > 1:
        raise UserError(ONE_SOURCE)
    given: dict[str, Any] = {}
    for option, text in texts.items():
        given |= _values(option, text)
    if tasks := given.get("data.others"):
        given["data.task"], given["data.others"] = tasks[0], tasks[1:]
        if len(tasks) > 1 and "data.order" not in given:
            raise UserError("Several tasks go with --mixed or --sequential: --tasks a,b,c --mixed.")
    elif given.get("data.dataset"):
        given["data.task"] = catalog.CUSTOM_TASK
    config: dict[str, Any] = {}
    for path, value in (_usual(given) | given).items():
        part, _, name = path.rpartition(".")
        (config.setdefault(part, {}) if part else config)[name] = value
    return RunConfig.from_dict(config)


def words_of(config: RunConfig) -> list[str]:
    """The options that spell a config: those that differ from what a command takes without them."""
    values = {path: _value(config, path) for path in SETTINGS}
    usual = _usual(values)
    left_out = {path for path in SETTINGS if values[path] == usual[path]} - ALWAYS_SAID
    if config.data.others:
        values["data.others"] = config.data.tasks
        left_out.discard("data.order")
    if config.data.others or config.data.dataset:
        left_out.add("data.task")
    words: list[str] = []
    for option, together in OPTIONS.items():
        if not left_out.issuperset(one.path for one in together):
            words += _words(option, together, values)
    return words


def command_of(config: RunConfig) -> str:
    """The command that repeats a run, ready for a shell."""
    return shlex.join([*PROGRAM, *words_of(config)])


def names(text: str) -> tuple[str, ...]:
    """("a", "b") of "a, b"."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _usual(given: Mapping[str, Any]) -> dict[str, Any]:
    """What each setting is when a command does not name it: its default, or what follows."""
    usual = {path: one.default for path, one in SETTINGS.items()}
    now = {**usual, **given}
    usual["optimizer.learning_rate"] = default_learning_rate(now["method.name"])
    usual["method.alpha"] = 2 * now["method.rank"]
    usual["method.prompt_start"] = "text" if now["method.prompt_text"] else "vocabulary"
    return usual


def _value(config: Any, path: str) -> Any:
    for name in path.split("."):
        config = getattr(config, name)
    return config


def _values(option: str, text: Any) -> dict[str, Any]:
    """The values that the text after an option means, by path."""
    together = OPTIONS[option]
    first = together[0]
    if first.repeats:
        return {first.path: tuple(map(_whole, text))}
    if len(together) == 1:
        return {first.path: _read(first, _whole(text))}
    if not text:
        return {}
    texts = _whole(text).split(":", 1)
    texts += [""] * (len(together) - len(texts))
    return {one.path: _read(one, part) for one, part in zip(together, texts, strict=True)}


def _whole(text: Any) -> str:
    return "--" if text == [] else text  # argparse of Python 3.11 makes an empty list of "--"


def _read(one: Setting, text: str) -> Any:
    if one.kind is str:
        return names(text) if one.is_list else text
    try:
        return tuple(map(one.kind, names(text))) if one.is_list else one.kind(text)
    except ValueError as error:
        kind = "numbers" if one.is_list else "a whole number" if one.kind is int else "a number"
        example = OPTIONS[one.option][0].example
        wanted = f"{kind}, for example {example}" if example else kind
        raise UserError(f"{one.option} wants {wanted}; got {quote(text)}.") from error


def _words(option: str, together: list[Setting], values: Mapping[str, Any]) -> list[str]:
    first = together[0]
    if "/" in option:
        return [option.split("/")[[*first.choices].index(values[first.path])]]
    texts = [":".join(_text(one, values[one.path]) for one in together)]
    if first.repeats:
        texts = values[first.path]
    words: list[str] = []
    for text in texts:  # a text that looks like an option hangs on its own
        words += [f"{option}={text}"] if text.startswith("-") else [option, text]
    return words


def _text(one: Setting, value: Any) -> str:
    """A value as it is typed; a number has all the digits it needs to be the same again."""
    if one.is_list:
        return ",".join(_item(one, item) for item in value)
    return _item(one, value)


def _item(one: Setting, value: Any) -> str:
    if one.kind is str:
        return value
    whole = one.kind is int or (float(value).is_integer() and abs(value) < 1e15)
    return str(int(value)) if whole else repr(float(value))


OPTIONS = options()
