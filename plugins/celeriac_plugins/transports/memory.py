"""Queues in the memory of one process, for tests, for a single-process program, and as the example of a driver.

All transports of the same URL in a process share their queues: ``memory://`` is the default space, ``memory://name``
one of its own. A space lives as long as one transport of it does.
"""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from functools import partial
from heapq import heappop, heappush, nsmallest
from itertools import count
from threading import TIMEOUT_MAX, Lock
from uuid import uuid4
from weakref import WeakValueDictionary

from celeriac.clock import Clock
from celeriac.message import MAX_PRIORITY, Delivery, Message, Publication, pack, unpack
from celeriac.specs.transport import DeadLetter, QueueCounts, ReplyBox, Subscription, Transport, TransportOptions
from celeriac_plugins._shared.transport_options import check_options
from celeriac_plugins._shared.turns import take_in_turns
from celeriac_plugins._shared.waiting import Waiters

BROADCAST_LIFE = 60.0
"""Seconds for which a broadcast waits for its reader."""

_PRIORITY_SHIFT = 60
"""A message's place in its queue is one integer: its priority, turned round, above these bits; its number below."""


class _Stored:
    """A message, packed, so that nobody can change it from outside and every delivery is a fresh copy."""

    __slots__ = ("count", "data", "place", "since")

    def __init__(self, data: bytes, place: int, since: float) -> None:
        self.data = data
        self.place = place
        self.since = since
        self.count = 0


class _Queue:
    """`ready` is a heap by place, `delayed` a heap by due time, `held` a number."""

    __slots__ = ("delayed", "held", "name", "ready")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: list[tuple[int, _Stored]] = []
        self.delayed: list[tuple[float, int, _Stored]] = []
        self.held = 0

    def add(self, stored: _Stored, due: float | None, now: float) -> None:
        if due is None or due <= now:
            heappush(self.ready, (stored.place, stored))
        else:
            heappush(self.delayed, (due, stored.place, stored))

    def bring_due(self, now: float) -> None:
        delayed = self.delayed
        while delayed and delayed[0][0] <= now:
            due, place, stored = heappop(delayed)
            stored.since = due
            heappush(self.ready, (place, stored))


class _Holding:
    """The token of a delivery: one holding of one message. `among` are the holdings of equal lease, of which it is one
    as long as it holds, in the order in which they run out."""

    __slots__ = ("among", "queue", "stored", "until")

    def __init__(self, stored: _Stored, queue: _Queue, until: float, among: dict[_Holding, None]) -> None:
        self.stored = stored
        self.queue = queue
        self.until = until
        self.among = among


class _Buried:
    __slots__ = ("at", "detail", "id", "queue", "reason", "stored")

    def __init__(self, id: str, holding: _Holding, reason: str, detail: str, at: float) -> None:
        self.id = id
        self.stored = holding.stored
        self.queue = holding.queue.name
        self.reason = reason
        self.detail = detail
        self.at = at

    def letter(self) -> DeadLetter:
        message = unpack(self.stored.data)
        return DeadLetter(self.id, self.queue, message, self.reason, self.detail, self.stored.count, self.at)


class _Space:
    """What all transports of one URL share. Whoever touches it has its `lock`; nobody blocks under it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.numbers = count(1)
        self.queues: dict[str, _Queue] = {}
        self.holdings: dict[float, dict[_Holding, None]] = {}
        self.buried: OrderedDict[str, _Buried] = OrderedDict()
        self.waiters: list[Waiters] = []
        self.subscriptions: list[MemorySubscription] = []
        self.boxes: WeakValueDictionary[str, MemoryReplyBox] = WeakValueDictionary()
        self.turn = 0

    def queue(self, name: str) -> _Queue:
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = _Queue(name)
        return queue

    def ring(self) -> None:
        for waiters in self.waiters:
            waiters.ring()

    def bring_back(self, now: float) -> None:
        """Make ready whatever has a lease that ran out."""
        for holdings in self.holdings.values():
            for holding in list(_until(holdings, now)):
                self.release(holding)
                heappush(holding.queue.ready, (holding.stored.place, holding.stored))

    def release(self, holding: _Holding) -> bool:
        """End a holding; False when it had ended before."""
        if holding not in holding.among:
            return False
        del holding.among[holding]
        holding.queue.held -= 1
        return True

    def settle(self, batch: Sequence[Delivery]) -> Iterator[_Holding]:
        """End these holdings, and yield those that had not ended before."""
        for delivery in batch:
            if isinstance(delivery.token, _Holding) and self.release(delivery.token):
                yield delivery.token

    def take(self, names: Sequence[str], limit: int, now: float, lease: float) -> list[_Holding]:
        """Hold up to `limit` ready messages"""
        self.bring_back(now)
        queues = [self.queues[name] for name in dict.fromkeys(names) if name in self.queues]
        for queue in queues:
            queue.bring_due(now)
        self.turn += 1
        among = self.holdings.setdefault(lease, {})
        return take_in_turns([partial(_hold, queue, now + lease, among) for queue in queues], limit, self.turn)

    def next_change(self, names: Sequence[str]) -> float | None:
        """When the next delayed message of these queues is due, or the next lease runs out."""
        times = [holding.until for holdings in self.holdings.values() for holding in _first(holdings)]
        for name in names:
            queue = self.queues.get(name)
            if queue is not None and queue.delayed:
                times.append(queue.delayed[0][0])
        return min(times, default=None)


def _hold(queue: _Queue, until: float, among: dict[_Holding, None], limit: int) -> list[_Holding]:
    ready = queue.ready
    held = [_Holding(heappop(ready)[1], queue, until, among) for _ in range(min(limit, len(ready)))]
    for holding in held:
        holding.stored.count += 1
        among[holding] = None
    queue.held += len(held)
    return held


def _first(holdings: dict[_Holding, None]) -> Iterator[_Holding]:
    for holding in holdings:
        yield holding
        return


def _until(holdings: dict[_Holding, None], now: float) -> Iterator[_Holding]:
    for holding in holdings:
        if holding.until > now:
            return
        yield holding


# The one module-level state that changes: two transports of a URL must meet somewhere. It keeps nothing alive, and the
# process id in its keys keeps a forked child, whose copy may be locked by a thread that it does not have, out of it.
_spaces: WeakValueDictionary[tuple[int, str], _Space] = WeakValueDictionary()
_spaces_lock = Lock()


def _space_of(url: str) -> _Space:
    with _spaces_lock:
        key = (os.getpid(), url.partition(":")[2].removeprefix("//"))
        space = _spaces.get(key)
        if space is None:
            space = _spaces[key] = _Space()
        return space


class MemorySubscription(Subscription):
    """A listener of a `MemoryTransport`."""

    def __init__(self, space: _Space, topics: Sequence[str], transport: MemoryTransport) -> None:
        self._space = space
        self._topics = frozenset(topics)
        self._clock = transport.options.clock
        self._heard: deque[tuple[float, str, bytes]] = deque()
        self._waiters = Waiters()

    def hear(self, topic: str, payload: bytes, now: float) -> None:
        """Keep a broadcast for the reader, if it is for this one; the caller has the space's lock."""
        if topic in self._topics:
            self._forget(now)
            self._heard.append((now, topic, payload))
            self._waiters.ring()

    def _forget(self, now: float) -> None:
        while self._heard and self._heard[0][0] <= now - BROADCAST_LIFE:
            self._heard.popleft()

    def _look(self) -> list[tuple[str, bytes]]:
        with self._space.lock:
            self._forget(self._clock.time())
            heard = [(topic, payload) for _, topic, payload in self._heard]
            self._heard.clear()
        return heard

    def receive(self, timeout: float | None) -> list[tuple[str, bytes]]:
        return self._waiters.wait(self._look, lambda: BROADCAST_LIFE, timeout)

    def wake(self) -> None:
        self._waiters.wake()

    def close(self) -> None:
        with self._space.lock:
            if self in self._space.subscriptions:
                self._space.subscriptions.remove(self)
        self._waiters.close()


class MemoryReplyBox(ReplyBox):
    """Takes what is put into it, for as long as it is open."""

    def __init__(self, space: _Space, clock: Clock) -> None:
        self._space = space
        self._clock = clock
        self._came: deque[tuple[float, bytes]] = deque()
        self._waiters = Waiters()
        self.address = f"celeriac.reply.{uuid4()}"

    def put(self, data: bytes, until: float) -> None:
        """The caller has the space's lock."""
        self._came.append((until, data))
        self._waiters.ring()

    def _look(self) -> list[Message]:
        now = self._clock.time()
        with self._space.lock:
            came = [unpack(data) for until, data in self._came if until > now]
            self._came.clear()
        return came

    def receive(self, timeout: float | None) -> list[Message]:
        return self._waiters.wait(self._look, lambda: TIMEOUT_MAX, timeout)

    def wake(self) -> None:
        self._waiters.wake()

    def close(self) -> None:
        with self._space.lock:
            self._space.boxes.pop(self.address, None)
        self._waiters.close()


class MemoryTransport(Transport):
    """See the module. Takes no options. A forked child has its own, empty space."""

    capabilities = frozenset(
        {"delay", "order", "priority", "lease", "fan-out", "reply", "peek", "dead-letter", "census"}
    )

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        check_options("transport 'memory'", options.extra, ())
        self._space = _space_of(options.url)
        self._waiters = Waiters()
        with self._space.lock:
            self._space.waiters.append(self._waiters)

    # publishing

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:  # noqa: ARG002  nothing here can wait
        packed = [(each.queue, pack(each.message), MAX_PRIORITY - each.message.priority, each.due) for each in batch]
        space, now = self._space, self.options.clock.time()
        with space.lock:
            for queue, data, urgency, due in packed:
                place = urgency << _PRIORITY_SHIFT | next(space.numbers)
                space.queue(queue).add(_Stored(data, place, now), due, now)
            space.ring()

    # receiving and settling

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        def look() -> list[_Holding]:
            with self._space.lock:
                return self._space.take(queues, limit, self.options.clock.time(), self.options.lease)

        def pause() -> float:
            # What others take from now on may run out sooner than what is known; it is noticed a lease later at most.
            with self._space.lock:
                change = self._space.next_change(queues)
            lease = self.options.lease
            return lease if change is None else min(lease, change - self.options.clock.time())

        return [
            Delivery(unpack(held.stored.data), held.queue.name, held.stored.count, held)
            for held in self._waiters.wait(look, pause, timeout)
        ]

    def wake(self) -> None:
        self._waiters.wake()

    def ack(self, batch: Sequence[Delivery]) -> None:
        with self._space.lock:
            for _ in self._space.settle(batch):
                pass

    def reject(self, batch: Sequence[Delivery], started: bool = True) -> None:
        self.delay([(delivery, 0.0) for delivery in batch], started)

    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        space, now = self._space, self.options.clock.time()
        with space.lock:
            for delivery, due in batch:
                for holding in space.settle([delivery]):
                    holding.stored.count -= not started
                    holding.queue.add(holding.stored, due, now)
            space.ring()

    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        until = self.options.clock.time() + self.options.lease
        lost: list[Delivery] = []
        with self._space.lock:
            among = self._space.holdings.setdefault(self.options.lease, {})
            for delivery in batch:
                holding = delivery.token
                if not isinstance(holding, _Holding) or holding not in holding.among:
                    lost.append(delivery)
                    continue
                del holding.among[holding]
                holding.until, holding.among = until, among
                among[holding] = None
        return lost

    def dead_letter(self, batch: Sequence[tuple[Delivery, str, str]]) -> None:
        space, now = self._space, self.options.clock.time()
        with space.lock:
            for delivery, reason, detail in batch:
                for holding in space.settle([delivery]):
                    buried = _Buried(f"dead-{next(space.numbers)}", holding, reason, detail, now)
                    space.buried[buried.id] = buried
            while len(space.buried) > self.dead_letter_limit:
                space.buried.popitem(last=False)

    # looking after queues

    def queues(self) -> list[str]:
        with self._space.lock:
            return sorted(self._space.queues)

    def counts(self, queue: str) -> QueueCounts:
        with self._space.lock:
            found = self._current(queue)
            return QueueCounts(len(found.ready), found.held, len(found.delayed)) if found else QueueCounts()

    def peek(self, queue: str, limit: int) -> list[Message]:
        with self._space.lock:
            found = self._current(queue)
            return [unpack(stored.data) for _, stored in nsmallest(limit, found.ready)] if found else []

    def oldest(self, queue: str) -> float | None:
        with self._space.lock:
            found = self._current(queue)
            return min((stored.since for _, stored in found.ready), default=None) if found else None

    def purge(self, queue: str) -> int:
        with self._space.lock:
            found = self._space.queues.get(queue)
            if found is None:
                return 0
            dropped = len(found.ready) + len(found.delayed)
            found.ready.clear()
            found.delayed.clear()
            return dropped

    def _current(self, name: str) -> _Queue | None:
        """The queue, with all that is due and all that came back among its ready messages."""
        now = self.options.clock.time()
        self._space.bring_back(now)
        queue = self._space.queues.get(name)
        if queue is not None:
            queue.bring_due(now)
        return queue

    # dead letters

    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        with self._space.lock:
            newest_first = list(reversed(self._space.buried.values()))
        return [each.letter() for each in newest_first[offset : offset + limit]]

    def find_dead(self, ids: Sequence[str]) -> list[DeadLetter]:
        wanted = frozenset(ids)
        return [each for each in self.dead_letters(self.dead_letter_limit) if {each.id, each.message.id} & wanted]

    def replay(self, ids: Sequence[str]) -> int:
        space, now = self._space, self.options.clock.time()
        with space.lock:
            found = self._exhume(ids)
            for buried in found:
                urgency = buried.stored.place >> _PRIORITY_SHIFT
                stored = _Stored(buried.stored.data, urgency << _PRIORITY_SHIFT | next(space.numbers), now)
                space.queue(buried.queue).add(stored, None, now)
            space.ring()
        return len(found)

    def drop_dead(self, ids: Sequence[str]) -> int:
        with self._space.lock:
            return len(self._exhume(ids))

    def _exhume(self, ids: Sequence[str]) -> list[_Buried]:
        found = (self._space.buried.pop(each, None) for each in ids)
        return [each for each in found if each is not None]

    # fan-out

    def broadcast(self, topic: str, payload: bytes) -> None:
        now = self.options.clock.time()
        with self._space.lock:
            for subscription in self._space.subscriptions:
                subscription.hear(topic, payload, now)

    def subscribe(self, topics: Sequence[str]) -> Subscription:
        subscription = MemorySubscription(self._space, topics, self)
        with self._space.lock:
            self._space.subscriptions.append(subscription)
        return subscription

    # replies

    def listen_for_replies(self, life: float, timeout: float) -> ReplyBox:  # noqa: ARG002 (it goes with its object)
        box = MemoryReplyBox(self._space, self.options.clock)
        with self._space.lock:
            self._space.boxes[box.address] = box
        return box

    def reply(self, batch: Sequence[tuple[str, Message]], life: float) -> None:
        packed = [(address, pack(message)) for address, message in batch]
        until = self.options.clock.time() + life
        with self._space.lock:
            for address, data in packed:
                box = self._space.boxes.get(address)
                if box is not None:
                    box.put(data, until)

    # life

    def close(self) -> None:
        self._waiters.close()
        with self._space.lock:
            if self._waiters in self._space.waiters:
                self._space.waiters.remove(self._waiters)
