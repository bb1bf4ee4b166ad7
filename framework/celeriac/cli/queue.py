"""``celeriac queue``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from celeriac.cli.group import group, json_option, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import COUNT

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.message import Message

PEEKED = ("id", "task", "args", "kwargs", "eta", "retries", "priority")


@group("queue")
def queue() -> None:
    """Look at queues."""


@queue.command("list")
@json_option
@pass_session
def list_(session: Session, /, as_json: bool) -> None:
    """All queues: what is ready, held by workers and not yet due, and for how long the oldest has waited."""
    from celeriac.cli import output

    app = session.client
    rows = [_facts(app, name) for name in app.transport.queues()]
    if as_json:
        output.document(rows)
        return
    head = ("Queue", "Ready", "Held", "Delayed", "Oldest")
    output.table(session, head, [(*list(row.values())[:-1], _span(row["oldest"])) for row in rows])


@queue.command("count")
@click.argument("queues", nargs=-1, metavar="[QUEUE]...")
@json_option
@pass_session
def count(session: Session, /, queues: tuple[str, ...], as_json: bool) -> None:
    """How many messages each QUEUE holds, all states together."""
    from celeriac.cli import output

    transport = session.client.transport
    counts = {name: transport.counts(name) for name in queues or transport.queues()}
    totals = {name: each.ready + each.held + each.delayed for name, each in counts.items()}
    if as_json:
        output.document(totals)
    elif len(queues) == 1:
        click.echo(totals[queues[0]])
    else:
        output.table(session, ("Queue", "Messages"), list(totals.items()))


@queue.command("peek")
@click.argument("name", metavar="QUEUE")
@click.option("-n", "--limit", type=COUNT, metavar="N", default=10, show_default=True, help="How many messages.")
@json_option
@pass_session
def peek(session: Session, /, name: str, limit: int, as_json: bool) -> None:
    """The next messages of QUEUE, left where they are."""
    from celeriac.cli import output
    from celeriac.drivers import broker_url
    from celeriac.errors import UnsupportedCapability
    from celeriac.settings.urls import mask

    app = session.client
    if not app.transport.supports("peek"):
        raise UnsupportedCapability(f"the transport of {mask(broker_url(app))} cannot peek")
    rows = [_peeked(message) for message in app.transport.peek(name, limit)]
    if as_json:
        output.document(rows)
    else:
        output.table(session, [key.capitalize() for key in PEEKED], [list(row.values()) for row in rows])


def _facts(app: Celeriac, name: str) -> dict[str, Any]:
    counts, oldest = app.transport.counts(name), app.transport.oldest(name)
    age = None if oldest is None else round(max(app.clock.time() - oldest, 0.0), 3)
    return {"queue": name, "ready": counts.ready, "held": counts.held, "delayed": counts.delayed, "oldest": age}


def _peeked(message: Message) -> dict[str, Any]:
    headers = message.headers
    shown = {"args": "argsrepr", "kwargs": "kwargsrepr"}
    return {key: headers.get(shown.get(key, key)) for key in PEEKED[:-1]} | {"priority": message.priority}


def _span(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f} s"
