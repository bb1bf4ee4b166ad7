"""What a workflow comes to when it is called: the messages to send now, and the joins that must be open before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from celeriac.context import current
from celeriac.errors import UnsupportedCapability

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from celeriac.app import Celeriac
    from celeriac.message import Publication

T = TypeVar("T")

BATCH = 500
"""Messages that are published together."""


class Join(NamedTuple):
    """The completion record of a chord: its header's members, and the body that runs when all have ended."""

    group: str
    members: list[str]
    body: dict[str, Any]


@dataclass(slots=True)
class Plan:
    """Filled by `Signature.compile`."""

    publications: list[Publication] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)

    def open_joins(self, app: Celeriac) -> None:
        """Open the completion records. Before anything is published: a member may finish at once.

        Raises:
            UnsupportedCapability: the result backend keeps none.
        """
        if self.joins:
            check_joins(app)
        for join in self.joins:
            app.backend.driver.join_open(join.group, len(join.members), encoded(app, join.body, join.members))

    def send(self, app: Celeriac) -> None:
        """Open the joins and publish everything, in batches."""
        app.caller.publish_all(self.batches(app))

    def batches(self, app: Celeriac) -> Iterator[list[Publication]]:
        """Open the joins; then what is to be published together."""
        self.open_joins(app)
        for start in range(0, len(self.publications), BATCH):
            yield self.publications[start : start + BATCH]


def remembered(result: T, app: Celeriac) -> T:
    """The result of a call, which the running task has among its children."""
    context = current.get()
    if context is not None and not context.called_directly:
        context.add_child(result, app)
    return result


def check_joins(app: Celeriac) -> None:
    """Refuse a chord where nobody counts its members."""
    if not app.backend.driver.supports("join"):
        raise UnsupportedCapability(
            f"{type(app.backend.driver).__name__} does not count the members of a group: no chords, and no groups "
            "with a step after them; use another result_backend, such as redis://"
        )


def encoded(app: Celeriac, body: dict[str, Any], members: Sequence[str]) -> bytes:
    """The completion record of a chord as the store keeps it."""
    return app.codec.serializer(JOIN_SERIALIZER).dumps({"body": body, "members": members})


def note_of(adder: str | None, member: str) -> bytes:
    """What stands behind the completion record for a member that another one has added."""
    return f"\n{adder} {member}".encode()


def decoded(app: Celeriac, record: bytes) -> tuple[dict[str, Any], list[str] | None]:
    """The body, and the members in their order: one that was added stands behind the one that has added it. None: the
    record knows no members."""
    first, *notes = record.split(b"\n")
    whole = app.codec.serializer(JOIN_SERIALIZER).loads(first)
    members = whole.get("members")
    return whole["body"], members if members is None or not notes else _with_added(members, notes)


def _with_added(members: list[str], notes: list[bytes]) -> list[str]:
    added: dict[str, list[str]] = {}
    for note in notes:
        adder, _, member = note.decode().partition(" ")
        added.setdefault(adder, []).append(member)
    found, ahead = [], members[::-1]
    while ahead:
        found.append(ahead.pop())
        ahead += added.get(found[-1], [])[::-1]
    return found


JOIN_SERIALIZER = "json"
"""Signatures are plain values; a join's record is always written in this."""
