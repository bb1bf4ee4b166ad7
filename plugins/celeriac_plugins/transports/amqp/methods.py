"""The methods of AMQP 0-9-1 that are sent, as whole frames, named as in the specification's reference."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from .wire import method, short, table

_U64 = struct.Struct(">Q")
_QOS = struct.Struct(">IHB")
_SETTLE = struct.Struct(">QB")


def queue_declare(
    channel: int, queue: str, arguments: Mapping[str, Any], *, passive: bool = False, exclusive: bool = False
) -> bytes:
    """A durable queue that stays; an exclusive one is transient, and goes with its connection."""
    bits = 1 if passive else 4 | 8 if exclusive else 2
    return method(channel, (50, 10), b"\0\0" + short(queue) + bytes((bits,)) + table(arguments))


def queue_bind(channel: int, queue: str, exchange: str, key: str) -> bytes:
    return method(channel, (50, 20), b"\0\0" + short(queue) + short(exchange) + short(key) + b"\0" + table({}))


def queue_purge(channel: int, queue: str) -> bytes:
    return method(channel, (50, 30), b"\0\0" + short(queue) + b"\0")


def queue_delete(channel: int, queue: str) -> bytes:
    return method(channel, (50, 40), b"\0\0" + short(queue) + b"\0")


def exchange_declare(channel: int, exchange: str, kind: str, *, durable: bool = True, passive: bool = False) -> bytes:
    bits = 1 if passive else 2 if durable else 0
    return method(channel, (40, 10), b"\0\0" + short(exchange) + short(kind) + bytes((bits,)) + table({}))


def exchange_bind(channel: int, destination: str, source: str, key: str) -> bytes:
    return method(channel, (40, 30), b"\0\0" + short(destination) + short(source) + short(key) + b"\0" + table({}))


def basic_qos(channel: int, count: int) -> bytes:
    """How many messages each consumer that is made from now on may hold."""
    return method(channel, (60, 10), _QOS.pack(0, count, 0))


def basic_consume(channel: int, queue: str, consumer: str, *, no_ack: bool = False, nowait: bool = False) -> bytes:
    bits = (2 if no_ack else 0) | (8 if nowait else 0)
    return method(channel, (60, 20), b"\0\0" + short(queue) + short(consumer) + bytes((bits,)) + table({}))


def basic_cancel(channel: int, consumer: str) -> bytes:
    return method(channel, (60, 30), short(consumer) + b"\1")  # no answer


def basic_publish(channel: int, exchange: str, key: str, *, mandatory: bool) -> bytes:
    return method(channel, (60, 40), b"\0\0" + short(exchange) + short(key) + (b"\1" if mandatory else b"\0"))


def basic_get(channel: int, queue: str) -> bytes:
    return method(channel, (60, 70), b"\0\0" + short(queue) + b"\0")


def basic_ack(channel: int, tag: int, *, multiple: bool = False) -> bytes:
    return method(channel, (60, 80), _SETTLE.pack(tag, int(multiple)))


def basic_nack(channel: int, tag: int) -> bytes:
    """Back to its queue."""
    return method(channel, (60, 120), _SETTLE.pack(tag, 2))


def confirm_select(channel: int) -> bytes:
    return method(channel, (85, 10), b"\0")
