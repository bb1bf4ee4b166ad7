"""What this process holds: every message that the broker has pushed and that is not acknowledged.

A holding is a number on a channel, and ends with its connection: then the broker gives the message to somebody. When
that is this process again, and the task still runs here, the running task takes over the new holding: a connection that
breaks does not make a task run twice in the worker that has it.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Final

from celeriac.message import Delivery

_REMEMBERED: Final = 300.0
"""Seconds for which what was finished without its connection is known, in case it comes back."""
_MOST_REMEMBERED: Final = 10_000
_UNDER_WAY: Final = 10.0
"""Seconds for which an acknowledgement may not have reached the broker's disk: none is ever confirmed."""

Key = tuple[str, int]
"""A task id, and a fingerprint of the whole message: a task that is tried again has the same id and is another message,
and so is one that went through a lane."""


class Token:
    """One holding: its number on the channel of a connection (`None` while it has none) and its key."""

    __slots__ = ("handed_out", "key", "number", "session", "settled")

    def __init__(self, session: object, number: int, key: Key | None) -> None:
        self.session: object | None = session
        self.number = number
        self.key = key
        self.settled = False
        self.handed_out = False
        """Whether a receive has returned it; until then nobody runs it."""


class Holdings:
    """The holdings of one object. Changed under its lock, which the caller holds."""

    def __init__(self) -> None:
        self.held: dict[int, Token] = {}
        """By number, in rising order: those of the present connection."""
        self._lost: dict[Key, Token] = {}
        self._finished: OrderedDict[Key, float] = OrderedDict()
        self._under_way: deque[tuple[float, list[Key]]] = deque()
        """What was acknowledged lately, and when."""
        self._number_under_way = 0

    def hold(self, session: object, number: int, key: Key | None) -> Token:
        token = self.held[number] = Token(session, number, key)
        return token

    def end_session(self) -> None:
        """The connection is gone, and all holdings with it."""
        for token in self.held.values():
            token.session = None
            if token.key is not None and token.handed_out and not token.settled:
                self._lost[token.key] = token
        self.held.clear()
        now = time.monotonic()
        for at, keys in self._under_way:
            if now - at < _UNDER_WAY:
                for key in keys:
                    self._remember(key, now)
        self._under_way.clear()
        self._number_under_way = 0

    def take_back(self, session: object, number: int, key: Key | None) -> Token | None:
        """A message that came again: the token under which it still runs here, which now has the new number, or one
        that is settled, because it has finished here; None if it is not of this process."""
        if key is None:
            return None
        token = self._lost.pop(key, None)
        if token is not None and not token.settled:
            token.session, token.number = session, number
            self.held[number] = token
            return token
        finished = self._finished.pop(key, None)
        if finished is not None and time.monotonic() - finished < _REMEMBERED:
            token = self.hold(session, number, key)
            token.settled = True
            return token
        return None

    def holds(self, delivery: Delivery) -> bool:
        token = delivery.token
        return isinstance(token, Token) and not token.settled and self.held.get(token.number) is token

    def finish(self, deliveries: Iterable[Delivery]) -> list[int]:
        """These are done for; the numbers of those that are held, rising."""
        numbers: list[int] = []
        for delivery in deliveries:
            token = delivery.token
            if not isinstance(token, Token) or token.settled:
                continue
            if self.held.get(token.number) is token:
                numbers.append(token.number)
            elif token.key is not None and self._lost.pop(token.key, None) is token:
                self._remember(token.key, time.monotonic())
            token.settled = True
        return sorted(numbers)

    def let_go(self, delivery: Delivery) -> None:
        """It does not run here any more: when it comes again, it is to run."""
        token = delivery.token
        if isinstance(token, Token) and not token.settled:
            token.settled = True
            if token.key is not None and self._lost.get(token.key) is token:
                del self._lost[token.key]

    def _remember(self, key: Key, now: float) -> None:
        self._finished[key] = now
        if len(self._finished) > _MOST_REMEMBERED:
            self._finished.popitem(last=False)

    def _note_under_way(self, keys: list[Key]) -> None:
        now = time.monotonic()
        self._under_way.append((now, keys))
        self._number_under_way += len(keys)
        while self._under_way and (
            self._number_under_way > _MOST_REMEMBERED or now - self._under_way[0][0] > _UNDER_WAY
        ):
            self._number_under_way -= len(self._under_way.popleft()[1])

    def settle(self, numbers: list[int], frame: Callable[[int, bool], bytes], *, done: bool) -> bytes:
        """The frames that acknowledge these numbers (rising): one for all up to the last of those before which nothing
        else is held, and one for each of the others. They are `done`, or were sent elsewhere."""
        wanted = set(numbers)
        last = 0
        for number in self.held:
            if number not in wanted:
                break
            last = number
        frames = [frame(last, True)] if last else []
        frames += [frame(number, False) for number in numbers if number > last]
        keys = [key for number in numbers if (key := self.held.pop(number).key) is not None]
        if done:
            self._note_under_way(keys)
        return b"".join(frames)


def token_of(delivery: Delivery) -> Token:
    token = delivery.token
    assert isinstance(token, Token)
    return token
