"""The settings of a run as they were stored, for names, tables and charts.

A config of another version, or one whose model folder or uploaded pairs are gone, no longer passes the checks of
`RunConfig`; the run must still be listed and shown. So this reads the fields without the checks.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from core.config import RunConfig
from core.typed_json import Json, read


def unchecked(values: Mapping[str, Json]) -> RunConfig:
    """Fields that this version does not know are left out, and those that it misses take their default.

    Raises `ValueError` where a value is of another type than its setting.
    """
    return _unchecked(RunConfig, values)


def _unchecked(kind: Any, values: Any) -> Any:
    if not isinstance(values, Mapping):
        raise ValueError(f"{kind.__name__} is no object")
    made = object.__new__(kind)
    for name, (type_, usual) in _fields(kind).items():
        if is_dataclass(type_):
            value = _unchecked(type_, values.get(name, {}))
        else:
            value = read(type_, values[name]) if name in values else usual
        object.__setattr__(made, name, value)
    return made


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, Any]]:
    """Type and default of each field."""
    types = get_type_hints(kind)
    return {field.name: (types[field.name], field.default) for field in fields(kind)}
