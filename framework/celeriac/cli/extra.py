"""The commands that plugins add."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from celeriac.cli.session import Session
from celeriac.registry import list_entry_points

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = "celeriac.commands"


def installed_command(name: str) -> click.Command | None:
    """The command that an entry point of ``celeriac.commands`` offers under this name; nothing else is imported."""
    for entry_point in list_entry_points(GROUP):
        if entry_point.name == name:
            command: click.Command = entry_point.load()
            return command
    return None


def extra_commands(session: Session) -> Mapping[str, click.Command]:
    """What the listeners of the hook ``celeriac_cli_commands`` offer, by name: those of entry points, and those that
    the app which ``-A`` names (before the command) has registered. The first to claim a name has it."""
    # Without -A so far: one may follow the command, and the session must not settle on no app now.
    app = (session if session.app_name is not None else Session()).any_app
    app.configure()  # which registers the hooks
    commands: dict[str, click.Command] = {}
    for offered in app.hooks.cli_commands():
        for command in offered or ():
            if isinstance(command, click.Command) and command.name:
                commands.setdefault(command.name, command)
    return commands
