"""What the face publishes for a call is what Celery publishes for it, field by field; and so are results."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zlib import decompress

import celery
import kombu
import kombu.pools
import pytest

import celeriac_contrib.celery as face
from celeriac_contrib.celery import _state
from servers.rabbitmq_server import RabbitServer, shared_rabbitmq
from servers.redis_server import RedisServer

__all__ = ["shared_rabbitmq"]

OURS = "x-celeriac"
"""The one field that our envelopes on Redis have beside kombu's: how often the message was delivered."""
QUEUE = "nobody-consumes-this"
FUTURE = datetime(2031, 5, 6, 7, 8, 9, 500_000, UTC)
VOLATILE = {"delivery_tag", "reply_to"}
"""A random number, and the name of this process for replies: both sides have them, each its own."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="celeriac-wire-") as folder:
        server = RedisServer(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest, redis: RedisServer) -> str:
    if request.param == "redis":
        return redis.url
    server: RabbitServer = request.getfixturevalue("shared_rabbitmq")
    return str(server.new_vhost())


SETTINGS: dict[str, Any] = {
    "task_default_queue": QUEUE,
    "task_routes": {"shop.routed": {"queue": QUEUE, "priority": 4}},
}


def tasks(app: Any) -> Any:
    @app.task(shared=False, name="shop.add")
    def add(x: int, y: int = 0) -> int:
        return x + y

    @app.task(shared=False, name="shop.options", bind=True, time_limit=9, ignore_result=True, serializer="json")
    def options(self: Any, **kwargs: Any) -> None: ...

    @app.task(shared=False, name="shop.routed")
    def routed() -> None: ...

    return app


@pytest.fixture(scope="module")
def apps(broker: str, redis: RedisServer) -> Iterator[dict[str, Any]]:
    with _state.kept():
        theirs = tasks(celery.Celery("shop", broker=broker, backend=redis.url, set_as_current=False))
        ours = tasks(face.Celery("shop", broker=broker, backend=redis.url, set_as_current=False))
        for app in (theirs, ours):
            app.conf.update(SETTINGS)
        theirs.finalize()
        yield {"celery": theirs, "face": ours}
        ours.close()
        theirs.backend.remove_pending_result = lambda result: result
        theirs.close()
        theirs.backend.result_consumer.stop()
        theirs.backend.client.connection_pool.disconnect()
        theirs.pool.force_close_all()
        kombu.pools.reset()


class Wire:
    """Takes what was published off the queue, and makes two of them comparable."""

    def __init__(self, app: Any, broker: str, redis: RedisServer) -> None:
        self._app, self._redis = app, redis if broker == redis.url else None

    def take(self) -> dict[str, Any]:
        raw = self._envelope() if self._redis else self._message()
        raw["body"] = _without(raw["body"], "reply_to")
        chord = raw["body"][2].get("chord")
        if chord:  # Celery's body names the group that it waits for
            chord["options"].pop("group_id", None)
        text = json.dumps(raw, sort_keys=True, default=str)
        ids: dict[str, str] = {}
        pattern = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
        return json.loads(re.sub(pattern, lambda found: ids.setdefault(found[0], f"id {len(ids)}"), text))  # type: ignore[no-any-return]

    def empty(self) -> None:
        with self._app.connection_for_read() as connection:
            kombu.Queue(QUEUE)(connection.default_channel).purge()

    def _envelope(self) -> dict[str, Any]:
        """On Redis the whole of what stands in the list, whatever its priority."""
        assert self._redis is not None
        with self._redis.client() as client:
            (key,) = client.keys(f"{QUEUE}*")
            envelope = json.loads(client.lpop(key))
        envelope.pop(OURS, None)
        encoded, encoding = envelope.pop("body"), envelope["properties"]["body_encoding"]
        body = b64decode(encoded) if encoding == "base64" else encoded.encode()
        envelope["body"] = json.loads(decompress(body) if "compression" in envelope["headers"] else body)
        envelope["key"] = key.decode("latin-1")
        for name in VOLATILE:
            assert envelope["properties"].pop(name)
        _round(envelope["properties"])
        return envelope  # type: ignore[no-any-return]

    def _message(self) -> dict[str, Any]:
        with self._app.connection_for_read() as connection:
            message = kombu.Queue(QUEUE)(connection.default_channel).get(no_ack=True, accept=["json"])
            assert message is not None, "nothing was published"
            properties = dict(message.properties)
            assert properties.pop("reply_to")
            _round(properties)
            where = {name: message.delivery_info[name] for name in ("exchange", "routing_key")}
            return {
                "headers": message.headers,
                "properties": properties,
                "content": [message.content_type, message.content_encoding],
                "body": message.decode(),
                "where": where,
            }


def _without(value: Any, name: str) -> Any:
    """Signatures that are sent along name the client's queue of replies; ours, where replies go to one."""
    if isinstance(value, dict):
        return {key: _without(each, name) for key, each in value.items() if key != name}
    return [_without(each, name) for each in value] if isinstance(value, list) else value


def _round(properties: dict[str, Any]) -> None:
    """The milliseconds that are left are fewer each time."""
    if "expiration" in properties:
        properties["expiration"] = round(int(properties["expiration"]), -6)


@pytest.fixture
def wire(apps: dict[str, Any], broker: str, redis: RedisServer) -> Wire:
    return Wire(apps["celery"], broker, redis)


def plain(app: Any) -> None:
    app.tasks["shop.add"].delay(1, y=2)


def of_the_decorator(app: Any) -> None:
    app.tasks["shop.options"].delay(a=[1, {"b": None}])


def routed(app: Any) -> None:
    app.tasks["shop.routed"].delay()


def with_options(app: Any) -> None:
    app.tasks["shop.add"].apply_async(
        (1,),
        expires=FUTURE,
        priority=7,
        time_limit=10,
        soft_time_limit=5,
        headers={"x-tenant": "blue"},
        shadow="another",
        ignore_result=True,
    )


def with_links(app: Any) -> None:
    add = app.tasks["shop.add"]
    add.apply_async((1,), link=add.s(2), link_error=[add.si(3)])


def by_name(app: Any) -> None:
    app.send_task("shop.unknown", (1,), {"z": [1, 2]}, countdown=None, task_id=str(uuid4()))


def compressed(app: Any) -> None:
    app.tasks["shop.add"].apply_async((1,), compression="gzip", retries=2)


def of_a_workflow(app: Any) -> None:
    app.tasks["shop.add"].apply_async((1,), root_id="the-root", parent_id="the-parent", group_id="g", group_index=1)


CALLS = [plain, of_the_decorator, routed, with_options, with_links, by_name, compressed, of_a_workflow]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_the_same_message_field_by_field(apps: dict[str, Any], wire: Wire, call: Any) -> None:
    found = {}
    for side, app in apps.items():
        call(app)
        found[side] = wire.take()
    assert differences(found["face"], found["celery"]) == []


def _is_nothing(name: str, value: Any) -> bool:
    """Our signatures always name their ``chord_size``; Celery's where it is known."""
    return name == "chord_size" and value is None


def differences(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """The places where two values differ, with both."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        absent = object()
        return [
            each
            for name in sorted({*ours, *theirs})
            if not _is_nothing(name, ours.get(name))
            for each in differences(ours.get(name, absent), theirs.get(name, absent), f"{place}.{name}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [each for index, (mine, other) in pairs for each in differences(mine, other, f"{place}[{index}]")]
    return [] if ours == theirs else [f"{place}: {ours!r}, for Celery {theirs!r}"]


def chained(app: Any, canvas: Any) -> None:
    add = app.tasks["shop.add"]
    canvas.chain(add.s(1, 1), add.s(2), add.s(3)).apply_async()


def grouped(app: Any, canvas: Any) -> None:
    canvas.group([app.tasks["shop.add"].s(1, 1)]).apply_async()


def in_a_chord(app: Any, canvas: Any) -> None:
    add = app.tasks["shop.add"]
    canvas.chord([add.s(1, 1), add.s(2, 2)])(add.s(3))


@pytest.mark.parametrize("workflow", [chained, grouped, in_a_chord])
def test_a_workflow_is_the_same_message_field_by_field(apps: dict[str, Any], wire: Wire, workflow: Any) -> None:
    found = {}
    for (side, app), canvas in zip(apps.items(), (celery, face), strict=True):
        workflow(app, canvas)
        found[side] = wire.take()
        wire.empty()
    assert differences(found["face"], found["celery"]) == []


# results

PROJECT = """
import os
from celery import Celery

app = Celery("proj", broker=os.environ["PLACE"], backend=os.environ["PLACE"])

class OutOfStock(Exception):
    pass

@app.task(name="shop.add")
def add(x, y):
    return {"sum": x + y, "list": [x, None, 1.5]}

@app.task(name="shop.fail")
def fail():
    raise OutOfStock("figs", 7)

@app.task(name="shop.again", bind=True, max_retries=1, default_retry_delay=0)
def again(self):
    raise self.retry(exc=ValueError("no"))

@app.task(name="shop.limited", soft_time_limit=1)
def limited():
    import time
    time.sleep(20)
"""


@pytest.fixture(scope="module")
def workers(redis: RedisServer) -> Iterator[dict[str, Any]]:
    """A worker of each, on a queue of its own; a client that calls by name."""
    with tempfile.TemporaryDirectory(prefix="celeriac-wire-") as folder:
        (Path(folder) / "proj.py").write_text(PROJECT)
        environment = {**os.environ, "PLACE": redis.url, "C_FORCE_ROOT": "1"}
        commands = {"celery": ("-m", "celery"), "face": ("-m", "celeriac", "--as-celery")}
        words = ("-A", "proj", "worker", "-c", "1", "--without-gossip", "--without-mingle", "-Q")
        running = [
            subprocess.Popen([sys.executable, *command, *words, side, "-n", f"{side}@%h"], cwd=folder, env=environment)
            for side, command in commands.items()
        ]
        with _state.kept(), face.Celery("client", broker=redis.url, backend=redis.url) as client:
            yield {"client": client}
        for process, number in zip(running, (signal.SIGQUIT, signal.SIGTERM), strict=True):
            process.send_signal(number)
            process.wait(20)


@pytest.mark.parametrize("task", ["shop.add", "shop.fail", "shop.again", "shop.limited"])
def test_a_result_is_the_same_document_field_by_field(workers: dict[str, Any], redis: RedisServer, task: str) -> None:
    found = {}
    args = (1, 2) if task == "shop.add" else ()
    results = {side: workers["client"].send_task(task, args, queue=side) for side in ("celery", "face")}
    for side, result in results.items():
        with contextlib.suppress(Exception):
            result.get(timeout=60)
        with redis.client() as client:
            document = json.loads(client.get(f"celery-task-meta-{result.id}"))  # type: ignore[arg-type]
            assert 86000 < client.ttl(f"celery-task-meta-{result.id}") <= 86400  # type: ignore[operator]
        assert document.pop("task_id") == result.id
        assert datetime.fromisoformat(document.pop("date_done")).tzinfo is not None
        if document.get("parent_id") == result.id:  # of a retry Celery says that it is its own parent
            del document["parent_id"]
        if task == "shop.limited":  # ours says which limit it was
            document["result"]["exc_message"] = document["traceback"] = None
        document["traceback"] = document["traceback"] and document["traceback"].strip().splitlines()[-1]
        found[side] = document
    assert differences(found["face"], found["celery"]) == []
