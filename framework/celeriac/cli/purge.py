"""``celeriac purge``."""

from __future__ import annotations

import click

from celeriac.cli.confirming import confirm
from celeriac.cli.group import command, json_option, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import NAMES


@command("purge")
@click.option("-Q", "--queues", type=NAMES, help="The queues, with commas between; all configured ones otherwise.")
@click.option("-f", "--force", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def purge(session: Session, /, queues: list[str] | None, force: bool, as_json: bool) -> None:
    """Drop the messages that wait in queues, for good. What workers hold stays."""
    from celeriac.cli import output
    from celeriac.cli.queues import configured_queues

    app = session.client
    names = queues or configured_queues(app)
    confirm(f"drop all messages that wait in {', '.join(names)}", force=force)
    dropped = {name: app.transport.purge(name) for name in names}
    if as_json:
        output.document(dropped)
    else:
        output.table(session, ("Queue", "Dropped"), list(dropped.items()))
