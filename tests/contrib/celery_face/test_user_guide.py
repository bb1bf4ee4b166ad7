"""What Celery's user guide shows, page by page: calling tasks, canvas, routing, periodic tasks, testing."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from celeriac.beat import Beat
from celeriac.testing import ManualClock, start_worker
from celeriac_contrib.celery import chain, chord, group, signature
from celeriac_contrib.celery.exceptions import ImproperlyConfigured, TaskRevokedError
from celeriac_contrib.celery.installation import FRONT
from celeriac_contrib.celery.schedules import crontab

PATIENCE = 10


@pytest.fixture
def shop(app: Any) -> Any:
    """Tasks that the guide's pages use, and a diary."""
    app.diary = []

    @app.task(name="shop.add")
    def add(x: int, y: int) -> int:
        return x + y

    @app.task(name="shop.mul")
    def mul(x: int, y: int) -> int:
        return x * y

    @app.task(name="shop.total")
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @app.task(name="shop.write")
    def write(*words: Any) -> None:
        app.diary.append(words)

    @app.task(name="shop.fail")
    def fail(*_: Any) -> None:
        raise KeyError("no such thing")

    @app.task(name="shop.on_error")
    def on_error(request: Any, exc: BaseException, traceback: str) -> None:
        app.diary.append((request.id, type(exc).__name__))

    return app


def tasks(app: Any, *names: str) -> list[Any]:
    return [app.tasks[f"shop.{name}"] for name in names]


class TestCalling:
    def test_delay_apply_async_and_a_direct_call_come_to_the_same(self, shop: Any) -> None:
        (add,) = tasks(shop, "add")
        with start_worker(shop):
            called = [add.delay(2, 2), add.apply_async((2, 2)), add.apply_async(args=[2], kwargs={"y": 2})]
            assert [result.get(timeout=PATIENCE) for result in called] == [4, 4, 4]
        assert add(2, 2) == add.apply((2, 2)).get() == 4

    def test_a_call_with_wrong_arguments_is_refused_before_it_is_sent(self, shop: Any) -> None:
        with pytest.raises(TypeError, match=r"shop\.add"):
            tasks(shop, "add")[0].delay(1)

    def test_countdown_and_eta_put_the_start_off_and_expires_forgoes_it(self, shop: Any) -> None:
        (add,) = tasks(shop, "add")
        with start_worker(shop) as worker:
            later = add.apply_async((1, 1), countdown=10)
            at = add.apply_async((2, 2), eta=datetime.fromtimestamp(worker.clock.time(), UTC) + timedelta(seconds=10))
            never = add.apply_async((3, 3), countdown=10, expires=5)
            worker.drain()
            assert not later.ready()
            worker.advance(11)
            assert (later.get(timeout=PATIENCE), at.get(timeout=PATIENCE)) == (2, 4)
            with pytest.raises(TaskRevokedError, match="expired"):
                never.get(timeout=PATIENCE)

    def test_callbacks_get_the_value_and_error_callbacks_the_request_and_the_error(self, shop: Any) -> None:
        add, write, fail, on_error = tasks(shop, "add", "write", "fail", "on_error")
        with start_worker(shop) as worker:
            add.apply_async((2, 2), link=[write.s("and"), write.si("alone")])
            failed = fail.apply_async(link_error=on_error.s())
            with pytest.raises(KeyError):
                failed.get(timeout=PATIENCE)
            worker.drain()
        assert sorted(shop.diary, key=repr) == sorted([(4, "and"), ("alone",), (failed.id, "KeyError")], key=repr)

    def test_options_of_a_call_that_mean_nothing_here_are_taken(self, shop: Any) -> None:
        (add,) = tasks(shop, "add")
        with start_worker(shop), shop.connection_for_write() as connection:
            result = add.apply_async(
                (1, 2), connection=connection, retry=True, retry_policy={"max_retries": 3}, exchange="celery"
            )
            assert result.get(timeout=PATIENCE) == 3

    def test_eager_mode_runs_in_place(self, shop: Any) -> None:
        add, fail = tasks(shop, "add", "fail")
        shop.conf.update(task_always_eager=True)
        assert add.delay(1, 2).get() == 3
        assert (add.s(1, 2) | add.s(3)).delay().get() == 6
        assert fail.delay().state == "FAILURE"
        shop.conf.task_eager_propagates = True
        with pytest.raises(KeyError):
            fail.delay()


class TestCanvas:
    def test_signatures_take_more_arguments_later_unless_they_are_immutable(self, shop: Any) -> None:
        add, write = tasks(shop, "add", "write")
        partial = add.s(2)
        assert partial.args == [2]
        assert signature("shop.add", args=(2, 2), countdown=10).options == {"countdown": 10}
        assert add.signature((2, 2), immutable=True).immutable
        assert add.subtask((1,), countdown=1)["options"] == {"countdown": 1}
        with start_worker(shop) as worker:
            assert partial.delay(4).get(timeout=PATIENCE) == 6
            (add.s(1, 1) | write.si("alone")).delay().get(timeout=PATIENCE)
            worker.drain()
        assert shop.diary == [("alone",)]
        again = signature(dict(partial))
        assert again == partial

    def test_chains_groups_and_chords_nest(self, shop: Any) -> None:
        add, mul, total = tasks(shop, "add", "mul", "total")
        with start_worker(shop):
            result = chain(add.s(4, 4), mul.s(8), mul.s(10))()
            assert result.get(timeout=PATIENCE) == 640
            assert [result.parent.get(), result.parent.parent.get()] == [64, 8]
            assert (add.s(2, 2) | mul.s(8)).apply_async().get(timeout=PATIENCE) == 32
            assert group(add.s(n, n) for n in range(10))().get(timeout=PATIENCE) == [2 * n for n in range(10)]
            assert chord((add.s(n, n) for n in range(10)), total.s())().get(timeout=PATIENCE) == 90
            assert (group(add.s(n, n) for n in range(3)) | total.s()).delay().get(timeout=PATIENCE) == 6
            fan = (add.s(1, 1) | group(mul.s(n) for n in range(3))).delay()
            assert fan.get(timeout=PATIENCE) == [0, 2, 4]

    def test_map_starmap_and_chunks_put_many_calls_into_few_messages(self, shop: Any) -> None:
        add, total = tasks(shop, "add", "total")
        with start_worker(shop):
            assert total.map([[1, 2], [3]]).delay().get(timeout=PATIENCE) == [3, 3]
            assert add.starmap([(1, 1), (2, 2)]).delay().get(timeout=PATIENCE) == [2, 4]
            parts = add.chunks(zip(range(6), range(6), strict=True), 2)().get(timeout=PATIENCE)
            assert parts == [[0, 2], [4, 6], [8, 10]]

    def test_a_group_has_a_result_that_can_be_asked_saved_and_restored(self, shop: Any) -> None:
        add, fail = tasks(shop, "add", "fail")
        with start_worker(shop) as worker:
            result = group(add.s(1, 1), fail.si(), add.s(3, 3)).apply_async()
            worker.drain()
            assert (result.ready(), result.successful(), result.failed(), result.completed_count()) == (
                True,
                False,
                True,
                2,
            )
            result.save()
            restored = shop.GroupResult(result.id).restore(result.id, app=shop)
            assert [each.id for each in restored] == [each.id for each in result]

    def test_an_error_in_the_header_fails_the_body_and_calls_its_error_callback(self, shop: Any) -> None:
        add, fail, total, write = tasks(shop, "add", "fail", "total", "write")
        with start_worker(shop) as worker:
            body = chord([add.s(1, 1), fail.si()])(total.s().on_error(write.s("failed")))
            with pytest.raises(Exception, match="KeyError"):
                body.get(timeout=PATIENCE)
            worker.drain()
        assert shop.diary == [(body.id, "failed")]


class TestRouting:
    def test_routes_are_mappings_globs_and_functions_and_the_first_that_fits_counts(self, shop: Any) -> None:
        def route(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **kw: Any) -> Any:
            return {"queue": "functions", "priority": 5} if name == "shop.write" else None

        shop.conf.task_routes = (route, {"shop.add": {"queue": "exact"}, "shop.*": "globs"})
        add, mul, write = tasks(shop, "add", "mul", "write")
        for task in (add, mul, write):
            task.apply_async((1, 2))
        add.apply_async((1, 2), queue="by hand")
        counts = {queue: shop.transport.counts(queue).ready for queue in ("exact", "globs", "functions", "by hand")}
        assert counts == {"exact": 1, "globs": 1, "functions": 1, "by hand": 1}

    def test_queues_are_those_of_kombu_and_others_may_be_refused(self, shop: Any) -> None:
        kombu = pytest.importorskip("kombu")
        shop.conf.task_queues = (kombu.Queue("default", routing_key="task.#"), kombu.Queue("feeds"))
        shop.conf.task_default_queue = "default"
        shop.conf.task_create_missing_queues = False
        (add,) = tasks(shop, "add")
        with start_worker(shop):
            assert add.apply_async((1, 2), queue="feeds").get(timeout=PATIENCE) == 3
            assert add.delay(1, 2).get(timeout=PATIENCE) == 3
        with pytest.raises(ImproperlyConfigured, match="misspelt"):
            add.apply_async((1, 2), queue="misspelt")


class TestPeriodicTasks:
    def test_entries_come_from_the_setting_and_from_the_app(self, shop: Any, tmp_path: Path) -> None:
        clock = ManualClock()
        shop.conf.beat_schedule = {
            "every 10": {"task": "shop.write", "schedule": 10.0, "args": ("ten",), "relative": False},
            "nightly": {"task": "shop.write", "schedule": crontab(hour=7, minute=30, day_of_week=1)},
            "delta": {"task": "shop.write", "schedule": timedelta(seconds=30), "options": {"queue": "slow"}},
        }

        @shop.on_after_configure.connect
        def set_up(sender: Any, **kwargs: Any) -> None:
            sender.add_periodic_task(15.0, shop.tasks["shop.write"].s("fifteen"), name="add every 15")

        shop.on_after_configure.send(sender=shop)
        shop.clock = clock
        beat = Beat(shop, scheduler="memory", location="")
        entries = {name: beat._entry(name, value) for name, value in shop.beat_entries.items()}
        assert set(entries) == {"every 10", "nightly", "delta", "add every 15"}
        assert entries["every 10"].args == ("ten",)
        monday = datetime(2026, 1, 5, 7, 30, tzinfo=UTC)
        friday = datetime(2026, 1, 2, 12, 0, tzinfo=UTC).timestamp()
        assert entries["nightly"].schedule.next_after(friday) == monday.timestamp()
        assert entries["delta"].options == {"queue": "slow"}


TESTS = """
import pytest
from celery import shared_task

pytest_plugins = ("celery.contrib.pytest",)

@shared_task(name="mul")
def mul(x, y):
    return x * y

@pytest.fixture(scope="session")
def celery_config():
    return {"result_extended": True}

def test_create_task(celery_app, celery_worker):
    @celery_app.task
    def add(x, y):
        return x + y

    celery_worker.reload() if hasattr(celery_worker, "reload") else None
    assert add.delay(4, 4).get(timeout=10) == 8

@pytest.mark.celery(task_always_eager=True)
def test_the_mark_overrides_settings(celery_app, depends_on_current_app):
    assert celery_app.conf.task_always_eager
    assert mul.delay(3, 3).get() == 9

def test_the_session_worker_runs_shared_tasks(celery_session_app, celery_session_worker):
    assert mul.delay(4, 4).get(timeout=10) == 16
"""


def test_the_pytest_plugin_runs_the_guides_tests(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": FRONT}
    command = [sys.executable, *words]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
