"""Celery's options of a call as ours: what means something here, and what has none and goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac.call import KNOWN_OPTIONS

_NAMES = {"group": "group_id"}

WITHOUT_MEANING = frozenset(
    {"add_to_parent", "connection", "producer", "publisher", "router", "retry", "retry_policy", "route_name"}
    | {"declare", "delivery_mode", "mandatory", "immediate", "confirm_timeout", "exchange", "exchange_type"}
    | {"chord_size", "replaced_task_nesting", "result_cls", "task_type", "ignore_dispatcher", "correlation_id"}
)
"""Celery's own connection, how its publisher tries again (``task_publish_timeout`` bounds it), and exchanges."""


def call_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as ``apply_async`` of Celeriac takes them. What nobody knows becomes a header, as in Celery, where it is
    handed to the message."""
    if not options:
        return {}
    known: dict[str, Any] = {}
    headers: dict[str, Any] = dict(options.get("headers") or {})
    for given, value in options.items():
        name = _NAMES.get(given, given)
        if name == "queue" and value is not None:
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
