"""Receiving: one script takes a whole batch; who finds nothing sleeps until the server tells of a change.

Sleeping is not done in a blocking pop: that would take one message out of the list with nobody's name on it, or wake
for one list only. The server's key tracking (made for caches) says when a key that we have read is written, whoever
writes it and whatever it is: we read the lengths of our queues' lists, and sleep on the socket. Nothing is taken, so
nothing can be lost, and nothing polls. What comes back by time alone (due messages, leases that run out) is known
beforehand from the script's answer.
"""

from __future__ import annotations

import math
import random
import secrets
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

from hiredis import HiredisError

from celeriac.message import Delivery
from celeriac.specs.transport import TransportOptions
from celeriac_plugins._shared.forks import tell_of_forks
from celeriac_plugins._shared.redis_dial import dial
from celeriac_plugins._shared.redis_line import PATIENCE, Line
from celeriac_plugins._shared.redis_link import Command, Link, fine, readable

from . import claims
from .claims import Claim, LargeClaim, ScriptedClaim, Terms
from .keys import Keys, QueueKeys
from .seats import Seat, Seats

_MOST = 10_000
"""Messages in one claim at most."""
_LOOK_EVERY = 0.005
"""Seconds between two looks around while messages keep coming."""
_SHOW_EVERY = 60
"""Seconds between two signs that we consume a queue."""
_SILENCE = 3.5
"""Seconds without a word from the server after which a sleeper asks whether it is there: it would not hear of a
message on a connection that is dead."""
_REST, _LONGEST_REST = 0.0005, 0.02


class Receiving:
    """The receives of one transport."""

    def __init__(self, line: Line, keys: Keys, options: TransportOptions) -> None:
        self._line = line
        self._place = place = line.place
        self._faces = line.faces
        self._keys = keys
        self._now = options.clock.time
        self._lease = options.lease
        self._timeout: float = place.options["visibility_timeout"]
        self._turns = count()
        self._looked = -1.0
        self._start_afresh()
        tell_of_forks(self)

    def _start_afresh(self) -> None:
        self._owner = secrets.token_hex(5)
        self._claims = count()
        self._seats = Seats()
        self._ahead: deque[tuple[Seat, tuple[str, ...], ScriptedClaim]] = deque()
        """A claim that was sent and whose answer nobody has read, at most one."""
        self._size = 0
        """Bytes of a message, on the average of the last claim."""

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        if limit < 1 or not queues:
            raise ValueError("receive takes one queue or more, and a limit of 1 or more")
        if self._seats.closed:
            raise self._faces.down(f"{self._place.shown} was closed by this process; make a new object")
        if self._seats.take_wake():
            timeout = 0
        names = tuple(dict.fromkeys(queues))
        if self._ahead:
            found = self._take_ahead(names)
            if found:
                return found
        seat = self._seats.take()
        try:
            with self._talking(seat):
                return self._receive(seat, names, min(limit, _MOST), timeout)
        finally:
            self._seats.give_back(seat)

    @contextmanager
    def _talking(self, seat: Seat) -> Iterator[None]:
        """A block that talks through this seat; an error ends its connection."""
        try:
            yield
        except (self._faces.down, self._faces.damaged):
            raise  # from connecting
        except (OSError, HiredisError) as error:
            seat.close()
            self._line.distrust()
            raise self._faces.of(error, self._place.shown) from error
        except BaseException:  # between a command and its reply
            seat.close()
            raise

    # ahead of time

    def ask(self, queues: Sequence[str], limit: int) -> None:
        """Send a claim, whose answer is for the next receive of these queues, or for `take_asked`."""
        if self._ahead or self._seats.closed:
            return
        names = tuple(dict.fromkeys(queues))
        seat = self._seats.lend()
        try:
            with self._talking(seat):
                claim = self._prepare(seat, names, min(limit, _MOST))
                claim.send(self._link(seat), time.monotonic() + PATIENCE)
        except BaseException:
            self._seats.give_back(seat)
            raise
        self._ahead.append((seat, names, claim))
        if self._seats.closed:
            self._drop_ahead()

    def take_asked(self) -> list[Delivery]:
        """What was asked for and has not been received: it is for the caller to give back."""
        return self._take_ahead(None)

    def _take_ahead(self, queues: tuple[str, ...] | None) -> list[Delivery]:
        """Whoever takes it off the deque reads the answer. One for other queues stays where it is."""
        try:
            ahead = self._ahead.pop()
        except IndexError:
            return []
        seat, names, claim = ahead
        if queues is not None and queues != names:
            self._ahead.append(ahead)
            return []
        try:
            with self._talking(seat):
                if seat.link is None:
                    return []
                claim.read(seat.link, time.monotonic() + PATIENCE)
                return self._found(seat, claim)
        finally:
            self._seats.give_back(seat)

    def _drop_ahead(self) -> None:
        """Leave it to the leases."""
        with suppress(IndexError):
            seat = self._ahead.pop()[0]
            seat.close()
            self._seats.give_back(seat)

    def _receive(self, seat: Seat, queues: tuple[str, ...], limit: int, timeout: float | None) -> list[Delivery]:
        deadline = None if timeout is None else time.monotonic() + timeout
        must_look = timeout is not None and timeout <= 0
        while True:
            if must_look or seat.watched != queues or self._now() >= seat.look_at:
                found = self._claim(seat, queues, limit)
                if found:
                    seat.losses = 0
                    seat.woken = False
                    return found
                if seat.woken:
                    seat.woken = False
                    self._rest(seat, deadline)
            left = _left(deadline)
            if left <= 0 or seat.called or self._seats.closed or self._seats.take_wake():
                return []
            must_look = seat.watched != queues and not self._watch(seat, queues)
            if not must_look:
                if self._now() >= seat.ask_at:
                    self._ask(seat)
                self._sleep(seat, min(left, min(seat.look_at, seat.ask_at) - self._now()))

    # taking

    def _prepare(self, seat: Seat, queues: tuple[str, ...], limit: int) -> ScriptedClaim:
        """A claim, and the connection ready for it."""
        now, keys = self._now(), self._keys
        turn = next(self._turns) % len(queues)
        giving = [keys.of(queue) for queue in (*queues[turn:], *queues[:turn])]
        look = seat.watched is not None or not 0 <= now - self._looked < _LOOK_EVERY
        seat.watched = None
        self._show(seat, self._link(seat), giving, time.monotonic() + PATIENCE)
        name = f"{self._owner}{next(self._claims):08x}"
        return ScriptedClaim(Terms(keys, giving, name, limit, now, self._lease, self._timeout, look))

    def _found(self, seat: Seat, claim: Claim) -> list[Delivery]:
        self._size = claim.size
        seat.is_idle = not claim.is_full
        if claim.found and claim.terms.look:
            self._looked = claim.terms.now
        return claim.found

    def _claim(self, seat: Seat, queues: tuple[str, ...], limit: int) -> list[Delivery]:
        claim = self._prepare(seat, queues, limit)
        if self._size >= claims.LARGE:
            large = LargeClaim(claim.terms)
            large.take(self._link(seat), self._size, time.monotonic() + PATIENCE)
            if self._found(seat, large):
                return large.found
        # Whoever has not found all that it asked for lately sleeps soon: that is prepared in the same write.
        watching = self._watching(queues) if seat.is_idle else ()
        told = claim.take(self._link(seat), watching, time.monotonic() + PATIENCE)
        found = self._found(seat, claim)
        if found:
            self._watched(seat, queues, told)
            return found
        if not claim.terms.look:  # nothing was ready, so look for what is due
            self._looked = -1.0
            return self._claim(seat, queues, limit)
        self._looked = claim.terms.now
        due, held = claim.next_due, claim.next_end
        seat.look_at = math.inf if due is None else due
        seat.ask_at = min(math.inf if held is None else held, claim.terms.now + self._lease)
        self._watched(seat, queues, told)
        return []

    def _link(self, seat: Seat) -> Link:
        link = seat.link
        if link is not None and (
            link.used < self._line.distrusted or (time.monotonic() - link.used > 1.0 and link.has_ended())
        ):
            seat.close()
        if seat.link is None:
            deadline = time.monotonic() + PATIENCE
            seat.link = dial(self._place, deadline, self._faces)
            fine(seat.link.call([("CLIENT", "TRACKING", "ON", "OPTIN", "NOLOOP")], deadline))
        return seat.link

    def _show(self, seat: Seat, link: Link, queues: Sequence[QueueKeys], deadline: float) -> None:
        """Let publishers see from time to time that we are here."""
        shown = tuple(sorted(each.name for each in queues))
        if seat.shown == shown and time.monotonic() - seat.shown_at < _SHOW_EVERY:
            return
        life = int(self._lease) + 3 * _SHOW_EVERY
        link.call([("SET", each.here, 1, "EX", life) for each in queues], deadline)
        seat.shown, seat.shown_at = shown, time.monotonic()

    # sleeping

    def _watch(self, seat: Seat, queues: tuple[str, ...]) -> bool:
        """Have the server tell of changes from now on; False if there is something already."""
        return self._watched(seat, queues, self._tell(seat, *self._watching(queues)))

    def _watching(self, queues: tuple[str, ...]) -> Sequence[Command]:
        keys = [self._keys.of(queue) for queue in queues]
        return (
            ("CLIENT", "CACHING", "YES"),
            ("EXISTS", *(name for each in keys for name in each.lists)),
            ("CLIENT", "CACHING", "YES"),
            ("MGET", *(each.bell for each in keys)),
        )

    def _watched(self, seat: Seat, queues: tuple[str, ...], replies: Sequence[Any]) -> bool:
        if not replies or replies[1]:
            return False
        claimed = self._looked
        for due in replies[3]:  # one that came in just now; those of before the last look are in its answer
            if due and float(due) > claimed:
                seat.look_at = min(seat.look_at, float(due))
        seat.watched = queues
        return True

    def _ask(self, seat: Seat) -> None:
        """One small question that keeps the connection proved, and now and then two more: has a lease ended that nobody
        renewed? Most are, or others have taken messages since the last look."""
        now, keys = self._now(), self._keys
        (held,) = self._tell(seat, ("EXISTS", keys.unacked, keys.leases))
        if not held:
            seat.ask_at = now + self._lease
        elif now >= seat.ask_at:
            first = [("ZRANGE", name, 0, 0, "WITHSCORES") for name in (keys.leases, keys.index)]
            leases, renewals = self._tell(seat, *first)
            ends = [float(leases[0][1]) / 1000] if leases else []
            ends += [float(renewals[0][1]) + self._timeout] if renewals else []
            seat.ask_at = min([*ends, now + self._lease])
            if seat.ask_at <= now:
                seat.look_at = now

    def _tell(self, seat: Seat, *commands: Command) -> list[Any]:
        return fine(self._link(seat).call(commands, time.monotonic() + PATIENCE))

    def _sleep(self, seat: Seat, seconds: float) -> None:
        link = self._link(seat)
        if seat.watched is None:  # it was connected anew: nothing tells of changes
            return
        if not link.has_more:
            readable((link, seat.bell), min(seconds, max(link.used + _SILENCE - time.monotonic(), 0)))
        seat.bell.still()
        link.listen()
        if time.monotonic() - link.used >= _SILENCE:
            self._ask(seat)
        if link.take_pushes():
            seat.watched = None
            seat.woken = True

    def _rest(self, seat: Seat, deadline: float | None) -> None:
        """Where many sleep on one queue, one message wakes them all. Those who come late again and again take their
        time before they watch again, so that they cost the server little; who gets a message never waits for this."""
        seat.losses += 1
        rest = random.random() * min(_REST * 2 ** min(seat.losses, 10), _LONGEST_REST)  # noqa: S311
        readable((seat.bell,), min(rest, max(_left(deadline), 0)))

    # ending

    def wake(self) -> None:
        self._seats.wake()

    def close(self) -> None:
        self._drop_ahead()
        self._seats.close()

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            self._drop_ahead()
            self._seats.drop()
            self._start_afresh()


def _left(deadline: float | None) -> float:
    return 3600.0 if deadline is None else deadline - time.monotonic()
