"""Queues in RabbitMQ, as Celery uses them: Celery's clients and workers share them. See docs/rabbitmq.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from types import MappingProxyType

from celeriac.errors import UnsupportedCapability
from celeriac.message import Delivery, Message, Publication
from celeriac.specs.transport import (
    DeadLetter,
    QueueCounts,
    ReplyBox,
    Subscription,
    Transport,
    TransportOptions,
    nothing_left,
)

from . import envelope, methods, wire
from .dead import DeadLetters
from .envelope import FRESH, History
from .fan_out import FanOut
from .line import Line
from .names import lane_name, queue_name
from .place import Place
from .posting import HOLD, LatePost, Post, Posting
from .queues import Queues
from .receiving import Receiving
from .repeats import Repeats
from .replies import Replies
from .settling import Settling


class AmqpTransport(Transport):
    """``amqp://user:password@host:5672/vhost``; see `place.Place` for the URL and its options."""

    failover = frozenset({"amqp", "amqps", "pyamqp"})
    settings = MappingProxyType({"task_queue_max_priority": "max_priority", "task_default_queue_type": "queue_type"})
    capabilities = frozenset(
        {
            "durable",
            "processes",
            "multi-host",
            "delay",
            "priority",
            "order",
            "owner-liveness",
            "fan-out",
            "reply",
            "dead-letter",
        }
    )

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        place = Place.parse(options.url, options.extra)
        if "x-max-priority" not in place.arguments:
            self.capabilities = self.capabilities - {"priority"}
        self._now = options.clock.time
        self._line = Line(place)
        self._queues = Queues(self._line)
        self._posting = Posting(self._line, self._queues)
        self._settling = Settling(self._line, self._posting, options.clock.time)
        self._receiving = Receiving(place, self._line, self._queues, self._posting, self._settling, options)
        self._dead = DeadLetters(self._line, self._queues, self._posting, options.clock)
        self._fan_out = FanOut(place, self._line, self._posting, self._receiving.heartbeat, options.clock)
        self._replies = Replies(place, self._line, self._posting, self._receiving.heartbeat)

    # publishing

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        self._posting.post(self._for_now(batch, timeout), deadline - time.monotonic())

    def begin_publish(self, batch: Sequence[Publication], timeout: float) -> Callable[[float], None]:
        deadline = time.monotonic() + timeout
        posts = self._for_now(batch, timeout)
        if not posts:
            return nothing_left
        return partial(self._posting.finish, self._posting.begin(posts, deadline - time.monotonic()))

    def _for_now(self, batch: Sequence[Publication], timeout: float) -> list[Post]:
        """What goes into the queues themselves. The rest is in the ladder of delays when this returns."""
        now, most = self._now(), self._line.largest_properties
        posts: list[Post] = []
        late: list[LatePost] = []
        table = Repeats().table if len(batch) > 1 else wire.table
        for queue, message, due in ((each.queue, each.message, each.due) for each in batch):
            if due is None or due <= now:
                posts.append(Post(queue, "", queue_name(queue), envelope.write(message, FRESH, most, table)))
            elif due <= now + HOLD:
                posts.append(Post(queue, "", queue_name(queue), envelope.write(message, History(0, due), most, table)))
            else:
                late.append(LatePost(queue, due, envelope.write(message, History(0, due), most, table)))
        self._posting.post_late(late, self._now, timeout)
        return posts

    # receiving

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        return self._receiving.receive(queues, limit, timeout)

    def wake(self) -> None:
        self._receiving.wake()

    # settling

    def ack(self, batch: Sequence[Delivery]) -> None:
        self._settling.acknowledge(batch)

    def reject(self, batch: Sequence[Delivery], started: bool = True) -> None:
        held = self._settling.to_move(batch)
        posts = [self._settling.again(each, each.count if started else each.count - 1) for each in held]
        self._settling.move(held, posts)

    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        dues = {id(delivery): due for delivery, due in batch}
        held = self._settling.to_move([delivery for delivery, _ in batch])
        now = self._now()
        self.reject([each for each in held if dues[id(each)] <= now], started)
        later = [each for each in held if dues[id(each)] > now]
        posts = [
            self._settling.later(each, dues[id(each)], each.count if started else each.count - 1) for each in later
        ]
        self._settling.move_up(later, posts)

    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        self._settling.notice()
        held = {id(each) for each in self._settling.held(batch)}
        return [each for each in batch if id(each) not in held]

    def dead_letter(self, batch: Sequence[tuple[Delivery, str, str]]) -> None:
        held = {id(each) for each in self._settling.to_move([delivery for delivery, _, _ in batch])}
        buried = [each for each in batch if id(each[0]) in held]
        if buried:
            self._settling.move([delivery for delivery, _, _ in buried], self._dead.posts(buried))
            self._dead.trim(self.dead_letter_limit)

    # looking after queues

    def queues(self) -> list[str]:
        self._line.touch()
        return self._queues.used

    def counts(self, queue: str) -> QueueCounts:
        self._receiving.barrier()  # acknowledgements that are under way make the broker push more
        ready = sum(self._queues.ready_in(name) or 0 for name in (queue_name(queue), lane_name(queue)))
        self._receiving.barrier()
        return QueueCounts(ready + len(self._receiving.waiting_here(queue)))

    def peek(self, queue: str, limit: int) -> list[Message]:  # noqa: ARG002
        """Raises UnsupportedCapability: looking at a message marks it as delivered."""
        raise UnsupportedCapability("RabbitMQ does not show messages without delivering them")

    def oldest(self, queue: str) -> float | None:  # noqa: ARG002
        return None

    def purge(self, queue: str) -> int:
        dropped = self._receiving.drop_waiting(queue)
        for name in (queue_name(queue), lane_name(queue)):
            if self._queues.ready_in(name) is not None:
                (reply,) = self._line.order(lambda channel, name=name: [methods.queue_purge(channel, name)])  # type: ignore[misc]
                dropped += int.from_bytes(reply.arguments[:4], "big")
        return dropped

    # dead letters

    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        return self._dead.newest(limit, offset)

    def find_dead(self, ids: Sequence[str]) -> list[DeadLetter]:
        return self._dead.find(ids)

    def replay(self, ids: Sequence[str]) -> int:
        return self._dead.replay(ids)

    def drop_dead(self, ids: Sequence[str]) -> int:
        return self._dead.drop(ids)

    # fan-out

    def broadcast(self, topic: str, payload: bytes) -> None:
        self._fan_out.send(topic, payload)

    def subscribe(self, topics: Sequence[str]) -> Subscription:
        return self._fan_out.subscribe(topics)

    def announce(self, kind: str, payload: bytes) -> None:
        self._fan_out.announce(kind, payload)

    def watch(self) -> Subscription:
        return self._fan_out.watch()

    # replies

    def listen_for_replies(self, life: float, timeout: float) -> ReplyBox:
        return self._replies.listen(life, timeout)

    def reply(self, batch: Sequence[tuple[str, Message]], life: float) -> None:
        self._replies.send(batch, life)

    # life

    def close(self) -> None:
        self._receiving.close()
        self._fan_out.close()
        self._replies.close()
        self._line.close()
