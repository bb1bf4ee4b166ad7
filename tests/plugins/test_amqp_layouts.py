"""The properties of messages that look alike are read by their layout, and no otherwise than in full."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from celeriac.message import Message
from celeriac_plugins.transports.amqp import envelope
from celeriac_plugins.transports.amqp.envelope import FRESH, History

MOST = 131_000
few = some.sampled_from(["aa", "bb", "cc", "äé", "a\n"])
lookalikes = some.builds(
    lambda ident, task, stamps, limits, priority, begun, owner: (
        Message(
            {"id": ident, "task": task, "stamps": stamps, "timelimit": limits, "retries": 0},
            {"correlation_id": ident, "reply_to": owner, **priority},
            b"[]",
        ),
        History(begun),
    ),
    few,
    few,
    some.sampled_from([{}, {"x": "y"}, {"x": ["z"]}]),
    some.sampled_from([[None, None], [1, None], [[1], None]]),
    some.sampled_from([{}, {"priority": 1}, {"priority": 2}]),
    some.integers(0, 2),
    few,
)


def read(reader: envelope.Reader, pair: tuple[Message, History]) -> tuple[Message, History]:
    return reader.read(*envelope.write(*pair, MOST))


@given(some.lists(lookalikes, max_size=60))
def test_messages_that_look_alike_are_read_as_by_a_reader_that_knows_none(pairs: list[tuple[Message, History]]) -> None:
    reader = envelope.Reader()
    assert [read(reader, pair) for pair in pairs] == [read(envelope.Reader(), pair) for pair in pairs] == pairs


@given(some.lists(lookalikes, min_size=2, max_size=10))
def test_a_message_that_was_read_shares_nothing_with_the_next_ones(pairs: list[tuple[Message, History]]) -> None:
    reader = envelope.Reader()
    for pair in pairs:
        message, _ = found = read(reader, pair)
        assert found == pair
        spoil(message.headers)
        spoil(message.properties)


def spoil(value: Any) -> None:
    for inner in list(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()):
        spoil(inner)
    if isinstance(value, dict | list):
        value.clear()


def test_another_shape_of_the_same_length_takes_over_when_it_is_the_usual_one() -> None:
    reader = envelope.Reader()
    old = [(Message({"id": f"{n:03}", "task": "t"}, {}, b""), FRESH) for n in range(3)]
    new = [(Message({"id": f"{n:03}", "tusk": "t"}, {}, b""), FRESH) for n in range(40)]
    assert [read(reader, pair) for pair in old + new] == [(m, History()) for m, _ in old + new]


def test_due_times_and_deaths_are_read_of_each_message_anew() -> None:
    reader = envelope.Reader()
    pairs = [(Message({"id": "1"}, {}, b""), History(1, 1000.5 + n)) for n in range(9)]
    assert [read(reader, pair)[1].due for pair in pairs] == [1000.5 + n for n in range(9)]
