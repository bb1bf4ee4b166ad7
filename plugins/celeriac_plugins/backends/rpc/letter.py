"""A result as a message: Celery's document, under the task's id as correlation id.

Celery's clients read no more than that. A header of ours says the state, so that nobody has to look into a document to
know it; a message of a Celery worker has none.
"""

from __future__ import annotations

from typing import Final

import msgspec

from celeriac.message import Message
from celeriac.specs.backend import Record
from celeriac.states import SUCCESS

_STATE: Final = "x-celeriac-state"
_TRANSIENT: Final = 1


class _Document(msgspec.Struct, gc=False):
    task_id: str = ""
    status: str = SUCCESS


_decode = msgspec.json.Decoder(_Document).decode


def write(record: Record, content_type: str, content_encoding: str) -> Message:
    return Message(
        {_STATE: record.state},
        {"correlation_id": record.id, "delivery_mode": _TRANSIENT},
        record.payload,
        content_type,
        content_encoding,
    )


def read(message: Message) -> Record | None:
    """The result in a message; None for a message that is none. A document of a Celery worker that is not written in
    JSON does not say its state in a way that can be read here; it is taken for ready, and whoever decodes it sees."""
    state = message.headers.get(_STATE)
    task_id = message.properties.get("correlation_id")
    if not isinstance(state, str):
        document = _document(message.body)
        state, task_id = document.status, task_id or document.task_id
    if not isinstance(task_id, str) or not task_id:
        return None
    return Record(task_id, state, message.body)


def _document(body: bytes) -> _Document:
    try:
        return _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Document()
