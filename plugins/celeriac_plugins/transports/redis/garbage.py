"""What dead processes have left behind, for want of an end of life: mostly Celery's.

Nothing of ours is among it but after an accident (see docs/redis.md, "Keys"). Celery's queues of control, replies and
events are bound to their exchanges by members of sets that have none. What is found here has a proof; age alone is
none, for an idle monitor may use its binding tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hiredis import ReplyError

from celeriac.clock import Clock
from celeriac.specs.transport import Litter
from celeriac_plugins._shared.redis_line import Line

from . import scripts
from .fan_out import FanOut
from .keys import HELD, Keys
from .replies import REPLIES
from .roll_call import call_roll

BINDING, BOX, HOLDING = "binding", "queue", "index entry"

_UNREAD: Final = 60
"""Seconds without a touch after which a list of replies or events has nobody who reads it: who does, waits for it."""
_ARROW: Final = " -> "


class Garbage:
    """Looks for litter, and removes it."""

    def __init__(self, line: Line, keys: Keys, fan_out: FanOut, clock: Clock) -> None:
        self._line = line
        self._keys = keys
        self._fan_out = fan_out
        self._now = clock.time

    def find(self) -> list[Litter]:
        return [*self._boxes(), *self._bindings(), *self._holdings()]

    # lists

    def _boxes(self) -> Iterator[Litter]:
        """Lists of replies and events without an end of life that nobody reads."""
        queues = {name.decode() for name in self._line.call([("ZRANGE", self._keys.queues, 0, -1)])[0]}
        names = [name for name in self._scan("list", "") if _passes(name) and name not in queues]
        for name in names:
            key = self._keys.prefix + name
            try:
                life, idle = self._line.call([("TTL", key), ("OBJECT", "IDLETIME", key)])
            except self._line.faces.down as error:
                if isinstance(error.__cause__, ReplyError):
                    continue  # it has gone meanwhile, or the server does not keep this time (an LFU policy)
                raise
            if life == -1 and idle is not None and idle >= _UNREAD:
                yield Litter(key, BOX, "it has no end of life, and nobody reads it", float(idle))

    # bindings

    def _bindings(self) -> Iterator[Litter]:
        for exchange in self._scan("set", "_kombu.binding."):
            bound = {queue for queue in self._bound(exchange) if _passes(queue)}
            if bound:
                stale = self._stale(exchange, bound)
                for queue, why in sorted(stale.items()):
                    yield Litter(f"{exchange}{_ARROW}{queue}", BINDING, why)

    def _stale(self, exchange: str, bound: set[str]) -> dict[str, str]:
        """Those of the bound queues that nobody consumes, and how that is known."""
        if exchange.startswith("reply."):
            return dict.fromkeys(self._lapsed(exchange, bound), "nobody has renewed it in time")
        channel = self._keys.channel(exchange)
        subscribed, patterns = self._line.call([("PUBSUB", "NUMSUB", channel), ("PUBSUB", "NUMPAT")])
        if not patterns and not (subscribed[channel.encode()] if isinstance(subscribed, dict) else subscribed[1]):
            return dict.fromkeys(bound, "nobody listens to its exchange")
        if not exchange.endswith(".pidbox"):
            return {}
        roll = call_roll(self._fan_out, exchange)
        living = {f"{host}.{exchange}" for host in roll.answered}
        return dict.fromkeys(bound - living, "all who listen have answered, and this one did not") if roll.all else {}

    def _lapsed(self, exchange: str, bound: set[str]) -> set[str]:
        """kombu's own rule: an exchange has a time until which its bindings are of use, but for permanent ones."""
        permanent = self._keys.binding_permanent(exchange)
        till, kept = self._line.call([("ZSCORE", self._keys.binding_deadlines, exchange), ("SMEMBERS", permanent)])
        if till is None or float(till) > self._now() * 1000:
            return set()
        return bound - {self._queue_of(member) for member in kept}

    def _bound(self, exchange: str) -> list[str]:
        (members,) = self._line.call([("SMEMBERS", self._keys.binding(exchange))])
        return [self._queue_of(member) for member in members]

    def _queue_of(self, member: bytes) -> str:
        return member.decode("utf-8", "replace").rpartition(self._keys.sep)[2]

    # holdings

    def _holdings(self) -> list[Litter]:
        """Entries of the indices whose message is settled: left by a server that lost a part of its data."""
        found = self._line.run(scripts.STRAY, self._keys.held, self._keys.layout)
        return [Litter(token.decode("utf-8", "replace"), HOLDING, "no message is held under it") for token in found]

    def _scan(self, kind: str, beginning: str) -> list[str]:
        """What follows the beginning in the names of keys of that kind."""
        start, cursor = self._keys.prefix + beginning, b"0"
        names: set[str] = set()
        while True:
            cursor, found = self._line.call([("SCAN", cursor, "MATCH", _literal(start) + "*", "TYPE", kind)])[0]
            names.update(name.decode("utf-8", "replace").removeprefix(start) for name in found)
            if int(cursor) == 0:
                return sorted(names)

    # removing

    def sweep(self, litter: Sequence[Litter]) -> int:
        """What is litter still."""
        wanted = {(each.kind, each.name) for each in litter}
        still = [each for each in self.find() if (each.kind, each.name) in wanted]
        return sum(self._remove(each) for each in still)

    def _remove(self, each: Litter) -> int:
        if each.kind == BINDING:
            exchange, _, queue = each.name.partition(_ARROW)
            return self._unbind(exchange, queue)
        if each.kind == HOLDING:
            return int(self._line.run(scripts.DROP_STRAY, self._keys.held, (*self._keys.layout, each.name)))
        gone = int(self._line.run(scripts.DROP_UNREAD, [each.name], [_UNREAD]))
        if gone:
            queue = each.name.removeprefix(self._keys.prefix)
            self._unbind("celeryev" if queue.startswith("celeryev.") else queue.partition(".")[2], queue)
        return gone

    def _unbind(self, exchange: str, queue: str) -> int:
        keys = self._keys
        tables = (keys.binding(exchange), keys.binding_permanent(exchange), keys.binding_deadlines)
        return int(self._line.run(scripts.UNBIND, tables, (exchange, keys.sep + queue)))


def _passes(queue: str) -> bool:
    """Whether a queue of this name belongs to one process, and goes with it: not to tasks."""
    return not queue.startswith(HELD) and (
        queue.endswith(".pidbox")
        or queue.startswith(("celeryev.", REPLIES))
        or (queue.startswith("reply.") and ".pidbox." in queue)
    )


def _literal(text: str) -> str:
    """As a pattern that matches this text alone."""
    return "".join(f"\\{character}" if character in "*?[]\\^" else character for character in text)
