"""The AMQP transport: the contract, and what is particular to RabbitMQ."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from amqp import serialization
from hypothesis import given
from hypothesis import strategies as some
from kombu import Connection, Producer, Queue

from celeriac.errors import ConfigurationError, TransportDown
from celeriac.message import UNREADABLE, Delivery, Message, Publication
from celeriac.specs.transport import TransportOptions
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite import TransportSuite
from celeriac.testing.suite.another_process import AnotherProcess
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import BrokersClock, message, send, take
from celeriac_plugins.transports.amqp import AmqpTransport, envelope, ladder, wire
from celeriac_plugins.transports.amqp.link import Link
from celeriac_plugins.transports.amqp.repeats import Repeats
from servers.ports import free_port
from servers.rabbitmq_server import RabbitServer, own_rabbitmq, rabbitmq_url, shared_rabbitmq
from servers.redis_server import RedisServer, redis_server, shared_redis
from worker_process import until

__all__ = ["own_rabbitmq", "rabbitmq_url", "redis_server", "shared_rabbitmq", "shared_redis"]


class TestAmqpTransport(TransportSuite):
    driver = AmqpTransport
    url = "amqp://127.0.0.1:1//"
    unreachable = "amqp://127.0.0.1:1//"
    option = "max_priority"
    extra: ClassVar = {"max_priority": 9}

    @pytest.fixture
    def clock(self) -> ManualClock:
        return BrokersClock()

    @pytest.fixture
    def address(self, rabbitmq_url: str) -> str:
        return rabbitmq_url


PASSWORD = "sesame"
READER = envelope.Reader()
"""One for all: what it remembers of earlier messages must not show in later ones."""


@pytest.fixture
def transport(rabbitmq_url: str) -> Iterator[AmqpTransport]:
    transport = make(rabbitmq_url)
    yield transport
    transport.close()


@pytest.fixture
def kombu_channel(rabbitmq_url: str) -> Iterator[Any]:
    """A Celery peer, as far as it touches the broker."""
    with Connection(rabbitmq_url) as connection:
        yield connection.default_channel


def make(url: str, **options: Any) -> AmqpTransport:
    return AmqpTransport(TransportOptions(url, **options))


def ids(deliveries: Iterable[Delivery]) -> list[str]:
    return [delivery.message.id for delivery in deliveries]


def links(transport: AmqpTransport) -> tuple[Link, Link]:
    """The connections for receiving and for orders."""
    intake, session = transport._settling.intake, transport._line._session
    assert intake is not None
    assert session is not None
    return intake.link, session.link


# the wire


MESSAGES = some.builds(
    Message,
    *[
        some.dictionaries(
            some.text(max_size=9)
            | some.sampled_from(["priority", "delivery_mode", "reply_to", "timestamp", "user_id", "x-y"]),
            some.recursive(
                some.none()
                | some.booleans()
                | some.integers(-(2**63), 2**64 - 1)
                | some.floats(allow_nan=False)
                | some.text(max_size=300)
                | some.binary(max_size=20).map(lambda _: None),
                lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=9), inner),
                max_leaves=8,
            ),
            max_size=4,
        )
    ]
    * 2,
    some.binary(max_size=50),
    some.text(max_size=300),
    some.text(max_size=20),
)


@given(MESSAGES, some.integers(0, 9), some.none() | some.floats(0, 1e10))
def test_any_message_and_its_history_can_be_read_back(message: Message, begun: int, due: float | None) -> None:
    history = envelope.History(begun, due) if begun or due is not None else envelope.FRESH
    assert READER.read(*envelope.write(message, history, 100_000)) == (message, history)


@given(some.lists(MESSAGES, max_size=4), some.lists(some.integers(0, 3), max_size=8))
def test_what_messages_have_in_common_is_written_as_if_it_were_written_anew(
    different: list[Message], order: list[int]
) -> None:
    table = Repeats().table
    for at in order:
        if at < len(different):
            known = different[at]
            for headers in (known.headers, {**known.headers, "id": str(at)}, {**known.headers, "retries": at}):
                copy = Message(headers, known.properties, known.body, known.content_type, known.content_encoding)
                assert envelope.write(copy, envelope.FRESH, 100_000, table) == envelope.write(
                    copy, envelope.FRESH, 100_000
                )


def test_equal_values_of_different_types_are_told_apart_within_a_batch() -> None:
    table = Repeats().table
    for value in (1, True, 1.0, 0, False, -0.0, 0.0, [1], [True], {"a": 0}, {"a": False}, None, "", b""):
        assert table({"a": "always", "b": value}) == wire.table({"a": "always", "b": value})


@given(some.binary(max_size=200), some.binary(max_size=20))
def test_damaged_properties_are_an_unreadable_message_and_no_error(properties: bytes, body: bytes) -> None:
    message, _ = READER.read(properties, body)
    assert message.content_type == UNREADABLE or message.body == body


def test_py_amqp_reads_the_tables_that_we_write_and_we_read_its() -> None:
    fields = {"a": None, "b": True, "c": 1, "d": -(2**40), "e": 0.5, "f": "ß", "g": [1, [None, {"x": "y"}]], "h": {}}
    assert serialization.loads("F", wire.table(fields), 0)[0][0] == fields
    assert wire.read_table(serialization.dumps("F", [fields]), 0)[0] == fields


def test_a_message_of_large_headers_travels_in_its_body(transport: AmqpTransport) -> None:
    sent = Message({"id": "a", "argsrepr": "x" * 200_000}, {}, b"body")
    transport.publish([Publication("q", sent)], 5)
    assert take(transport, 1)[0].message == sent


# what a Celery peer sees, and what we see of it


def test_kombu_reads_what_we_publish(transport: AmqpTransport, kombu_channel: Any) -> None:
    properties = {"correlation_id": "a", "reply_to": "r", "delivery_mode": 2, "priority": 9}
    headers = {"id": "a", "task": "t", "timelimit": [None, 3], "stamps": {}, "retries": 0, "eta": None}
    transport.publish([Publication("q", Message(headers, properties, b'[[1], {}, {"chain": null}]'))], 5)
    received = kombu_channel.basic_get("q")
    message = kombu_channel.message_to_python(received)
    assert (message.decode(), message.headers) == ([[1], {}, {"chain": None}], headers)
    assert {name: message.properties[name] for name in properties} == properties
    message.ack()


def test_we_read_what_kombu_publishes(transport: AmqpTransport, kombu_channel: Any) -> None:
    Queue("q", channel=kombu_channel).declare()
    Producer(kombu_channel).publish(
        [[1], {}, {}], exchange="", routing_key="q", headers={"id": "a", "task": "t"}, correlation_id="a", priority=3
    )
    delivery = take(transport, 1)[0]
    assert (delivery.queue, delivery.count, delivery.message.body) == ("q", 1, b"[[1], {}, {}]")
    assert (delivery.message.content_type, delivery.message.content_encoding) == ("application/json", "utf-8")
    assert delivery.message.headers == {"id": "a", "task": "t"}
    assert delivery.message.properties == {"correlation_id": "a", "delivery_mode": 2, "priority": 3}


@pytest.mark.parametrize("options", [{}, {"max_priority": 9}, {"queue_type": "quorum"}], ids=repr)
def test_kombu_may_declare_what_we_have_declared_and_the_other_way_round(
    rabbitmq_url: str, kombu_channel: Any, options: dict[str, Any]
) -> None:
    arguments = {"max_priority": "x-max-priority", "queue_type": "x-queue-type"}
    theirs = {arguments[name]: value for name, value in options.items()}
    transport = make(rabbitmq_url, extra=options)
    send(transport, "a", queue="ours")
    Queue("ours", channel=kombu_channel, queue_arguments=theirs).declare()
    Queue("theirs", channel=kombu_channel, queue_arguments=theirs).declare()
    send(transport, "b", queue="theirs")
    held = take(transport, 2, "ours", "theirs")
    assert sorted(ids(held)) == ["a", "b"]
    transport.reject(held)
    assert [each.count for each in take(transport, 2, "ours", "theirs")] == [2, 2]
    transport.close()


def test_a_queue_that_was_made_otherwise_is_used_as_it_is(transport: AmqpTransport, kombu_channel: Any) -> None:
    Queue("q", channel=kombu_channel, queue_arguments={"x-max-length": 1000}).declare()
    send(transport, "a")
    assert ids(take(transport, 1)) == ["a"]


def test_what_came_back_goes_to_celery_s_workers_when_none_of_ours_is_left(
    rabbitmq_url: str, kombu_channel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("celeriac_plugins.transports.amqp.queues.LANE_STAY", 300)
    transport = make(rabbitmq_url)
    send(transport, "a")
    transport.reject(take(transport, 1), started=False)
    transport.close()
    until(lambda: kombu_channel.queue_declare("q", passive=True).message_count == 1, "the lane has let it go")
    message = kombu_channel.message_to_python(kombu_channel.basic_get("q"))
    assert message.headers["id"] == "a"


# counting deliveries


_TAKE_AND_DIE = """
transport = suite.make(argv[0])
print(transport.receive(["q"], 1, 10)[0].count, flush=True)
sys.stdin.readline()
"""


def test_the_deliveries_of_a_message_that_kills_its_workers_are_counted(rabbitmq_url: str) -> None:
    suite = TestAmqpTransport()
    transport = suite.make(rabbitmq_url)
    send(transport, "a")
    for count in (1, 2, 3, 4):
        with AnotherProcess(suite, _TAKE_AND_DIE, rabbitmq_url) as process:
            assert process.hear() == str(count)
    assert take(transport, 1)[0].count == 5
    transport.close()


def test_what_was_pushed_in_advance_to_a_worker_that_does_not_come_for_it_goes_to_others(rabbitmq_url: str) -> None:
    """Tasks were fast, and now one is slow: what waits behind it in the transport must not wait for its end."""
    busy, idle = make(rabbitmq_url), make(rabbitmq_url)
    sent = [f"{number:03}" for number in range(300)]
    send(busy, *sent)
    runs = take(busy, 50)
    began, rest = time.monotonic(), list[Delivery]()
    while len(rest) < 250 and time.monotonic() < began + 10:
        rest += idle.receive(["q"], 250 - len(rest), 1.0)
    assert sorted(ids(rest)) == sorted(set(sent) - set(ids(runs)))
    assert {each.count for each in rest} == {1}
    assert busy.renew(runs) == [], "what runs is still held"
    idle.ack(rest)
    send(busy, "new")
    assert ids(take(busy, 1)) == ["new"], "who comes again is pushed again"
    busy.close()
    idle.close()


def test_what_a_closed_worker_had_fetched_in_advance_does_not_count(rabbitmq_url: str) -> None:
    transport, other = make(rabbitmq_url), make(rabbitmq_url)
    sent = [f"{number:03}" for number in range(100)]
    send(transport, *sent)
    transport.ack(take(transport, 20))
    until(lambda: links(transport)[0].pump() or transport._settling.intake.channel.delivered, "more was pushed")  # type: ignore[union-attr, func-returns-value]
    transport.close()
    rest = take(other, 80)
    assert sorted(ids(rest)) == sent[20:]
    assert {each.count for each in rest} == {1}
    other.close()


# connections that break


def test_after_the_server_was_killed_each_call_says_so_and_the_next_one_after_its_return_works(
    own_rabbitmq: RabbitServer,
) -> None:
    transport = make(own_rabbitmq.url)
    send(transport, "a", "b")
    held = take(transport, 1)
    own_rabbitmq.kill()
    for call in (
        partial(send, transport, "lost"),
        partial(transport.receive, ["q"], 1, 0),
        partial(transport.reject, held),
        partial(transport.counts, "q"),
        partial(transport.subscribe, ["t"]),
    ):
        try:
            call()
        except TransportDown as error:
            assert f"127.0.0.1:{own_rabbitmq.port}" in str(error)
        else:
            assert call.func == transport.reject, "what is not held any more is passed over"
    own_rabbitmq.start()
    assert sorted(ids(take(transport, 2))) == ["a", "b"], "what was confirmed is still there"
    send(transport, "c")
    assert ids(take(transport, 1)) == ["c"]
    transport.close()


def test_a_blocked_receive_hears_of_the_death_of_the_server_and_goes_on_after_it(own_rabbitmq: RabbitServer) -> None:
    transport = make(own_rabbitmq.url)
    waiting = Background(lambda: transport.receive(["q"], 1, None))
    assert waiting.running(after=0.3)
    own_rabbitmq.kill()
    with pytest.raises(TransportDown):
        waiting.result()
    own_rabbitmq.start()
    waiting = Background(lambda: transport.receive(["q"], 1, None))
    send(transport, "a")
    assert ids(waiting.result()) == ["a"]
    transport.close()


def test_connections_that_were_cut_while_idle_are_made_anew_unnoticed(
    transport: AmqpTransport, shared_rabbitmq: RabbitServer
) -> None:
    send(transport, "a")
    transport.ack(take(transport, 1))
    cut(transport)
    send(transport, "b")
    assert ids(take(transport, 1)) == ["b"]


def cut(transport: AmqpTransport) -> None:
    """As a firewall does it: both ends are told that the other is gone."""
    for link in links(transport):
        link._socket.shutdown(socket.SHUT_RDWR)


def test_a_task_that_runs_while_its_connection_breaks_is_not_run_again_by_its_worker(transport: AmqpTransport) -> None:
    send(transport, "a", "b", "c")
    running = take(transport, 2)
    cut(transport)
    with pytest.raises(TransportDown):
        transport.receive(["q"], 1, 0)
    finished, still_running = running
    transport.ack([finished])  # while there is no connection
    assert ids(take(transport, 1)) == ["c"]
    assert transport.receive(["q"], 9, 0.3) == [], "a has finished here, b still runs here"
    assert transport.renew([still_running]) == []
    transport.ack([still_running])
    until(lambda: transport.counts("q").ready == 0, "nothing is left")
    transport.close()
    assert make_and_take(transport.options.url) == ["c"]


def test_a_task_that_is_tried_again_is_not_taken_for_the_one_that_has_finished(transport: AmqpTransport) -> None:
    send(transport, "a", "b")
    transport.ack(take(transport, 1))
    transport.reject(take(transport, 1), started=False)
    transport.reject(take(transport, 1), started=False)  # to the byte the same message as before
    transport.publish([Publication("q", message("a", retries=1))], 5)
    transport._receiving.barrier()
    cut(transport)
    with suppress(TransportDown):
        transport.receive(["q"], 1, 0)
    assert sorted(ids(take(transport, 2))) == ["a", "b"]


def make_and_take(url: str) -> list[str]:
    transport = make(url)
    try:
        return ids(transport.receive(["q"], 9, 0.3))
    finally:
        transport.close()


def test_a_subscription_whose_connection_is_cut_raises_once_and_hears_again(transport: AmqpTransport) -> None:
    subscription = transport.subscribe(["t"])
    waiting = Background(lambda: subscription.receive(None))
    assert waiting.running(after=0.1)
    subscription._link._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
    with pytest.raises(TransportDown):
        waiting.result()
    assert subscription.receive(0) == []
    transport.broadcast("t", b"x")
    assert subscription.receive(5.0) == [("t", b"x")]


def test_a_deleted_queue_is_made_again_by_who_publishes_and_by_who_receives(
    transport: AmqpTransport, kombu_channel: Any
) -> None:
    waiting = Background(lambda: take(transport, 2))
    send(transport, "a")
    assert waiting.running(after=0.3)
    kombu_channel.queue_delete("q")
    send(transport, "b")
    assert ids(waiting.result()) == ["a", "b"]


@pytest.mark.parametrize("connected", [True, False])
def test_a_publish_to_a_server_that_stands_still_ends_at_its_deadline(
    own_rabbitmq: RabbitServer, connected: bool
) -> None:
    transport = make(own_rabbitmq.url)
    if connected:
        send(transport, "a")
    own_rabbitmq.pause()
    for _ in range(2):
        begin = time.monotonic()
        with pytest.raises(TransportDown):
            transport.publish([Publication("q", message("b"))], timeout=0.3)
        assert 0.25 < time.monotonic() - begin < 1.0
    own_rabbitmq.resume()
    send(transport, "c")
    transport.close()


def begin(transport: AmqpTransport, *names: str) -> list[Callable[[float], None]]:
    """A publish of each, begun in turn."""
    return [transport.begin_publish([Publication("q", message(name))], 5.0) for name in names]


def test_publishes_that_were_begun_to_a_deleted_queue_arrive_each_once(
    transport: AmqpTransport, kombu_channel: Any
) -> None:
    send(transport, "a")
    kombu_channel.queue_delete("q")
    for finish in begin(transport, "b", "c", "d"):
        finish(5.0)
    assert sorted(ids(take(transport, 3))) == ["b", "c", "d"]
    assert transport.receive(["q"], 9, 0) == []


def test_a_publish_that_was_begun_ends_at_the_deadline_of_its_end_when_the_server_stands_still(
    own_rabbitmq: RabbitServer,
) -> None:
    transport = make(own_rabbitmq.url)
    send(transport, "a")
    own_rabbitmq.pause()
    first, second = begin(transport, "b", "c")
    started = time.monotonic()
    for finish in (first, second):
        with pytest.raises(TransportDown, match=f"127.0.0.1:{own_rabbitmq.port}"):
            finish(1.0)
    assert 0.95 < time.monotonic() - started < 1.9, "the second one knows from the first"
    own_rabbitmq.resume()
    send(transport, "d")
    transport.close()


def test_what_was_begun_on_a_connection_that_broke_is_not_taken_for_confirmed(own_rabbitmq: RabbitServer) -> None:
    transport = make(own_rabbitmq.url)
    send(transport, "a")
    transport.receive(["q"], 1, 0)
    own_rabbitmq.pause()
    ends = begin(transport, "b", "c")
    links(transport)[1].fail(ConnectionError("cut"))
    own_rabbitmq.resume()
    with suppress(TransportDown):
        send(transport, "d")
    for finish in ends:
        with pytest.raises(TransportDown):
            finish(5.0)
    transport.close()


def test_a_server_that_is_short_of_memory_takes_nothing_and_gives_what_it_has(own_rabbitmq: RabbitServer) -> None:
    transport = make(own_rabbitmq.url)
    send(transport, "a", "b")
    own_rabbitmq.ctl("set_vm_memory_high_watermark", "0.00001")
    for _ in range(2):
        begin = time.monotonic()
        with pytest.raises(TransportDown, match=r"memory|answer"):
            transport.publish([Publication("q", message("c"))], timeout=0.5)
        assert time.monotonic() - begin < 1.5
    other = make(own_rabbitmq.url)
    first, second = take(transport, 2)
    transport.ack([first])
    own_rabbitmq.ctl("set_vm_memory_high_watermark", "0.6")
    send(other, "d")
    transport.ack([second])
    other.close()
    transport.close()


_TAKE_WITH_A_PULSE = """
import os
transport = suite.make(argv[0], lease=30.0, extra={"heartbeat": 1, "max_priority": 9})
print(transport.receive(["q"], 1, 10)[0].count, flush=True)
print(os.getpid(), flush=True)
sys.stdin.readline()
"""


def test_a_heartbeat_of_a_second_goes_on_while_nobody_receives_whatever_the_lease_is(
    rabbitmq_url: str,
) -> None:
    suite = TestAmqpTransport()
    other = suite.make(rabbitmq_url)
    send(other, "a")
    with AnotherProcess(suite, _TAKE_WITH_A_PULSE, rabbitmq_url) as process:
        assert process.hear() == "1"
        assert other.receive(["q"], 1, 3.5) == [], "three heartbeats, and nobody but their thread has done anything"
        os.kill(int(process.hear()), signal.SIGSTOP)
        assert ids(other.receive(["q"], 1, 4.5)) == ["a"], "two to three heartbeats after its last one"
    other.close()


_LISTEN_AND_DIE = """
transport = suite.make(argv[0])
listeners = [transport.subscribe(["celery.pidbox", "reply.celery.pidbox.1", "any"]) for _ in range(5)]
transport.receive(["q"], 1, 0)
print("begin", flush=True)
sys.stdin.readline()
"""


def test_killed_workers_and_listeners_leave_no_queue_behind(rabbitmq_url: str, shared_rabbitmq: RabbitServer) -> None:
    suite = TestAmqpTransport()
    transport = suite.make(rabbitmq_url)
    send(transport, "a")
    transport.ack(take(transport, 1))
    before = set(shared_rabbitmq.queues(rabbitmq_url))
    with ExitStack() as processes:
        started = [processes.enter_context(AnotherProcess(suite, _LISTEN_AND_DIE, rabbitmq_url)) for _ in range(4)]
        assert [each.hear() for each in started] == ["begin"] * 4
        until(lambda: len(shared_rabbitmq.queues(rabbitmq_url)) == len(before) + 20, "all listen")
    until(lambda: set(shared_rabbitmq.queues(rabbitmq_url)) == before, "their queues are gone")
    transport.close()


# addresses


def test_the_first_server_that_is_there_is_used(rabbitmq_url: str) -> None:
    transport = make(f"amqp://127.0.0.1:1//;{rabbitmq_url}")
    send(transport, "a")
    assert ids(take(transport, 1)) == ["a"]
    transport.close()


def test_no_error_shows_the_password(shared_rabbitmq: RabbitServer) -> None:
    for wrong in (f"amqp://guest:{PASSWORD}@127.0.0.1:{shared_rabbitmq.port}//", f"amqp://u:{PASSWORD}@127.0.0.1:1//"):
        transport = make(wrong)
        with pytest.raises(TransportDown) as caught:
            send(transport, "a")
        error: BaseException | None = caught.value
        while error is not None:
            assert PASSWORD not in str(error)
            error = error.__cause__
        transport.close()


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("amqp://h:port//", {}),
        ("amqp://h//?ssl_ca_certs=x", {}),
        ("amqps://h//?ssl_cert_reqs=maybe", {}),
        ("amqp://h//?login_method=guess", {}),
        ("amqp://h//?hearbeat=1", {}),
        ("amqp://h//", {"max_priority": 0}),
        ("amqp://h//", {"queue_type": "stream"}),
        ("amqp://h//", {"queue_type": "quorum", "max_priority": 3}),
        ("amqp://h//", {"heartbeat": 0}),
        ("amqp://h//", {"confirm_publish": False}),
    ],
)
def test_wrong_urls_and_options_are_refused(url: str, extra: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        make(url, extra=extra)


def test_what_does_not_speak_amqp_is_said_to(redis_server: RedisServer) -> None:
    transport = make(f"amqp://127.0.0.1:{redis_server.port}//")
    with pytest.raises(TransportDown):
        transport.publish([Publication("q", message("a"))], 1.0)
    transport.close()


def test_tls_with_a_checked_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_it = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*make_it, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = RabbitServer(
        tmp_path,
        f"listeners.ssl.1 = 127.0.0.1:{(port := free_port())}",
        f"ssl_options.cacertfile = {certificate}",
        f"ssl_options.certfile = {certificate}",
        f"ssl_options.keyfile = {key}",
    )
    try:
        transport = make(f"amqps://guest:guest@127.0.0.1:{port}//?ssl_ca_certs={certificate}")
        send(transport, "a")
        waiting = Background(lambda: take(transport, 2))
        assert waiting.running(after=0.2)
        send(transport, *(str(number) for number in range(300)))
        assert ids(waiting.result()) == ["a", "0"]
        transport.close()
        unknown = make(f"amqps://guest:guest@127.0.0.1:{port}//")
        with pytest.raises(TransportDown, match="certificate"):
            send(unknown, "a")
        unknown.close()
    finally:
        server.stop()


# delays


def test_a_delay_is_the_sum_of_its_steps() -> None:
    for seconds in (0.001, 0.008, 0.05, 0.5, 0.52, 59.9, 86_400, 11 * 86_400):
        exchange, key = ladder.entry("q", seconds)
        _, *digits = key.split(".")
        units = int("".join(reversed(digits)), 8)
        assert seconds <= units * ladder.UNIT < seconds + ladder.UNIT
        assert exchange == f"celeriac.delay.{len(digits) - 1}" == f"celeriac.delay.{ladder.level_for(seconds)}"
    assert ladder.entry("q", 1e9)[0] == f"celeriac.delay.{ladder.LEVELS - 1}"


def test_only_those_levels_of_the_ladder_are_made_that_a_delay_needs(
    transport: AmqpTransport, shared_rabbitmq: RabbitServer, rabbitmq_url: str
) -> None:
    def steps() -> set[str]:
        return {name for name in shared_rabbitmq.queues(rabbitmq_url) if name.startswith("celeriac.delay.")}

    send(transport, "a", due=time.time() + 0.15)
    assert ids(take(transport, 1)) == ["a"]
    assert steps() == set(), "for a moment it waits in its queue"
    send(transport, "b", due=time.time() + 0.5)
    send(transport, "c", due=time.time() + 0.9)  # the same connection, one level more
    other = make(rabbitmq_url)
    send(other, "d", due=time.time() + 1)
    other.close()
    assert sorted(ids(take(transport, 1) + take(transport, 1) + take(transport, 1))) == ["b", "c", "d"]
    assert steps() == {f"celeriac.delay.{level}.{digit}" for level in (0, 1, 2) for digit in range(1, 8)}


def test_a_ladder_that_was_deleted_is_made_again(
    transport: AmqpTransport, shared_rabbitmq: RabbitServer, rabbitmq_url: str
) -> None:
    send(transport, "a", due=time.time() + 0.5)
    assert ids(take(transport, 1)) == ["a"]
    vhost = rabbitmq_url.rpartition("/")[2]
    for name in [name for name in shared_rabbitmq.queues(rabbitmq_url) if name.startswith("celeriac.delay.")]:
        shared_rabbitmq.api("DELETE", f"/queues/{vhost}/{name}")
    send(transport, "b", due=time.time() + 0.5)
    assert ids(take(transport, 1)) == ["b"]


@pytest.fixture
def long_hold(monkeypatch: pytest.MonkeyPatch) -> float:
    """Messages leave the ladder so many seconds before they are due: time for a test to look at those that are held."""
    for module in ("", ".posting", ".sorting"):
        monkeypatch.setattr(f"celeriac_plugins.transports.amqp{module}.HOLD", 3.0)
    return 3.0


_HOLD_AND_DIE = """
import celeriac_plugins.transports.amqp.sorting as sorting
sorting.HOLD = 3.0
transport = suite.make(argv[0])
transport.queues()
print("connected", flush=True)
sys.stdin.readline()
assert transport.receive(["q"], 10, 0.3) == []
print([len(transport._settling.holdings.held)], flush=True)
sys.stdin.readline()
"""


def test_a_worker_that_is_killed_loses_nothing_that_it_held_until_it_is_due(
    rabbitmq_url: str, long_hold: float
) -> None:
    transport = make(rabbitmq_url)
    with AnotherProcess(TestAmqpTransport(), _HOLD_AND_DIE, rabbitmq_url) as process:
        assert process.hear() == "connected"
        due = time.time() + 2.5
        send(transport, "a", due=due)  # within the time that a message is in its queue
        process.tell("go")
        assert process.hear() == "[1]", "it is held, and not shown before it is due"
    (delivery,) = take(transport, 1)
    assert delivery.message.id == "a"
    assert due <= time.time() < due + long_hold
    transport.close()


def test_what_a_busy_worker_holds_until_it_is_due_goes_to_others(rabbitmq_url: str, long_hold: float) -> None:
    busy, idle = make(rabbitmq_url), make(rabbitmq_url)
    due = time.time() + long_hold - 0.5
    send(busy, "a", due=due)
    assert busy.receive(["q"], 1, 0.2) == []
    assert len(busy._settling.holdings.held) == 1
    send(busy, "b")
    assert ids(take(busy, 1)) == ["b"], "what is held until it is due keeps nothing else away"
    (delivery,) = take(idle, 1)
    assert (delivery.message.id, delivery.count) == ("a", 1)
    assert due <= time.time() < due + 1, "it was given back meanwhile"
    busy.close()
    idle.close()


@pytest.mark.usefixtures("long_hold")
@pytest.mark.parametrize(("limit", "bound"), [(1, 200), (400, 4000)])
def test_however_many_are_due_soon_a_worker_holds_a_bounded_number(
    transport: AmqpTransport, limit: int, bound: int
) -> None:
    number, due = (6000 if limit > 1 else 600), time.time() + 2.9
    for first in range(0, number, 500):
        transport.publish([Publication("q", message(str(first + n)), due) for n in range(500)], 10)
    came: list[Delivery] = []
    most, end = 0, time.monotonic() + 30
    while len(came) < number and time.monotonic() < end:
        found = transport.receive(["q"], limit, 0.1)
        assert not found or time.time() >= due
        most = max(most, len(transport._settling.holdings.held))
        came += found
        transport.ack(found)
    assert sorted(int(each) for each in ids(came)) == list(range(number))
    assert most <= bound, "QoS bounds them"


def test_what_comes_out_of_the_ladder_too_early_goes_up_again(
    transport: AmqpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "LONGEST", 0.2)
    due = time.time() + 0.9
    send(transport, "a", due=due)
    assert ids(take(transport, 1)) == ["a"]
    assert time.time() >= due - 0.003


def test_messages_of_many_delays_come_when_they_are_due_and_never_before(transport: AmqpTransport) -> None:
    now = time.time()
    delays = {f"{number:02}": 0.3 + number * 0.05 for number in range(30)}
    shuffled = random.Random(1).sample(sorted(delays), len(delays))
    transport.publish([Publication("q", message(name), now + delays[name]) for name in shuffled], 5)
    came: list[tuple[str, float]] = []
    while len(came) < len(delays):
        came += [(each.message.id, time.time()) for each in take(transport, 1)]
    assert sorted(name for name, _ in came) == sorted(delays)
    assert all(at >= now + delays[name] - 0.003 for name, at in came)
