"""Receiving: the broker pushes, up to as many messages as were asked for and are held.

There is one connection and one channel for all receives of an object. Each queue has two consumers: one for the queue
and one for its lane, in which messages come back that somebody had taken before; the lane is emptied first. What comes
more than was asked for waits here, for the next receive.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from threading import RLock
from typing import Final

from celeriac.errors import TransportDown
from celeriac.message import Delivery
from celeriac.specs.transport import TransportOptions
from celeriac_plugins._shared.forks import tell_of_forks

from . import envelope, methods
from .dial import dial
from .envelope import History
from .holdings import Holdings, token_of
from .intake import Intake
from .line import HOLD, PATIENCE, LatePost, Line, Post, Session
from .link import GET_OK, ChannelClosed
from .names import lane_name, queue_name
from .place import Place

_MOST: Final = 2000
"""Messages that a consumer is pushed in advance, at most."""
_FEW: Final = 8
"""Up to so many, exactly as many are held as were asked for; beyond, the next ones are fetched meanwhile."""
_GETS: Final = 500
"""Questions that are asked at once."""
_SILENCE: Final = 3.0
"""Seconds without a word from the broker after which who waits for messages asks for one."""
_PROOF: Final = 1.5
"""Seconds in which a broker that is there gives one."""
_NEGLECTED: Final = 0.5
"""Seconds without a receive after which what was pushed in advance is given back."""
_GIVE_BACK: Final = 2.0
"""Seconds that giving back may take, also when the transport is closed."""


class Receiving:
    """The receives of one transport."""

    def __init__(self, place: Place, line: Line, options: TransportOptions) -> None:
        self._place = place
        self._line = line
        self._now = options.clock.time
        self.heartbeat = max(place.heartbeat or options.lease / 3, 1.0)
        # However soon the broker is to notice that we are gone (decision 8), we wait for one that stands still.
        self._patience = 2 * max(self.heartbeat, options.lease / 3)
        self._start_afresh()
        tell_of_forks(self)

    def _start_afresh(self) -> None:
        self._lock = RLock()
        self._reader = envelope.Reader()
        self._intake: Intake | None = None
        self.holdings = Holdings()
        self._consumers = count(1)
        self._turns = count()
        self._wakes: deque[None] = deque()
        self._waiting = 0
        self._wanted = 0
        self._left = time.monotonic()
        """When the last receive returned."""
        self._closed = False

    # receiving

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        if limit < 1 or not queues:
            raise ValueError("receive takes one queue or more, and a limit of 1 or more")
        names = tuple(dict.fromkeys(queues))
        deadline = None if timeout is None else time.monotonic() + timeout
        limit = min(limit, _MOST)
        with self._lock:
            self._waiting += 1
            self._wanted += limit
        try:
            return self._receive(names, limit, timeout, deadline)
        except TransportDown:
            raise
        except (OSError, ChannelClosed) as error:
            raise self._line.down(error) from error
        finally:
            with self._lock:
                self._waiting -= 1
                self._wanted -= limit
                self._left = time.monotonic()

    def _receive(
        self, queues: tuple[str, ...], limit: int, timeout: float | None, deadline: float | None
    ) -> list[Delivery]:
        while True:
            intake = self._connected()
            self._sort_pushed(intake)
            self._declare(queues)
            if timeout is not None and timeout <= 0:
                found = self._take(intake, queues, limit)
                return found if len(found) == limit else found + self._get(intake, queues, limit - len(found))
            found = self._take_in_order(intake, queues, limit)
            if found or self._take_wake() or self._closed:
                return found
            if not self._wait(intake, queues, deadline):
                return self._take(intake, queues, limit)

    def _wait(self, intake: Intake, queues: tuple[str, ...], deadline: float | None) -> bool:
        """Until there is something to do; False when the deadline comes first. After a time without a word the broker
        is asked whether it is there: a connection that is dead delivers nothing, and says nothing either."""
        link = intake.link
        while True:
            doubt = max(link.heard + _SILENCE, time.monotonic())
            due = self._first_due(intake)
            try:
                return link.wait_for(
                    partial(self._is_over, intake, queues), min(it for it in (doubt, due, deadline) if it is not None)
                )
            except TimeoutError:
                now = time.monotonic()
                if due is not None and now >= due:
                    return True
                if deadline is not None and now >= deadline:
                    return False
            if time.monotonic() - link.heard >= _SILENCE:
                self._ask_for_a_sign(intake)

    def _first_due(self, intake: Intake) -> float | None:
        """When the first of those that are held until they are due is so, by the monotonic clock."""
        early = intake.early
        return time.monotonic() + max(early[0].due - self._now(), 0.0) if early else None

    def _ask_for_a_sign(self, intake: Intake) -> None:
        """Raises OSError: there is none."""
        try:
            self._ask_nothing(intake, _PROOF)
        except TimeoutError:
            error = ConnectionError("the broker gives no sign of life")
            intake.link.fail(error)
            raise error from None

    def _ask_nothing(self, intake: Intake, patience: float) -> None:
        """A question whose answer comes behind all that was sent before."""
        frame = methods.exchange_declare(intake.channel.number, "amq.direct", "", passive=True)
        intake.channel.ask([frame], time.monotonic() + patience)

    def _take_in_order(self, intake: Intake, queues: tuple[str, ...], limit: int) -> list[Delivery]:
        """What is here, and room for more is made. What came back through a lane waits for what the queue itself
        may have of higher priority."""
        if intake.number_of(queues) < limit:
            self._consume(intake, queues)
        if any(intake.ready.get((queue, True)) for queue in queues):
            self.barrier()
        return self._take(intake, queues, limit)

    def _is_over(self, intake: Intake, queues: tuple[str, ...]) -> bool:
        channel = intake.channel
        return bool(
            channel.delivered
            or self._wakes
            or channel.cancelled
            or channel.closed
            or self._closed
            or intake.number_of(queues)
        )

    def _declare(self, queues: tuple[str, ...]) -> None:
        def work(session: Session, deadline: float) -> None:
            for queue in queues:
                self._line.declare(session, queue, deadline)

        if not self._line.knows(queues):
            self._line.use(work)

    def _connected(self) -> Intake:
        with self._lock:
            if self._closed:
                raise TransportDown(f"{self._place.shown} was closed by this process; make a new object")
            intake = self._intake
            if intake is not None:
                intake.link.pump()
            if intake is not None and intake.is_gone:
                error = intake.link.error or intake.channel.closed
                had_some = bool(self.holdings.held)
                intake.link.close(0)
                self._intake = intake = None
                self.holdings.end_session()
                self._line.distrust()
                if had_some:
                    raise self._line.down(error or ConnectionError("the connection was lost"))
            if intake is None:
                deadline = time.monotonic() + PATIENCE
                link = dial(self._place, self.heartbeat, deadline)
                link.patience = self._patience
                try:
                    intake = self._intake = Intake(link, deadline, self._give_back_neglected)
                except BaseException:
                    link.close(0)
                    raise
            return intake

    # asking the broker

    def _consume(self, intake: Intake, queues: tuple[str, ...]) -> None:
        """Have the broker push from these queues, as far ahead as fits the pace of who asks."""
        with self._lock:
            number = intake.channel.number
            frames = self._adapt(intake)
            for queue in queues:
                if queue in intake.consumed:
                    continue
                consumers = (str(next(self._consumers)), str(next(self._consumers)))
                intake.consumed[queue] = consumers
                for consumer, is_lane in zip(consumers, (True, False), strict=True):
                    intake.sources[consumer.encode()] = (queue, is_lane)
                    name = lane_name(queue) if is_lane else queue_name(queue)
                    frames.append(methods.basic_consume(number, name, consumer))
            if frames:
                intake.channel.ask(frames, time.monotonic() + PATIENCE)

    def _adapt(self, intake: Intake) -> list[bytes]:
        """Consumers hold as many messages as they could when they were made: where that is too few or far too many,
        end them, and set how many the next ones hold."""
        early = len(intake.early)  # they keep nothing else away, unless there are many more than the tasks that run
        wanted = len(self.holdings.held) - early + self._wanted + min(early, max(self._wanted, _FEW))
        if wanted > _FEW:
            if 2 * wanted <= intake.prefetch <= 8 * wanted:
                return []
            wanted = min(2 << wanted.bit_length(), 2 * _MOST)
        if wanted == intake.prefetch:
            return []
        intake.prefetch = wanted
        return [self._cancel(intake) + methods.basic_qos(intake.channel.number, wanted)]

    def _cancel(self, intake: Intake) -> bytes:
        number = intake.channel.number
        frames = [methods.basic_cancel(number, each) for pair in intake.consumed.values() for each in pair]
        intake.consumed.clear()
        return b"".join(frames)

    def _get(self, intake: Intake, queues: tuple[str, ...], limit: int) -> list[Delivery]:
        """What there is now: the one question that the broker answers at once."""
        left = limit
        for queue in self._in_turn(queues):
            for is_lane in (True, False):
                left -= self._get_from(intake, (queue, is_lane), left)
        return self._take(intake, queues, limit)

    def _get_from(self, intake: Intake, source: tuple[str, bool], limit: int) -> int:
        """Ask for up to `limit` messages; how many came."""
        queue, is_lane = source
        channel, deadline = intake.channel, time.monotonic() + PATIENCE
        frame = methods.basic_get(channel.number, lane_name(queue) if is_lane else queue_name(queue))
        got, there = 0, 1
        while there and got < limit:
            replies = channel.ask([frame] * min(there, limit - got, _GETS), deadline)
            full = [reply for reply in replies if reply.kind == GET_OK]
            with self._lock:
                for reply in full:
                    tag = int.from_bytes(reply.arguments[:8], "big")
                    self._sort(intake, source, tag, reply.arguments[8] != 0, reply.properties, reply.body)
            got += len(full)
            there = int.from_bytes(full[-1].arguments[-4:], "big") if len(full) == len(replies) else 0
        return got

    def barrier(self) -> None:
        """Until what the broker has pushed so far has arrived."""
        intake = self._intake
        if intake is not None and not intake.is_gone:
            with suppress(OSError, ChannelClosed):
                self._ask_nothing(intake, PATIENCE)
            self._sort_pushed(intake)

    # sorting what came

    def _take(self, intake: Intake, queues: tuple[str, ...], limit: int) -> list[Delivery]:
        """Up to `limit` of what is here, of each queue in turn."""
        self._sort_pushed(intake)
        found: list[Delivery] = []
        with self._lock:
            left = [queue for queue in self._in_turn(queues) if intake.number_of((queue,))]
            while left and len(found) < limit:
                share = max((limit - len(found)) // len(left), 1)
                for queue in left:
                    found += intake.pop(queue, min(share, limit - len(found)))
                left = [queue for queue in left if intake.number_of((queue,))]
        return found

    def _in_turn(self, queues: tuple[str, ...]) -> tuple[str, ...]:
        if len(queues) == 1:
            return queues
        start = next(self._turns) % len(queues)
        return queues[start:] + queues[:start]

    def _sort_pushed(self, intake: Intake) -> None:
        channel = intake.channel
        with self._lock:
            delivered, sources, sort = channel.delivered, intake.sources, self._sort
            while delivered:
                consumer, tag, redelivered, _, properties, body = delivered.popleft()
                sort(intake, sources[consumer], tag, redelivered, properties, body)
            if channel.cancelled:
                gone = {consumer.decode() for consumer in channel.cancelled}
                channel.cancelled.clear()
                for queue in [queue for queue, pair in intake.consumed.items() if gone & set(pair)]:
                    del intake.consumed[queue]
                    self._line.forget(queue)
            if intake.again:
                self._recount(intake)
            if intake.far:
                self._send_up_again(intake)
            if intake.early:
                intake.release(self._now())

    def _sort(
        self, intake: Intake, source: tuple[str, bool], tag: int, redelivered: bool, properties: bytes, body: bytes
    ) -> None:
        queue = source[0]
        message, history = self._reader.read(properties, body)
        task_id = message.id
        key = (task_id, hash((queue, properties, body))) if task_id else None
        if redelivered and (known := self.holdings.take_back(intake, tag, key)) is not None:
            if known.settled:
                self._acknowledge(intake, [tag], done=True)
            return
        delivery = Delivery(message, queue, history.begun + 1, self.holdings.hold(intake, tag, key))
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
            self.move([each for each, _ in again], [self.again(each, each.count, due) for each, due in again])
        except TransportDown:  # the broker takes no messages; then at least these shall leave it
            for delivery, due in again:
                delivery.count += 1
                intake.keep(delivery, (delivery.queue, True), due or 0.0)

    def _send_up_again(self, intake: Intake) -> None:
        far, intake.far = intake.far, []
        posts = [self.later(each, history.due or 0.0, history.begun) for each, history in far]
        self.move_up([each for each, _ in far], posts)

    # settling

    def again(self, delivery: Delivery, begun: int, due: float | None = None) -> Post:
        """The message for its lane, with so many deliveries begun; `due` where it is to wait for that."""
        content = envelope.write(delivery.message, History(begun, due), self._most)
        return Post(delivery.queue, "", lane_name(delivery.queue), content)

    def later(self, delivery: Delivery, due: float, begun: int) -> LatePost:
        """The message for the ladder."""
        return LatePost(delivery.queue, due, envelope.write(delivery.message, History(begun, due), self._most))

    @property
    def _most(self) -> int:
        return self._line.largest_properties

    def move(self, deliveries: Sequence[Delivery], posts: Sequence[Post]) -> None:
        """Publish in their stead, and acknowledge them when the broker has that.

        Raises:
            TransportDown: they are still held.
        """
        self._line.post(posts, PATIENCE)
        self.acknowledge(deliveries, done=False)

    def move_up(self, deliveries: Sequence[Delivery], posts: Sequence[LatePost]) -> None:
        """The same, into the ladder."""
        self._line.post_late(posts, self._now, PATIENCE)
        self.acknowledge(deliveries, done=False)

    def acknowledge(self, deliveries: Iterable[Delivery], *, done: bool = True) -> None:
        """They are done, or were sent elsewhere. Those that are not held any more are passed over: their connection is
        gone, and the broker has them."""
        with self._lock:
            numbers = self.holdings.finish(deliveries)
            if numbers and self._intake is not None:
                self._acknowledge(self._intake, numbers, done=done)

    def _acknowledge(self, intake: Intake, numbers: list[int], *, done: bool) -> None:
        channel = intake.channel.number
        frames = self.holdings.settle(
            numbers, lambda number, multiple: methods.basic_ack(channel, number, multiple=multiple), done=done
        )
        with suppress(OSError):  # the next receive finds out
            intake.link.send(frames, time.monotonic() + PATIENCE)

    def held(self, batch: Iterable[Delivery]) -> list[Delivery]:
        """Those of the batch that are held, in the order in which they were taken."""
        with self._lock:
            mine = [delivery for delivery in batch if self.holdings.holds(delivery)]
        return sorted(mine, key=_number)

    def to_move(self, batch: Iterable[Delivery]) -> list[Delivery]:
        """Those of the batch that can be sent elsewhere; the others are let go, the broker has them."""
        batch = list(batch)
        held = self.held(batch)
        with self._lock:
            for delivery in batch:
                if not self.holdings.holds(delivery):
                    self.holdings.let_go(delivery)
        return held

    def notice(self) -> None:
        """Take in what the broker has said, though nobody may be receiving: perhaps that the connection is gone."""
        intake = self._intake
        if intake is not None:
            intake.link.pump()

    # what waits here

    def waiting_here(self, queue: str) -> list[Delivery]:
        """What was pushed in advance."""
        intake = self._intake
        if intake is None or intake.is_gone:
            return []
        with self._lock:
            return [each for is_lane in (True, False) for each in intake.ready.get((queue, is_lane), ())]

    def drop_waiting(self, queue: str) -> int:
        """Acknowledge what was pushed in advance, unseen; how many there were."""
        with self._lock:
            waiting = self.waiting_here(queue)
            self.acknowledge(waiting)
            if self._intake is not None:
                self._intake.ready.pop((queue, True), None)
                self._intake.ready.pop((queue, False), None)
        return len(waiting)

    # ending

    def wake(self) -> None:
        """Takes no lock: signal handlers call it."""
        if len(self._wakes) < max(self._waiting, 1):
            self._wakes.append(None)
        intake = self._intake
        if intake is not None:
            intake.link.bell.ring()

    def _take_wake(self) -> bool:
        try:
            self._wakes.pop()
        except IndexError:
            return False
        return True

    def close(self) -> None:
        self._closed = True
        intake = self._intake
        if intake is None:
            return
        intake.link.bell.ring()
        if not intake.is_gone:
            self._give_back(intake)
        intake.link.close()
        with self._lock:
            self._intake = None
            self.holdings.end_session()

    def _give_back_neglected(self, intake: Intake) -> None:
        """Called now and then by a thread of the intake's own. What was pushed in advance while tasks were fast must
        not wait here behind a slow one: others may be idle."""
        if self._waiting or time.monotonic() - self._left < _NEGLECTED or intake.is_gone:
            return
        intake.link.pump()
        if intake.channel.delivered or intake.early or any(intake.ready.values()):
            self._give_back(intake)

    def _give_back(self, intake: Intake) -> None:
        """What was pushed in advance goes back as if it had never been here; without this it would count as begun."""
        with suppress(OSError, ChannelClosed):
            with self._lock:  # who comes to receive makes consumers anew
                if self._waiting and not self._closed:
                    return
                intake.link.send(self._cancel(intake), time.monotonic() + _GIVE_BACK)
            self._ask_nothing(intake, _GIVE_BACK)  # the consumers are gone when this is answered,
            self._ask_nothing(intake, _GIVE_BACK)  # and what they were pushed meanwhile is here when this is
        self._sort_pushed(intake)
        with self._lock:
            boxes = sorted(intake.ready.items(), key=lambda item: not item[0][1])  # the lanes first
            ready: list[tuple[Delivery, float | None]] = [(each, None) for _, box in boxes for each in box]
            ready += [(each.delivery, each.due) for each in intake.early]
            intake.ready.clear()
            intake.early.clear()
        if not ready:
            return
        try:
            self._line.post([self.again(each, each.count - 1, due) for each, due in ready], _GIVE_BACK)
        except TransportDown:  # then they stay here
            with self._lock:
                for each, due in ready:
                    intake.keep(each, (each.queue, True), due or 0.0)
        else:
            self.acknowledge((each for each, _ in ready), done=False)

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            if self._intake is not None:
                self._intake.link.drop()
            self._start_afresh()


def _number(delivery: Delivery) -> int:
    return token_of(delivery).number
