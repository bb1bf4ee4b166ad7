"""Replies, and the boxes in which they are heard."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from celeriac.message import Message
from celeriac.specs.transport import QueueCounts, ReplyBox, Transport
from celeriac.testing.suite.another_process import AnotherProcess
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import PATIENCE, TransportClauses, names, send

LIFE = 60.0
"""Seconds; longer than any clause."""

ANSWER = """
from celeriac.message import Message
transport = suite.make(argv[0])
transport.reply([(argv[1], Message({"id": each}, {"correlation_id": each}, b"{}")) for each in argv[2:]], 60.0)
transport.close()
"""

FORK = """
import gc, os
from celeriac.message import Message
transport = suite.make(argv[0])
box = transport.listen_for_replies(60.0, 10.0)
box.receive(0)
if os.fork() == 0:
    box.close()
    del box
    gc.collect()
    os._exit(0)
os.wait()
transport.reply([(box.address, Message({"id": "a"}, {}, b"{}"))], 60.0)
print([each.id for each in box.receive(10.0)], flush=True)
box.close()
transport.close()
"""


def answer_all(transport: Transport, box: ReplyBox, *ids: str) -> None:
    transport.reply([(box.address, answer(each)) for each in ids], LIFE)


def answer(name: str, body: bytes = b"{}") -> Message:
    return Message({"id": name}, {"correlation_id": name, "delivery_mode": 1}, body)


def hear(box: ReplyBox, number: int) -> list[str]:
    """The ids of the next `number` replies, and of more if more have come."""
    heard: list[Message] = []
    until = time.monotonic() + PATIENCE
    while len(heard) < number and time.monotonic() < until:
        heard += box.receive(until - time.monotonic())
    return names(heard + box.receive(0))


class ReplyClauses(TransportClauses):
    @pytest.fixture
    def box(self, transport: Transport) -> Iterator[ReplyBox]:
        self.needs("reply")
        box = transport.listen_for_replies(LIFE, PATIENCE)
        yield box
        box.close()

    def test_replies_come_in_order_and_once(self, transport: Transport, other: Transport, box: ReplyBox) -> None:
        answer_all(other, box, *"abc")
        answer_all(transport, box, *"de")
        assert hear(box, 5) == list("abcde")
        assert box.receive(0) == []

    def test_what_is_there_is_received_without_waiting(self, other: Transport, box: ReplyBox) -> None:
        for name in "abc":
            answer_all(other, box, name)
            assert names(box.receive(0)) == [name]

    def test_all_that_is_there_is_received_without_waiting(self, other: Transport, box: ReplyBox) -> None:
        ids = [str(number) for number in range(1500)]
        other.reply([(box.address, answer(each)) for each in ids], LIFE)
        heard: list[str] = []
        while come := names(box.receive(0)):
            heard += come
        assert heard == ids

    def test_each_box_hears_its_own(self, transport: Transport, other: Transport, box: ReplyBox) -> None:
        second = other.listen_for_replies(LIFE, PATIENCE)
        assert second.address != box.address
        transport.reply(
            [(second.address, answer("x")), (box.address, answer("a")), (second.address, answer("y"))], LIFE
        )
        assert hear(second, 2) == ["x", "y"]
        assert hear(box, 1) == ["a"]
        second.close()

    @pytest.mark.parametrize("body", [b"", bytes(range(256)), b"x" * 300_000], ids=["empty", "bytes", "large"])
    def test_a_reply_arrives_as_it_was_sent(self, other: Transport, box: ReplyBox, body: bytes) -> None:
        headers = {"id": "a", "text": "Grüße", "number": 1.5, "flag": True, "none": None}
        sent = Message(headers, {"correlation_id": "a" * 300, "delivery_mode": 1}, body, "application/x-some", "binary")
        other.reply([(box.address, sent)], LIFE)
        assert box.receive(PATIENCE) == [sent]

    def test_who_waits_is_woken_by_a_reply(self, other: Transport, box: ReplyBox) -> None:
        for name in "abc":
            waiting = Background(lambda: box.receive(None))
            assert waiting.running(after=0.05)
            answer_all(other, box, name)
            assert names(waiting.result()) == [name]

    def test_the_wait_for_a_reply_ends_with_its_time(self, box: ReplyBox) -> None:
        assert Background(lambda: box.receive(0)).result() == []
        start = time.monotonic()
        assert Background(lambda: box.receive(0.1)).result() == []
        assert time.monotonic() - start >= 0.09

    def test_wake_ends_the_wait_for_a_reply(self, other: Transport, box: ReplyBox) -> None:
        waiting = Background(lambda: box.receive(None))
        assert waiting.running(after=0.05)
        box.wake()
        assert waiting.result() == []
        answer_all(other, box, "a")
        assert hear(box, 1) == ["a"]

    def test_wake_ends_the_next_wait_for_a_reply_when_nobody_waits(self, box: ReplyBox) -> None:
        box.wake()
        assert Background(lambda: box.receive(None)).result() == []

    def test_a_reply_to_nobody_is_passed_over(self, transport: Transport, other: Transport, box: ReplyBox) -> None:
        gone = other.listen_for_replies(LIFE, PATIENCE)
        gone.close()
        gone.close()
        addresses = (gone.address, f"{gone.address}0", box.address)
        transport.reply([(address, answer("a")) for address in addresses], LIFE)
        assert hear(box, 1) == ["a"]
        for address in addresses[:2]:
            assert transport.counts(address) == QueueCounts()

    def test_ten_thousand_replies_that_nobody_reads_block_nobody(self, other: Transport, box: ReplyBox) -> None:
        ids = [f"{number:05}" for number in range(10_000)]

        def send_all() -> None:
            for start in range(0, len(ids), 500):
                answer_all(other, box, *ids[start : start + 500])

        Background(send_all).result()
        assert hear(box, len(ids)) == ids

    def test_replies_and_queues_do_not_touch(self, transport: Transport, box: ReplyBox) -> None:
        send(transport, "a")
        answer_all(transport, box, "b")
        assert hear(box, 1) == ["b"]
        if self.supports("census"):
            assert transport.queues() == ["q"]
        self.counted(transport, ready=1)

    def test_a_reply_comes_from_another_process(self, box: ReplyBox, address: str) -> None:
        self.needs("processes")
        with AnotherProcess(self, ANSWER, address, box.address, "a", "b") as process:
            assert process.end() == 0
        assert hear(box, 2) == ["a", "b"]

    def test_a_forked_child_that_closes_its_copy_of_a_box_does_no_harm(self, address: str) -> None:
        self.needs("reply", "processes")
        with AnotherProcess(self, FORK, address) as process:
            assert process.hear() == "['a']"
