"""Requests and outcomes as bytes: length-prefixed msgpack."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from celeriac.specs.pool import Outcome, Request

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(list[Request])
_outcome = msgspec.msgpack.Decoder(Outcome)

_LENGTH = struct.Struct("<I")
HEAD = struct.Struct("<IB")
"""Before a frame of requests: how many bytes follow, and its generation."""

GENERATIONS = 250
"""Generations are counted modulo this; greater bytes are free for other tokens."""


def pack_requests(requests: Sequence[Request], generation: int) -> bytes:
    """One frame.

    Raises:
        TypeError, ValueError, OverflowError, RecursionError: a header is no plain value.
    """
    data = _encoder.encode(requests)
    return HEAD.pack(len(data), generation) + data


def unpack_requests(data: bytes | bytearray) -> list[Request]:
    return _requests.decode(data)


def pack_outcome(outcome: Outcome) -> bytes:
    """One outcome with its length; raises as `pack_requests` does."""
    data = _encoder.encode(outcome)
    return _LENGTH.pack(len(data)) + data


class OutcomeStream:
    """Outcomes out of bytes that come in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Outcome]:
        """The outcomes that are complete now.

        Raises:
            msgspec.MsgspecError: these bytes are no outcomes.
        """
        if self._rest:
            data = self._rest + data
        found: list[Outcome] = []
        at, view = 0, memoryview(data)
        while at + _LENGTH.size <= len(data):
            until = at + _LENGTH.size + _LENGTH.unpack_from(data, at)[0]
            if until > len(data):
                break
            found.append(_outcome.decode(view[at + _LENGTH.size : until]))
            at = until
        self._rest = data[at:]
        return found
