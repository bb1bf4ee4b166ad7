"""Events: Celeriac's, with Celery's arguments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from celeriac.events import EventDispatcher as NativeDispatcher
from celeriac.events import EventReceiver as NativeReceiver
from celeriac.events import Events as NativeEvents
from celeriac.events.event import group_of as group_from
from celeriac.events.event import make_event
from celeriac_contrib.celery._state import app_or_default
from celeriac_contrib.celery.absent import absent

__all__ = ("Event", "EventDispatcher", "EventReceiver", "group_from")


def Event(type: str, _fields: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """An event: its type, the time, and what else is given."""
    given = {**(_fields or {}), **fields}
    return dict(make_event(type, hostname=given.pop("hostname", ""), **given))


class EventDispatcher(NativeDispatcher):
    """Sends events; ``with app.events.Dispatcher(connection) as dispatcher: dispatcher.send("my-event", x=1)``."""

    def __init__(
        self,
        connection: Any = None,
        hostname: str | None = None,
        channel: Any = None,
        buffer_while_offline: bool = True,
        enabled: bool = True,
        groups: Collection[str] | None = None,
        app: Any = None,
        **_options: Any,
    ) -> None:
        super().__init__(app_or_default(app), hostname, enabled=enabled, groups=groups or ())


class EventReceiver(NativeReceiver):
    """Hears events; ``app.events.Receiver(connection, handlers={"*": print}).capture()``."""

    def __init__(
        self,
        channel: Any = None,
        handlers: Mapping[str, Callable[[Any], object]] | None = None,
        routing_key: str = "#",
        node_id: str | None = None,
        app: Any = None,
        **_options: Any,
    ) -> None:
        super().__init__(app_or_default(app), handlers)


class Events(NativeEvents):
    """``app.events``."""

    def Receiver(self, channel: Any = None, handlers: Any = None, **options: Any) -> EventReceiver:
        """One who listens; a connection is taken and not needed."""
        return EventReceiver(channel, handlers, app=self._app, **options)

    def Dispatcher(self, connection: Any = None, hostname: str | None = None, **options: Any) -> EventDispatcher:
        """One who tells; a connection is taken and not needed."""
        return EventDispatcher(connection, hostname, app=self._app, **options)


__getattr__ = absent(__name__)
