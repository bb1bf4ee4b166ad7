"""Celery's options of a call as ours: what means something here, and what has none and goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac.call import KNOWN_OPTIONS

_NAMES = {"group": "group_id"}

WITHOUT_MEANING = frozenset(
    {"connection", "producer", "publisher", "router", "route_name"}
    | {"declare", "immediate", "confirm_timeout", "exchange_type"}
    | {"chord_size", "replaced_task_nesting", "result_cls", "task_type", "ignore_dispatcher", "correlation_id"}
)
"""Celery's own connection and publisher, and what it hands to the broker's client."""


def call_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as ``apply_async`` of Celeriac takes them. What nobody knows becomes a header, as in Celery, where it is
    handed to the message."""
    if not options:
        return {}
    known: dict[str, Any] = {}
    headers: dict[str, Any] = dict(options.get("headers") or {})
    for given, value in options.items():
        name = _NAMES.get(given, given)
        if name in ("queue", "exchange") and value is not None:  # kombu's objects are as good as their names
            known[name] = getattr(value, "name", value)
        elif name in KNOWN_OPTIONS:
            if value is not None and name != "headers":
                known[name] = value
        elif name not in WITHOUT_MEANING:
            headers[name] = value
    stamped = options.get("stamped_headers")
    if stamped:
        headers["stamped_headers"] = list(stamped)
        headers["stamps"] = {name: headers.pop(name) for name in stamped if name in headers}
    if headers:
        known["headers"] = headers
    return known
