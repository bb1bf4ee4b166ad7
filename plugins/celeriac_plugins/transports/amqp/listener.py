"""What everybody has who listens on a connection of its own: how it is called, lost, and left behind by a fork."""

from __future__ import annotations

from threading import Lock

from celeriac_plugins._shared.forks import tell_of_forks

from .link import Channel, Link


class Listener:
    """One reads at a time, under `_reading`."""

    def __init__(self) -> None:
        self._reading = Lock()
        self._called = False
        self._closed = False
        self._link: Link | None = None
        self._channel: Channel | None = None
        tell_of_forks(self)

    def wake(self) -> None:
        """Takes no lock: signal handlers call it."""
        self._called = True
        link = self._link
        if link is not None:
            link.bell.ring()

    def _end(self) -> None:
        """Have who reads return, and free the connection."""
        self._closed = True
        if self._link is not None:
            self._link.bell.ring()
        with self._reading:
            self._drop()

    def _drop(self) -> None:
        link, self._link, self._channel = self._link, None, None
        if link is not None:
            link.close()

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            if self._link is not None:
                self._link.drop()
            self._link = self._channel = None
            self._closed = True
            self._reading = Lock()
