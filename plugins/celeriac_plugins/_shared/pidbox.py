"""Where replies to Celery's remote control go.

Who asks names an exchange, a routing key and a ticket. A worker of ours has one field for all that, the topic to which
it broadcasts its answer: a question that comes from Celery gets a return address there (``>exchange>key>ticket``).
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
