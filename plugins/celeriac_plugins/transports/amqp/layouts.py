"""Reading the headers of many messages that look alike.

Messages of one sender have the same headers in the same order, with texts of mostly the same lengths: what differs is
what the texts say. So the first table of a length is read in full, and where its texts are is kept, with all the bytes
between them. A later one of the same length, with the same bytes between, needs only its texts taken out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .wire import read_pairs, text_of, value_at, walk

_MOST: Final = 200
"""Layouts that are kept."""
_NESTED: Final = (65, 70)  # A, F: lists and tables, which must not be shared by messages


class _Layout:
    """Where things are in a table's bytes."""

    __slots__ = ("between", "constant", "is_plain", "nested", "texts")

    def __init__(self, body: bytes, is_special: Callable[[str], bool]) -> None:
        self.constant: dict[str, Any] = {}
        self.texts: list[tuple[str, int, int]] = []
        self.nested: list[tuple[str, int]] = []
        self.between: list[tuple[int, int, bytes]] = []
        start = 0
        for name, at, end in walk(body):
            if body[at] == 83:  # S
                self.between.append((start, at + 5, body[start : at + 5]))
                self.texts.append((name, at + 5, end))
                self.constant[name] = None
                start = end
            else:
                self.constant[name], _ = value_at(body, at)
                if body[at] in _NESTED:
                    self.nested.append((name, at))
        self.between.append((start, len(body), body[start:]))
        self.is_plain = not any(is_special(name) for name in self.constant)

    def fits(self, body: bytes) -> bool:
        return all(body[start:end] == known for start, end, known in self.between)

    def read(self, body: bytes) -> dict[str, Any]:
        fields = self.constant.copy()
        for name, start, end in self.texts:
            fields[name] = text_of(body[start:end])
        for name, at in self.nested:
            fields[name], _ = value_at(body, at)
        return fields


class Layouts:
    """Not thread-safe."""

    def __init__(self, is_special: Callable[[str], bool]) -> None:
        self._is_special = is_special
        self._known: dict[int, _Layout] = {}

    def read(self, body: bytes) -> tuple[dict[str, Any], bool]:
        """The fields in a table's bytes (without their length), and whether none of them is special.

        Raises:
            Malformed, ValueError, IndexError, struct.error: they are damaged.
        """
        layout = self._known.get(len(body))
        if layout is not None and layout.fits(body):
            return layout.read(body), layout.is_plain
        fields = read_pairs(body, 0, len(body))
        layout = _Layout(body, self._is_special)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[len(body)] = layout
        return fields, layout.is_plain
