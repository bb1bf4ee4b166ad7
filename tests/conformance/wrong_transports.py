"""Transports with one fault each, and the suite put to each of them; run by test_transport_suite, not collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from heapq import heappush
from typing import ClassVar, cast

import pytest

from celeriac.message import Delivery, Message, Publication, unpack
from celeriac.specs.transport import DeadLetter, Litter, Subscription, TransportOptions
from celeriac.testing.suite import TransportSuite
from celeriac.testing.suite.transport import TransportClauses, background, clauses, replies, waiting
from celeriac.testing.suite.transport.fan_out import FanOutClauses
from celeriac.testing.suite.transport.processes import ProcessClauses
from celeriac.testing.suite.transport.replies import ReplyClauses
from celeriac.testing.suite.transport.waiting import WaitClauses
from celeriac_plugins.transports.memory import MemoryTransport, _Holding, _Space

for _module in (background, clauses, replies, waiting):
    vars(_module)["PATIENCE"] = 0.8


URL = "memory://{path}"


class Sound(MemoryTransport):
    """No fault. Made durable by keeping its queues for ever, so that those clauses are tried as well, and able to find
    litter, of which there is none."""

    capabilities = MemoryTransport.capabilities | {"durable", "garbage"}
    kept: ClassVar[list[_Space]] = []

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        self.kept.append(self._space)

    def litter(self) -> list[Litter]:
        return []

    def sweep_litter(self, litter: Sequence[Litter]) -> int:
        return 0


def _held(delivery: Delivery) -> _Holding:
    return cast(_Holding, delivery.token)


class AcksStaleTokens(Sound):
    def ack(self, batch: Sequence[Delivery]) -> None:
        with self._space.lock:
            for delivery in batch:
                for holdings in self._space.holdings.values():
                    for holding in [each for each in holdings if each.stored is _held(delivery).stored]:
                        self._space.release(holding)


class IgnoresPriority(Sound):
    class Plain(Message):
        priority = property(lambda self: 0)

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        def plain(m: Message) -> Message:
            return self.Plain(m.headers, m.properties, m.body, m.content_type, m.content_encoding)

        super().publish([Publication(each.queue, plain(each.message), each.due) for each in batch], timeout)


class LosesTheCount(Sound):
    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        super().delay(batch, started)
        for delivery, _ in batch:
            _held(delivery).stored.count = 0


class CountsWhatNeverStarted(Sound):
    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        super().delay(batch, True)


class DeliversSomeTwice(Sound):
    delivered = 0

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        received = super().receive(queues, limit, timeout)
        for delivery in received:
            self.delivered += 1
            if self.delivered % 50 == 0:
                stored = _held(delivery).stored
                heappush(self._space.queue(delivery.queue).ready, (stored.place, stored))
        return received


class ForgetsDelayedWhenClosed(Sound):
    def close(self) -> None:
        super().close()
        for queue in self._space.queues.values():
            queue.delayed.clear()


class GivesBackToTheEnd(Sound):
    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        for delivery, _ in batch:
            _held(delivery).stored.place += 1 << 40
        super().delay(batch, started)


class PurgesHeldMessages(Sound):
    def purge(self, queue: str) -> int:
        for holdings in self._space.holdings.values():
            for holding in [each for each in holdings if each.queue.name == queue]:
                self._space.release(holding)
        return super().purge(queue)


class ReplaysWithTheOldCount(Sound):
    def replay(self, ids: Sequence[str]) -> int:
        counts = {letter.message.id: letter.deliveries for letter in self.find_dead(ids)}
        replayed = super().replay(ids)
        for queue in self._space.queues.values():
            for _, stored in queue.ready:
                stored.count = counts.get(_id_in(stored.data), stored.count)
        return replayed


def _id_in(data: bytes) -> str:
    return unpack(data).id


class BroadcastsToLateSubscribers(Sound):
    def broadcast(self, topic: str, payload: bytes) -> None:
        super().broadcast(topic, payload)
        self._space.__dict__.setdefault("sent", []).append((topic, payload))

    def subscribe(self, topics: Sequence[str]) -> Subscription:
        subscription = super().subscribe(topics)
        for topic, payload in self._space.__dict__.get("sent", []):
            subscription.hear(topic, payload, self.options.clock.time())  # type: ignore[attr-defined]
        return subscription


class IgnoresWake(Sound):
    def wake(self) -> None:
        pass


class ForgetsAnEarlyWake(Sound):
    def wake(self) -> None:
        self._waiters.wake()
        self._waiters._wakes.clear()


class IgnoresTheLimit(Sound):
    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        return super().receive(queues, limit + 1, timeout)


class PublishesHalfABatch(Sound):
    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        for each in batch:
            super().publish([each], timeout)


class StarvesLaterQueues(Sound):
    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        for queue in queues:
            if received := super().receive([queue], limit, 0):
                return received
        return super().receive(queues, limit, timeout)


class RenewsWithoutEffect(Sound):
    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        return [each for each in batch if _held(each) not in _held(each).among]


class NeverSaysWhatIsLost(Sound):
    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        super().renew(batch)
        return []


class NeverEndsALease(Sound):
    def __init__(self, options: TransportOptions) -> None:
        super().__init__(replace(options, lease=1e9))


class IgnoresDueTimes(Sound):
    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        super().publish([Publication(each.queue, each.message) for each in batch], timeout)


class LosesTheEvidence(Sound):
    def dead_letter(self, batch: Sequence[tuple[Delivery, str, str]]) -> None:
        super().dead_letter([(delivery, reason, "") for delivery, reason, _ in batch])


class ListsDeadLettersOldestFirst(Sound):
    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        return super().dead_letters(10_000)[::-1][offset : offset + limit]


class KeepsDeadLettersForEver(Sound):
    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        self.__dict__["dead_letter_limit"] = 10**9


class FindsDeadLettersByIdOnly(Sound):
    def find_dead(self, ids: Sequence[str]) -> list[DeadLetter]:
        return [letter for letter in super().find_dead(ids) if letter.id in ids]


class PeekTakesMessages(Sound):
    def peek(self, queue: str, limit: int) -> list[Message]:
        return [delivery.message for delivery in self.receive([queue], limit, 0)]


class WaitsWithoutATimeout(Sound):
    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        return super().receive(queues, limit, 0.05 if timeout else timeout)


class TrimsQueueNames(Sound):
    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        super().publish([Publication(each.queue[:190].strip(), each.message, each.due) for each in batch], timeout)


class SwallowsOptions(Sound):
    def __init__(self, options: TransportOptions) -> None:
        super().__init__(replace(options, extra={}))


class SweepsWhatNobodyConsumes(Sound):
    def litter(self) -> list[Litter]:
        return [Litter(queue, "queue", "nobody consumes it") for queue in self.queues()]

    def sweep_litter(self, litter: Sequence[Litter]) -> int:
        return sum(bool(self.purge(each.name)) for each in litter)


class RepliesToEveryBox(Sound):
    def reply(self, batch: Sequence[tuple[str, Message]], life: float) -> None:
        super().reply([(address, message) for address in list(self._space.boxes) for _, message in batch], life)


class RepliesIntoQueues(Sound):
    def reply(self, batch: Sequence[tuple[str, Message]], life: float) -> None:
        super().reply(batch, life)
        self.publish([Publication(address, message) for address, message in batch], 1.0)


class RepliesLastFirst(Sound):
    def reply(self, batch: Sequence[tuple[str, Message]], life: float) -> None:
        super().reply(batch[::-1], life)


class DeclaresTheUnknown(Sound):
    capabilities = Sound.capabilities | {"teleport"}


class Hurried(TransportClauses):
    @pytest.fixture(autouse=True)
    def _hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(clauses, "PATIENCE", 0.1)


SLOW = {
    "Wake": WaitClauses,
    "Wait": WaitClauses,
    "Broadcast": FanOutClauses,
    "Process": ProcessClauses,
    "Repl": ReplyClauses,
}
"""Tried on the transports whose fault is there, by a word in their names."""

QUICK = [each for each in TransportSuite.__bases__ if each not in SLOW.values()]


def _suite_for(driver: type[Sound]) -> type:
    slow = [each for word, each in SLOW.items() if word in driver.__name__]
    return type(f"Test{driver.__name__}", (*slow, *([] if slow else [Hurried]), *QUICK), {"driver": driver, "url": URL})


DRIVERS: list[type[Sound]] = [Sound, *Sound.__subclasses__()]

globals().update({f"Test{driver.__name__}": _suite_for(driver) for driver in DRIVERS})
