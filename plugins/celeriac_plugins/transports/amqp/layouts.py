"""Reading the properties of many messages that look alike.

Messages of one sender have the same properties and headers in the same order, with texts of mostly the same lengths:
what differs is what a few texts say, most of all the id. So the first properties of a length are read in full, and what
they held is kept, with where their texts are. The second ones show which of the texts differ. From then on it is enough
to compare the bytes between these, and to take out only these texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .wire import text_of, value_at

_MOST: Final = 200
"""Layouts that are kept."""
_PATIENCE: Final = 16
"""Properties that look otherwise until theirs is the layout of that length."""


class Text(NamedTuple):
    """Where a text is, of which property or header."""

    is_header: bool
    name: str
    start: int
    end: int


class Nested(NamedTuple):
    """Where a list or a table begins: its value must not be shared by messages."""

    name: str
    at: int


class Parts(NamedTuple):
    """Properties that were read in full."""

    fields: Mapping[str, Any]
    headers: Mapping[str, Any]
    history: Any
    """What was made of the headers that are not the sender's. These do not differ within a layout."""
    texts: list[Text]
    nested: list[Nested]


class Layout:
    """What the properties of one length look like."""

    __slots__ = ("_all", "_data", "_deep", "_flat", "_gaps", "_is_refined", "_own", "_parts", "_table", "misses")

    def __init__(self, data: bytes, parts: Parts) -> None:
        self._data = data
        self._parts = parts
        self._all = parts.texts
        values = [(name, at, value_at(data, at)[0]) for name, at in parts.nested]
        self._flat = [(name, value) for name, _, value in values if _is_flat(value)]
        self._deep = [(name, at) for name, at, value in values if not _is_flat(value)]
        self._is_refined = False
        self._use(parts.texts)
        self.misses = 0

    def _use(self, texts: list[Text]) -> None:
        """From now on these are the texts that differ."""
        self._own = [(it.name, it.start, it.end) for it in texts if not it.is_header]
        self._table = [(it.name, it.start, it.end) for it in texts if it.is_header]
        gaps = zip([0, *(it.end for it in texts)], [*(it.start for it in texts), len(self._data)], strict=True)
        self._gaps = [(start, end, self._data[start:end]) for start, end in gaps if end > start]

    def fits(self, data: bytes) -> bool:
        """Whether these look alike; the first ones after those of the layout show what differs."""
        for start, end, known in self._gaps:
            if data[start:end] != known:
                break
        else:
            if not self._is_refined:
                self._is_refined = True
                self._use([it for it in self._all if data[it.start : it.end] != self._data[it.start : it.end]])
            return True
        if self._is_refined and len(self._own) + len(self._table) < len(self._all):
            self._use(self._all)  # more differs than it seemed
            return self.fits(data)
        return False

    def read(self, data: bytes) -> tuple[dict[str, Any], dict[str, Any], Any]:
        """Fields, headers and history of properties that fit."""
        parts = self._parts
        fields, headers = dict(parts.fields), dict(parts.headers)
        for name, start, end in self._own:
            fields[name] = data[start:end].decode("utf-8", "replace")
        for name, start, end in self._table:
            headers[name] = text_of(data[start:end])
        for name, value in self._flat:
            headers[name] = value.copy()
        for name, at in self._deep:
            headers[name], _ = value_at(data, at)
        return fields, headers, parts.history


class Layouts:
    """Not thread-safe. `in_full` reads properties that have no known layout, and says whether others may look alike."""

    def __init__(self, in_full: Callable[[bytes], tuple[Parts, bool]]) -> None:
        self._in_full = in_full
        self._known: dict[int, Layout] = {}

    def read(self, data: bytes) -> tuple[dict[str, Any], dict[str, Any], Any]:
        """Fields, headers and history.

        Raises:
            Malformed, ValueError, IndexError, struct.error: they are damaged.
        """
        layout = self._known.get(len(data))
        if layout is not None and layout.fits(data):
            return layout.read(data)
        parts, is_usual = self._in_full(data)
        if is_usual:
            self._learn(data, layout, parts)
        return dict(parts.fields), dict(parts.headers), parts.history

    def _learn(self, data: bytes, layout: Layout | None, parts: Parts) -> None:
        if layout is not None:
            layout.misses += 1
            if layout.misses < _PATIENCE:
                return
        elif len(self._known) >= _MOST:
            self._known.clear()
        self._known[len(data)] = Layout(data, parts)


def _is_flat(value: Any) -> bool:
    """Whether a copy of this list or table shares nothing with it that can change."""
    return not any(isinstance(it, list | dict) for it in (value.values() if isinstance(value, dict) else value))
