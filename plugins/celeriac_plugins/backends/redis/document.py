"""What stands in a result's key.

Celery's document in JSON, as it is: Celery's clients read it. A document that does not say its state in JSON (another
serializer) gets its state written before it, and Celery's clients cannot read that one.
"""

from __future__ import annotations

from typing import Final

import msgspec

from celeriac.specs.backend import Record
from celeriac.states import READY_STATES, SUCCESS

_MARK: Final = b"\x00celeriac:"


class _Document(msgspec.Struct, gc=False):
    status: str


_decode = msgspec.json.Decoder(_Document).decode


def write(record: Record) -> bytes:
    if _status(record.payload) == record.state:
        return record.payload
    return b"%s%s\x00%s" % (_MARK, record.state.encode(), record.payload)


def read(task: str, value: bytes) -> Record:
    """The record in a value. One of a Celery peer with another serializer does not say its state in a way that we can
    read here; it is taken for ready, and whoever decodes it sees."""
    if value.startswith(_MARK):
        state, _, payload = value[len(_MARK) :].partition(b"\x00")
        return Record(task, state.decode(), payload)
    return Record(task, _status(value) or SUCCESS, value)


def is_ready(value: bytes) -> bool:
    return read("", value).state in READY_STATES


def _status(payload: bytes) -> str | None:
    try:
        return _decode(payload).status
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
