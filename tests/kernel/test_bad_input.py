"""Whatever arrives, the worker lives, nothing is lost, and who waits is told."""

from __future__ import annotations

import json
import zlib
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from celeriac import Celeriac
from celeriac.errors import TaskFailed
from celeriac.ids import new_id
from celeriac.message import Message, Publication, unpack
from celeriac.testing import WorkerInTest, start_worker


def send(app: Celeriac, message: Message) -> str:
    app.transport.publish([Publication("celery", message)], 5)
    return message.id


def message_for(body: bytes, task: str = "add", **changes: Any) -> Message:
    headers = {"id": new_id(), "task": task, **changes.pop("headers", {})}
    return Message(headers, {}, body, **changes)


GOOD = json.dumps([[1, 2], {}, {}]).encode()


@pytest.fixture
def still_works(app: Celeriac, worker: WorkerInTest) -> Any:
    yield
    assert app.tasks["add"].delay(20, 22).get(timeout=5) == 42
    counts = app.transport.counts("celery")
    assert (counts.ready, counts.held, counts.delayed) == (0, 0, 0)


def bury(app: Celeriac, worker: WorkerInTest, message: Message) -> str:
    """Send it, and return the reason on its dead letter."""
    task_id = send(app, message)
    if task_id:
        with pytest.raises(TaskFailed):
            app.AsyncResult(task_id).get(timeout=5)
    worker.drain()
    (letter,) = worker.dead_letters()
    assert letter.message.body == message.body
    return letter.reason


@pytest.mark.usefixtures("still_works")
class TestDeadLetters:
    def test_an_unknown_task(self, app: Celeriac, worker: WorkerInTest) -> None:
        assert "unknown task 'nobody'" in bury(app, worker, message_for(GOOD, "nobody"))
        assert worker.dead_letters()[0].deliveries == 3

    def test_arguments_that_do_not_fit(self, app: Celeriac, worker: WorkerInTest) -> None:
        body = json.dumps([[1, 2, 3], {}, {}]).encode()

        assert "too many positional arguments" in bury(app, worker, message_for(body))

    def test_random_bytes(self, app: Celeriac, worker: WorkerInTest) -> None:
        assert "DecodeError" in bury(app, worker, message_for(b"\x00\xff\x13garbage"))

    def test_a_truncated_body(self, app: Celeriac, worker: WorkerInTest) -> None:
        assert "DecodeError" in bury(app, worker, message_for(GOOD[:-5]))

    def test_a_body_that_is_no_args_kwargs_embed(self, app: Celeriac, worker: WorkerInTest) -> None:
        assert "(args, kwargs, embed)" in bury(app, worker, message_for(b'{"x": 1}'))

    def test_a_content_type_that_is_not_accepted(self, app: Celeriac, worker: WorkerInTest) -> None:
        import pickle

        body = pickle.dumps(((1, 2), {}, {}))
        reason = bury(app, worker, message_for(body, content_type="application/x-python-serialize"))

        assert "'application/x-python-serialize' is not accepted" in reason

    def test_pickle_is_never_loaded_unless_named(self, app: Celeriac, worker: WorkerInTest) -> None:
        import pickle

        bury(app, worker, message_for(pickle.dumps(Canary()), content_type="application/x-python-serialize"))

        assert Canary.loaded == []

    def test_json_claimed_but_pickle_sent(self, app: Celeriac, worker: WorkerInTest) -> None:
        import pickle

        bury(app, worker, message_for(pickle.dumps(Canary())))

        assert Canary.loaded == []

    def test_an_unknown_compression(self, app: Celeriac, worker: WorkerInTest) -> None:
        reason = bury(app, worker, message_for(GOOD, headers={"compression": "application/x-nothing"}))

        assert "application/x-nothing" in reason

    def test_a_message_without_task_or_id(self, app: Celeriac, worker: WorkerInTest) -> None:
        assert "not a task message" in bury(app, worker, Message({}, {}, b"hello"))

    def test_an_unreadable_envelope(self, app: Celeriac, worker: WorkerInTest) -> None:
        assert "not a task message" in bury(app, worker, unpack(b"\x93\x00no message at all"))


class Canary:
    loaded: ClassVar[list[str]] = []

    def __reduce__(self) -> Any:
        return _tweet, ()


def _tweet() -> None:
    Canary.loaded.append("loaded")


def test_a_decompression_bomb_is_stopped_at_the_bound(app: Celeriac) -> None:
    bomb = zlib.compress(b"[[" + b" " * 50_000_000, 9)
    with start_worker(app, message_max_size=1_000_000) as worker:
        reason = bury(app, worker, message_for(bomb, headers={"compression": "application/x-gzip"}))

    assert "PayloadTooLarge" in reason


def test_an_oversized_body_is_refused_on_both_sides(app: Celeriac) -> None:
    from celeriac.errors import EncodeError

    with start_worker(app, message_max_size=1000) as worker:
        with pytest.raises(EncodeError, match="bytes"):
            app.tasks["note"].delay("x" * 2000)
        assert "message_max_size" in bury(app, worker, message_for(json.dumps([["x" * 2000], {}, {}]).encode(), "note"))


def test_a_forged_message_is_refused_before_it_is_decoded(app: Celeriac, tmp_path: Any) -> None:
    pytest.importorskip("cryptography")
    from certificates import make_pair

    ours, strangers = make_pair(tmp_path, "ours"), make_pair(tmp_path, "stranger")
    signing = {
        "task_serializer": "auth",
        "accept_content": ["auth"],
        "security_key": str(ours.key),
        "security_certificate": str(ours.certificate),
        "security_cert_store": str(ours.certificate),
    }
    forger = Celeriac("forger", broker="memory://forger", backend="memory://forger")
    forger.conf.update(
        {**signing, "security_key": str(strangers.key), "security_certificate": str(strangers.certificate)}
    )
    with start_worker(app, **signing) as worker:
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3
        forged = forger.caller.build("add", (1, 2)).message
        assert "SignatureInvalid" in bury(app, worker, forged)
        altered = app.caller.build("add", (1, 2)).message
        altered.body = altered.body[:-9] + b"AAAAAAAA" + altered.body[-1:]
        task_id = send(app, altered)
        with pytest.raises(TaskFailed):
            app.AsyncResult(task_id).get(timeout=5)
    forger.close()


def test_an_eta_of_a_celery_client_is_moved_to_the_broker(app: Celeriac, worker: WorkerInTest) -> None:
    """Celery publishes a delayed task at once and leaves the waiting to the worker."""
    from datetime import UTC, datetime

    due = datetime.fromtimestamp(worker.clock.time() + 100, UTC).isoformat()
    task_id = send(app, message_for(GOOD, headers={"eta": due}))
    worker.drain()
    assert app.transport.counts("celery").delayed == 1

    worker.advance(100)

    assert app.AsyncResult(task_id).get(timeout=5) == 3


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    headers=st.dictionaries(
        st.sampled_from(["id", "task", "eta", "expires", "retries", "timelimit", "group", "compression", "root_id"]),
        _plain,
    ),
    properties=st.dictionaries(st.sampled_from(["priority", "reply_to", "correlation_id"]), _plain),
    body=st.binary(max_size=60) | _plain.map(lambda value: json.dumps(value).encode()),
)
def test_no_message_whatever_stops_the_worker(headers: Any, properties: Any, body: bytes) -> None:
    app = Celeriac("fuzz", broker="memory://fuzz", backend="memory://fuzz")

    @app.task(name="add")
    def add(x: int, y: int) -> int:
        return x + y

    with start_worker(app) as worker:
        send(app, Message({"task": "add", "id": "fuzz", **headers}, properties, body))
        assert add.delay(1, 2).get(timeout=5) == 3
        worker.drain()
