"""The end of a chord: all members have ended, so its body is called, or fails."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from celeriac import states
from celeriac.call import AGAIN
from celeriac.canvas import signature
from celeriac.canvas.plan import JOIN_SERIALIZER, Plan
from celeriac.errors import ChordError
from celeriac.failure import describe, from_document

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.message import Publication

logger = logging.getLogger("celeriac.worker")


def body_publications(app: Celeriac, record: bytes) -> list[Publication]:
    """What to publish for a complete chord: the body with the list of results; or, when a member failed, the body's
    error callbacks, after its failure is stored.

    The body's id was fixed when the chord was called, and its message says that it may not be the first: whoever
    publishes it a second time, after a crash, changes nothing.
    """
    whole = app.codec.serializer(JOIN_SERIALIZER).loads(record)
    body, members = signature(whole["body"], app), whole["members"]
    documents = app.backend.fetch(members)
    failed = next((m for m in members if documents.get(m, {}).get("status") != states.SUCCESS), None)
    plan = Plan()
    if failed is None:
        body.clone([[documents[member]["result"] for member in members]]).compile(plan)
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
