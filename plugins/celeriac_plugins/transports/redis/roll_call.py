"""Who listens to remote control: the server knows how many, and those who answer say who they are."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from .fan_out import FanOut

_PATIENCE = 2.0
"""Seconds that listeners have to answer; the roll call ends when all of them have."""


@dataclass(frozen=True, slots=True)
class Roll:
    listeners: int
    answered: frozenset[str]
    """The names of the workers that did."""

    @property
    def all(self) -> bool:
        """Whether everyone who listens is known by name."""
        return len(self.answered) >= self.listeners


def call_roll(fan_out: FanOut, exchange: str) -> Roll:
    """Ask all workers on a control exchange (``celery.pidbox``) for a sign of life."""
    topic = f"reply.{exchange}.{uuid4()}"
    question = {
        "method": "ping",
        "arguments": {},
        "destination": None,
        "pattern": None,
        "matcher": None,
        "ticket": topic,
        "reply_to": {"exchange": "", "routing_key": topic},
    }
    answers = fan_out.subscribe([topic])
    try:
        listeners = fan_out.send(exchange, json.dumps(question).encode())
        answered: set[str] = set()
        deadline = time.monotonic() + _PATIENCE
        while len(answered) < listeners and (left := deadline - time.monotonic()) > 0:
            for _, payload in answers.receive(left):
                with suppress(ValueError, TypeError):
                    answered.update(json.loads(payload))
    finally:
        answers.close()
    return Roll(listeners, frozenset(answered))
