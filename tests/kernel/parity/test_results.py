"""Results as Celery has them, id by id (J1 to J6), and what its users suffer from there."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pickle
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from celeriac import Celeriac, ResultSet, allow_join_result, denied_join_result, group, states
from celeriac.errors import BackendDown, ConfigurationError, ContentDisallowed, IncompleteStream, ResultTimeout
from celeriac.result import AsyncResult, EagerResult, GroupResult, result_from_tuple
from celeriac.testing import WorkerInTest, start_worker
from kernel.parity.places import EVERYWHERE, working
from servers.redis_server import RedisServer, own_redis, redis_server, shared_redis

__all__ = ["own_redis", "redis_server", "shared_redis"]


@pytest.fixture
def app() -> Iterator[Celeriac]:
    app = Celeriac("results", broker="memory://results", backend="memory://results", result_extended=True)

    @app.task(name="add")
    def add(x: int, y: int) -> int:
        return x + y

    @app.task(name="fail")
    def fail() -> None:
        raise ValueError("no")

    @app.task(name="progress", bind=True)
    def progress(self: Any) -> str:
        self.update_state(state="PROGRESS", meta={"done": 1})
        app.gate.wait(5)  # type: ignore[attr-defined]
        return "done"

    @app.task(name="waits")
    def waits(allowed: bool, denied: bool = False) -> Any:
        result = app.tasks["add"].delay(1, 1)
        if denied:
            with allow_join_result(), denied_join_result():
                return result.get(timeout=0.01)
        if allowed:
            with allow_join_result():
                try:
                    return result.get(timeout=0.01)
                except ResultTimeout:
                    return "waited"
        return result.get(timeout=0.01)

    app.gate = threading.Event()  # type: ignore[attr-defined]
    yield app
    app.close()


@pytest.fixture
def worker(app: Celeriac) -> Iterator[WorkerInTest]:
    with start_worker(app) as worker:
        yield worker


# J1

MEMBERS: dict[str, tuple[Any, Any, Any]] = {
    # what is asked: of a success, of a failure, of a task that nobody runs
    "r.ready()": (True, True, False),
    "r.successful()": (True, False, False),
    "r.failed()": (False, True, False),
    "r.state": ("SUCCESS", "FAILURE", "PENDING"),
    "r.status": ("SUCCESS", "FAILURE", "PENDING"),
    "repr(r.result)": ("3", "ValueError('no')", "None"),
    "repr(r.info)": ("3", "ValueError('no')", "None"),
    "'ValueError: no' in (r.traceback or '')": (False, True, False),
    "r.exists()": (True, True, False),
    "r.name": ("add", "fail", "add"),
    "r.args": ([1], [], None),
    "r.kwargs": ({"y": 2}, {}, None),
    "bool(r.worker)": (True, True, False),
    "r.retries": (0, 0, None),
    "r.queue": ("celery", "celery", None),
    "type(r.date_done).__name__": ("datetime", "datetime", "NoneType"),
    "r.children": ([], [], []),
    "r.parent": (None, None, None),
    "r.as_tuple() == ((r.id, None), None)": (True, True, True),
    "r.as_list() == [r.id]": (True, True, True),
    "r.task_id == r.id == str(r)": (True, True, True),
    "r.maybe_throw(propagate=False) is not None": (True, True, False),
    "r.maybe_throw()": (3, ValueError, None),
    "r.get(timeout=0.05)": (3, ValueError, ResultTimeout),
    "r.wait(timeout=0.05)": (3, ValueError, ResultTimeout),
    "type(r.get(timeout=0.05, propagate=False)).__name__": ("int", "ValueError", ResultTimeout),
    "r.get(timeout=0.05, interval=0.01, no_ack=False, follow_parents=False)": (3, ValueError, ResultTimeout),
    "asyncio.run(r.aget(timeout=0.05))": (3, ValueError, ResultTimeout),
    "[v for _, v in r.collect(timeout=0.05)]": ([3], ValueError, ResultTimeout),
    "[n.id == r.id for _, n in r.iterdeps()]": ([True], [True], IncompleteStream),
    "len(r.build_graph())": (1, 1, IncompleteStream),
    "len(r.graph)": (1, 1, 1),
    "told(r)": (["value"], ["error"], []),
    "pickle.loads(pickle.dumps(r.as_tuple())) == r.as_tuple()": (True, True, True),
    "result_from_tuple(json.loads(json.dumps(r.as_tuple())), r.app) == r": (True, True, True),
    "(r.revoke(), r.id)[1] == r.id": (True, True, True),
    "(r.forget(), r.state)[1]": ("PENDING", "PENDING", "PENDING"),
}


def told(result: AsyncResult[Any]) -> list[str]:
    told: list[str] = []
    result.then(lambda _: told.append("value"), on_error=lambda _: told.append("error"))
    return told


@pytest.mark.parametrize("where", ["memory", "sqlite", "redis"])
def test_j1_every_member_of_a_result_on_a_success_a_failure_and_a_pending_task(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    names = {"asyncio": asyncio, "json": json, "pickle": pickle, "result_from_tuple": result_from_tuple, "told": told}
    with working(app, where, tmp_path, request) as worker:
        pending = app.tasks["add"].apply_async((1, 2), queue="nobody")
        results = (app.tasks["add"].delay(1, y=2), app.tasks["fail"].delay(), pending)
        worker.drain()
        for what, expected in MEMBERS.items():
            for result, wanted in zip(results, expected, strict=True):
                fresh = AsyncResult[Any](result.id, app, task=result.task)
                if isinstance(wanted, type) and issubclass(wanted, Exception):
                    with pytest.raises(wanted):
                        eval(what, {**names, "r": fresh})
                else:
                    assert eval(what, {**names, "r": fresh}) == wanted, f"{what} of a {result.state}"


def test_j1_callbacks_of_get_are_called(app: Celeriac, worker: WorkerInTest) -> None:
    seen: list[Any] = []
    result = app.tasks["progress"].delay()

    def on_message(document: Any) -> None:
        seen.append(document["status"])
        if document["status"] == "PROGRESS":
            app.gate.set()  # type: ignore[attr-defined]

    result.get(
        timeout=5,
        interval=0.01,
        on_message=on_message,
        on_interval=lambda: seen.append("tick") if "tick" not in seen else None,
        callback=lambda id_, value: seen.append((id_, value)),
    )
    assert [each for each in seen if each != "tick"] == ["PROGRESS", "SUCCESS", (result.id, "done")]


def test_j1_then_is_called_when_the_task_ends(app: Celeriac, worker: WorkerInTest) -> None:
    ended = threading.Event()
    values: list[Any] = []
    result = app.tasks["progress"].delay()
    result.then(lambda r: (values.append(r.result), ended.set()))
    app.gate.set()  # type: ignore[attr-defined]
    assert ended.wait(5)
    assert values == ["done"]


def test_j1_what_was_called_is_stored_only_when_asked_for(app: Celeriac) -> None:
    with start_worker(app, result_extended=False):
        result = app.tasks["add"].delay(1, 2)
        assert result.get(timeout=5) == 3
        assert (app.AsyncResult(result.id).args, app.AsyncResult(result.id).worker) == (None, None)


# J2


def test_j2_a_task_may_not_wait_for_another_unless_it_is_allowed(app: Celeriac, worker: WorkerInTest) -> None:
    with pytest.raises(RuntimeError, match="block a worker"):
        app.tasks["waits"].delay(False).get(timeout=5)
    assert app.tasks["waits"].delay(True).get(timeout=5) == "waited"
    with pytest.raises(RuntimeError, match="block a worker"):
        app.tasks["waits"].delay(True, True).get(timeout=5)


def test_j2_a_result_set_is_changed_and_waited_for(app: Celeriac, worker: WorkerInTest) -> None:
    one, two, three = (app.tasks["add"].delay(n, n) for n in range(3))
    some = ResultSet([one])
    some.add(two)
    some.update([two, three])
    assert len(some) == 3
    assert some.get(timeout=5) == some.join(timeout=5) == some.join_native(timeout=5) == [0, 2, 4]
    assert sorted(some.iterate(timeout=5)) == [0, 2, 4]
    assert {id_ for id_, document in some.iter_native() if document["status"] == "SUCCESS"} == set(map(str, some))
    assert (some.ready(), some.successful(), some.failed(), some.waiting()) == (True, True, False, False)
    assert some.completed_count() == 3
    some.remove(one)
    some.discard(one)
    with pytest.raises(KeyError):
        some.remove(one)
    assert list(some) == [two, three]
    failing = app.tasks["fail"].delay()
    some.add(failing)
    with pytest.raises(ValueError, match="no"):
        some.get(timeout=5)
    with pytest.raises(ValueError, match="no"):
        some.maybe_throw()
    assert isinstance(some.get(timeout=5, propagate=False)[2], ValueError)
    some.forget()
    some.clear()
    assert (list(some), failing.exists()) == ([], False) or not app.AsyncResult(failing.id).exists()


@EVERYWHERE
def test_j2_a_group_is_saved_restored_and_deleted(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with working(app, where, tmp_path, request):
        result = (app.tasks["add"].s(1, 1) | group(app.tasks["add"].s(n) for n in range(3))).delay()
        result.save()
        result.save()
        restored = GroupResult.restore(result.id, app)
        assert restored == result
        assert restored is not None
        assert restored.get(timeout=5) == [2, 3, 4]
        assert restored.parent.get(timeout=5) == 2
        restored.delete()
        assert GroupResult.restore(result.id, app) is None
        assert result_from_tuple(json.loads(json.dumps(result.as_tuple())), app) == result


def test_j2_an_eager_result_answers_all_the_same(app: Celeriac) -> None:
    result = app.tasks["add"].apply((1, 2))
    assert isinstance(result, EagerResult)
    assert (result.get(), result.state, result.ready(), result.result, result.exists()) == (3, "SUCCESS", True, 3, True)
    with pytest.raises(ValueError, match="no"):
        app.tasks["fail"].apply().get()


# J5, pain rows 20 and 21


def test_j5_a_revoked_task_is_revoked_at_once(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["add"].apply_async((1, 1), countdown=10, expires=5)
    worker.advance(11)
    worker.drain()
    assert result.state == states.REVOKED


def test_j5_ignored_results_are_not_stored_but_errors_are_when_asked_for(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["add"].apply_async((1, 1), ignore_result=True)
    worker.drain()
    assert not result.exists()
    with start_worker(app, task_ignore_result=True, task_store_errors_even_if_ignored=True) as other:
        fine, failing = app.tasks["add"].delay(1, 1), app.tasks["fail"].delay()
        other.drain()
        assert (fine.exists(), failing.state) == (False, "FAILURE")


def test_j5_expired_results_are_swept(app: Celeriac) -> None:
    with start_worker(app, result_expires=60) as worker:
        result = app.tasks["add"].delay(1, 1)
        result.get(timeout=5)
        worker.advance(61)
        assert not app.AsyncResult(result.id).exists()
        assert app.backend.driver.sweep() == 1


@EVERYWHERE
def test_pain_21_what_waits_is_told_apart_from_what_nobody_has_called(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with working(app, where, tmp_path, request, task_track_queued=True) as worker:
        waiting = app.tasks["add"].apply_async((1, 1), queue="nobody")
        done = (app.tasks["add"].s(1, 1) | app.tasks["add"].s(1)).delay()
        worker.drain()
        assert (waiting.state, waiting.exists(), waiting.info["queue"]) == ("QUEUED", True, "nobody")
        assert datetime.fromisoformat(waiting.info["queued"]).tzinfo is not None
        assert (done.state, done.parent.state) == ("SUCCESS", "SUCCESS")
        assert (app.AsyncResult("never").state, app.AsyncResult("never").exists()) == ("UNKNOWN", False)
    assert datetime.now(UTC).tzinfo is not None


def test_pain_20_results_that_nobody_reads_cost_the_caller_nothing(
    app: Celeriac, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Short here; with LONG_TESTS=1 a million calls."""
    count = 1_000_000 if os.environ.get("LONG_TESTS") == "1" else 20_000
    with Celeriac("unread", broker=redis_server.url, backend=redis_server.url) as unread:
        add = unread.task(name="add")(lambda x, y: x + y)
        process = psutil.Process()
        for number in range(2000):
            add.delay(number, 1)
        gc.collect()
        before = process.memory_info().rss
        for number in range(count):
            add.delay(number, 1)
            if number % 10_000 == 0:
                unread.transport.purge("celery")
        gc.collect()
        assert process.memory_info().rss - before < 10_000_000
        with redis_server.client() as client:
            assert client.pubsub_channels("celery-task-meta-*") == []


def test_pain_20_ten_thousand_waits_in_vain_leave_nothing_subscribed(app: Celeriac, redis_server: RedisServer) -> None:
    with Celeriac("vain", broker=redis_server.url, backend=redis_server.url) as vain:
        ResultSet([vain.AsyncResult("first")]).app.AsyncResult("first").ready()
        for number in range(10_000 if os.environ.get("LONG_TESTS") == "1" else 200):
            with pytest.raises(ResultTimeout):
                vain.AsyncResult(f"never-{number}").get(timeout=0.001)
        with redis_server.client() as client:
            assert client.pubsub_channels("celery-task-meta-*") == []


# J6


def test_j6_waiting_for_a_thousand_results_opens_a_bounded_number_of_connections(
    app: Celeriac, tmp_path: Path, redis_server: RedisServer, request: pytest.FixtureRequest
) -> None:
    with working(app, "redis", tmp_path, request) as worker:
        add = app.tasks["add"]

        def connections() -> int:
            with redis_server.client() as client:
                return len(client.client_list()) - 1

        add.delay(0, 0).get(timeout=5)
        before = connections()

        async def main() -> int:
            results = [add.apply_async((n, n), countdown=1) for n in range(1000)]
            waiting = [asyncio.ensure_future(result.aget(timeout=20)) for result in results]
            await asyncio.sleep(0.1)
            most = await asyncio.to_thread(connections)
            worker.advance(2)
            assert sum(await asyncio.gather(*waiting)) == sum(2 * n for n in range(1000))
            return most

        assert asyncio.run(main()) <= before + 2
        with redis_server.client() as client:
            assert client.pubsub_channels("celery-task-meta-*") == []


@EVERYWHERE
def test_j6_members_of_a_large_group_come_as_they_finish_with_one_waiter(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async def main(result: GroupResult[int]) -> tuple[list[int], int]:
        most = 0
        values = []
        async for member in result:
            values.append(await member)
            most = max(most, len(asyncio.all_tasks()))
        return values, most

    with working(app, where, tmp_path, request):
        result = group(app.tasks["add"].s(n, n) for n in range(500)).delay()
        values, most = asyncio.run(main(result))
        assert sorted(values) == [2 * n for n in range(500)]
        assert most <= 2
        assert asyncio.run(_awaited(group(app.tasks["add"].s(n, n) for n in range(30)).delay())) == [
            2 * n for n in range(30)
        ]


async def _awaited(result: GroupResult[int]) -> list[int]:
    return await result


# J4


class Away:
    """A store that is away for so many questions."""

    def __init__(self, app: Celeriac, times: int) -> None:
        self.left = times
        self.asked = 0
        for name in ("fetch", "wait"):
            setattr(app.backend.driver, name, self._failing(getattr(app.backend.driver, name)))

    def _failing(self, step: Any) -> Any:
        def ask(*args: Any) -> Any:
            self.asked += 1
            if self.left > 0:
                self.left -= 1
                raise BackendDown("away")
            return step(*args)

        return ask


def test_j4_results_are_asked_for_again_while_the_store_is_away_when_that_is_set(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_worker(app):
        result = app.tasks["add"].delay(1, 1)
        result.get(timeout=5)
        Away(app, 1)
        with pytest.raises(BackendDown):
            app.AsyncResult(result.id).get(timeout=5)
        assert app.AsyncResult(result.id).get(timeout=5) == 2
    slept: list[float] = []
    settings = {
        "result_backend_always_retry": True,
        "result_backend_max_retries": 4,
        "result_backend_base_sleep_between_retries_ms": 20,
        "result_backend_max_sleep_between_retries_ms": 50,
    }
    with start_worker(app, **settings) as worker:
        result = app.tasks["add"].delay(1, 1)
        worker.drain()
        monkeypatch.setattr("celeriac.result_store.time.sleep", slept.append)
        Away(app, 4)
        assert app.AsyncResult(result.id).state == "SUCCESS"
        assert slept == [0.02, 0.04, 0.05, 0.05]
        Away(app, 5)
        with pytest.raises(BackendDown):
            app.AsyncResult(result.id).get(timeout=5)
        monkeypatch.undo()


def test_j4_results_are_written_by_the_serializer_that_is_set(app: Celeriac) -> None:
    for name, begin in (("json", b"{"), ("yaml", b"task_id: "), ("pickle", b"\x80")):
        with start_worker(app, result_serializer=name) as worker:
            result = app.tasks["add"].delay(1, 1)
            worker.drain()
            (record,) = app.backend.driver.fetch([result.id]).values()
            assert begin in record.payload[:30]
            assert result.get(timeout=5) == 2


def test_j4_the_prefix_of_keys_is_honoured(app: Celeriac, redis_server: RedisServer) -> None:
    options = {"result_backend": redis_server.url, "result_backend_transport_options": {"global_keyprefix": "mine"}}
    with start_worker(app, **options) as worker:
        result = app.tasks["add"].delay(1, 1)
        worker.drain()
        with redis_server.client() as client:
            assert client.exists(f"mine_celery-task-meta-{result.id}")


@pytest.mark.parametrize("accept", [["json"], ["application/json"], []])
def test_j4_a_result_of_a_type_that_result_accept_content_does_not_name_is_not_decoded(
    tmp_path: Path, accept: list[str]
) -> None:
    urls = dict.fromkeys(("broker_url", "result_backend"), f"sqlite://{tmp_path}/results.db")
    with Celeriac("writer", result_serializer="pickle", **urls) as writer:
        writer.store_state("a", "SUCCESS", Trap(str(tmp_path / "sprung")))
    with Celeriac("reader", result_serializer="pickle", result_accept_content=accept, **urls) as reader:
        with pytest.raises(ContentDisallowed, match="result_accept_content"):
            reader.AsyncResult("a").get(timeout=5)
        assert not (tmp_path / "sprung").exists()
    with Celeriac("open", result_serializer="pickle", result_accept_content=["json", "pickle"], **urls) as other:
        other.AsyncResult("a").get(timeout=5)
        assert (tmp_path / "sprung").exists()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.path),)


@pytest.mark.parametrize(
    "name",
    [
        *("result_compression", "result_cache_max", "result_persistent"),
        *("result_exchange", "result_exchange_type", "result_chord_retry_interval", "result_chord_join_timeout"),
    ],
)
def test_j4_what_means_nothing_here_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Celeriac("refused", **{name: "anything"}).conf.result_serializer  # noqa: B018
