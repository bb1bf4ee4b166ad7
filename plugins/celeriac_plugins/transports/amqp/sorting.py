"""Sorting what the broker has pushed: what is ready, what is due later, and what somebody had taken before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from celeriac.errors import TransportDown
from celeriac.message import Delivery

from . import envelope
from .intake import Intake
from .posting import HOLD
from .queues import Queues
from .settling import Settling


class Sorting:
    """Done by whoever looks at the intake, under its lock. `now` tells the Unix time."""

    def __init__(self, settling: Settling, queues: Queues, now: Callable[[], float]) -> None:
        self._settling = settling
        self._queues = queues
        self._now = now
        self._reader = envelope.Reader()

    def take_in(self, intake: Intake) -> None:
        """All that was pushed so far."""
        channel = intake.channel
        with self._settling.lock:
            delivered, sources, sort = channel.delivered, intake.sources, self.sort
            while delivered:
                consumer, tag, redelivered, _, properties, body = delivered.popleft()
                sort(intake, sources[consumer], tag, redelivered, properties, body)
            if channel.cancelled:
                gone = {consumer.decode() for consumer in channel.cancelled}
                channel.cancelled.clear()
                for queue in [queue for queue, pair in intake.consumed.items() if gone & set(pair)]:
                    del intake.consumed[queue]
                    self._queues.forget(queue)
            if intake.again:
                self._recount(intake)
            if intake.far:
                self._send_up_again(intake)
            if intake.early:
                intake.release(self._now())

    def sort(
        self, intake: Intake, source: tuple[str, bool], tag: int, redelivered: bool, properties: bytes, body: bytes
    ) -> None:
        queue = source[0]
        message, history = self._reader.read(properties, body)
        task_id = message.id
        key = (task_id, hash((queue, properties, body))) if task_id else None
        if redelivered and (known := self._settling.holdings.take_back(intake, tag, key)) is not None:
            if known.settled:
                self._settling.settle(intake, [tag], done=True)
            return
        delivery = Delivery(message, queue, history.begun + 1, self._settling.holdings.hold(intake, tag, key))
        if redelivered:
            intake.again.append((delivery, history.due))
        elif history.due is None or history.due <= self._now():
            box = intake.ready.get(source)
            if box is None:
                box = intake.ready[source] = deque()
            box.append(delivery)
        elif history.due - self._now() > 2 * HOLD:
            intake.far.append((delivery, history))
        else:
            intake.keep(delivery, source, history.due)

    def _recount(self, intake: Intake) -> None:
        """Somebody had these messages and did not settle them. Send them through their lanes, so that the count is
        written down before they run again: a message that kills its worker must not do so for ever."""
        again, intake.again = intake.again, []
        try:
            self._settling.move(
                [each for each, _ in again], [self._settling.again(each, each.count, due) for each, due in again]
            )
        except TransportDown:  # the broker takes no messages; then at least these shall leave it
            for delivery, due in again:
                delivery.count += 1
                intake.keep(delivery, (delivery.queue, True), due or 0.0)

    def _send_up_again(self, intake: Intake) -> None:
        far, intake.far = intake.far, []
        posts = [self._settling.later(each, history.due or 0.0, history.begun) for each, history in far]
        self._settling.move_up([each for each, _ in far], posts)
