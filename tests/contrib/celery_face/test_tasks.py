"""Tasks and calls as Celery's user guide has them, run by Celeriac."""

from __future__ import annotations

import configparser
import json
from typing import Any

import pytest

from celeriac.testing import start_worker
from celeriac_contrib.celery import Celery, _state, shared_task
from celeriac_contrib.celery.app.task import Task
from celeriac_contrib.celery.contrib.abortable import AbortableAsyncResult, AbortableTask
from celeriac_contrib.celery.exceptions import Ignore, MaxRetriesExceededError, OperationalError, Reject, Retry
from celeriac_contrib.celery.result import AsyncResult

PATIENCE = 10


def test_a_function_becomes_a_task_with_any_attributes(app: Any) -> None:
    @app.task(bind=True, my_own=3)
    def add(self: Any, x: int, y: int) -> tuple[int, int]:
        return x + y, self.my_own

    with start_worker(app):
        assert add.delay(1, 2).get(timeout=PATIENCE) == [3, 3]
        assert add.apply_async((1,), {"y": 2}, countdown=0).get(timeout=PATIENCE) == [3, 3]
    assert add(1, 2) == (3, 3)
    assert add.name == f"{__name__}.add"
    assert isinstance(add.AsyncResult("an-id"), AsyncResult)


def test_a_custom_base_is_one_object_for_all_runs_and_hears_of_them(app: Any) -> None:
    heard: list[Any] = []

    class Base(Task):
        _connection: Any = None

        def __init__(self) -> None:  # without a word to its base
            self.made = "once"

        @property
        def connection(self) -> Any:
            if self._connection is None:
                self._connection = object()
            return self._connection

        def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
            heard.append(retval)

    @app.task(base=Base, bind=True)
    def who(self: Any) -> tuple[int, str]:
        return id(self.connection), self.made

    with start_worker(app):
        first, second = who.delay().get(timeout=PATIENCE), who.delay().get(timeout=PATIENCE)
    assert first == second
    assert len(heard) == 2


def test_retry_is_an_exception_here_and_max_retries_is_kept(app: Any) -> None:
    runs: list[int] = []

    @app.task(bind=True, max_retries=2, default_retry_delay=0)
    def always(self: Any) -> None:
        runs.append(self.request.retries)
        try:
            raise OSError("no line")
        except OSError as error:
            raise self.retry(exc=error) from error

    with start_worker(app), pytest.raises(OSError, match="no line"):
        always.delay().get(timeout=PATIENCE)
    assert runs == [0, 1, 2]
    assert issubclass(Retry, Exception)


def test_a_task_that_only_asks_again_ends_in_celerys_error(app: Any) -> None:
    @app.task(bind=True, max_retries=1, default_retry_delay=0)
    def again(self: Any) -> None:
        self.retry()

    with start_worker(app), pytest.raises(MaxRetriesExceededError):
        again.delay().get(timeout=PATIENCE)


def test_ignore_and_reject_steer_the_end(app: Any) -> None:
    @app.task
    def ignored() -> None:
        raise Ignore

    @app.task(acks_late=True)
    def rejected() -> None:
        raise Reject("no good", requeue=False)

    with start_worker(app) as worker:
        first = ignored.delay()
        rejected.delay()
        worker.drain()
        assert first.state == "PENDING"
        assert ["no good" in letter.reason for letter in worker.dead_letters()] == [True]


def test_a_shared_task_belongs_to_every_app(app: Any) -> None:
    @shared_task(name=f"shared.{id(app)}")
    def twice(x: int) -> int:
        return 2 * x

    with start_worker(app):
        assert twice.delay(3).get(timeout=PATIENCE) == 6
    assert twice.app is app
    assert twice.name in app.tasks


def test_celerys_defaults_hold(app: Any) -> None:
    conf = app.conf
    assert conf.task_acks_late is False
    assert conf.task_reject_on_worker_lost is False
    assert conf.CELERY_TASK_SERIALIZER == conf["task_serializer"] == "json"
    assert conf.worker_timer_precision == 1.0  # Celery's, and of no effect here
    with pytest.raises(AttributeError):
        conf.no_such_setting  # noqa: B018


def test_settings_that_have_no_effect_are_kept_and_logged_with_the_reason(
    app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Settings:
        CELERY_WORKER_HIJACK_ROOT_LOGGER = True
        CELERY_TASK_ACKS_LATE = True
        CELERY_MY_OWN = 3
        OTHER = 4

    app.config_from_object(Settings, namespace="CELERY")
    assert app.conf.task_acks_late is True
    assert app.conf.worker_hijack_root_logger is True
    assert app.conf.MY_OWN == 3
    assert "CELERY_WORKER_HIJACK_ROOT_LOGGER has no effect here: the root logger is never touched" in caplog.text


def test_without_a_result_backend_nothing_is_stored_and_asking_is_an_error() -> None:
    with _state.kept(), Celery("proj", broker="memory://") as app:

        @app.task
        def add(x: int, y: int) -> int:
            return x + y

        with start_worker(app, result_backend=app.conf.result_backend) as worker:
            result = add.delay(1, 2)
            worker.drain()
            with pytest.raises(NotImplementedError, match="No result backend is configured"):
                result.get(timeout=PATIENCE)


def test_errors_of_any_loaded_module_are_rebuilt_as_celery_does(app: Any) -> None:
    @app.task
    def fail() -> None:
        raise json.JSONDecodeError("no JSON", "text", 2)

    @app.task
    def stop() -> None:
        raise configparser.NoSectionError("shop")

    with start_worker(app):
        with pytest.raises(configparser.NoSectionError):
            stop.delay().get(timeout=PATIENCE)
        with pytest.raises(Exception, match="no JSON"):
            fail.delay().get(timeout=PATIENCE)


def test_a_header_of_ones_own_is_a_field_of_the_request(app: Any) -> None:
    @app.task(bind=True)
    def tenant(self: Any) -> Any:
        return self.request.tenant, self.request.get("nothing", "else"), hasattr(self.request, "nothing")

    with start_worker(app):
        result = tenant.apply_async(headers={"tenant": "blue"})
        assert result.get(timeout=PATIENCE) == ["blue", "else", False]


def test_an_abortable_task_learns_that_it_is_to_stop(app: Any) -> None:
    @app.task(bind=True, base=AbortableTask)
    def look(self: Any) -> bool:
        self.AsyncResult(self.request.id).abort()
        return self.is_aborted()

    with start_worker(app):
        result = look.delay()
        assert isinstance(result, AbortableAsyncResult)
        assert result.get(timeout=PATIENCE) is True


def test_control_and_inspect_ask_the_workers(app: Any) -> None:
    @app.task(name="shop.add")
    def add(x: int, y: int) -> int:
        return x + y

    with start_worker(app):
        hosts = [host for answer in app.control.ping(timeout=1) for host in answer]
        assert len(hosts) == 1
        inspect = app.control.inspect(timeout=1)
        assert inspect.ping() == {hosts[0]: {"ok": "pong"}}
        assert "shop.add" in inspect.registered()[hosts[0]]
        assert inspect.active() == {hosts[0]: []}
        assert app.control.inspect(destination=hosts[0], timeout=1).stats()["pid"]
        assert app.control.inspect(destination=["nobody@here"], timeout=0.2).ping() is None
        app.control.revoke("an-id")
        assert app.control.broadcast(
            "rate_limit", {"task_name": "shop.add", "rate_limit": "1/m"}, reply=True, timeout=1
        )


def test_events_are_heard_by_celerys_receiver(app: Any) -> None:
    heard: list[str] = []
    with app.connection() as connection, start_worker(app):
        receiver = app.events.Receiver(connection, handlers={"*": lambda event: heard.append(event["type"])})
        receiver.listen()
        with app.events.Dispatcher(connection) as dispatcher:
            dispatcher.send("shop-opened", door=1)
            dispatcher.flush()
            for event in receiver.itercapture(timeout=PATIENCE, wakeup=False):
                if event["type"] == "shop-opened":
                    break
        receiver.close()
    assert "shop-opened" in heard


def test_a_connection_says_whether_the_broker_answers_and_hides_the_password() -> None:
    with _state.kept(), Celery("proj", broker="redis://:secret@127.0.0.1:1/0", set_as_current=False) as app:
        assert "secret" not in app.connection().as_uri()
        with pytest.raises(OperationalError):
            app.connection_for_write().ensure_connection(max_retries=1)
