"""How one driver object gives its orders: over a wire that it may share with others, with errors of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hiredis import HiredisError, ReplyError

from .redis_errors import Faces
from .redis_link import Command, Link, Script, fine
from .redis_place import Place
from .redis_wire import wire_to

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds within which the server must answer where the caller has no deadline of its own."""


class Line:
    """Nothing is opened before the first order."""

    def __init__(self, place: Place, faces: Faces) -> None:
        self.place = place
        self.faces = faces
        self._wire = wire_to(place, self)
        self._closed = False

    @property
    def connections(self) -> int:
        """How many there have been: after another one, the server may be another, or without its data."""
        return self._wire.connections

    @property
    def distrusted(self) -> float:
        """When a connection to the server was last found dead: `Wire.distrusted`."""
        return self._wire.distrusted

    def distrust(self) -> None:
        """A connection to the server was found dead."""
        self._wire.distrust()

    def call(self, commands: Sequence[Command], timeout: float = PATIENCE) -> list[Any]:
        """The replies to the commands, which leave in one write.

        Raises:
            faces.down: not done within `timeout` seconds. faces.damaged: a key is not what it should be.
        """

        def work(link: Link, deadline: float) -> list[Any]:
            return fine(link.call(commands, deadline))

        return self._use(work, timeout)

    def tell(self, commands: Sequence[Command], timeout: float = PATIENCE) -> None:
        """Send the commands, and do not wait for their replies: what one of them refuses shows as a lost connection.

        Raises:
            faces.down: not sent within `timeout` seconds.
        """
        self._use(lambda link, deadline: link.tell(commands, deadline), timeout)

    def begin(self, commands: Sequence[Command], timeout: float = PATIENCE) -> Callable[[float], list[Any]]:
        """Send the commands, and return what waits for their replies, within the seconds it is given: as `call`, in two
        steps. In between, anybody may use the connection.

        Raises:
            faces.down: not sent within `timeout` seconds.
        """
        owed = self._use(lambda link, deadline: link.begin(commands, deadline), timeout)

        def work(link: Link, deadline: float) -> list[Any] | None:
            return fine(link.collect(owed, deadline)) if link is owed.link else None

        def finish(timeout: float) -> list[Any]:
            if owed.are_here:
                return self._checked(lambda: fine(owed.replies))
            replies = None if owed.link.is_closed else self._use(work, timeout)
            if replies is None:
                raise self.faces.down(f"the connection to {self.place.shown} was lost before the server had answered")
            return replies

        return finish

    def run(
        self,
        script: Script,
        keys: Sequence[str | bytes],
        arguments: Sequence[Any],
        timeout: float = PATIENCE,
        after: Sequence[Command] = (),
    ) -> Any:
        """What the script returns; errors as in `call`. Commands to run `after` it may fail unnoticed."""

        def work(link: Link, deadline: float) -> Any:
            result = link.run(script, keys, arguments, deadline)
            if after:
                link.call(after, deadline)
            return result

        return self._use(work, timeout)

    def _use(self, work: Callable[[Link, float], T], timeout: float) -> T:
        if self._closed:
            raise self.faces.down(f"{self.place.shown} was closed by this process; make a new object")
        return self._checked(lambda: self._wire.use(self.place, self.faces, work, timeout))

    def _checked(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (self.faces.down, self.faces.damaged):
            raise  # from connecting
        except (OSError, HiredisError, ReplyError) as error:
            raise self.faces.of(error, self.place.shown) from error

    def close(self) -> None:
        """Leave the wire, which is cut when nobody uses it any more. A second call does nothing."""
        self._closed = True
        self._wire.leave(self, PATIENCE)
