"""Where replies to remote control go.

Celery's way is a direct exchange, and a list that the asking process has bound to it. A binding is a member of a set
that all share, which nobody can give an end of life: each process that is killed while it listens leaves one. So our
questions name the default exchange, which leads to the list itself and needs no binding. A question that comes from
Celery gets a return address that `fan_out` understands (``>exchange>key>ticket``).
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final

RETURN: Final = ">"
"""Begins and parts a return address that leads to a Celery process."""
REPLY: Final = "reply."
"""Begins the topics that are boxes as well: what Celery's workers answer goes there."""

Address = tuple[str, str, str]

_BROKEN = (ValueError, KeyError, TypeError, AttributeError)


def without_binding(payload: bytes) -> bytes:
    """A question of ours as it is sent, if the payload is one."""
    if b'"reply_to"' not in payload:
        return payload
    with suppress(*_BROKEN):
        question = json.loads(payload)
        if question["reply_to"]["routing_key"].startswith(REPLY):
            question["reply_to"]["exchange"] = ""
            return json.dumps(question).encode()
    return payload


def with_return(payload: bytes) -> bytes:
    """A question from Celery, with its return address in the one field that an answer is sent to."""
    with suppress(*_BROKEN):
        question = json.loads(payload)
        address = question["reply_to"]
        ticket, exchange, routing_key = question["ticket"], address["exchange"], address["routing_key"]
        if routing_key.startswith(REPLY):  # one of ours, sent through Celery's channel
            return payload
        address["routing_key"] = RETURN.join(("", exchange, routing_key, ticket))
        return json.dumps(question).encode()
    return payload


def parted(topic: str) -> Address | None:
    """Exchange, routing key and ticket of a return address; None for a topic."""
    parts = topic.split(RETURN, 3)
    return (parts[1], parts[2], parts[3]) if len(parts) == 4 and not parts[0] else None
