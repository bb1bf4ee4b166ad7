"""What members carry for Celery's workers when the body of their chord is too large to be in every message.

Where Celery counts in the same store, whoever counts the last member calls the body that its message carries. A large
one, such as a body with a wide group behind it, would make the messages grow with the width of the workflow. They carry
a call of a small task instead, which workers of ours take, and which fetches the body from the completion record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

RELAY: Final = "celeriac.join"
"""The name of that task."""
LIMIT: Final = 4096
"""Bytes up to which a body is carried itself."""


def relay_to(group: str, queue: str, task_id: str) -> dict[str, Any]:
    """A call of the relay, as a signature in Celery's form; it is called when a member has failed, too."""
    call = _call(group, queue, {"task_id": task_id})
    call["options"]["link_error"] = [_call(group, queue, {})]
    return call


def _call(group: str, queue: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "task": RELAY,
        "args": [group],
        "kwargs": {},
        "options": {"queue": queue, "ignore_result": True, **options},
        "subtask_type": None,
        "immutable": True,
        "chord_size": None,
    }
