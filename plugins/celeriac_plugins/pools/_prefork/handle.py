"""The parent's handle on one child: its ends of the channels, and what it was sent."""

from __future__ import annotations

import enum
import os
import select
import socket
from collections.abc import Sequence

from celeriac.specs.pool import Outcome, Request
from celeriac_plugins.pools._prefork.board import Record
from celeriac_plugins.pools._prefork.child import END
from celeriac_plugins.pools._prefork.cradle import Cradle
from celeriac_plugins.pools._prefork.frames import GENERATIONS, OutcomeStream, pack_requests


class Phase(enum.Enum):
    STARTING = enum.auto()
    """Forked or about to be; its process is not ready to run."""
    SERVING = enum.auto()
    LEAVING = enum.auto()
    """Gets no more requests; told to end once it has none."""


class ChildHandle:
    """Belongs to the supervisor; everything is called with its lock held."""

    def __init__(self, record: Record, cradle: Cradle, now: float) -> None:
        self.record = record
        self.number = record.number
        self.pid = 0
        self.phase = Phase.STARTING
        self.sent: dict[int, Request] = {}
        """What it has not answered, by key, in the order of sending: some ended, one running, the rest waiting."""
        self.taken = 0
        """How many requests it was given in all."""
        self.worn = False
        """It is to be replaced."""
        self.told = False
        """It was told to end."""
        self.doom: BaseException | None = None
        """Why it is being killed; its running request is answered with this."""
        self.ending_since = 0.0
        self.made = now
        self.counted = 0
        self.counted_busy = 0.0
        self._generation = 0
        self._unsent = bytearray()
        self._stream = OutcomeStream()
        self._open_channels(cradle)

    def _open_channels(self, cradle: Cradle) -> None:
        self.link, theirs = socket.socketpair()
        self._taken_back, self._tokens = os.pipe()
        self._outcomes, outcomes = os.pipe()
        os.set_blocking(self._taken_back, False)
        os.set_blocking(self._outcomes, False)
        os.set_blocking(outcomes, False)
        self.link.setblocking(False)
        cradle.fork(self.number, [theirs.fileno(), self._taken_back, outcomes])
        theirs.close()
        os.close(outcomes)

    def close(self) -> None:
        self.link.close()
        for fd in (self._taken_back, self._tokens, self._outcomes):
            os.close(fd)

    # handing over

    def send(self, batch: Sequence[Request]) -> None:
        """Hand these over; raises what `pack_requests` raises, and then nothing was sent."""
        self._unsent += pack_requests(batch, self._generation)
        self.sent.update([(request.key, request) for request in batch])
        self.taken += len(batch)
        self.flush()  # the frame before its tokens: when the child wakes, all is there
        os.write(self._tokens, bytes([self._generation]) * len(batch))

    def flush(self) -> bool:
        """Write what is left of frames; True when nothing is."""
        try:
            while self._unsent:
                del self._unsent[: self.link.send(self._unsent)]
        except BlockingIOError:
            return False
        except OSError:  # it has died; its requests go to others when the nursery reports it
            self._unsent.clear()
        return True

    def take_back(self) -> list[Request]:
        """Take back what it has not started, in the order of sending. Afterwards it cannot start any of these."""
        if not self.sent:
            return []
        try:
            count = len(os.read(self._taken_back, 65536))
        except BlockingIOError:
            return []
        self._generation = (self._generation + 1) % GENERATIONS
        self.taken -= count
        back = [self.sent.popitem()[1] for _ in range(count)]
        back.reverse()
        return back

    def dismiss(self, now: float) -> None:
        """Tell it to end. It must have been sent nothing that it has not answered."""
        self.told = True
        self.ending_since = now
        os.write(self._tokens, bytes([END]))

    @property
    def leaves_when_idle(self) -> bool:
        return self.worn or self.phase is Phase.LEAVING

    def await_end(self) -> None:
        """After a SIGKILL from elsewhere: wait until its end of the socket is closed, or a second at most."""
        poll = select.poll()
        poll.register(self.link, 0)
        poll.poll(1000)

    # what comes back

    def hear(self) -> bool:
        """Take the rings of the bell; False when the child has closed its end."""
        try:
            return bool(self.link.recv(4096))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def collect(self) -> list[Outcome]:
        """The outcomes that have come.

        Raises:
            msgspec.MsgspecError: something else came; the child is not to be trusted any more.
        """
        found: list[Outcome] = []
        while True:
            try:
                data = os.read(self._outcomes, 1 << 18)
            except BlockingIOError:
                break
            if not data:
                break
            found += self._stream.feed(data)
        return [outcome for outcome in found if self.sent.pop(outcome.key, None) is not None]

    def worked(self) -> tuple[int, float]:
        """How many requests have ended since the last call, and the seconds they took together."""
        ended, busy = self.record.ended, self.record.busy
        count, seconds = ended - self.counted, busy - self.counted_busy
        self.counted, self.counted_busy = ended, busy
        return count, seconds

    def running(self) -> int | None:
        """The key of what runs now."""
        if not self.record.since:
            return None
        key = self.record.key
        return key if key in self.sent else None
