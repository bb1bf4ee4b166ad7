"""The message of a retry: the one that ran, once more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from celeriac.call import AGAIN, KNOWN_OPTIONS, unknown_option
from celeriac.errors import ConfigurationError
from celeriac.kinds import SERIALIZER
from celeriac.message import Message, Publication
from celeriac.retry import FIRST_RUN

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.context import Context
    from celeriac.errors import Retry


def retried(app: Celeriac, context: Context, control: Retry) -> Publication:
    """The same message again, due later. What the task has changed for the next run is encoded as the old one was."""
    old = context.message
    if old is None:
        raise ConfigurationError(f"{context.task} is not run from a message, so there is none to publish again")
    when = control.when.timestamp() if isinstance(control.when, datetime) else control.when
    due = app.clock.time() if when is None else when
    headers = {**old.headers, "retries": context.retries + 1, "eta": datetime.fromtimestamp(due, UTC).isoformat()}
    headers.pop(AGAIN, None)
    if control.first_run is not None:
        headers[FIRST_RUN] = control.first_run
    args, kwargs, options = control.changed
    body, content_type, content_encoding = old.body, old.content_type, old.content_encoding
    properties, queue = old.properties, context.queue or app.default_queue
    embed = context.embed
    if options:
        properties, queue = dict(properties), options.get("queue") or options.get("routing_key") or queue
        embed = _with_options(app, options, headers, properties, embed)
    if args is not None or kwargs is not None or embed is not context.embed or _ENCODING & options.keys():
        name, _ = app.registry.find_content_type(SERIALIZER, content_type)
        value = (context.args if args is None else list(args), context.kwargs if kwargs is None else dict(kwargs))
        compression = options.get("compression", headers.pop("compression", None))
        encoded = app.codec.encode((*value, embed), options.get("serializer", name), compression)
        if encoded.compression:
            headers["compression"] = encoded.compression
        body, content_type, content_encoding = encoded.body, encoded.content_type, encoded.content_encoding
    return Publication(queue, Message(headers, properties, body, content_type, content_encoding), due)


_ENCODING = frozenset({"serializer", "compression"})
_FIXED = frozenset({"task_id", "countdown", "eta", "retries", "root_id", "parent_id", "group_id", "group_index"})
_HEADERS = frozenset({"shadow", "ignore_result", "argsrepr", "kwargsrepr"})


def _with_options(
    app: Celeriac,
    options: Mapping[str, Any],
    headers: dict[str, Any],
    properties: dict[str, Any],
    embed: dict[str, Any],
) -> dict[str, Any]:
    """Change headers and properties as the options say, and return what is embedded then.

    Raises:
        ConfigurationError: an option that does not exist, or that a retry cannot change.
    """
    for name in sorted(options):
        if name not in KNOWN_OPTIONS:
            raise unknown_option(name)
        if name in _FIXED:
            raise ConfigurationError(f"a retry is the same task: it cannot change {name!r}")
    headers.update({name: options[name] for name in _HEADERS & options.keys()})
    if "expires" in options:
        app.caller.set_expiry(options["expires"], headers)
    if "time_limit" in options or "soft_time_limit" in options:
        hard, soft = headers.get("timelimit") or (None, None)
        headers["timelimit"] = [options.get("time_limit", hard), options.get("soft_time_limit", soft)]
    headers.update(options.get("headers") or {})
    properties.update({name: options[name] for name in ("priority", "reply_to") if name in options})
    changed = {
        key: options[name] if isinstance(options[name], (list, tuple)) else [options[name]]
        for name, key in (("link", "callbacks"), ("link_error", "errbacks"))
        if name in options
    }
    return {**embed, **changed} if changed else embed
