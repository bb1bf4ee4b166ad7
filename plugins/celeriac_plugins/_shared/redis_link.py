"""One connection to a Redis server, spoken to without redis-py's command layer, which costs more than the server.

redis-py sets it up (TLS, passwords, Unix sockets); from then on it is a socket and hiredis's parser. The protocol is
RESP3, whose pushes (broadcasts, and word of keys that have changed) arrive between the replies.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Final

from hiredis import PushNotification, Reader, ReplyError, pack_command

from .plain_stream import SIZE
from .redis_stream import stream_of

Command = tuple[Any, ...] | bytes
"""Its name and its arguments: text, bytes, and numbers. Or all of it as it goes over the wire."""

_MORE: Final = object()
_MOST_UNASKED: Final = 500
"""Replies that may lie there unread."""
_DOUBT = 0.5
"""Seconds without a word after which a reply may be waited for in vain."""
_GRACE = 0.25
"""Seconds by which a reply may come later than one to a connection made after it was asked for."""


def with_texts(*command: str, texts: Sequence[bytes]) -> bytes:
    """A command that ends in many long texts, as it goes over the wire: hiredis takes several times as long for these
    (and half as long for short ones)."""
    parts = [b"*%d" % (len(command) + len(texts))]
    for text in (*(word.encode() for word in command), *texts):
        parts.append(b"\r\n$%d\r\n" % len(text))
        parts.append(text)
    parts.append(b"\r\n")
    return b"".join(parts)


def fine(replies: list[Any]) -> list[Any]:
    """The same replies.

    Raises:
        ReplyError: the first of them that is one.
    """
    for reply in replies:
        if isinstance(reply, ReplyError):
            raise reply
    return replies


def _packed(command: Command) -> bytes:
    return command if isinstance(command, bytes) else pack_command(command)


@dataclass(slots=True)
class Owed:
    """Replies that come before those to later commands, so whoever reads these has read them too."""

    link: Link
    number: int
    replies: list[Any]

    @property
    def are_here(self) -> bool:
        return len(self.replies) == self.number


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script; the server keeps it under its digest once it has seen it."""

    source: str
    digest: str

    @classmethod
    def of(cls, *parts: str) -> Script:
        source = "".join(parts)
        return cls(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


class Link:
    """Not thread-safe, other than that one thread may `send` while another one reads."""

    def __init__(self, sock: socket.socket) -> None:
        self._stream = stream_of(sock)
        self._reader = Reader(notEnoughData=_MORE)
        self._replies: deque[Any] = deque()
        self._ahead = b""
        """What is to go out with the next commands."""
        self._owed: deque[list[Any] | None] = deque()
        """Where each of the next replies goes; None: nobody waits for it. Those behind them are asked for just now."""
        self.pushes: list[list[Any]] = []
        """Those that came and were not taken yet, oldest first; the first word says what each is."""
        self.used = time.monotonic()
        """When something was last sent or heard."""
        self.answers_elsewhere: Callable[[float], bool] | None = None
        """Tells whether the server answers on a new connection, made within so many seconds."""

    def fileno(self) -> int:
        return self._stream.socket.fileno()

    # asking

    def call(self, commands: Sequence[Command], deadline: float) -> list[Any]:
        """The replies; one that is an error is among them as a ReplyError.

        Raises:
            OSError: the connection is gone, or the deadline (by the monotonic clock) has passed. It is not to be used
                any more then: the replies would be taken for those to other commands.
        """
        self.send(commands, deadline)
        return [self.reply(deadline) for _ in commands]

    def run(self, script: Script, keys: Sequence[str | bytes], arguments: Sequence[Any], deadline: float) -> Any:
        """What the script returns.

        Raises:
            ReplyError, OSError
        """
        return self.run_before(script, keys, arguments, (), deadline)[0]

    def run_before(
        self,
        script: Script,
        keys: Sequence[str | bytes],
        arguments: Sequence[Any],
        commands: Sequence[Command],
        deadline: float,
    ) -> list[Any]:
        """What the script returns, and behind it the replies to commands that go out in the same write.

        Raises:
            ReplyError, OSError
        """
        rest = (len(keys), *keys, *arguments)
        replies = self.call([("EVALSHA", script.digest, *rest), *commands], deadline)
        if isinstance(replies[0], ReplyError) and str(replies[0]).startswith("NOSCRIPT"):
            replies = self.call([("EVAL", script.source, *rest), *commands], deadline)
        return fine(replies)

    def send(self, commands: Sequence[Command], deadline: float) -> None:
        """Write the commands; their replies are to be read."""
        packed = b"".join([_packed(command) for command in commands]) if len(commands) > 1 else _packed(commands[0])
        if self._ahead:
            packed, self._ahead = self._ahead + packed, b""
        self._stream.write(packed, deadline)

    def tell(self, commands: Sequence[Command], deadline: float) -> None:
        """Write commands now, and have nobody wait for their replies; an error among these breaks the connection."""
        self.send(commands, deadline)
        self._owed.extend([None] * len(commands))
        if len(self._owed) > _MOST_UNASKED:
            self.listen()

    def say(self, command: Command) -> None:
        """Have a command go out ahead of the next ones. Nobody waits for its reply; an error breaks the connection."""
        self._ahead += _packed(command)
        self._owed.append(None)

    def begin(self, commands: Sequence[Command], deadline: float) -> Owed:
        """Write commands now, and `collect` their replies later; others may be asked for before that."""
        self.send(commands, deadline)
        replies: list[Any] = []
        self._owed.extend([replies] * len(commands))
        return Owed(self, len(commands), replies)

    def collect(self, owed: Owed, deadline: float) -> list[Any]:
        """As `call`, for what was begun on this connection."""
        self._parse()
        while not owed.are_here:
            self._feed_by(deadline)
            self._parse()
        return owed.replies

    def reply(self, deadline: float) -> Any:
        """The next reply; pushes before it are put aside."""
        while not self._replies:
            self._parse(1)
            if not self._replies:
                self._feed_by(deadline)
        return self._replies.popleft()

    def _feed_by(self, deadline: float) -> None:
        """Wait for bytes. A server that is slow does not answer anybody: it does one thing at a time. One that answers
        on a new connection, and not here where it was asked before, never will: this connection is dead, and only we
        do not know it (a firewall has forgotten it, a machine is gone)."""
        is_dead = False
        while True:
            left = _left(deadline)  # outside of what is caught: nobody would ever end a wait whose time is up
            try:
                return self._feed(self._stream.read(min(left, _GRACE if is_dead else _DOUBT)))
            except TimeoutError:
                if is_dead:
                    raise ConnectionError("the connection is dead; the server answers on a new one") from None
            is_dead = self.answers_elsewhere is not None and self.answers_elsewhere(_left(deadline))

    # listening

    def listen(self) -> list[Any]:
        """Read what has arrived, without waiting: replies are returned, pushes put aside."""
        self._parse()
        while (data := self._stream.read_now()) is not None:
            self._feed(data)
            self._parse()
            if len(data) < SIZE and not self._stream.has_more:
                break
        replies = list(self._replies)
        self._replies.clear()
        return replies

    def take_pushes(self) -> list[list[Any]]:
        pushes, self.pushes = self.pushes, []
        return pushes

    def has_ended(self) -> bool:
        """Whether the server has closed an idle connection; what else it has sent meanwhile is read."""
        try:
            while readable((self,), 0):
                self.listen()
        except OSError:
            return True
        return False

    @property
    def has_more(self) -> bool:
        """Whether something has arrived that the system does not tell of any more: it was read with something else,
        or decrypted already. To be asked before each wait for the socket."""
        self._parse()
        return bool(self.pushes or self._replies or self._stream.has_more)

    def _parse(self, most: int = sys.maxsize) -> None:
        """Sort what was read, up to so many replies."""
        while len(self._replies) < most and (found := self._reader.gets()) is not _MORE:
            if isinstance(found, PushNotification):
                self.pushes.append(found)
            elif self._owed:
                replies = self._owed.popleft()
                if replies is not None:
                    replies.append(found)
                elif isinstance(found, ReplyError):
                    raise ConnectionError(str(found))
            else:
                self._replies.append(found)

    def _feed(self, data: bytes) -> None:
        if not data:
            raise ConnectionError("the server closed the connection")
        self._reader.feed(data)
        self.used = time.monotonic()

    def close(self) -> None:
        self._stream.socket.close()

    @property
    def is_closed(self) -> bool:
        return self.fileno() < 0


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it did not answer in time")
    return left


def readable(sources: Sequence[Any], timeout: float) -> bool:
    """Wait until one of the sources can be read, for `timeout` seconds at most. A closed one can be read."""
    if min(source.fileno() for source in sources) < 0:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        for source in sources:
            poll.register(source, select.POLLIN)
        return bool(poll.poll(max(timeout, 0) * 1000))
    return bool(select.select(sources, (), (), max(timeout, 0))[0])  # eventlet leaves nothing else
