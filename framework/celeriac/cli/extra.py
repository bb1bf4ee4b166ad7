"""The commands that plugins add."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from celeriac.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping


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
