"""``celeriac events``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from celeriac.cli.group import command, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import COUNT, NAMES, SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping


@command("events")
@click.option("-d", "--dump", is_flag=True, help="Print each event as it comes: what happens anyway.")
@click.option("--type", "types", type=NAMES, metavar="TYPES", help="Only these, with commas between: task-failed …")
@click.option("--limit", type=COUNT, metavar="N", help="End after so many events.")
@click.option("--timeout", type=SECONDS, metavar="SECONDS", help="End after so many seconds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_session
def events(
    session: Session,
    /,
    dump: bool,
    types: list[str] | None,
    limit: int | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Print the events of workers and tasks, of Celery's too, until interrupted.

    Workers send them when they were started with -E, or told to by `celeriac control enable_events`.
    """
    del dump
    import json

    from celeriac.cli import output

    receiver = session.client.events.Receiver()
    shown = 0
    try:
        for event in receiver.itercapture(timeout=timeout):
            if types and event["type"] not in types:
                continue
            text = json.dumps(output.plain(event), ensure_ascii=False) if as_json else line(event)
            click.echo(output.text(text))
            shown += 1
            if limit is not None and shown >= limit:
                break
    finally:
        receiver.close()


def line(event: Mapping[str, Any]) -> str:
    """``2026-01-02 03:04:05.678 celeriac@host task-failed: uuid=… exception=…``; the time is local."""
    from datetime import datetime

    at = datetime.fromtimestamp(float(event.get("timestamp") or 0)).astimezone()
    hidden = {"type", "hostname", "timestamp", "utcoffset", "pid", "clock", "local_received", "traceback"}
    fields = " ".join(f"{name}={value}" for name, value in event.items() if name not in hidden and value is not None)
    when = at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"{when} {event.get('hostname')} {event['type']}: {fields}".rstrip(": ")
