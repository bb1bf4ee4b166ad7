"""A connection that takes orders: its two channels, what is not confirmed yet, and what was declared on it."""

from __future__ import annotations

from threading import Lock

from . import methods
from .link import Link


class Publish:
    """What one caller waits for."""

    __slots__ = ("left", "refused")

    def __init__(self, number: int) -> None:
        self.left = number
        self.refused = 0


class _Confirms:
    """Which publishes the broker has not answered yet. Changed under the link's lock, or by who writes."""

    def __init__(self) -> None:
        self._next = 1
        self._open: dict[int, Publish] = {}

    def expect(self, number: int) -> Publish:
        """Before so many messages are written."""
        publish = Publish(number)
        first, self._next = self._next, self._next + number
        self._open.update(dict.fromkeys(range(first, self._next), publish))
        return publish

    def take(self, tag: int, multiple: bool, refused: bool) -> None:
        for each in self._upto(tag) if multiple else (tag,):
            publish = self._open.pop(each, None)
            if publish is not None:
                publish.left -= 1
                publish.refused += refused

    def _upto(self, tag: int) -> list[int]:
        found = []
        for number in self._open:  # in the order of writing
            if number > tag:
                break
            found.append(number)
        return found


class Session:
    """A connection, and what was declared on it."""

    def __init__(self, link: Link, deadline: float) -> None:
        self.link = link
        self.orders = link.open_channel(deadline)
        self.posts = link.open_channel(deadline)
        self.confirms = _Confirms()
        self.posts.on_confirm = self.confirms.take
        self.posts.ask([methods.confirm_select(self.posts.number)], deadline)
        self.writing = Lock()
        self.declared: set[str] = set()
        self.bound: set[str] = set()
        self.exchanges: set[str] = set()
        self.levels = 0
        """How many levels of the ladder of delays are known to be there."""
