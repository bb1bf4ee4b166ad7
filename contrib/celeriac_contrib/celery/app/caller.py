"""Messages with what Celery's have and ours need not have."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celeriac.call import KNOWN_OPTIONS, Caller
from celeriac.settings.urls import split_scheme
from celeriac_contrib.celery.app.options import call_options

MAX_PRIORITY = 9
_NO_OPTIONS: dict[str, Any] = {}
_TURNED = ("redis", "sentinel")
"""Brokers on which Celery's 0 is the most urgent, and what it means by no priority. Ours is 9 everywhere, and the
transport turns it (docs/redis.md); so here it is turned before, and Celery's own number stands in the message."""

_build = Caller.build


class CeleryCaller(Caller):
    """Every message says where replies go, as Celery's do, also where results are kept in a store; and priorities mean
    what they mean to Celery on the same broker."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._oid: str = app.oid
        url = app.conf.broker_write_url or app.conf.broker_url
        scheme = "" if url is None else split_scheme(url)[0]
        self._is_turned = scheme.startswith(_TURNED)
        self._names_priority = "amqp" in scheme

    def build(
        self, name: str, args: Any = (), kwargs: Any = None, options: Any = _NO_OPTIONS, task: Any = None
    ) -> Any:  # fmt: skip
        if options and not KNOWN_OPTIONS.issuperset(options):
            options = call_options(options)
        publication = _build(self, name, args, kwargs, options, task)
        properties = publication.message.properties
        if "reply_to" not in properties:
            properties["reply_to"] = self._oid
        if self._is_turned:
            properties["priority"] = MAX_PRIORITY - (properties.get("priority") or 0)
        elif self._names_priority and "priority" not in properties:
            properties["priority"] = 0
        if options and options.get("expires") is not None and publication.due is None:
            properties["expiration"] = str(self._milliseconds(publication.message.headers["expires"]))
        return publication

    def _milliseconds(self, moment: str) -> int:
        """Until then, as AMQP wants it: a broker may drop what is not wanted any more."""
        left = datetime.fromisoformat(moment).timestamp() - self._app.clock.time()
        return max(int(left * 1000), 0)

    def _inherit(self, context: Any, headers: dict[str, Any], priority: int | None) -> int | None:
        priority = super()._inherit(context, headers, priority)
        if self._is_turned and self._inherits and context.priority is not None:
            return MAX_PRIORITY - context.priority  # it was turned when it was sent
        return priority
