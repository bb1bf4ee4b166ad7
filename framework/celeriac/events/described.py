"""What ``task-sent`` and ``task-received`` say alike of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FIELDS = {"uuid": "id", "name": "task", "args": "argsrepr", "kwargs": "kwargsrepr"}
_ALIKE = ("root_id", "parent_id", "retries", "eta", "expires")


def described(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of Celery's events, from the headers of a message."""
    fields = {field: headers.get(header) for field, header in _FIELDS.items()}
    return fields | {name: headers.get(name) for name in _ALIKE}
