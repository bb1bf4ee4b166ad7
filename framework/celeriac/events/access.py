"""``app.events``: where the two sides of events are found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celeriac.events.dispatcher import EventDispatcher
from celeriac.events.event import Event
from celeriac.events.receiver import EventReceiver

if TYPE_CHECKING:
    from celeriac.app import Celeriac


class Events:
    """Belongs to one process; a forked child makes its own."""

    def __init__(self, app: Celeriac) -> None:
        self._app = app
        self._own: EventDispatcher | None = None
        self._lent = False

    def Dispatcher(  # noqa: N802 (Celery's names)
        self, hostname: str | None = None, *, enabled: bool = True, groups: Collection[str] = ()
    ) -> EventDispatcher:
        """A dispatcher of one's own, to be closed by who has made it."""
        return EventDispatcher(self._app, hostname, enabled=enabled, groups=groups)

    def Receiver(self, handlers: Mapping[str, Callable[[Event], object]] | None = None) -> EventReceiver:  # noqa: N802
        """One who listens, to be closed by who has made it."""
        return EventReceiver(self._app, handlers)

    @contextmanager
    def default_dispatcher(self, hostname: str | None = None) -> Iterator[EventDispatcher]:
        """The dispatcher of this process: events of tasks and of calls go through it. It stays when the block ends."""
        yield self._default(hostname)

    @property
    def hostname(self) -> str:
        """The name under which this process sends."""
        return self._default().hostname

    def send(self, type: str, **fields: Any) -> None:
        """Send an event of one's own: never waits, never fails."""
        self._default().send(type, **fields)

    def use(self, dispatcher: EventDispatcher | None) -> None:
        """Send by this one from now on, which stays its maker's: a worker's, so that events of its tasks keep their
        order. None: by one of our own again."""
        own, self._own, self._lent = (None if self._lent else self._own), dispatcher, dispatcher is not None
        if own is not None:
            own.close()

    def _default(self, hostname: str | None = None) -> EventDispatcher:
        if self._own is None:
            self._own = EventDispatcher(self._app, hostname)
        return self._own

    def close(self) -> None:
        """Send what waits."""
        self.use(None)
