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

from celeriac_plugins._shared.pidbox import REPLY

_BROKEN: Final = (ValueError, KeyError, TypeError, AttributeError)


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
