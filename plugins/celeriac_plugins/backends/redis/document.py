"""What stands in a result's key.

Celery's document as the result serializer has written it: Celery's clients read it. Its state is found in it without
decoding the rest, in JSON, YAML, msgpack and pickle. A document that does not show its state (it is signed, or of an
unknown serializer) gets its state written before it, and Celery's clients cannot read that one.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from celeriac.specs.backend import Record
from celeriac.states import READY_STATES, SUCCESS

_MARK: Final = b"\x00celeriac:"


class _Document(msgspec.Struct, gc=False):
    status: str


# `status` and what follows it: in pickle perhaps a memo, then a text with its length; in msgpack a short text.
_YAML: Final = re.compile(rb"^status: ([A-Z_]+)$", re.MULTILINE)
_BINARY: Final = re.compile(
    rb"status(?:(?:q.|r.{4}|\x94)?(?:X(?P<long>.{4})|\x8c(?P<short>.))|(?P<fixed>[\xa0-\xbf]))", re.DOTALL
)

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
        return _sniffed(payload)


def _sniffed(payload: bytes) -> str | None:
    """The state in a document that is not JSON. Nothing is unpickled for it."""
    if payload[:1] < b"\x80":
        line = _YAML.search(payload)
        return line[1].decode() if line else None
    found = _BINARY.search(payload)
    if found is None:
        return None
    length = found["long"] or found["short"] or bytes([found["fixed"][0] & 0x1F])
    state = payload[found.end() : found.end() + int.from_bytes(length, "little")]
    return state.decode("ascii", "replace") or None
