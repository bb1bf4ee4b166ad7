"""Members of a group that come from a generator: read as they are published, not before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain as joined
from itertools import islice
from typing import TYPE_CHECKING, Any

from celeriac.errors import ConfigurationError

if TYPE_CHECKING:
    from celeriac.canvas.signatures import Signature

HEAD = 1000
"""How many members are read at once. A generator that ends within them is as good as a list."""


class Stream:
    """The members of a generator that did not end within the first `HEAD`. They can be gone through once: either one
    by one, while they are published, or all at once, which makes a list of them."""

    def __init__(self, head: list[Signature[Any]], rest: Iterator[Signature[Any]]) -> None:
        self.head = head
        self._rest = rest
        self._is_used = False
        self._all: list[Signature[Any]] | None = None

    def everyone(self) -> list[Signature[Any]]:
        """All of them, in memory."""
        if self._all is None:
            self._all = list(self.used_up())
        return self._all

    def used_up(self) -> Iterator[Signature[Any]]:
        """All of them, for the last time."""
        if self._all is not None:
            return iter(self._all)
        if self._is_used:
            raise ConfigurationError(
                "the members of this group came from a generator, which its first call has used up; "
                "give it a list to call it again"
            )
        self._is_used = True
        return joined(self.head, self._rest)

    def __repr__(self) -> str:
        return "…"


def read_members(members: Iterable[Signature[Any]]) -> list[Signature[Any]] | Stream:
    """The members, as a list unless there are many in a generator."""
    if isinstance(members, (list, tuple)):
        return list(members)
    source = iter(members)
    head = list(islice(source, HEAD))
    following = next(source, None)
    if following is None:
        return [*head, *source]
    return Stream(head, joined([following], source))
