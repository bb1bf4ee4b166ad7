"""The kombu transport: the contract over several of kombu's transports, and what is particular to it."""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from kombu import Connection, Producer

from celeriac.errors import (
    ConfigurationError,
    DriverNotInstalled,
    EncodeError,
    TransportDown,
    UnsupportedCapability,
)
from celeriac.message import UNREADABLE, Message, Publication
from celeriac.specs.transport import Transport, TransportOptions
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite import TransportSuite
from celeriac.testing.suite.another_process import AnotherProcess
from celeriac.testing.suite.transport.clauses import (
    BrokersClock,
    by_name,
    message,
    names,
    send,
    take,
    take_now,
    take_one,
)
from celeriac.testing.suite.transport.dead_letters import DeadLetterClauses
from celeriac.testing.suite.transport.delaying import DelayClauses
from celeriac.testing.suite.transport.life import LifeClauses
from celeriac.testing.suite.transport.receiving import ReceiveClauses
from celeriac.testing.suite.transport.settling import SettleClauses
from celeriac.testing.suite.transport.waiting import WaitClauses
from celeriac_plugins.transports.kombu import KombuTransport, sqs
from celeriac_plugins.transports.kombu.files import Channel
from servers.sqs_server import SqsServer, own_sqs, sqs_server
from worker_process import until

__all__ = ["own_sqs", "sqs_server"]

OFTEN = 0.02


def make(url: str, **options: Any) -> KombuTransport:
    extra = {"polling_interval": OFTEN, **options.pop("extra", {})}
    return KombuTransport(TransportOptions(url, extra=extra, **options))


def folders(folder: Path) -> dict[str, str]:
    return {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "c")}


def make_in(folder: Path, **options: Any) -> KombuTransport:
    return make("kombu+filesystem://", extra={**folders(folder), **options.pop("extra", {})}, **options)


def address_at(server: SqsServer) -> str:
    """Queues of one's own, by a prefix that stands in the path, which SQS has no use for."""
    return f"kombu+{server.url}/{uuid4().hex[:8]}-"


def make_sqs(address: str, **options: Any) -> KombuTransport:
    url, _, prefix = address.rpartition("/")
    known = {"region": SqsServer.region, "is_secure": False, "queue_name_prefix": prefix}
    return make(url, extra={**known, **options.pop("extra", {})}, **options)


class TestMemoryOfKombu(TransportSuite):
    driver = KombuTransport
    url = "kombu+memory://"
    narrowed = frozenset({"dead-letter"})
    option = "polling_interval"
    extra: ClassVar[dict[str, Any]] = {"polling_interval": OFTEN}

    @pytest.fixture(autouse=True)
    def nothing_of_the_clause_before(self) -> Any:
        from kombu.transport.memory import Channel

        yield
        Channel.queues.clear()  # one for the process, whatever the URL


class TestFilesystemOfKombu(TransportSuite):
    driver = KombuTransport
    url = "kombu+filesystem://{path}"
    narrowed = frozenset({"dead-letter", "processes"})
    unreachable = "kombu+filesystem://{file}"
    option = "data_folder_in"

    def make(self, url: str, **options: Any) -> Transport:
        """kombu takes the folder as an option, and nothing else than the URL reaches another process of the suite."""
        return make_in(Path(url.removeprefix("kombu+filesystem://")), **options)


class TestSqsOfKombu(ReceiveClauses, WaitClauses, SettleClauses, DelayClauses, DeadLetterClauses, LifeClauses):
    """Those parts of the suite in which SQS differs from the others; each clause makes clients anew, which takes AWS's
    library a while."""

    driver = KombuTransport
    soon = 2.0
    url = "kombu+sqs://"
    option = "visibility_timeout"
    narrowed = KombuTransport.capabilities - {"lease"}
    """Leases are SQS's, in whole seconds of its own time: see below."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return BrokersClock()

    @pytest.fixture
    def address(self, sqs_server: SqsServer) -> str:
        return address_at(sqs_server)

    def make(self, url: str, **options: Any) -> Transport:
        return make_sqs(url, **options)

    @pytest.mark.skip(reason="it takes a minute to send so many to SQS")
    def test_two_thousand_delayed_messages_are_not_in_the_way(self) -> None: ...

    def test_an_object_declares_what_its_class_does_or_less(self) -> None:
        transport = make_sqs("kombu+sqs://key:secret@127.0.0.1/")
        assert transport.capabilities == KombuTransport.capabilities


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")  # that kombu uses
class TestSqlOfKombu(ReceiveClauses, SettleClauses, DeadLetterClauses):
    driver = KombuTransport
    url = "kombu+sqla+sqlite:///{path}/queue.db"
    narrowed = frozenset({"dead-letter", "processes", "multi-host"})
    extra: ClassVar[dict[str, Any]] = {"polling_interval": OFTEN}


# what a Celery peer sees, and what we see of it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def transport(folder: Path) -> Iterator[KombuTransport]:
    transport = make_in(folder)
    yield transport
    transport.close()


@pytest.fixture
def channel(folder: Path) -> Iterator[Any]:
    """A Celery peer, as far as it touches the broker."""
    with Connection("filesystem://", transport_options=folders(folder)) as connection:
        yield connection.default_channel


def test_kombu_reads_what_we_publish(transport: KombuTransport, channel: Any) -> None:
    properties = {"correlation_id": "a", "reply_to": "r", "delivery_mode": 2, "priority": 9}
    sent = Message({"id": "a", "task": "t"}, properties, b'[[1], {}, {"chain": null}]')
    transport.publish([Publication("q", sent)], 5)
    received = channel.basic_get("q")
    assert (received.decode(), received.headers) == ([[1], {}, {"chain": None}], {"id": "a", "task": "t"})
    assert {name: received.properties[name] for name in properties} == properties
    assert received.delivery_info == {"exchange": "", "routing_key": "q"}
    assert (received.content_type, received.content_encoding) == ("application/json", "utf-8")
    received.ack()
    assert transport.counts("q").ready == 0


def test_we_read_what_kombu_publishes_and_give_it_back_as_it_was(transport: KombuTransport, channel: Any) -> None:
    send_by_kombu(channel, correlation_id="a", reply_to="r", priority=3)
    expected = {"correlation_id": "a", "reply_to": "r", "delivery_mode": 2, "priority": 3}
    for count in (1, 2):
        delivery = take_one(transport)
        assert (delivery.queue, delivery.count) == ("q", count)
        assert delivery.message == Message({"id": "a", "task": "t"}, expected, b"[[1], {}, {}]")
        transport.reject([delivery])
    received = channel.basic_get("q")
    assert received.decode() == [[1], {}, {}]
    assert {name: received.properties[name] for name in expected} == expected


def test_a_compressed_body_stays_as_it_is(transport: KombuTransport, channel: Any) -> None:
    """Who decompresses it is the worker, within a bound."""
    send_by_kombu(channel, compression="gzip")
    delivery = take_one(transport)
    assert delivery.message.headers["compression"] == "application/x-gzip"
    assert gzip_or_zlib(delivery.message.body) == b"[[1], {}, {}]"


def test_what_a_peer_gave_back_counts_as_delivered(transport: KombuTransport, channel: Any) -> None:
    send_by_kombu(channel)
    channel.basic_get("q").requeue()
    assert take_one(transport).count == 2


def gzip_or_zlib(data: bytes) -> bytes:
    return zlib.decompress(data, wbits=zlib.MAX_WBITS | 32)


def send_by_kombu(channel: Any, **properties: Any) -> None:
    headers = {"id": "a", "task": "t"}
    Producer(channel).publish([[1], {}, {}], exchange="", routing_key="q", headers=headers, **properties)


# files, and what may be in them


GARBAGE = {
    "no-json": b"\x00\xff no JSON",
    "list": b"[1, 2]",
    "number": b"7",
    "empty-table": b"{}",
    "no-properties": b'{"body": "x"}',
    "wrong-properties": b'{"body": "x", "properties": [1], "headers": {}}',
    "wrong-headers": b'{"body": "eA==", "properties": {"delivery_tag": "t"}, "headers": [1]}',
    "wrong-base64": b'{"body": "%%%", "properties": {"body_encoding": "base64", "delivery_tag": "t"}}',
    "wrong-mark": b'{"body": "", "properties": {"delivery_tag": "t", "x-celeriac": {"begun": "x", "own": 3}}}',
    "wrong-tag": b'{"body": "", "headers": 1, "properties": {"delivery_tag": null, "delivery_info": "x"}}',
    "no-tag": b'{"body": "%%%", "properties": {"delivery_tag": [null], "body_encoding": "base64"}}',
    "due-never": b'{"body": "%%%", "properties": {"x-celeriac": {"due": Infinity}, "body_encoding": "base64"}}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("garbage", [pytest.param(each, id=name) for name, each in GARBAGE.items()])
def test_garbage_is_handed_on_and_can_be_settled(transport: KombuTransport, folder: Path, garbage: bytes) -> None:
    drop(folder, garbage)
    delivery = take_one(transport)
    assert delivery.message.content_type == UNREADABLE
    transport.reject([delivery])
    again = take_one(transport)
    assert (again.message, again.count) == (delivery.message, 2)
    transport.dead_letter([(again, "garbage", "")])
    assert [each.message for each in transport.dead_letters()] == [delivery.message]
    assert transport.counts("q").ready == 0


def test_messages_that_say_that_they_are_the_same_are_settled_apart(transport: KombuTransport, folder: Path) -> None:
    for name in "ab":
        drop(folder, b'{"body": "", "properties": {"delivery_tag": "t"}, "headers": {"id": "%s"}}' % name.encode())
    a, b = by_name(take(transport, 2))
    transport.ack([a])
    transport.reject([b])
    assert names(take_now(transport)) == ["b"]


def test_whatever_lies_in_a_folder_stops_nothing(transport: KombuTransport, folder: Path) -> None:
    hypothesis = pytest.importorskip("hypothesis")
    some = hypothesis.strategies
    leaves = some.none() | some.booleans() | some.integers() | some.text(max_size=5)
    names = some.sampled_from(["body", "properties", "headers", "delivery_tag", "x-celeriac", "begun", "own", "due"])
    values = some.recursive(leaves, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(names, inner))

    def comes(data: bytes) -> None:
        drop(folder, data or b" ")
        transport.ack([take_one(transport)])

    texts = some.binary(max_size=50) | values.map(lambda value: json.dumps(value).encode())
    hypothesis.settings(max_examples=100, deadline=None, database=None)(hypothesis.given(texts)(comes))()


def test_a_file_that_is_still_being_written_is_left_for_later(transport: KombuTransport, folder: Path) -> None:
    unfinished = drop(folder, b"")
    assert take_now(transport) == []
    unfinished.write_bytes(b'{"body": "", "properties": {}, "headers": {"id": "a"}}')
    assert names(take_now(transport)) == ["a"]


def test_a_name_that_no_file_can_have_is_another_one_at_kombu(transport: KombuTransport, folder: Path) -> None:
    for queue in ("plain", "a b.c", "Päckchen", "a/b", "x" * 200):
        send(transport, queue, queue=queue)
    found = {path.name.partition(".")[2].removesuffix(".msg") for path in folder.glob("*.msg")}
    assert {"plain", "a b.c", "Päckchen"} < found
    assert sum(name.startswith("celeriac-") for name in found) == 2


def drop(folder: Path, data: bytes) -> Path:
    path = folder / f"1_{uuid4()}.q.msg"
    path.write_bytes(data)
    return path


# what a worker holds


def test_what_was_held_or_not_due_is_given_back_at_the_close(transport: KombuTransport, folder: Path) -> None:
    send(transport, "held", "early", "waiting")
    held, early = take(transport, 2)
    transport.delay([(early, time.time() + 600)], started=False)
    transport.close()
    another = make_in(folder)
    counts = {each.message.id: each.count for each in take(another, 3)}
    assert counts == {"held": 1, "early": 1, "waiting": 1} | {held.message.id: 2}
    another.close()


def test_that_a_broker_keeps_nothing_is_said_once(transport: KombuTransport, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        take_now(transport)
    (said,) = [each.getMessage() for each in caplog.records if each.name == "celeriac.transport"]
    assert said == "kombu+filesystem:// keeps nothing that a worker holds: what a killed worker was working on is lost"


def test_a_message_is_settled_over_another_connection_than_it_came_by(
    transport: KombuTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(transport, "a", "b")
    held = take(transport, 2)
    with monkeypatch.context() as patch:
        patch.setattr(Channel, "_get", broken)
        with pytest.raises(TransportDown, match="the disk is on fire"):
            take_now(transport)
    assert take_now(transport) == [], "a lost connection gives nothing back that is still being worked on"
    transport.ack(held[:1])
    transport.reject(held[1:])
    assert names(take_now(transport)) == names(held[1:])


def test_what_has_left_the_queue_is_delivered_though_the_next_look_fails(
    transport: KombuTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(transport, *"abcd")
    get, calls = Channel._get, iter(range(100))
    monkeypatch.setattr(Channel, "_get", lambda *asked: get(*asked) if next(calls) != 2 else broken())
    assert len(take_now(transport)) == 2
    assert len(take_now(transport)) == 2


def test_a_batch_goes_on_where_the_connection_broke(transport: KombuTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    put, calls = Channel._put, iter(range(100))

    def fails_at_the_third(self: Any, queue: str, payload: Any, **more: Any) -> None:
        if next(calls) == 2:
            raise OSError("cut")
        put(self, queue, payload, **more)

    monkeypatch.setattr(Channel, "_put", fails_at_the_third)
    send(transport, *"abcde")
    assert sorted(names(take(transport, 5))) == list("abcde")


def test_a_batch_that_takes_too_long_stops_and_says_how_far_it_came(
    transport: KombuTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Channel._put

    def slow(self: Any, queue: str, payload: Any, **more: Any) -> None:
        put(self, queue, payload, **more)
        time.sleep(0.2)

    monkeypatch.setattr(Channel, "_put", slow)
    with pytest.raises(TransportDown):
        transport.publish([Publication("q", message(str(number))) for number in range(50)], timeout=0.5)
    until(lambda: transport.counts("q").ready == 3, "what was under way is done")
    time.sleep(0.3)
    assert transport.counts("q").ready == 3, "and nothing more is sent"


def broken(*_: Any) -> None:
    raise OSError("the disk is on fire")


# SQS


def test_a_renewed_message_stays_held_beyond_the_time_of_its_queue(sqs_server: SqsServer) -> None:
    transport = make_sqs(address_at(sqs_server), lease=5.0, extra={"visibility_timeout": 2})
    send(transport, "a", "b")
    a, b = by_name(take(transport, 2))
    assert transport.renew([a, b]) == []
    transport.ack([b])
    time.sleep(2.2)
    assert take_now(transport) == []
    assert transport.renew([a, b]) == [b]
    transport.close()


_HOLD = """
transport = suite.make(argv[0], extra={"visibility_timeout": 2})
print(transport.receive(["q"], 1, timeout=10)[0].message.id, flush=True)
sys.stdin.readline()
"""


def test_what_a_killed_worker_held_comes_back(sqs_server: SqsServer) -> None:
    address = address_at(sqs_server)
    transport = make_sqs(address, extra={"visibility_timeout": 2})
    send(transport, "a")
    with AnotherProcess(TestSqsOfKombu(), _HOLD, address) as worker:
        assert worker.hear() == "a"
    delivery = take_one(transport)
    assert (delivery.message.id, delivery.count) == ("a", 2)
    transport.ack([delivery])
    transport.close()


def test_a_delay_longer_than_sqs_takes_is_made_of_several(
    sqs_server: SqsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqs, "_LONGEST_DELAY", 1)
    transport = make_sqs(address_at(sqs_server))
    due = time.time() + 2.4
    send(transport, "a", due=due)
    delivery = take_one(transport)
    assert time.time() >= due
    assert (delivery.count, "DelaySeconds" in delivery.message.properties) == (1, False)
    transport.close()


@pytest.mark.parametrize("due", ["Infinity", "NaN", "1e300", "-1", "true", "[]", "1" + "0" * 400])
def test_a_due_time_that_nobody_can_mean_delays_nothing(sqs_server: SqsServer, due: str) -> None:
    address = address_at(sqs_server)
    boto3 = pytest.importorskip("boto3")
    transport = make_sqs(address)
    assert transport.counts("q").ready == 0
    text = '{"body": "", "headers": {"id": "a"}, "properties": {"delivery_info": {}, "x-celeriac": {"due": DUE}}}'
    client = boto3.client(
        "sqs",
        region_name=SqsServer.region,
        endpoint_url=f"http://127.0.0.1:{sqs_server.port}",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    url = client.get_queue_url(QueueName=address.rpartition("/")[2] + "q")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody=text.replace("DUE", due))
    transport.ack([take_one(transport)])
    transport.close()


def test_purging_counts_what_it_drops_and_leaves_what_is_held(sqs_server: SqsServer) -> None:
    transport = make_sqs(address_at(sqs_server))
    send(transport, *"abc")
    (held,) = take(transport, 1)
    assert transport.purge("q") == 2
    transport.reject([held])
    assert names(take(transport, 1)) == names([held])
    transport.close()


def test_what_is_too_large_for_sqs_is_an_error_that_no_waiting_mends(sqs_server: SqsServer) -> None:
    transport = make_sqs(address_at(sqs_server))
    with pytest.raises(EncodeError, match="more than SQS carries"):
        transport.publish([Publication("q", Message({"id": "a", "task": "t"}, {}, b"x" * 1_000_000))], 5)
    transport.close()


def test_a_fifo_queue_takes_messages_and_no_delays(sqs_server: SqsServer) -> None:
    transport = make_sqs(address_at(sqs_server))
    with pytest.raises(UnsupportedCapability, match="FIFO"):
        send(transport, "a", queue="orders.fifo", due=time.time() + 60)
    send(transport, *"abc", queue="orders.fifo")
    first = take_one(transport, "orders.fifo")
    assert first.message.id == "a"
    transport.ack([first])
    transport.close()


def test_a_server_that_stands_still_keeps_nobody_waiting_and_is_found_again(own_sqs: SqsServer) -> None:
    transport = make_sqs(address_at(own_sqs))
    send(transport, "a")
    own_sqs.pause()

    def fails() -> str:
        begin = time.monotonic()
        with pytest.raises(TransportDown) as caught:
            transport.publish([Publication("q", message("b"))], timeout=0.3)
        assert time.monotonic() - begin < 3.0, "botocore waits for a minute"
        return str(caught.value)

    assert "did not answer within" in fails()
    until(lambda: "has not answered 8 earlier calls" in fails(), "no more threads are made", timeout=9)
    own_sqs.resume()
    until(lambda: works(lambda: send(transport, "c")), "those who hung are gone")
    received: set[str] = set()
    while batch := transport.receive(["q"], 9, 1.0):
        received |= set(names(batch))
        transport.ack(batch)
    assert {"a", "c"} <= received <= {"a", "b", "c"}, "b may have been published all the same"
    transport.close()


def works(call: Callable[[], object]) -> bool:
    with suppress(TransportDown):
        call()
        return True
    return False


def test_no_error_shows_the_password() -> None:
    for url in (
        "kombu+sqs://key:ses%2Fame@127.0.0.1:1/",
        "kombu+sqla+sqlite:///no/such/folder/q.db?password=ses%2Fame",
    ):
        transport = make_sqs(url) if "sqs" in url else make(url)
        with pytest.raises(TransportDown) as caught:
            send(transport, "a")
        error: BaseException | None = caught.value
        while error is not None:
            assert "ses/ame" not in str(error)
            assert "ses%2Fame" not in str(error)
            error = error.__cause__
        transport.close()


# configuration


@pytest.mark.parametrize(
    ("url", "error", "text"),
    [
        ("kombu+nosuch://", ConfigurationError, "kombu has no transport 'nosuch'; write kombu\\+NAME.*sqs"),
        ("kombu://", ConfigurationError, "kombu has no transport ''"),
        ("kombu+redis://h", ConfigurationError, "write redis://"),
        ("kombu+amqp://h", ConfigurationError, "write amqp://"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_once(url: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make(url)


def test_a_package_that_kombu_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kombu.transport.mongodb", None)
    with pytest.raises(DriverNotInstalled, match=r"kombu's transport 'mongodb' needs the module .*docs/kombu\.md"):
        make("kombu+mongodb://h")


def test_settings_of_celery_that_have_no_meaning_here_are_taken() -> None:
    make("kombu+memory://", extra={"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 1})


@pytest.mark.parametrize("interval", [0, -1, "1", None, True])
def test_a_polling_interval_is_a_number_of_seconds(interval: Any) -> None:
    with pytest.raises(ConfigurationError, match="polling_interval"):
        make("kombu+memory://", extra={"polling_interval": interval})


def test_what_kombu_cannot_do_is_refused(transport: KombuTransport) -> None:
    for call in (
        lambda: transport.peek("q", 1),
        lambda: transport.broadcast("t", b""),
        lambda: transport.subscribe(["t"]),
        lambda: send(transport, "a", due=time.time() + 5),
    ):
        with pytest.raises(UnsupportedCapability, match="kombu\\+filesystem://"):
            call()
