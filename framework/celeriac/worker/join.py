"""Chords, as workers see them: a member has ended; all have, so the body is called, or fails.

Where the store is shared with another system's workers (``shared-join``), members are noted in their form as well:
Celery's ``[1, id, state, result]``. Whoever counts the last one calls the body.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from celeriac import states
from celeriac.call import AGAIN
from celeriac.canvas import signature
from celeriac.canvas.chords import MARK
from celeriac.canvas.plan import JOIN_SERIALIZER, Plan
from celeriac.errors import ChordError
from celeriac.failure import describe, from_document
from celeriac.specs.backend import Arrival

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.message import Publication
    from celeriac.specs.backend import Record

logger = logging.getLogger("celeriac.worker")


JOIN_LEASE = 10.0
"""Seconds in which who claimed a chord's body must have published it."""


def arrival(app: Celeriac, record: Record, place: Any, chord: Any) -> Arrival:
    """What to count for a member: `place` and `chord` are those of its message."""
    if chord == MARK or not isinstance(chord, Mapping) or not app.backend.driver.supports("shared-join"):
        return Arrival(record.id)
    document = app.backend.decode(record)
    entry = app.backend.serializer.dumps([1, record.id, document["status"], document["result"]])
    body = app.codec.serializer(JOIN_SERIALIZER).dumps({"body": chord})
    return Arrival(record.id, place if isinstance(place, int) else None, entry, body)


def count(app: Celeriac, group: str, arrivals: Sequence[Arrival]) -> bytes | None:
    """Count these members; what `body_publications` takes when they were the last ones and the body is ours to call."""
    driver = app.backend.driver
    shared = [arrival for arrival in arrivals if arrival.entry]
    if shared:
        driver.join_share(group, shared)
    return driver.join_arrive(group, [arrival.member for arrival in arrivals], JOIN_LEASE)


def body_publications(app: Celeriac, group: str, record: bytes) -> list[Publication]:
    """What to publish for a complete chord: the body with the list of results; or, when a member failed, the body's
    error callbacks, after its failure is stored.

    The body's id was fixed when the chord was called, and its message says that it may not be the first: whoever
    publishes it a second time, after a crash, changes nothing.
    """
    whole = app.codec.serializer(JOIN_SERIALIZER).loads(record)
    body, members = signature(whole["body"], app), whole.get("members")
    documents = _foreign(app, group) if members is None else app.backend.fetch(members)
    members = list(documents) if members is None else members
    failed = next((m for m in members if documents.get(m, {}).get("status") != states.SUCCESS), None)
    plan = Plan()
    if failed is None:
        results = _nested(app, group) or [documents[member]["result"] for member in members]
        body.clone([results]).compile(plan)
    else:
        _fail(app, body, failed, documents.get(failed), plan)
    plan.open_joins(app)
    for publication in plan.publications:
        publication.message.headers[AGAIN] = True
    return plan.publications


def _fail(app: Celeriac, body: Any, member: str, document: dict[str, Any] | None, plan: Plan) -> None:
    if document is None:
        error = ChordError(f"the result of member {member} is gone; raise result_expires")
    else:
        cause = from_document(document["result"])
        error = ChordError(f"Dependency {member} raised {describe(cause)}")
    end = body.last()
    app.backend.driver.store([app.backend.failure(end.freeze(), error, None)])
    logger.error("chord body %s[%s] does not run: %s", body.task, end.id, error)
    for errback in end.options.get("link_error") or ():
        signature(errback, app).clone((end.id,)).compile(plan)


def _foreign(app: Celeriac, group: str) -> dict[str, dict[str, Any]]:
    """What the members of a group have come to that another system has opened, in their order."""
    entries = (app.backend.serializer.loads(entry) for entry in app.backend.driver.join_entries(group))
    return {member: {"status": state, "result": result} for _, member, state, result in entries}


def _nested(app: Celeriac, group: str) -> list[Any] | None:
    """The results in groups within the group, where Celery has noted such: ``[[id, parent], [members] or None]``."""
    driver = app.backend.driver
    shape = driver.join_shape(group) if driver.supports("shared-join") else None
    if shape is None:
        return None
    nodes = app.backend.serializer.loads(shape)["result"][1]
    documents = app.backend.fetch(list(_leaves(nodes)))

    def results(nodes: Sequence[Any]) -> list[Any]:
        return [results(node[1]) if node[1] is not None else documents[node[0][0]]["result"] for node in nodes]

    return results(nodes)


def _leaves(nodes: Sequence[Any]) -> Iterator[str]:
    for (task_id, _), members in nodes:
        if members is None:
            yield task_id
        else:
            yield from _leaves(members)
