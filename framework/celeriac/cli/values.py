"""The types of options and arguments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from celeriac.nearest import did_you_mean

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:  # before click 8.4 it takes no parameter
    ParamType = click.ParamType


class Names(ParamType):
    """Names with commas between."""

    name = "a,b"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        names = value if isinstance(value, list) else [name.strip() for name in value.split(",") if name.strip()]
        if not names:
            self.fail("no name in it", param, ctx)
        return list(dict.fromkeys(names))


class Word(ParamType):
    """One of a few words; another one gets the nearest."""

    name = "word"

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        return "|".join(self.words)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.words:
            near = did_you_mean(value, self.words) or f"; it is one of {', '.join(self.words)}"
            self.fail(f"there is no {value!r}{near}", param, ctx)
        return str(value)


class Json(ParamType):
    """JSON of one kind."""

    name = "json"

    def __init__(self, kind: type[list[Any] | dict[str, Any]]) -> None:
        self.kind = kind
        self.expected = "a JSON list, such as '[1, 2]'" if kind is list else "a JSON object, such as '{\"x\": 1}'"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, self.kind):
            return value
        try:
            decoded = json.loads(value)
        except (ValueError, RecursionError) as error:
            self.fail(f"not {self.expected}: {error}", param, ctx)
        if not isinstance(decoded, self.kind):
            self.fail(f"not {self.expected}", param, ctx)
        return decoded


class Level(ParamType):
    """A logging level, by name or number."""

    name = "level"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        import logging

        if isinstance(value, int) or value.isdecimal():
            return int(value)
        levels = logging.getLevelNamesMapping()
        if value.upper() not in levels:
            near = did_you_mean(value.lower(), [name.lower() for name in levels])
            self.fail(
                f"there is no level {value!r}{near or '; debug, info, warning, error, critical, or a number'}",
                param,
                ctx,
            )
        return levels[value.upper()]


class Moment(ParamType):
    """A time in ISO 8601."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time in ISO 8601, such as 2030-01-31T12:00:00+01:00", param, ctx)


class Expiry(Moment):
    """Seconds from now, or a time."""

    name = "seconds|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return float(value)
        except (TypeError, ValueError):
            return super().convert(value, param, ctx)


NAMES = Names()
SECONDS = click.FloatRange(min=0)
"""Not negative."""
POSITIVE_SECONDS = click.FloatRange(min=0, min_open=True)
COUNT = click.IntRange(min=1)
