"""Calling options: the ids C1 to C11, and A11's brokers that fail over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from itertools import cycle
from types import SimpleNamespace
from typing import Any, ClassVar
from uuid import UUID

import pytest

from celeriac import Celeriac, Exchange, Queue, signature
from celeriac.call import KNOWN_OPTIONS
from celeriac.errors import (
    ConfigurationError,
    DecodeError,
    DriverNotInstalled,
    EncodeError,
    OperationalError,
    ResultTimeout,
    TaskRevoked,
    TransportDown,
)
from celeriac.failover import Failover
from celeriac.specs.transport import TransportOptions
from celeriac.testing import start_worker
from celeriac_plugins.transports.memory import MemoryTransport
from working import wait_until, working


class Down(MemoryTransport):
    """A broker that does not answer. Named ``test_calls:Down://…``."""

    tries: ClassVar[list[float]] = []

    def publish(self, batch: Any, timeout: float) -> None:
        self.tries.append(time.monotonic())
        raise TransportDown("connection refused") from ConnectionRefusedError("refused")

    def receive(self, queues: Any, limit: int, timeout: float | None) -> Any:
        raise TransportDown("connection refused")

    def queues(self) -> list[str]:
        raise TransportDown("connection refused")


@pytest.fixture(autouse=True)
def _no_tries() -> None:
    Down.tries = []


def make(**options: Any) -> Celeriac:
    return Celeriac("shop", **{"broker": "memory://call-tests", "backend": "memory://call-tests", **options})


def down(**options: Any) -> Celeriac:
    app = make(broker=None, **options)
    app.conf.broker_url = None
    app._parts["transport"] = Down(TransportOptions("down://"))
    return app


@pytest.fixture
def app() -> Iterator[Celeriac]:
    app = make()
    app.task(name="add")(lambda x, y: x + y)
    yield app
    app.transport.purge("celery")
    app.close()


# C1, C2


def test_c1_all_four_ways_of_calling_give_equal_values(app: Celeriac) -> None:
    add = app.tasks["add"]
    with start_worker(app):
        assert add(2, 3) == add.apply((2, 3)).get() == 5
        assert add.delay(2, 3).get(timeout=5) == add.apply_async((2, 3)).get(timeout=5) == 5


@pytest.mark.parametrize(
    "options",
    [
        {"countdown": 60},
        {"eta": datetime.fromtimestamp(1_000_060, UTC)},
        {"eta": datetime.fromtimestamp(1_000_060, UTC).replace(tzinfo=None)},
    ],
    ids=["countdown", "aware eta", "naive eta"],
)
def test_c2_a_task_never_starts_before_its_eta(app: Celeriac, options: dict[str, Any]) -> None:
    from celeriac.testing import ManualClock

    with start_worker(app, clock=ManualClock(1_000_000)) as worker:
        result = app.tasks["add"].apply_async((1, 2), **options)
        worker.advance(59)
        worker.drain()
        with pytest.raises(ResultTimeout):
            result.get(timeout=0.05)
        worker.advance(1.1)
        assert result.get(timeout=5) == 3


@pytest.mark.parametrize("expires", [30, timedelta(seconds=30), "date"])
def test_c2_an_expired_task_ends_revoked_and_unrun(app: Celeriac, expires: Any) -> None:
    with start_worker(app, queues=["celery"]) as worker:
        moment = app.now() + timedelta(seconds=30) if expires == "date" else expires
        result = app.tasks["add"].apply_async((1, 2), countdown=40, expires=moment)
        worker.advance(41)
        worker.drain()
        with pytest.raises(TaskRevoked):
            result.get(timeout=5)
        assert result.state == "REVOKED"


# C3

TOPIC = [
    Queue("images", Exchange("media", "topic"), routing_key="image.#"),
    {"name": "small", "exchange": {"name": "media"}, "routing_key": "*.small"},
    SimpleNamespace(name="all", exchange=SimpleNamespace(name="news", type="fanout"), routing_key=""),
    Queue("copy", "news"),
    Queue("audio", Exchange("sound", "direct"), routing_key="au"),
    "plain",
]


@pytest.mark.parametrize(
    ("options", "queues"),
    [
        ({"exchange": "media", "routing_key": "image.large.png"}, ["images"]),
        ({"exchange": "media", "routing_key": "image"}, ["images"]),
        ({"exchange": "media", "routing_key": "image.small"}, ["images", "small"]),
        ({"exchange": "media", "routing_key": "video.small"}, ["small"]),
        ({"exchange": "news", "routing_key": "whatever"}, ["all", "copy"]),
        ({"exchange": "sound", "routing_key": "au"}, ["audio"]),
        ({"routing_key": "plain"}, ["plain"]),
        ({"routing_key": "elsewhere"}, ["elsewhere"]),
        ({"exchange": "unknown", "routing_key": "key"}, ["key"]),
        ({"queue": "images", "exchange": "news"}, ["images"]),
        ({}, ["celery"]),
    ],
)
def test_c3_a_message_lands_only_in_the_queues_that_are_bound(options: dict[str, Any], queues: list[str]) -> None:
    app = make(broker="memory://bound", task_queues=TOPIC)
    with app:
        app.send_task("x", **options)
        landed = [queue for queue in app.transport.queues() if app.transport.counts(queue).ready]
        assert sorted(landed) == sorted(queues)
        for queue in landed:
            app.transport.purge(queue)


@pytest.mark.parametrize("words", ["a", "a.b", "a.b.c", "b.a", "x.a.b"])
@pytest.mark.parametrize("key", ["#", "a.#", "#.b", "a.*", "*.b", "a.#.c", "a"])
def test_c3_topics_are_matched_as_amqp_says(key: str, words: str) -> None:
    def fits(pattern: list[str], text: list[str]) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "#":
            return any(fits(pattern[1:], text[n:]) for n in range(len(text) + 1))
        return bool(text) and pattern[0] in ("*", text[0]) and fits(pattern[1:], text[1:])

    app = make(task_queues=[Queue("q", Exchange("e", "topic"), key)])
    if fits(key.split("."), words.split(".")):
        assert app.bindings.queues("e", words) == ["q"]
    else:
        with pytest.raises(ConfigurationError, match="no queue of task_queues is bound to the topic exchange 'e'"):
            app.bindings.queues("e", words)


def test_c3_routes_may_name_exchanges_and_keys() -> None:
    app = make(task_queues=TOPIC, task_routes={"thumb": {"exchange": "media", "routing_key": "image.small"}})

    publication = app.caller.build("thumb")

    assert (publication.queue, publication.also) == ("images", ("small",))


def test_c3_the_default_exchange_follows_the_default_queue_until_it_is_named() -> None:
    app = make(task_default_queue="mine", task_queues=["mine", "other"])
    assert app.bindings.queues("mine", "other") == ["other"]

    app.conf.update(task_default_exchange="x", task_default_exchange_type="topic", task_default_routing_key="k.#")

    assert app.bindings.queues("x", "k.1") == ["mine", "other"]


@pytest.mark.parametrize(
    ("queues", "text"),
    [
        (
            [{"name": "q", "exchange": "e", "exchange_type": "headers"}],
            "no exchange is of type 'headers'; they are",
        ),
        ([Queue("a", Exchange("e", "topic")), Queue("b", Exchange("e", "direct"))], "two types.*topic and direct"),
    ],
)
def test_c3_bindings_that_cannot_be_are_refused(queues: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        _ = make(task_queues=queues).bindings


@pytest.mark.parametrize(("mode", "number"), [(1, 1), ("transient", 1), ("persistent", 2), (None, 2)])
def test_c3_the_delivery_mode_is_in_the_message(app: Celeriac, mode: Any, number: int) -> None:
    options = {} if mode is None else {"delivery_mode": mode}
    assert app.caller.build("add", (1, 2), {}, options).message.properties["delivery_mode"] == number  # type: ignore[arg-type]
    app.conf.task_default_delivery_mode = "transient"
    assert app.caller.build("add", (1, 2)).message.properties["delivery_mode"] == 1


# C4, C6


class Canary:
    hatched: ClassVar[list[str]] = []

    def __reduce__(self) -> Any:
        return Canary.hatched.append, ("decoded",)


def test_c4_a_type_that_is_not_accepted_is_refused_and_not_decoded_and_logged(
    app: Celeriac, caplog: pytest.LogCaptureFixture
) -> None:
    with start_worker(app, task_unknown_delay=1) as worker:
        app.send_task("add", (Canary(), 1), serializer="pickle")
        for _ in range(4):
            worker.drain()
            worker.advance(2)
        wait_until(worker.dead_letters)

    assert Canary.hatched == []
    assert "'application/x-python-serialize' is not accepted here" in caplog.text


@pytest.mark.parametrize("method", ["zlib", "gzip", "bzip2", "lzma", "brotli", "zstd"])
def test_c6_a_megabyte_shrinks_on_the_wire_and_arrives_equal(app: Celeriac, method: str) -> None:
    text = "repetitive " * 100_000
    app.task(name="measure", compression=method)(lambda text: (len(text), text[-11:]))
    try:
        body = app.caller.build("measure", (text,)).message.body
    except DriverNotInstalled as error:
        pytest.skip(str(error))
    assert len(body) < len(text) / 50
    with start_worker(app):
        assert app.tasks["measure"].delay(text).get(timeout=10) == [len(text), "repetitive "]


# C5


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.at = (x, y)

    def __json__(self) -> dict[str, Any]:
        return {"at": list(self.at)}


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).replace(tzinfo=None),
        date(2026, 1, 2),
        clock_time(3, 4, 5),
        Decimal("1.10"),
        UUID("12345678123456781234567812345678"),
        b"\x00\xff",
    ],
    ids=lambda value: type(value).__name__,
)
def test_c5_each_type_round_trips_with_equality(app: Celeriac, value: Any) -> None:
    app.task(name="echo")(lambda value: value)
    with start_worker(app):
        assert app.tasks["echo"].delay(value).get(timeout=5) == value


def test_c5_what_has_a_json_method_is_written_by_it(app: Celeriac) -> None:
    app.task(name="echo")(lambda value: value)
    with start_worker(app):
        assert app.tasks["echo"].delay(Point(1, 2)).get(timeout=5) == {"at": [1, 2]}


def test_c5_a_type_that_is_registered_round_trips_also_inside_others(app: Celeriac) -> None:
    app.register_type(complex, "complex", lambda value: [value.real, value.imag], lambda parts: complex(*parts))
    app.task(name="twice")(lambda value: [value["at"] * 2, {"when": date(2026, 1, 2)}])
    with start_worker(app):
        assert app.tasks["twice"].delay({"at": 1 + 2j}).get(timeout=5) == [2 + 4j, {"when": date(2026, 1, 2)}]
    with pytest.raises(DecodeError, match="marked as 'complex' that is none"):
        app.codec.serializer("json").loads(b'{"__type__": "complex", "__value__": "x y"}')
    with pytest.raises(EncodeError):
        make().codec.serializer("json").dumps(1j)


# C7


@pytest.mark.parametrize("where", ["setting", "call"])
def test_c7_a_publish_ends_after_exactly_max_retries_retries(where: str) -> None:
    policy = {"max_retries": 4, "interval_start": 0, "interval_step": 0.01, "interval_max": 0.02}
    app = down(**({"task_publish_retry_policy": policy} if where == "setting" else {}))

    with pytest.raises(OperationalError):
        app.send_task("x", **({"retry_policy": policy} if where == "call" else {}))

    pauses = [later - earlier for earlier, later in zip(Down.tries, Down.tries[1:], strict=False)]
    assert len(Down.tries) == 5
    assert all(pause >= least for pause, least in zip(pauses, (0, 0.01, 0.02, 0.02), strict=True))


@pytest.mark.parametrize(
    ("options", "tries"),
    [
        ({"retry": False}, 1),
        ({"retry_policy": {"max_retries": 9, "retry_errors": [KeyError]}}, 1),
        ({"retry_policy": {"max_retries": 1, "retry_errors": [ConnectionRefusedError], "interval_step": 0}}, 2),
    ],
)
def test_c7_a_call_says_whether_and_after_what_it_is_tried_again(options: dict[str, Any], tries: int) -> None:
    with pytest.raises(TransportDown):
        down().send_task("x", **options)
    assert len(Down.tries) == tries


def test_c7_the_deadline_holds_whatever_the_policy_says() -> None:
    started = time.monotonic()
    with pytest.raises(TransportDown):
        down().send_task("x", retry_policy={"max_retries": None}, publish_timeout=0.2)
    assert time.monotonic() - started < 2
    with pytest.raises(ConfigurationError, match="no 'max_retry'; did you mean 'max_retries'"):
        down().send_task("x", retry_policy={"max_retry": 3})


# C8


def test_c8_each_option_is_visible_in_the_message(app: Celeriac) -> None:
    add = app.tasks["add"]
    publication = app.caller.build(
        "add",
        (1, 2),
        {},
        {
            "task_id": "mine",
            "headers": {"tenant": "a"},
            "shadow": "sum",
            "ignore_result": True,
            "reply_to": "box",
            "time_limit": 9,
            "soft_time_limit": 8,
            "serializer": "pickle",
            "compression": "gzip",
            "priority": 7,
            "queue": "q",
            "argsrepr": "(hidden)",
            "kwargsrepr": "{hidden}",
            "link": add.s(3),
            "link_error": [add.si(1, 1)],
            "expires": 60,
            "countdown": 5,
            "mandatory": True,
            "retries": 2,
        },
    )
    headers, properties = publication.message.headers, publication.message.properties
    _, _, embed = app.codec.decode(publication.message.body, publication.message.content_type, headers["compression"])

    assert (headers["id"], headers["root_id"], headers["tenant"], headers["shadow"]) == ("mine", "mine", "a", "sum")
    assert (headers["ignore_result"], headers["retries"], headers["timelimit"]) == (True, 2, [9, 8])
    assert (headers["argsrepr"], headers["kwargsrepr"], headers["compression"]) == (
        "(hidden)",
        "{hidden}",
        "application/x-gzip",
    )
    assert properties["reply_to"] == "box"
    assert properties["priority"] == 7
    assert publication.queue == "q"
    assert publication.due is not None
    assert headers["expires"]
    assert publication.message.content_type == "application/x-python-serialize"
    assert [call["task"] for call in (*embed["callbacks"], *embed["errbacks"])] == ["add", "add"]


@pytest.mark.parametrize("name", ["producer", "connection", "publisher", "immediate"])
def test_c8_an_option_that_means_nothing_here_is_refused_and_told_what_to_use(app: Celeriac, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"takes no '{name}': .*(write_transport|expires)"):
        app.send_task("add", (1, 2), **{name: object()})  # type: ignore[misc]
    assert name not in KNOWN_OPTIONS


# C11


def test_c11_a_child_inherits_priority_nine_when_the_setting_is_on(app: Celeriac) -> None:
    @app.task(name="child", bind=True)
    def child(self: Any) -> Any:
        return self.request.priority

    @app.task(name="parent")
    def parent() -> list[str]:
        return [child.delay().id, child.apply_async(priority=2).id, signature({"task": "child"}, app).delay().id]

    with start_worker(app, task_inherit_parent_priority=True):
        ids = parent.apply_async(priority=9).get(timeout=5)
        assert [app.AsyncResult(id_).get(timeout=5) for id_ in ids] == [9, 2, 9]
    with start_worker(app):
        (first, *_) = parent.apply_async(priority=9).get(timeout=5)
        assert app.AsyncResult(first).get(timeout=5) in (None, 0)


# A11


def failing_over(form: Any) -> Celeriac:
    return make(broker=form, broker_failover_strategy="round-robin")


TWO = [f"{__name__}:Down://one", "memory://a11"]


@pytest.mark.parametrize("form", [TWO, ";".join(TWO)], ids=["list", "semicolon"])
def test_a11_with_the_first_of_two_brokers_down_publishing_succeeds_on_the_second(form: Any) -> None:
    app, other = make(broker=form), make(broker="memory://a11")
    with app, other:
        started = time.monotonic()
        app.send_task("x")
        assert time.monotonic() - started < 2
        assert other.transport.counts("celery").ready == 1
        app.send_task("x")
        assert len(Down.tries) == 1  # it stays with the one that answers
        other.transport.purge("celery")


def test_a11_a_worker_goes_on_to_the_second_broker() -> None:
    app = make(broker=TWO)
    add = app.task(name="add")(lambda x, y: x + y)
    with app, working(app):
        assert add.delay(1, 2).get(timeout=10) == 3


def test_a11_all_brokers_down_end_in_an_error_within_the_deadline() -> None:
    app = make(broker=[f"{__name__}:Down://one", f"{__name__}:Down://two"])
    with app, pytest.raises(TransportDown):
        app.send_task("x", publish_timeout=0.1)
    assert len(Down.tries) >= 2


def test_a11_reading_and_writing_may_have_brokers_of_their_own() -> None:
    app = make(broker=None, broker_read_url="memory://a11-read", broker_write_url="memory://a11-write")
    reader, writer = make(broker="memory://a11-read"), make(broker="memory://a11-write")
    with app, reader, writer:
        app.send_task("x")
        assert writer.transport.counts("celery").ready == 1
        app.task(name="y")(lambda: 1)
        with working(app):
            assert reader.send_task("y").get(timeout=5) == 1
        writer.transport.purge("celery")
    same = make()
    assert same.write_transport is same.transport


def test_a11_strategies_choose_the_next_broker() -> None:
    urls = ["memory://a", "memory://b", "memory://c"]
    in_turn = Failover(urls)
    assert [in_turn.url, in_turn.advance(), in_turn.advance(), in_turn.advance()] == [*urls, urls[0]]
    shuffled = Failover(urls, "shuffle")
    assert all(shuffled.url != shuffled.advance() or shuffled.url in urls for _ in range(20))
    assert Failover(urls, lambda given: cycle(reversed(given))).url == "memory://c"
    assert Failover(urls, "itertools.cycle").url == "memory://a"
    assert Failover(["memory://a"]).advance() == "memory://a"
    with pytest.raises(ConfigurationError, match="'round-robin', 'shuffle', or a function; not 'random'"):
        Failover(urls, "random")


def test_a11_the_servers_of_one_cluster_are_left_to_their_driver() -> None:
    for url in ("amqp://one//;amqp://two//", "sentinel://one:1;sentinel://two:1/0"):
        assert make(broker=url).brokers.urls == [url]
    assert len(make(broker="redis://one;redis://two").brokers) == 2
    wait_until(lambda: True)
