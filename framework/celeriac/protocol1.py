"""Message protocol 1, which Celery 3 wrote, and later ones with ``task_protocol = 1``: all of it stands in the body.

Only read, never written: a message is brought into protocol 2 as soon as it is received.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from celeriac.call import safe_repr
from celeriac.errors import CeleriacError
from celeriac.kinds import SERIALIZER
from celeriac.message import Message

if TYPE_CHECKING:
    from celeriac.app import Celeriac


def in_protocol_2(app: Celeriac, message: Message, accept: frozenset[str]) -> Message:
    """The same task as a message of protocol 2; a message that is none of protocol 1, or may not be decoded here, as it
    is."""
    try:
        app.codec.check(len(message.body), message.content_type, accept)
        body = app.codec.decode(message.body, message.content_type, message.headers.get("compression"))
        if not isinstance(body, Mapping) or not isinstance(body.get("task"), str):
            return message
        serializer, _ = app.registry.find_content_type(SERIALIZER, message.content_type)
        embed = {name: body.get(name) for name in ("callbacks", "errbacks", "chord")}
        value = (body.get("args") or [], body.get("kwargs") or {}, {**embed, "chain": None})
        encoded = app.codec.encode(value, serializer)
    except CeleriacError:
        return message
    headers = {**message.headers, **_headers(body)}
    headers.pop("compression", None)
    return Message(headers, message.properties, encoded.body, encoded.content_type, encoded.content_encoding)


def _headers(body: Mapping[str, Any]) -> dict[str, Any]:
    utc = body.get("utc", True)
    return {
        "lang": "py",
        "task": body["task"],
        "id": body.get("id"),
        "shadow": None,
        "eta": _moment(body.get("eta"), utc),
        "expires": _moment(body.get("expires"), utc),
        "group": body.get("taskset"),
        "group_index": body.get("group_index"),
        "retries": body.get("retries") or 0,
        "timelimit": list(body.get("timelimit") or (None, None)),
        "root_id": body.get("id"),
        "parent_id": None,
        "argsrepr": safe_repr(tuple(body.get("args") or ())),
        "kwargsrepr": safe_repr(dict(body.get("kwargs") or {})),
        "origin": None,
        "ignore_result": False,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
    }


def _moment(text: Any, utc: Any) -> Any:
    """Times are in UTC, or in the local time of the sender, which is taken for ours."""
    if not text or utc:
        return text
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (TypeError, ValueError):
        return text
