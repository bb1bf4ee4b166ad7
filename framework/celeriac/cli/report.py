"""``celeriac report``."""

from __future__ import annotations

import click

from celeriac.cli.group import command, json_option, pass_session
from celeriac.cli.session import Session


@command("report")
@json_option
@pass_session
def report(session: Session, /, as_json: bool) -> None:
    """Show versions, platform and settings, without secrets, for bug reports."""
    from celeriac.bugreport import collect
    from celeriac.cli import output

    known = collect(session.any_app, session.app_name)
    if as_json:
        output.document(known)
        return
    for name, section in known.items():
        click.echo(f"{name}:")
        output.facts(session, section)
        click.echo()
