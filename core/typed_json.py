"""From plain JSON back to dataclasses, at the edges where data come in: the store, the pipe of a worker.

    read(Step, {"step": 1, "loss": null, …})       # Step(step=1, loss=nan, …)

What another version of the code wrote is read as far as it goes: fields that are not known are left
out, missing ones take their default. JSON has no word for NaN and infinities, so they were written as
null, and a null where a number is wanted is NaN again.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from core.errors import quote

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What `json.loads` may give, where nothing more is known of it: cells of an upload, a recorded config."""
JsonObject: TypeAlias = "dict[str, Json]"
"""What `json.loads` gives of {…}: its values are read before they are used."""
T = TypeVar("T")
Reader = Callable[[Any], Any]


HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def load_json(text: str | bytes) -> Any:
    """As `json.loads`, with "?" for each half of a character: JSON can write one ("\\udcff"), and no file can hold it.

    Raises `ValueError` for what is no JSON.
    """
    text = text if isinstance(text, str) else text.decode()
    found = json.loads(text)
    if HALF_A_CHARACTER.search(text):
        return json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    return found


def read(kind: type[T], value: object) -> T:
    """`value`, as `json.loads` gave it, as a `kind`. Raises `ValueError` where it is none."""
    return _reader(kind)(value)


@cache
def _reader(kind: Any) -> Reader:
    """How a value of this type is read; looked up once a type."""
    if hasattr(kind, "from_dict"):  # checks its values itself
        return kind.from_dict
    if is_dataclass(kind):
        return _of_fields(kind)
    if kind is float:
        return _float
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        first, *others = (option for option in inner if option is not NoneType)
        if others:  # `Json`: whatever it is
            return lambda value: value
        one = _reader(first)
        return lambda value: None if value is None else one(value)
    if origin is list or (origin is tuple and inner[-1] is Ellipsis):
        one = _reader(inner[0])
        return lambda value: origin(one(item) for item in _checked(value, (list, tuple)))
    if origin is tuple:
        each = [_reader(part) for part in inner]
        return lambda value: tuple(
            one(item) for one, item in zip(each, _checked(value, (list, tuple)), strict=True)
        )
    if origin is dict:
        one = _reader(inner[1])
        return lambda value: {key: one(item) for key, item in _checked(value, dict).items()}
    if kind is Any:
        return lambda value: value
    return lambda value: _checked(value, kind)


def _of_fields(kind: Any) -> Reader:
    types = get_type_hints(kind)
    readers = {field.name: _reader(types[field.name]) for field in fields(kind) if field.init}
    needed = {
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    }

    def read_fields(value: Any) -> Any:
        given = _checked(value, dict)
        if missing := needed - given.keys():
            raise ValueError(f"{kind.__name__} without {', '.join(sorted(missing))}")
        read_values = {
            name: _named(name, one, given[name]) for name, one in readers.items() if name in given
        }
        return kind(**read_values)

    return read_fields


def _named(name: str, one: Reader, value: Any) -> Any:
    try:
        return one(value)
    except WrongTypeError as error:
        raise ValueError(f"{name} is {error}") from error


class WrongTypeError(ValueError):
    """Its message follows the field's name: "'wide', where a whole number is wanted"."""


WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    (int, float): "a number",
    str: "a text",
    dict: "an object",
    (list, tuple): "a list",
}


def _float(value: Any) -> float:
    if value is None:
        return math.nan
    try:
        return float(_checked(value, (int, float)))
    except OverflowError as error:  # a whole number of 309 digits and more
        raise WrongTypeError(f"{quote(value)}, where a number is wanted") from error


def _checked(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise WrongTypeError(f"{quote(value)}, where {WORDS.get(kind, kind)} is wanted")
    return value


def read_object(value: object) -> JsonObject:
    """`value` as a JSON object; `ValueError` where it is none."""
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def strict_json(value: Any) -> Any:
    """`value` with every NaN and infinity replaced by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: strict_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict_json(item) for item in value]
    return value
