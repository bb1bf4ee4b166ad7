"""A supervisor's probes of a worker process: they tell a process that stands still, a lost broker and a busy task."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from celeriac import Celeriac, probe
from celeriac.specs.transport import QueueCounts
from servers.ports import free_port
from servers.redis_server import RedisServer, own_redis
from worker_process import HERE, WorkerProcess, until

__all__ = ["own_redis"]


class Probed(WorkerProcess):
    """A worker with both kinds of probe."""

    def __init__(self, place: Path, *options: str, **environment: Any) -> None:
        self.file = place / "probe"
        self.port = free_port()
        probes = ("--probe-port", str(self.port), "--probe-file", str(self.file))
        super().__init__(place, *probes, *options, **environment)

    def asked(self, question: str) -> set[bool]:
        """The answers of both kinds, from outside and at once."""
        return {
            probe.check_port(question, self.port, timeout=1.0) == "",
            probe.check_file(question, str(self.file), max_age=3.0) == "",
        }

    def becomes(self, question: str, answer: bool, within: float = 20.0) -> None:
        until(lambda: self.asked(question) == {answer}, f"{question} to be {answer}; {self.text()[-3000:]}", within)


def test_a_process_that_stands_still_is_not_alive_until_it_goes_on(shop: ModuleType, tmp_path: Path) -> None:
    stall = {"CELERIAC_WORKER_STALL_TIMEOUT": "2"}
    with Probed(tmp_path, "-P", "threads", "-c", "1", **stall) as worker:
        worker.becomes("ready", True)
        worker.signal(signal.SIGSTOP)
        worker.becomes("live", False)
        worker.signal(signal.SIGCONT)
        worker.becomes("live", True)
        worker.becomes("ready", True)
        assert shop.add.delay(1, 2).get(timeout=10) == 3
        assert "connecting anew" not in worker.text()
        assert worker.stop() == 0
    assert not worker.file.exists()


def test_a_busy_solo_worker_answers_and_is_alive_and_ready(shop: ModuleType, tmp_path: Path, diary: Any) -> None:
    stall = {"CELERIAC_WORKER_STALL_TIMEOUT": "1"}
    with Probed(tmp_path, "-P", "solo", **stall) as worker:
        worker.becomes("ready", True)
        result = shop.work.delay(1, 3.0)
        until(diary, "the task to begin")
        answers = []
        while not result.ready():
            answers.append((worker.asked("live"), worker.asked("ready")))
        assert len(answers) > 10
        assert all(answer == ({True}, {True}) for answer in answers)
        assert "connecting anew" not in worker.text()
        assert worker.stop() == 0


def test_a_worker_that_finishes_its_tasks_is_alive_and_not_ready(shop: ModuleType, tmp_path: Path, diary: Any) -> None:
    with Probed(tmp_path, "-P", "prefork", "-c", "1") as worker:
        worker.becomes("ready", True)
        shop.work.delay(1, 2.0)
        until(diary, "the task to begin")
        worker.signal(signal.SIGTERM)
        worker.becomes("ready", False, within=2.0)
        assert worker.asked("live") == {True}
        assert worker.process.wait(20) == 0
        assert worker.asked("live") == {False}


def test_a_hundred_probes_cost_the_worker_less_than_half_a_second(tmp_path: Path, shop: ModuleType) -> None:
    """5 ms of CPU time each is the bound that the documentation gives."""
    with Probed(tmp_path, "-P", "threads", "-c", "1") as worker:
        worker.becomes("ready", True)
        process = psutil.Process(worker.pid)
        before = sum(process.cpu_times()[:2])
        for _ in range(100):
            assert probe.check_port("live", worker.port) == ""
        assert sum(process.cpu_times()[:2]) - before < 0.5


def test_the_command_line_asks_and_explains(tmp_path: Path, shop: ModuleType) -> None:
    def ask(*words: str) -> tuple[int, str]:
        ended = subprocess.run([sys.executable, "-m", "celeriac", "probe", *words], capture_output=True, text=True)
        return ended.returncode, ended.stderr

    with Probed(tmp_path, "-P", "threads", "-c", "1") as worker:
        worker.becomes("ready", True)
        assert ask("ready", "--port", str(worker.port)) == (0, "")
        assert ask("live", "--file", str(worker.file)) == (0, "")
        worker.stop()
    status, text = ask("live", "--port", str(worker.port))
    assert status == 1
    assert "no answer" in text
    assert ask("live", "--file", str(worker.file))[0] == 1
    assert ask("live", "-q", "--port", str(worker.port))[0] == 1  # click's way
    status, text = ask("live")
    assert status == 2
    assert "write either --file or --port" in text
    status, text = ask("alive", "--port", "1")
    assert status == 2
    assert "'live'" in text


# a broker that goes away


@pytest.fixture
def app(own_redis: RedisServer) -> Iterator[Celeriac]:
    with Celeriac("shop", broker=own_redis.url, backend=own_redis.url) as app:
        yield app


def probed_on(server: RedisServer, place: Path, *options: str, **environment: str) -> Probed:
    environment = {"SHOP_URL": server.url.replace("//", "//default:sesame@"), **environment}
    return Probed(place, "-c", "2", *options, app="redis_shop", **environment)


@pytest.fixture
def _password(own_redis: RedisServer) -> None:
    """Any password is right, so that the log can be searched for it."""
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "nopass")


@pytest.mark.usefixtures("_password")
@pytest.mark.parametrize("pool", ["solo", "prefork", "threads", "asyncio"])
def test_a_broker_that_is_killed_costs_readiness_only_and_work_goes_on_in_time(
    own_redis: RedisServer, app: Celeriac, tmp_path: Path, pool: str
) -> None:
    with probed_on(own_redis, tmp_path, "-P", pool) as worker:
        worker.becomes("ready", True)
        assert app.send_task("shop.add", (1, 2)).get(timeout=10) == 3
        until(lambda: app.transport.counts("celery") == QueueCounts(), "the acknowledgement")
        own_redis.kill()
        worker.becomes("ready", False, within=5.0)
        assert worker.asked("live") == {True}
        until(lambda: "lost the broker redis://default:***@" in worker.text(), "the loss to be said")
        own_redis.start()
        assert app.send_task("shop.add", (3, 4)).get(timeout=5) == 7
        worker.becomes("ready", True, within=5.0)
        log = worker.text()
        assert log.count("lost the broker") == log.count("and messages are received") == 1
        assert "sesame" not in log
        assert worker.stop() == 0


def test_a_worker_waits_for_a_broker_that_comes_later(own_redis: RedisServer, app: Celeriac, tmp_path: Path) -> None:
    own_redis.kill()
    with probed_on(own_redis, tmp_path, "-P", "threads") as worker:
        until(lambda: "cannot reach the broker" in worker.text(), "the worker to say so")
        until(lambda: worker.asked("live") == {True}, "the worker to be alive")
        assert worker.asked("ready") == {False}
        own_redis.start()
        assert app.send_task("shop.add", (1, 2)).get(timeout=5) == 3


def test_a_worker_that_may_not_wait_ends_with_status_1(own_redis: RedisServer, tmp_path: Path) -> None:
    own_redis.kill()
    once = {"CELERIAC_BROKER_CONNECTION_RETRY_ON_STARTUP": "no"}
    with probed_on(own_redis, tmp_path, "-P", "prefork", **once) as worker:
        assert worker.process.wait(20) == 1
        assert "giving up: the broker does not answer" in worker.text()
        assert "Traceback" not in worker.text()


@pytest.mark.parametrize("pool", ["solo", "prefork"])
def test_a_worker_stops_in_time_though_its_broker_is_gone(
    own_redis: RedisServer, app: Celeriac, tmp_path: Path, diary: Any, pool: str
) -> None:
    with probed_on(own_redis, tmp_path, "-P", pool, "--grace", "1") as worker:
        worker.becomes("ready", True)
        app.send_task("shop.work", (1, 1.0))
        until(diary, "the task to begin")
        own_redis.kill()
        until(lambda: "cannot store results" in worker.text(), "the end of the task")
        worker.becomes("ready", False, within=5.0)
        assert worker.asked("live") == {True}
        assert worker.stop(timeout=15) == 0


def test_a_receive_that_never_returns_ends_the_process_with_status_1(tmp_path: Path) -> None:
    place = {"PYTHONPATH": f"{HERE}:{HERE / 'integration'}", "SICK_TRANSPORTS": "100", "HOW_SICK": "stuck"}
    settings = {"CELERIAC_WORKER_STALL_TIMEOUT": "0.5"}
    url = ("-b", "broken_transports:BrokenTransport://here")
    with Probed(tmp_path, "-P", "solo", "--grace", "0.5", *url, **place, **settings) as worker:
        assert worker.process.wait(30) == 1
        log = worker.text()
        assert log.count("connecting anew") == 3
        assert "giving up: the loop that receives has not come round" in log


def test_the_report_says_what_is_wrong(own_redis: RedisServer, tmp_path: Path) -> None:
    with probed_on(own_redis, tmp_path, "-P", "threads") as worker:
        worker.becomes("ready", True)
        own_redis.kill()
        worker.becomes("ready", False, within=5.0)
        report = json.loads(worker.file.read_text())
        assert report["live"] is True
        assert report["problems"][0].startswith("the broker has not answered for ")
        assert report["pid"] == worker.pid
        assert report["last_fetch_age_seconds"] > 0
