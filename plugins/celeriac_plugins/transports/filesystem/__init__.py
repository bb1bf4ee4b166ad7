"""Queues in a folder, for the processes of one machine, with nothing but files: durable, and open to ``ls``."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from itertools import count

from celeriac.errors import TransportDown
from celeriac.message import MAX_PRIORITY, Delivery, Message, Publication, pack, unpack
from celeriac.specs.transport import DeadLetter, QueueCounts, Subscription, Transport, TransportOptions
from celeriac_plugins._shared.turns import take_in_turns
from celeriac_plugins._shared.waiting import Waiters

from .edge import mapped, read, remove, sync_folder
from .fan_out import Broadcasts, FilesystemSubscription
from .graveyard import Graveyard
from .names import Name, micros, seconds
from .options import Place
from .owner import Owner, the_dead
from .queue import Holding, QueueFolder
from .store import Store

__all__ = ["FilesystemTransport"]

_LOOK_FOR_THE_DEAD = 0.5
"""Seconds between two looks whether an owner has died."""


class FilesystemTransport(Transport):
    """A message is a file, and each of its steps is one rename(2): it is in one place, whole, whenever who dies.

    Which places there are is drawn in `store`, what the names say in `names`, the options in `options.Place`.

    A batch is written beside the queues and then renamed into them one by one. If one rename fails, those before are
    taken back, unless a worker has them already; if the process is killed between two, part of the batch is published.
    A receiver that waits looks at the times of its folders every 50 ms; what its own object publishes, it sees at
    once. Listing a queue costs about a second for each million of waiting messages, and is not done for each receive.
    After a loss of power a message may be ready again that was held, or even acknowledged, seconds before.
    Not for network shares, whose renames and locks promise less.
    """

    capabilities = frozenset(
        {
            "durable",
            "processes",
            "delay",
            "order",
            "priority",
            "lease",
            "owner-liveness",
            "fan-out",
            "peek",
            "dead-letter",
            "census",
        }
    )

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        place = Place.parse(options)
        self._poll = place.poll
        self._store = Store(place.root, os.urandom(6).hex(), sync=place.fsync)
        self._owner = Owner(self._store)
        self._graveyard = Graveyard(self._store)
        self._broadcasts = Broadcasts(self._store, options.clock)
        self._subscriptions: list[FilesystemSubscription] = []
        self._lock = threading.Lock()
        self._waiters = Waiters()
        self._turn = 0
        self._holdings = count(1)
        self._next_look_for_the_dead = 0.0

    def _to(self, doing: str) -> AbstractContextManager[None]:
        return mapped(doing, self._store.root)

    # publishing

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        packed = [pack(each.message) for each in batch]
        until = time.monotonic() + timeout
        with self._to("publish to"):
            staged: list[str] = []
            try:
                for data in packed:
                    self._in_time(until, timeout)
                    staged.append(self._store.staged(data))
                self._admit(batch, staged, until, timeout)
            finally:
                for path in staged:
                    remove(path)
        self._waiters.ring()

    def _admit(self, batch: Sequence[Publication], staged: list[str], until: float, timeout: float) -> None:
        now = self.options.clock.time()
        put: list[str] = []
        folders: set[str] = set()
        try:
            for each, path in zip(batch, staged, strict=True):
                self._in_time(until, timeout)
                name = Name(MAX_PRIORITY - each.message.priority, self._store.stamps.next(), micros(now), 0)
                with self._lock:
                    target = self._store.make_queue(each.queue).put(path, name, each.due, now)
                if target is None:
                    raise FileNotFoundError(f"{each.queue!r} or {path} was removed meanwhile")
                put.append(target)
                folders.add(target.rpartition("/")[0])
            if self._store.sync:
                for folder in folders:
                    sync_folder(folder)
        except BaseException:
            for path in put:
                remove(path)
            raise

    def _in_time(self, until: float, timeout: float) -> None:
        if time.monotonic() > until:
            raise TransportDown(f"not published to {self._store.root} within {timeout:g} s; the disk is slow or full")

    # receiving and settling

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        folders = [self._store.queue(name) for name in dict.fromkeys(queues)]
        with self._to("receive from"):
            return self._waiters.wait(partial(self._look, folders, limit), lambda: self._poll, timeout)

    def _look(self, folders: Sequence[QueueFolder], limit: int) -> list[Delivery]:
        now = self.options.clock.time()
        with self._lock:
            self._bring_from_the_dead(now)
            for folder in folders:
                folder.bring(now)
            self._owner.sign()
            self._turn += 1
            sources = [partial(self._take, folder, now) for folder in folders]
            taken = take_in_turns(sources, limit, self._turn)
        held = ((each, _message_in(each.file)) for each in taken)
        return [Delivery(message, each.queue.name, each.name.count, each) for each, message in held if message]

    def _take(self, folder: QueueFolder, now: float, limit: int) -> list[Holding]:
        stamp = f"{self._store.token}.{next(self._holdings):x}"
        return folder.take(limit, now + self.options.lease, stamp)

    def _bring_from_the_dead(self, now: float) -> None:
        if time.monotonic() < self._next_look_for_the_dead:
            return
        self._next_look_for_the_dead = time.monotonic() + _LOOK_FOR_THE_DEAD
        for holder in the_dead(self._store):
            for folder in self._store.queues():
                folder.bring_from(holder, now)

    def wake(self) -> None:
        self._waiters.wake()

    def ack(self, batch: Sequence[Delivery]) -> None:
        with self._to("acknowledge at"), self._lock:
            for delivery in batch:
                if isinstance(delivery.token, Holding):
                    remove(delivery.token.file)

    def reject(self, batch: Sequence[Delivery], started: bool = True) -> None:
        self.delay([(delivery, 0.0) for delivery in batch], started)

    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        now = self.options.clock.time()
        with self._to("give back to"), self._lock:
            for delivery, due in batch:
                held = delivery.token
                if isinstance(held, Holding):
                    held.queue.put(held.file, held.name.counted(0 if started else -1), due, now)
        self._waiters.ring()

    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        until = self.options.clock.time() + self.options.lease
        lost: list[Delivery] = []
        with self._to("renew leases at"), self._lock:
            for delivery in batch:
                held = delivery.token
                if not isinstance(held, Holding) or not held.queue.renew(held, until):
                    lost.append(delivery)
        return lost

    def dead_letter(self, batch: Sequence[tuple[Delivery, str, str]]) -> None:
        now = self.options.clock.time()
        with self._to("bury at"), self._lock:
            for delivery, reason, detail in batch:
                if isinstance(delivery.token, Holding):
                    self._graveyard.bury(delivery.token, reason, detail, now)
            self._graveyard.trim(self.dead_letter_limit)

    # looking after queues

    def queues(self) -> list[str]:
        with self._to("look at"):
            return sorted(folder.name for folder in self._store.queues() if folder.is_in_use())

    def counts(self, queue: str) -> QueueCounts:
        with self._to("look at"):
            return QueueCounts(*self._current(queue).counts())

    def peek(self, queue: str, limit: int) -> list[Message]:
        shown: list[Message] = []
        with self._to("look at"):
            folder = self._current(queue)
            for text in sorted(folder.ready_names()):
                if len(shown) >= limit:
                    break
                message = _message_in(f"{folder.ready}/{text}")
                if message is not None:
                    shown.append(message)
        return shown

    def oldest(self, queue: str) -> float | None:
        with self._to("look at"):
            times = [Name.of(text).since for text in self._current(queue).ready_names()]
        return seconds(min(times)) if times else None

    def purge(self, queue: str) -> int:
        with self._to("purge"):
            return self._store.queue(queue).purge()

    def _current(self, name: str) -> QueueFolder:
        """The queue, with all that is due and all that came back among its ready messages."""
        folder = self._store.queue(name)
        with self._lock:
            folder.bring(self.options.clock.time())
        return folder

    # dead letters

    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        with self._to("look at the dead letters of"):
            letters = map(self._graveyard.letter, self._graveyard.graves()[offset : offset + limit])
            return [letter for letter in letters if letter is not None]

    def find_dead(self, ids: Sequence[str]) -> list[DeadLetter]:
        """What is no id of a dead letter must be looked for in all of them: a read of each file."""
        with self._to("look at the dead letters of"):
            found = {letter.id: letter for letter in map(self._graveyard.letter, self._graveyard.named(ids)) if letter}
            task_ids = set(ids) - found.keys()
            if task_ids:
                for letter in map(self._graveyard.letter, self._graveyard.graves()):
                    if letter is not None and letter.message.id in task_ids:
                        found[letter.id] = letter
        return list(found.values())

    def replay(self, ids: Sequence[str]) -> int:
        now = self.options.clock.time()
        with self._to("replay dead letters at"), self._lock:
            replayed = sum(self._graveyard.replay(grave, now) for grave in self._graveyard.named(ids))
        self._waiters.ring()
        return replayed

    def drop_dead(self, ids: Sequence[str]) -> int:
        with self._to("drop dead letters at"):
            return sum(map(self._graveyard.drop, self._graveyard.named(ids)))

    # fan-out

    def broadcast(self, topic: str, payload: bytes) -> None:
        with self._to("broadcast at"):
            self._broadcasts.send(topic, payload)
        for subscription in tuple(self._subscriptions):
            subscription.waiters.ring()

    def subscribe(self, topics: Sequence[str]) -> Subscription:
        with self._to("listen at"):
            subscription = FilesystemSubscription(self._store, topics, self.options.clock, self._poll, self._forget)
        self._subscriptions.append(subscription)
        return subscription

    def _forget(self, subscription: FilesystemSubscription) -> None:
        with suppress(ValueError):  # closed before
            self._subscriptions.remove(subscription)

    # life

    def close(self) -> None:
        self._waiters.close()
        with self._lock:
            self._owner.close()


def _message_in(path: str) -> Message | None:
    """None when it is not there any more. What cannot be read is handed on as a message that says so: it is the worker
    that makes a dead letter of it."""
    try:
        return unpack(read(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        return unpack(f"the file of this message cannot be read: {error}".encode())
