"""``celeriac dlq``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from celeriac.cli.confirming import confirm
from celeriac.cli.group import group, json_option, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import COUNT

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.transport import DeadLetter, Transport

CHUNK = 500
"""How many dead letters are read, replayed or dropped in one step."""


@group("dlq")
def dlq() -> None:
    """Look after dead letters: messages that will not be delivered again, and why.

    ID is the id of a dead letter, or of the task that it was to run.
    """


@dlq.command("list")
@click.option("-n", "--limit", type=COUNT, metavar="N", default=100, show_default=True, help="How many, newest first.")
@json_option
@pass_session
def list_(session: Session, /, limit: int, as_json: bool) -> None:
    """The dead letters, newest first."""
    from celeriac.cli import output

    letters = [_line(letter) for letter in _transport(session).dead_letters(limit)]
    if as_json:
        output.document(letters)
    else:
        head = ("Id", "Task", "Task id", "Queue", "Reason", "Deliveries", "At")
        output.table(session, head, [list(letter.values()) for letter in letters])


@dlq.command("show")
@click.argument("letter_id", metavar="ID")
@json_option
@pass_session
def show(session: Session, /, letter_id: str, as_json: bool) -> None:
    """Everything about one: headers, reason, traceback, and the arguments where decoding them is safe."""
    from celeriac.cli import output

    # One task may have died more than once: the last time counts.
    letter = max(_find(_transport(session), [letter_id]), key=lambda found: found.at)
    known = _everything(session.client, letter)
    if as_json:
        output.document(known)
        return
    detail = known.pop("detail")
    output.facts(session, known)
    if detail:
        click.echo(f"\n{output.lines(detail)}")


@dlq.command("replay")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them.")
@json_option
@pass_session
def replay(session: Session, /, ids: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Publish dead letters to their queues again."""
    transport = _transport(session)
    chosen = _chosen(transport, ids, every)
    done = sum(session.client.replay(chosen[at : at + CHUNK]) for at in range(0, len(chosen), CHUNK))
    _report("replayed", done, as_json)


@dlq.command("drop")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("-f", "--force", is_flag=True, help="With --all: do not ask.")
@json_option
@pass_session
def drop(session: Session, /, ids: tuple[str, ...], every: bool, force: bool, as_json: bool) -> None:
    """Delete dead letters, for good."""
    transport = _transport(session)
    chosen = _chosen(transport, ids, every)
    if every and chosen:
        confirm(f"delete {len(chosen)} dead letters", force=force)
    done = sum(transport.drop_dead(chosen[at : at + CHUNK]) for at in range(0, len(chosen), CHUNK))
    _report("dropped", done, as_json)


def _transport(session: Session) -> Transport:
    """The transport, which keeps dead letters.

    Raises:
        UnsupportedCapability: it does not.
    """
    from celeriac.drivers import broker_url
    from celeriac.errors import UnsupportedCapability
    from celeriac.settings.urls import mask

    app = session.client
    if not app.transport.supports("dead-letter"):
        raise UnsupportedCapability(f"the transport of {mask(broker_url(app))} keeps no dead letters")
    return app.transport


def _find(transport: Transport, ids: Sequence[str]) -> list[DeadLetter]:
    """The dead letters with these ids, each once.

    Raises:
        ClickException: one is not there.
    """
    letters = {letter.id: letter for letter in transport.find_dead(ids)}
    there = {name for letter in letters.values() for name in (letter.id, letter.message.id)}
    missing = [name for name in ids if name not in there]
    if missing:
        raise click.ClickException(f"there is no dead letter {', '.join(map(repr, missing))}; see celeriac dlq list")
    return list(letters.values())


def _chosen(transport: Transport, ids: tuple[str, ...], every: bool) -> list[str]:
    if every == bool(ids):
        raise click.UsageError("write the IDs of dead letters, or --all")
    if ids:
        return [letter.id for letter in _find(transport, ids)]
    # All that are there now: what dies while they are replayed is left for another time.
    chosen: dict[str, None] = {}
    offset = 0
    while letters := transport.dead_letters(CHUNK, offset):
        chosen.update(dict.fromkeys(letter.id for letter in letters))
        offset += len(letters)
    return list(chosen)


def _report(verb: str, number: int, as_json: bool) -> None:
    from celeriac.cli import output

    if as_json:
        output.document({verb: number})
    else:
        click.echo(f"{verb} {number}")


def _line(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "task": letter.message.task,
        "task_id": letter.message.id,
        "queue": letter.queue,
        "reason": letter.reason,
        "deliveries": letter.deliveries,
        "at": datetime.fromtimestamp(letter.at, UTC).isoformat(timespec="seconds"),
    }


def _everything(app: Celeriac, letter: DeadLetter) -> dict[str, Any]:
    message = letter.message
    return {
        **_line(letter),
        "headers": message.headers,
        "properties": message.properties,
        "content_type": message.content_type,
        "size": len(message.body),
        **_arguments(app, letter),
        "detail": letter.detail,
    }


def _arguments(app: Celeriac, letter: DeadLetter) -> dict[str, Any]:
    """The decoded arguments, or why they are not decoded: a content type that is not accepted, a serializer whose
    reading may run code, bytes that are no message."""
    from celeriac.errors import CeleriacError, ContentDisallowed
    from celeriac.kinds import SERIALIZER

    message, codec = letter.message, app.codec
    try:
        codec.check(len(message.body), message.content_type, codec.accepted(app.conf.accept_content))
        name, serializer = app.registry.find_content_type(SERIALIZER, message.content_type)
        if "safe" not in serializer.capabilities:
            raise ContentDisallowed(f"reading {name} may run code")
        args, kwargs, _ = codec.decode(message.body, message.content_type, message.headers.get("compression"))
    except (CeleriacError, TypeError, ValueError) as error:
        return {"undecoded": str(error)}
    return {"args": args, "kwargs": kwargs}
