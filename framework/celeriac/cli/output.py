"""What commands print: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from celeriac.cli.session import Session


def document(value: Any) -> None:
    """Print the one JSON document."""
    click.echo(json.dumps(plain(value), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """The value in what JSON has; what it has not becomes text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def text(value: Any) -> str:
    """The value as a person reads it in one line: no control characters, which could steer the terminal."""
    if value is None:
        return ""
    if not isinstance(value, str):
        value = json.dumps(plain(value), ensure_ascii=False)
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in value
    )


def lines(value: str) -> str:
    """The same for what has lines: a traceback."""
    return "\n".join(text(line.replace("\t", "    ")) for line in value.splitlines())


def table(session: Session, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under a head: drawn on a terminal, aligned plain text otherwise."""
    cells = [[text(cell) for cell in row] for row in rows]
    if is_drawn(session):
        _drawn(head, cells)
        return
    every = [list(head), *cells]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    for row in every:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def facts(session: Session, value: Mapping[str, Any]) -> None:
    """Print names and values, one a line, what is nested with dots."""
    rows = list(_flat(value))
    if is_drawn(session):
        _drawn(("Name", "Value"), [[text(name), text(item)] for name, item in rows])
        return
    width = max((len(name) for name, _ in rows), default=0)
    for name, item in rows:
        click.echo(f"{text(name).ljust(width)}  {text(item)}".rstrip())


def is_drawn(session: Session) -> bool:
    """Whether a person with a terminal is there who has not asked for plain text."""
    return sys.stdout.isatty() and not session.no_color and not os.environ.get("NO_COLOR")


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _drawn(head: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.box import ROUNDED
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*head, box=ROUNDED, header_style="bold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    Console(highlight=False).print(drawn)
