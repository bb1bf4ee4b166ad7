"""What is published arrives, whole and unchanged, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from celeriac.errors import EncodeError
from celeriac.message import Message, Publication
from celeriac.specs.transport import Transport
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import (
    PATIENCE,
    TransportClauses,
    message,
    names,
    send,
    take,
    take_now,
    take_one,
)

QUEUE_NAMES = {
    "plain": "celery",
    "upper-case": "Celery",
    "slashes": "a/b//c/",
    "dot": ".",
    "dots": "..",
    "climbing": "../../etc/passwd",
    "hidden": ".hidden",
    "quotes": 'it\'s "quoted" `here`; DROP TABLE queues; --',
    "percent": "100%25%",
    "wildcards": "a*b?c[d]_{e}",
    "backslash": "a\\b",
    "space": " a b ",
    "line": "a\nb\tc",
    "colon": "a:b\x06\x16c",
    "umlaut": "Päckchen",
    "unicode": "очередь-キュー-🥬",
    "long": "x" * 200,
    "long-unicode": "🥬" * 200,
    "long-other-end": "🥬" * 199 + "x",
}

HEADERS: Mapping[str, Mapping[str, Any]] = {
    "empty": {},
    "none": {"eta": None, "timelimit": [None, None]},
    "nested": {"a": {"b": {"c": [1, [2, [3, {"d": []}]]]}}},
    "large-ints": {"a": 2**31, "b": 2**32 + 1, "c": 2**63 - 1, "d": -(2**63), "e": 2**64 - 1},
    "floats": {"a": 0.1, "b": -1e300, "c": 1.0},
    "truth": {"a": True, "b": False, "c": 0, "d": 1},
    "unicode": {"Schlüssel": "Grüße, 🥬, \u2028, \x00"},
    "quotes": {"argsrepr": "('it\\'s', \"x\")", "kwargsrepr": "{}"},
    "of-brokers": {"x-celeriac": "1", "x-death": [], "x-delivery-count": 3},
    "long": {"argsrepr": "x" * 100_000},
}

BODIES = {
    "empty": b"",
    "every-byte": bytes(range(256)),
    "no-text": b"\xff\xfe\x00\x80",
    "line-ends": b"\r\n\n\r\x1a",
    "megabyte": bytes(range(256)) * 4096,
}


def params(table: Mapping[str, Any]) -> list[Any]:
    return [pytest.param(value, id=name) for name, value in table.items()]


class PublishClauses(TransportClauses):
    def test_a_published_message_is_received_once(self, transport: Transport) -> None:
        sent = message("one")
        transport.publish([Publication("q", sent)], timeout=PATIENCE)
        delivery = take_one(transport)
        assert (delivery.message, delivery.queue, delivery.count) == (sent, "q", 1)
        assert take_now(transport) == []

    def test_what_was_begun_is_there_when_it_is_finished(self, transport: Transport) -> None:
        ends = [transport.begin_publish([Publication("q", message(name))], PATIENCE) for name in ("one", "two")]
        for end in ends:
            end(PATIENCE)
        received = names(take(transport, 2))
        assert (received if self.supports("order") else sorted(received)) == ["one", "two"]
        assert take_now(transport) == []

    def test_a_publish_that_was_begun_and_given_up_does_not_disturb_the_next(self, transport: Transport) -> None:
        transport.begin_publish([Publication("q", message("given up"))], PATIENCE)
        transport.publish([Publication("p", message("next"))], PATIENCE)
        assert names(take(transport, 1, "p")) == ["next"]

    @pytest.mark.parametrize("body", params(BODIES))
    def test_a_body_arrives_byte_by_byte(self, transport: Transport, body: bytes) -> None:
        sent = Message({"id": "one"}, {}, body, "application/data", "binary")
        transport.publish([Publication("q", sent)], timeout=PATIENCE)
        assert take_one(transport).message == sent

    @pytest.mark.parametrize("headers", params(HEADERS))
    def test_headers_and_properties_arrive_as_they_were(self, transport: Transport, headers: dict[str, Any]) -> None:
        sent = Message(headers, {"correlation_id": "one", "reply_to": "r", "more": headers}, b"body")
        transport.publish([Publication("q", sent)], timeout=PATIENCE)
        received = take_one(transport).message
        assert received == sent
        assert [type(value) for value in received.headers.values()] == [type(value) for value in headers.values()]

    def test_any_message_of_plain_values_arrives_as_it_was(self, transport: Transport) -> None:
        hypothesis = pytest.importorskip("hypothesis")
        some = hypothesis.strategies
        scalars = some.none() | some.booleans() | some.integers(-(2**63), 2**64 - 1) | some.floats(allow_nan=False)
        text = some.text(max_size=20)
        values = some.recursive(
            scalars | text, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(text, inner, max_size=3)
        )
        tables = some.dictionaries(text, values, max_size=4)

        def arrives(sent: Message) -> None:
            transport.publish([Publication("q", sent)], timeout=PATIENCE)
            delivery = take_one(transport)
            transport.ack([delivery])
            assert delivery.message == sent

        given = hypothesis.given(some.builds(Message, tables, tables, some.binary(max_size=200), text, text))
        hypothesis.settings(max_examples=40, deadline=None, database=None)(given(arrives))()

    def test_a_message_that_is_no_task_travels_as_well(self, transport: Transport) -> None:
        transport.publish([Publication("q", Message({}, {}, b"anything", "text/plain", "latin-1"))], timeout=PATIENCE)
        assert take_one(transport).message == Message({}, {}, b"anything", "text/plain", "latin-1")

    def test_a_batch_may_go_to_several_queues(self, transport: Transport) -> None:
        batch = [Publication(queue, message(queue + number)) for number in "12" for queue in "ab"]
        transport.publish(batch, timeout=PATIENCE)
        for queue in "ab":
            received = names(take(transport, 2, queue))
            assert (received if self.supports("order") else sorted(received)) == [f"{queue}1", f"{queue}2"]

    def test_an_empty_batch_is_no_error(self, transport: Transport) -> None:
        transport.publish([], timeout=PATIENCE)
        assert take_now(transport) == []

    def test_a_batch_with_a_message_that_cannot_be_written_is_not_published_at_all(self, transport: Transport) -> None:
        bad = message("bad", meta=object())
        with pytest.raises(EncodeError):
            transport.publish([Publication("q", each) for each in (message("a"), bad, message("b"))], timeout=PATIENCE)
        assert take_now(transport) == []
        self.counted(transport)

    @pytest.mark.parametrize("queue", params(QUEUE_NAMES))
    def test_a_queue_may_have_any_name(self, transport: Transport, queue: str) -> None:
        send(transport, "one", queue=queue)
        if self.supports("census"):
            assert transport.queues() == [queue]
        delivery = take_one(transport, queue)
        assert (delivery.queue, delivery.message.id) == (queue, "one")
        transport.ack([delivery])
        self.counted(transport, queue=queue)

    def test_queues_of_similar_names_are_different_queues(self, transport: Transport) -> None:
        for queue in QUEUE_NAMES.values():
            send(transport, queue, queue=queue)
        for queue in QUEUE_NAMES.values():
            assert names(take_now(transport, queue)) == [queue]

    def test_many_threads_may_publish_at_once(self, transport: Transport) -> None:
        def publish(sender: int) -> None:
            for number in range(20):
                send(transport, f"{sender}-{number}")

        for sender in [Background(partial(publish, each)) for each in range(4)]:
            sender.result()
        received = names(take(transport, 80))
        assert len(set(received)) == 80
        if not self.supports("order"):
            return
        for each in range(4):
            ours = [name for name in received if name.startswith(f"{each}-")]
            assert ours == [f"{each}-{number}" for number in range(20)], "the order of each sender is kept"
