"""The contract of a transport: how messages wait, are held, and are settled."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from celeriac.clock import Clock, SystemClock
from celeriac.errors import UnsupportedCapability
from celeriac.message import Delivery, Message, Publication
from celeriac.specs.driver import Driver

CAPABILITIES: Mapping[str, str] = {
    "durable": "messages survive the end of every process",
    "processes": "several processes may use it at once",
    "multi-host": "several machines may use it at once",
    "delay": "a message may be published with a due time, which is kept outside the worker",
    "order": "messages of a queue come in the order of publishing, those that were given back before younger ones",
    "priority": "within a queue, messages of a higher priority come first",
    "lease": "what a worker holds comes back by itself when its lease runs out",
    "owner-liveness": "what a dead worker held comes back at once, without waiting for its lease",
    "fan-out": "broadcasts reach every subscriber",
    "reply": "carries results back to who asked for them",
    "peek": "waiting messages can be looked at without being consumed",
    "dead-letter": "keeps dead letters with their evidence",
    "garbage": "finds and removes what dead processes have left at the broker",
    "ahead": "a receive can be begun before its messages are wanted",
    "census": "knows all its queues, what is held and delayed in them, and how old their oldest message is",
}


EVENTS = "celeryev"
"""The topic of events: the name of Celery's exchange."""


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """What the kernel hands to a transport when it makes one."""

    url: str
    """As configured, for instance ``sqlite:///var/lib/shop/queue.db``; never show it with its password."""
    lease: float = 30.0
    """Seconds for which a received message is held before it must be renewed."""
    clock: Clock = field(default_factory=SystemClock)
    extra: Mapping[str, Any] = field(default_factory=dict)
    """The ``broker_transport_options`` setting; a name that the driver does not know is a ConfigurationError."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that will not be delivered again, and why."""

    id: str
    """The transport's name for this dead letter; what `replay` and `drop` take."""
    queue: str
    message: Message
    reason: str
    """One line for a person: ``worker lost: signal 9 (SIGKILL)``."""
    detail: str
    """A traceback, or empty."""
    deliveries: int
    at: float
    """Unix time of the burial."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many messages of a queue wait, are held by workers, and are not yet due."""

    ready: int = 0
    held: int = 0
    delayed: int = 0


@dataclass(frozen=True, slots=True)
class Litter:
    """Something at the broker that a dead process has left behind. Never a message of a task."""

    name: str
    """The broker's name for it; what `kind` says of it makes it unique."""
    kind: str
    """What it is, in a word or two: ``queue``, ``binding``."""
    why: str
    """How it is known that nobody needs it, in one line for a person."""
    age: float | None = None
    """Seconds for which nobody has touched it, at least. None: unknown, the reason holds whatever it is."""


class Subscription(Driver):
    """One listener to broadcasts. It hears what is sent after it was made."""

    @abstractmethod
    def receive(self, timeout: float | None) -> list[tuple[str, bytes]]:
        """Wait for broadcasts and return them as ``(topic, payload)``, oldest first; empty when the time is up or
        after `wake`."""

    @abstractmethod
    def wake(self) -> None:
        """Make a blocked `receive` return now. Safe from any thread and from a signal handler."""

    @abstractmethod
    def close(self) -> None:
        """Stop listening and free what belongs to it. A second call does nothing."""


class ReplyBox(Driver):
    """The queue in which one process hears what came of its calls. It is there from the moment it is made."""

    address: str
    """What `Transport.reply` is given to reach it. Its queue has no other name, and nobody else makes it."""

    @abstractmethod
    def receive(self, timeout: float | None) -> list[Message]:
        """Wait for replies and return them, oldest first; empty when the time is up or after `wake`. Each call, also
        one that does not wait (0), begins the queue's life anew, and makes a queue that has gone again. It may return
        a part of what is there; while anything is, it does not return without some.

        Raises:
            TransportDown: the broker cannot be reached; what came before the queue went is lost then.
        """

    @abstractmethod
    def wake(self) -> None:
        """Make a blocked `receive` return now, or the next one. Safe from any thread and from a signal handler."""

    @abstractmethod
    def close(self) -> None:
        """Remove the queue. A second call does nothing."""


def nothing_left(timeout: float) -> None:
    """What is left of a publish that is done."""
    del timeout


class Transport(Driver):
    """Queues with at-least-once delivery.

    Every method is safe to call from several threads. Nothing is opened before the first call that needs it. An object
    must not be used in a forked child (the child makes its own); in a child it must do nothing when it is collected.
    Queue names are any non-empty text up to 200 characters. Times are Unix seconds by `options.clock`, spans are
    seconds; a `timeout` is in real time, whatever the clock.

    Methods that touch the broker raise TransportDown when it cannot be reached and TransportCorrupt when its
    store is damaged; no other error crosses this line, other than for wrong arguments.
    (TransportDown is an OSError: a driver that maps OSError lets its own errors through first.)

    A complete driver stands in ``celeriac_plugins/transports/memory.py``, a stranger's in
    ``examples/third_party_transport``.
    """

    def __init__(self, options: TransportOptions) -> None:
        self.options = options

    # publishing

    @abstractmethod
    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        """Put all messages of the batch into their queues, or none. When it returns they are as safe as the transport
        promises. `timeout` bounds everything, waiting for locks and connecting included.

        Raises:
            TransportDown: not done within `timeout`.
            EncodeError: a message cannot be written.
        """

    def begin_publish(self, batch: Sequence[Publication], timeout: float) -> Callable[[float], None]:
        """As `publish`, without waiting for the broker's word: that is what the function does that is returned, within
        as many seconds as it is given. Until it has returned, the messages may be there or not. It is called once, or
        never when the caller gives up; more may be begun before. As it comes, `publish` is all of it."""
        self.publish(batch, timeout)
        return nothing_left

    # receiving and settling

    @abstractmethod
    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        """Take up to `limit` messages out of `queues` and hold them under a lease, in one atomic step.

        Blocks until there is one, the time is up (None: for ever, 0: do not wait), or `wake` is called; the last two
        return an empty list. Higher priority first, then the order of publishing (as far as the driver declares these);
        no queue starves another. Delayed messages whose time has come and held ones whose lease has run out (or whose
        holder is dead) are among them.
        """

    def receive_ahead(self, queues: Sequence[str], limit: int) -> None:  # noqa: ARG002 (an optional method)
        """Begin to receive and do not wait: whatever is there now, up to `limit`, is held for the next `receive` of
        these queues, which returns it without asking for more. A second call before that does nothing. Only with the
        capability "ahead"."""
        raise UnsupportedCapability(f"{type(self).__name__} cannot receive ahead")

    def return_ahead(self) -> None:
        """Give back what was begun by `receive_ahead` and has not been received; it does not count as a delivery."""

    @abstractmethod
    def wake(self) -> None:
        """Make one blocked `receive` of this object return now, or the next one if none is blocked. Safe from any
        thread and from a signal handler."""

    @abstractmethod
    def ack(self, batch: Sequence[Delivery]) -> None:
        """Forget these messages. One that is no longer held under its token is passed over."""

    @abstractmethod
    def reject(self, batch: Sequence[Delivery], started: bool = True) -> None:
        """Give these messages back to their queues, with `order` ahead of younger ones, ready at once. With
        ``started=False`` the delivery does not count: the message was held, but nothing ran. No longer held: passed
        over."""

    @abstractmethod
    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        """Give each message back, to be due at the time beside it. `started` as in `reject`."""

    @abstractmethod
    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        """Hold these messages for another lease from now, and return those that are not held any more."""

    @abstractmethod
    def dead_letter(self, batch: Sequence[tuple[Delivery, str, str]]) -> None:
        """Move each ``(delivery, reason, detail)`` to the dead letters, in one step. No longer held: passed over."""

    # looking after queues

    @abstractmethod
    def queues(self) -> list[str]:
        """The names of all queues that hold anything or were used lately, sorted. Without a census: of those that this
        object has used."""

    @abstractmethod
    def counts(self, queue: str) -> QueueCounts:
        """How much the queue holds; all zero for one that does not exist. Without a census only `ready` is known."""

    @abstractmethod
    def peek(self, queue: str, limit: int) -> list[Message]:
        """The next ready messages, in the order in which they would be received, left where they are."""

    @abstractmethod
    def oldest(self, queue: str) -> float | None:
        """The Unix time at which the oldest ready message was published or became due; None when there is none, and
        always without a census."""

    @abstractmethod
    def purge(self, queue: str) -> int:
        """Drop all ready and delayed messages of the queue, leave what is held, and return how many were dropped.
        Without a census what is delayed stays."""

    # dead letters

    @abstractmethod
    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        """Dead letters, newest first."""

    @abstractmethod
    def find_dead(self, ids: Sequence[str]) -> list[DeadLetter]:
        """The dead letters with these ids or with these task ids; unknown ones are passed over."""

    @abstractmethod
    def replay(self, ids: Sequence[str]) -> int:
        """Publish these dead letters (by `DeadLetter.id`) to their queues again, as they were, with a delivery count
        of 0, remove them here, both in one step, and return how many there were."""

    @abstractmethod
    def drop_dead(self, ids: Sequence[str]) -> int:
        """Delete these dead letters and return how many there were."""

    # fan-out

    @abstractmethod
    def broadcast(self, topic: str, payload: bytes) -> None:
        """Send to everyone who is subscribed to the topic now. Kept for at most a minute; never blocks for a reader."""

    @abstractmethod
    def subscribe(self, topics: Sequence[str]) -> Subscription:
        """Listen to these topics from now on."""

    # events: broadcasts in the form that other systems' monitors read, where the transport has one

    def announce(self, kind: str, payload: bytes) -> None:
        """Send to everyone who watches. `kind` tells what it is, in words with dots between: ``task.failed``. As
        `broadcast` otherwise."""
        del kind
        self.broadcast(EVENTS, payload)

    def watch(self) -> Subscription:
        """Listen to what is announced from now on, of whatever kind. The topic of each is `EVENTS`."""
        return self.subscribe([EVENTS])

    # replies; for drivers that declare them

    def listen_for_replies(self, life: float, timeout: float) -> ReplyBox:  # noqa: ARG002 (for those who declare it)
        """Make a queue for replies, within `timeout` seconds. It goes when `life` seconds have passed without a
        `receive`, for instance because its process was killed.

        Raises:
            TransportDown: not done within `timeout`.
            UnsupportedCapability: the driver does not declare ``reply``.
        """
        raise UnsupportedCapability(f"{type(self).__name__} does not carry results back to who asked for them")

    def reply(self, batch: Sequence[tuple[str, Message]], life: float) -> None:  # noqa: ARG002
        """Put each message into the reply queue of that address. Where there is none any more it is passed over: no
        queue is made by it. What nobody has taken after `life` seconds may go.

        Raises:
            TransportDown: perhaps some have arrived.
            UnsupportedCapability: the driver does not declare ``reply``.
        """
        raise UnsupportedCapability(f"{type(self).__name__} does not carry results back to who asked for them")

    # garbage; for drivers that declare it

    def litter(self) -> list[Litter]:
        """What dead processes have left behind, of our kind or Celery's: queues of control, replies and events that
        nobody consumes, bindings to them, bookkeeping without its subject. What is in doubt is not among it.

        Raises:
            UnsupportedCapability: the driver does not declare ``garbage``.
        """
        raise UnsupportedCapability(f"{type(self).__name__} does not look for what dead processes have left behind")

    def sweep_litter(self, litter: Sequence[Litter]) -> int:  # noqa: ARG002 (for those who declare it)
        """Remove these, and return how many there were. What has come into use since `litter` is left alone.

        Raises:
            UnsupportedCapability: the driver does not declare ``garbage``.
        """
        raise UnsupportedCapability(f"{type(self).__name__} does not remove what dead processes have left behind")

    # life

    @abstractmethod
    def close(self) -> None:
        """Free everything; what is held stays held until its lease runs out. A second call does nothing."""

    settings: ClassVar[Mapping[str, str]] = {}
    """Celery's settings that are options of this driver, by the option's name. Where another transport is used, setting
    one is an error."""

    failover: ClassVar[frozenset[str]] = frozenset()
    """Schemes of which the driver takes several URLs, with semicolons between, as the servers of one broker that it
    tries in turn. Others are tried in turn by the kernel, each by a transport of its own."""

    dead_letter_limit: ClassVar[int] = 100_000
    """The oldest dead letters beyond this number are dropped."""
