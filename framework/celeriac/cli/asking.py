"""Questions to workers, and the options that they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from celeriac.cli.values import NAMES, POSITIVE_SECONDS

if TYPE_CHECKING:
    from celeriac.cli.session import Session

F = TypeVar("F", bound=Callable[..., Any])

NOBODY = "no worker answered within {timeout:g} s"


def asking_options(function: F) -> F:
    """Decorator: ``--destination`` and ``--timeout``."""
    timeout = click.option(
        "-t",
        "--timeout",
        type=POSITIVE_SECONDS,
        metavar="SECONDS",
        default=1.0,
        show_default=True,
        help="How long to wait for answers.",
    )
    destination = click.option("-d", "--destination", type=NAMES, help="Only these workers, with commas between.")
    return timeout(destination(function))


def ask(
    session: Session, command: str, arguments: dict[str, Any], destination: list[str] | None, timeout: float
) -> dict[str, Any]:
    """The answers by the workers' names, sorted."""
    from celeriac.control import Control

    replies = Control(session.client).broadcast(command, arguments, destination, reply=True, timeout=timeout)
    answers = {host: answer for reply in replies for host, answer in reply.items()}
    return dict(sorted(answers.items()))


def report_nobody(timeout: float, destination: list[str] | None = None) -> None:
    """Say on standard error that nobody answered."""
    who = f" ({', '.join(destination)})" if destination else ""
    click.echo(f"Error: {NOBODY.format(timeout=timeout)}{who}", err=True)
