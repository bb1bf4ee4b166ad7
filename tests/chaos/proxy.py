"""The line between clients and a broker, as bad as a test wants it: it passes, resets, refuses, or swallows."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

from servers.ports import free_port

HOST = "127.0.0.1"
PATIENCE = 10.0
_NO_LINGER = struct.pack("ii", 1, 0)
"""With this, a close sends RST and drops what was not sent yet."""


class Proxy:
    """Listens on a port of its own, from when it is made, and passes all bytes to `target` and back.

    Every method returns when what it says is so. One thread and one event loop, both ended by `close`.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._pairs: set[_Pair] = set()
        self._is_swallowing = False
        self._listener: asyncio.Server | None = None
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos-proxy", daemon=True)
        self._thread.start()
        self._do(self._listen())

    @property
    def connections(self) -> int:
        """How many there are now, those that were swallowed included."""
        return len(self._pairs)

    def restore(self) -> None:
        """Pass the bytes of new connections, and listen again after `refuse`. What was swallowed stays so: a firewall
        that forgot its connections does not remember them."""
        self._do(self._restore())

    def reset(self) -> None:
        """End all connections with RST, at both ends."""
        self._do(self._reset())

    def refuse(self) -> None:
        """Let nobody connect; those that are stay."""
        self._do(self._refuse())

    def swallow(self) -> None:
        """Pass nothing more, in neither direction, on all connections and on those that come: they stay open, and
        neither end hears of the other, of its end neither."""
        self._do(self._swallow())

    def close(self) -> None:
        """End everything. A second call does nothing."""
        if self._loop.is_closed():
            return
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # in the loop's thread

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _listen(self) -> None:
        self._listener = await self._loop.create_server(self._accept, HOST, self.port)

    async def _restore(self) -> None:
        self._is_swallowing = False
        if self._listener is None:
            await self._listen()

    async def _reset(self) -> None:
        for pair in tuple(self._pairs):
            pair.reset()

    async def _refuse(self) -> None:
        await self._settle_down()  # asyncio drops without a word who is half way in when it stops listening
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _swallow(self) -> None:
        self._is_swallowing = True
        for pair in self._pairs:
            pair.swallow()

    async def _end(self) -> None:
        await self._refuse()
        while self._pairs:
            await self._reset()
            await self._settle_down()
            await asyncio.sleep(0)

    async def _settle_down(self) -> None:
        """Wait until nobody is being accepted or connected."""
        me = asyncio.current_task()
        while others := [task for task in asyncio.all_tasks() if task is not me]:
            await asyncio.gather(*others, return_exceptions=True)

    def _accept(self) -> asyncio.Protocol:
        pair = _Pair(self._target, self._pairs.discard)
        if self._is_swallowing:
            pair.swallow()
        self._pairs.add(pair)
        return pair.client


class _Pair:
    """A client's connection and the one to the broker that belongs to it."""

    def __init__(self, target: int, forget: Callable[[_Pair], None]) -> None:
        self._target = target
        self._forget = forget
        self.is_deaf = False
        self._is_over = False
        self.client, self.broker = _End(self), _End(self)
        self._connecting: asyncio.Task[None] | None = None

    def other(self, end: _End) -> _End:
        return self.broker if end is self.client else self.client

    def opened(self, end: _End) -> None:
        if self._is_over:
            end.abort()
        elif end is self.client and not self.is_deaf:
            end.pause()
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.broker, HOST, self._target)
        except OSError:
            self.reset()
        else:
            self.client.resume()

    def swallow(self) -> None:
        self.is_deaf = True
        for end in (self.client, self.broker):
            end.resume()

    def reset(self) -> None:
        self.is_deaf = self._is_over = True
        if self._connecting is not None:
            self._connecting.cancel()
        for end in (self.client, self.broker):
            end.abort()

    def ended(self) -> None:
        if not self.client.is_open and not self.broker.is_open:
            self._forget(self)


class _End(asyncio.Protocol):
    """One of the two sockets of a pair."""

    def __init__(self, pair: _Pair) -> None:
        self._pair = pair
        self._transport: asyncio.Transport | None = None
        self._has_ended = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._pair.opened(self)

    def data_received(self, data: bytes) -> None:
        other = self._pair.other(self)
        if not self._pair.is_deaf and other._transport is not None:
            other._transport.write(data)

    def eof_received(self) -> bool:
        other = self._pair.other(self)
        if self._pair.is_deaf or other._transport is None:
            return False
        self._has_ended = True
        other._transport.write_eof()
        return not other._has_ended  # the first of the two still listens to the other one

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        other = self._pair.other(self)
        if not self._pair.is_deaf and other._transport is not None:
            if error is None:
                other._transport.close()
            else:
                other.abort()
        self._pair.ended()

    def pause_writing(self) -> None:
        self._pair.other(self).pause()

    def resume_writing(self) -> None:
        self._pair.other(self).resume()

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def abort(self) -> None:
        if self._transport is not None:
            with suppress(OSError):
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._transport.abort()
