"""The values and bytes that the clauses for serializers work with."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from celeriac.testing.suite.properties import strategies

PLAIN: tuple[Any, ...] = (
    [[4, 4], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}],
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    0.1,
    -1.5e300,
    1.0,
    "",
    "text",
    "naïve ☃ 漢字 \U0001f600",
    'quotes " and \\ and \n \t \r \x00 \x7f \u2028 \ufeff',
    "null",
    "true",
    "12",
    "1.5",
    "2026-01-31",
    [],
    {},
    [None, [True, [1, [2.5, ["deep", {}]]]]],
    {"": "", "a": {"b": {"c": []}}, "list": [{"x": 1}, {"x": None}]},
)

BEYOND_PLAIN: tuple[Any, ...] = (
    datetime(2026, 1, 31, 12, 30, 15, 123456),  # noqa: DTZ001 - a naive one must come back naive
    datetime(2026, 1, 31, 12, 30, 15, tzinfo=UTC),
    datetime(2026, 1, 31, 12, 30, 15, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    date(2026, 1, 31),
    time(12, 30, 15, 123456),
    timedelta(days=1, seconds=5),
    Decimal("10.50"),
    UUID("12345678123456781234567812345678"),
    b"bytes",
    b"\xff\x00\xfe",
    {1, 2, 3},
    frozenset({"a"}),
    complex(1, 2),
    float("inf"),
    2**64,
    -(2**80),
)

GARBAGE = (
    *(b"\x00", b"\xff", b"\xff\xff\xff\xff", b"\xc1", b"\x80\x05", b"\x28\xb5\x2f\xfd", b"\xed\xa0\x80"),
    *(
        b"{",
        b"}",
        b"[",
        b'"',
        b'{"a":',
        b"[1,",
        b"nul",
        b"- [",
        b"a: b: c",
        b"!!int x",
        b"!!timestamp x",
        b"? [",
        b"&a *a",
    ),
    *(b"!!bool x", b"!!binary x", b"%YAML 9.9", b"\x80\x04.", b"(.", b"0.", b"\xdc\xff\xff", b"\xdd\xff\xff\xff\xff"),
    b"\xd6\xff\xff\xff\xff\xff",
    b'{"__type__": "datetime", "__value__": "yesterday"}',
    b'{"__type__": "decimal", "__value__": "ten"}',
    b'{"__type__": "uuid", "__value__": {"hex": 1}}',
    b'{"__type__": [], "__value__": {}}',
    b'{"__type__": "no such type", "__value__": 0}',
    b"\x00\x01" * 4,
    b"AAEAAQABAAE=",
)

DEEP = 100_000
DEEP_BYTES = (
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP,
    b"- " * DEEP + b"a",
    b"(" * DEEP + b")" * DEEP,
    b"\x91" * DEEP + b"\xc0",
    b"l" * DEEP + b"e" * DEEP,
)


class Point:
    """An object of nobody's own kind."""

    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    __hash__ = None  # type: ignore[assignment]


class MakesFolder:
    """Whoever rebuilds it from a pickle makes a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.folder,)


def hostile_bodies(folder: str) -> tuple[bytes, ...]:
    call = f"__import__('os').mkdir({folder!r})"
    return (
        *(pickle.dumps(MakesFolder(folder), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        f"!!python/object/apply:os.mkdir ['{folder}']".encode(),
        f"!!python/object/new:os.mkdir ['{folder}']".encode(),
        call.encode(),
        f"[{call}]".encode(),
        f'{{"py/reduce": [{{"py/function": "os.mkdir"}}, {{"py/tuple": ["{folder}"]}}]}}'.encode(),
        f'{{"__type__": "os.mkdir", "__value__": "{folder}"}}'.encode(),
    )


def plain_values() -> Any:
    st = strategies()
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
        max_leaves=12,
    )
