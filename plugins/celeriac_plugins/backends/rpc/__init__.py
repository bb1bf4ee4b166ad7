"""Results as messages to who has called, as with Celery's ``rpc://``: through the broker, and kept nowhere.

A process has one reply queue. It is made before the first call that is to be answered to it, and goes with the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from celeriac.errors import BackendDown, ConfigurationError, TransportError, UnsupportedCapability
from celeriac.message import Message
from celeriac.specs.backend import BackendOptions, Record, ResultBackend
from celeriac.states import READY_STATES
from celeriac_plugins._shared.transport_options import check_options

from . import letter
from .kept import Kept
from .mailbox import Mailbox

_DRIVER: Final = "result backend 'rpc'"
_LONGEST: Final = 30 * 86_400.0
"""Seconds that results may wait at the broker where ``result_expires`` is None."""


class RpcBackend(ResultBackend):
    """``rpc://``, and nothing behind it: the broker is that of ``broker_url``."""

    capabilities = frozenset({"processes", "multi-host", "push"})

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        check_options(_DRIVER, options.extra, ())
        if options.url.partition("://")[2].strip("/"):
            raise ConfigurationError(f"{_DRIVER} takes no address: it goes through broker_url; write rpc://")
        if options.transport is None:
            raise ConfigurationError(f"{_DRIVER} needs the transport through which results go back")
        transport = options.transport()
        if not transport.supports("reply"):
            raise ConfigurationError(
                f"{_DRIVER} sends results back through the broker, which {type(transport).__name__} cannot do; "
                "use a result_backend that keeps them, such as redis:// or sqlite://"
            )
        self._transport = options.transport
        self.capabilities = frozenset({"push"}) | (transport.capabilities & {"processes", "multi-host"})
        self._life = _LONGEST if options.expires is None else options.expires
        self._kept = Kept(options.expires)
        self._mailbox = Mailbox(options.transport, self._life, self._take)

    def reply_to(self, timeout: float) -> str | None:
        return self._mailbox.address(timeout)

    # results

    def store(self, batch: Sequence[Record]) -> None:
        kind, encoding = self.options.content_type, self.options.content_encoding
        letters = [(each.reply_to, letter.write(each, kind, encoding)) for each in batch if each.reply_to]
        if letters:
            with _told_as_our_own():
                self._transport().reply(letters, self._life)

    def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        self._empty()
        with self._mailbox.changed:
            return self._kept.find(ids, self.options.clock.time())

    def wait(self, ids: Sequence[str], timeout: float | None) -> dict[str, Record]:
        def look() -> dict[str, Record]:
            found = self._kept.find(ids, self.options.clock.time())
            return {name: record for name, record in found.items() if record.state in READY_STATES}

        with _told_as_our_own():
            return self._mailbox.wait(look, timeout)

    def nudge(self) -> None:
        self._mailbox.nudge()

    def forget(self, ids: Sequence[str]) -> None:
        self._empty()
        with self._mailbox.changed:
            self._kept.forget(ids)

    def sweep(self) -> int:
        self._empty()
        with self._mailbox.changed:
            return self._kept.sweep(self.options.clock.time())

    def _empty(self) -> None:
        with _told_as_our_own():
            self._mailbox.empty()

    def _take(self, messages: list[Message]) -> None:
        now = self.options.clock.time()
        for message in messages:
            record = letter.read(message)
            if record is not None:
                self._kept.add(record, now)

    # joins: nobody sees all members

    def join_open(self, group: str, size: int | None, body: bytes) -> None:  # noqa: ARG002
        """Raises UnsupportedCapability."""
        raise UnsupportedCapability(f"{_DRIVER} does not count the members of a group: no chords")

    def join_seal(self, group: str, size: int, body: bytes, lease: float) -> bytes | None:  # noqa: ARG002
        return None

    def join_arrive(self, group: str, members: Sequence[str], lease: float) -> bytes | None:  # noqa: ARG002
        return None

    def join_close(self, group: str) -> None:
        """Nothing is open."""

    def join_orphans(self, lease: float) -> list[tuple[str, bytes]]:  # noqa: ARG002
        return []

    def close(self) -> None:
        self._mailbox.close()


@contextmanager
def _told_as_our_own() -> Iterator[None]:
    """The transport's errors as those of a result backend."""
    try:
        yield
    except TransportError as error:
        raise BackendDown(str(error)) from error
