"""``celeriac gc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from celeriac.cli.group import command, json_option, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import SECONDS

if TYPE_CHECKING:
    from celeriac.specs.transport import Litter, Transport


@command("gc")
@click.option("-n", "--dry-run", is_flag=True, help="Only show it.")
@click.option(
    "--older-than",
    type=SECONDS,
    metavar="SECONDS",
    default=0.0,
    show_default=True,
    help="Only what nobody has touched for so long, where that is known.",
)
@json_option
@pass_session
def gc(session: Session, /, dry_run: bool, older_than: float, as_json: bool) -> None:
    """Remove what dead processes have left at the broker: queues of control, replies and events that nobody consumes,
    bindings to them, bookkeeping without its subject. Messages of tasks are not touched, whether they wait or are held.
    """
    from celeriac.cli import output

    transport = _transport(session)
    litter = [each for each in transport.litter() if each.age is None or each.age >= older_than]
    removed = 0 if dry_run else transport.sweep_litter(litter)
    if as_json:
        output.document({"found": [_facts(each) for each in litter], "removed": removed})
        return
    output.table(session, ("Kind", "Name", "Age", "Why"), [_row(each) for each in litter])
    session.notice(f"{len(litter)} found, {'none removed: --dry-run' if dry_run else f'{removed} removed'}")


def _transport(session: Session) -> Transport:
    from celeriac.drivers import broker_url
    from celeriac.errors import UnsupportedCapability
    from celeriac.settings.urls import mask

    app = session.client
    if not app.transport.supports("garbage"):
        url = mask(broker_url(app))
        raise UnsupportedCapability(f"the transport of {url} does not look for what dead processes have left behind")
    return app.transport


def _facts(each: Litter) -> dict[str, Any]:
    return {"kind": each.kind, "name": each.name, "age": each.age, "why": each.why}


def _row(each: Litter) -> tuple[str, str, str, str]:
    return each.kind, each.name, "" if each.age is None else f"{each.age:.0f} s", each.why
