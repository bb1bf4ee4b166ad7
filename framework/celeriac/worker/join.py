"""Chords, as workers see them: a member has ended; all have, so the body is called, or fails.

Where the store is shared with another system's workers (``shared-join``), members are noted in their form as well:
Celery's ``[1, id, state, result]``. Whoever counts the last one calls the body.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from celeriac import states
from celeriac.call import AGAIN
from celeriac.canvas import signature
from celeriac.canvas.chords import MARK
from celeriac.canvas.left_behind import never_run
from celeriac.canvas.plan import JOIN_SERIALIZER, Plan, decoded
from celeriac.context import Context
from celeriac.errors import ChordError, ConfigurationError, EncodeError
from celeriac.failure import describe, from_document
from celeriac.ids import derived
from celeriac.specs.backend import Arrival
from celeriac.worker.follow import call_errbacks

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.canvas import Signature
    from celeriac.message import Publication
    from celeriac.specs.backend import Record

logger = logging.getLogger("celeriac.worker")


JOIN_LEASE = 10.0
"""Seconds in which who claimed a chord's body must have published it."""


def arrival(app: Celeriac, record: Record, place: Any, chord: Any, is_first: bool = True) -> Arrival:
    """What to count for a member: `place` and `chord` are those of its message. The body is needed once for those that
    are counted together."""
    if chord == MARK or not isinstance(chord, Mapping) or not app.backend.driver.supports("shared-join"):
        return Arrival(record.id)
    document = app.backend.decode(record)
    entry = app.backend.serializer.dumps([1, record.id, document["status"], document["result"]])
    body = app.codec.serializer(JOIN_SERIALIZER).dumps({"body": chord}) if is_first else b""
    return Arrival(record.id, place if isinstance(place, int) else None, entry, body)


def count(app: Celeriac, group: str, arrivals: Sequence[Arrival]) -> bytes | None:
    """Count these members; what `complete` takes when they were the last ones and the body is ours to call."""
    driver = app.backend.driver
    shared = [arrival for arrival in arrivals if arrival.entry]
    if shared:
        driver.join_share(group, shared)
    return driver.join_arrive(group, [arrival.member for arrival in arrivals], JOIN_LEASE)


def seal(app: Celeriac, group: str, size: int, record: bytes) -> None:
    """Say how many members a group has that was opened without a size, and call its body if all have ended already."""
    body = app.backend.driver.join_seal(group, size, record, JOIN_LEASE)
    if body is not None:
        completed = complete(app, group, body)
        app.caller.publish(completed.publications)
        completed.close(app)


class Completed(NamedTuple):
    """What is left to do for a chord whose members have all ended: publish, then close."""

    publications: list[Publication]
    groups: list[str]
    """Its own, and those of chords around it that have failed with it."""

    def close(self, app: Celeriac) -> None:
        """All is published."""
        for group in self.groups:
            app.backend.driver.join_close(group)


def complete(app: Celeriac, group: str, record: bytes) -> Completed:
    """What to publish for a complete chord: the body with the list of results; or, when a member failed, the body's
    error callbacks, after its failure is stored.

    The body's id was fixed when the chord was called, and its message says that it may not be the first: whoever
    publishes it a second time, after a crash, changes nothing.
    """
    document, members = decoded(app, record)
    body = signature(document, app)
    documents = _foreign(app, group) if members is None else app.backend.fetch(members)
    members = list(documents) if members is None else members
    failed = next((m for m in members if documents.get(m, {}).get("status") != states.SUCCESS), None)
    if failed is not None:
        done = fail(app, body, _why(failed, documents.get(failed)))
    else:
        results = _nested(app, group) or [documents[member]["result"] for member in members]
        done = _call(app, body, results, group)
    done.groups.append(group)
    for publication in done.publications:
        publication.message.headers[AGAIN] = True
    return done


def _call(app: Celeriac, body: Signature[Any], results: list[Any], group: str) -> Completed:
    plan = Plan()
    called = body.clone([results])
    called.fix(derived(group))
    try:
        called.compile(plan)
        app.caller.check_queues(plan.publications)
    except (EncodeError, ConfigurationError) as error:  # nobody is left to tell but who waits for the body
        return fail(app, body, error)
    plan.open_joins(app)
    return Completed(plan.publications, [])


def _why(member: str, document: dict[str, Any] | None) -> ChordError:
    if document is None:
        return ChordError(f"the result of member {member} is gone; raise result_expires")
    return ChordError(f"Dependency {member} raised {describe(from_document(document['result']))}")


def fail(app: Celeriac, body: Signature[Any], error: Exception) -> Completed:
    """The body ends as a failure, and with it what was to follow it. A chord around it hears of that."""
    done = Completed([], [])
    records, arrivals = _ends_of(app, body, error)
    logger.error("chord body %s[%s] does not run: %s", body.task, records[-1].id if records else "", error)
    app.backend.driver.store(records)
    for task, errback in body.errbacks():
        context = Context(task.task, task.id, list(task.args), dict(task.kwargs), called_directly=False)
        done.publications.extend(call_errbacks(app, context, [errback], error, ""))
    for group, ended in arrivals.items():
        record_around = count(app, group, ended)
        if record_around is not None:
            around = complete(app, group, record_around)
            done.publications.extend(around.publications)
            done.groups.extend(around.groups)
    return done


def give_up(app: Celeriac, added: Signature[Any], error: Exception) -> None:
    """What was added to a chord could not be sent, so it ends as a failure: the chord is not to wait for it for ever.
    Who has added it runs still, so nobody's last member is counted here."""
    records, arrivals = _ends_of(app, added, error)
    app.backend.driver.store(records)
    for group, ended in arrivals.items():
        count(app, group, ended)


def _ends_of(app: Celeriac, whole: Signature[Any], error: Exception) -> tuple[list[Record], dict[str, list[Arrival]]]:
    """What becomes of tasks that never run, and who of them is counted in which group."""
    records: list[Record] = []
    arrivals: dict[str, list[Arrival]] = {}
    for behind in never_run(whole):
        record = app.backend.failure(behind.id, error, None)
        records.append(record)
        if behind.group is not None:
            arrivals.setdefault(behind.group, []).append(arrival(app, record, behind.place, behind.chord))
    return records, arrivals


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
