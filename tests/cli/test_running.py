"""A worker and beat in processes of their own, on the embedded file, and everything that is asked of them."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac import Celeriac

from .conftest import PROJECT, Running, celeriac, wait_until

HELLO = ("-A", "hello")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("running")
    (place / "hello.py").write_text(PROJECT)
    return place


@pytest.fixture(scope="module")
def worker(place: Path) -> Iterator[Running]:
    """A worker that runs for all tests of this module."""
    running = Running(*HELLO, "worker", "-P", "threads", "-c", "2", "-l", "info", "-n", "w1@here", cwd=place)
    try:
        running.wait_for("ready")
        yield running
    finally:
        running.kill()


@pytest.fixture
def started(project: Path) -> Iterator[list[Running]]:
    """What a test starts and must not leave behind."""
    started: list[Running] = []
    yield started
    for running in started:
        running.kill()


def call(place: Path, *words: str) -> tuple[int, str, str]:
    ended = celeriac(*HELLO, "call", *words, "--wait", "--timeout", "20", cwd=place)
    return ended.returncode, ended.stdout, ended.stderr


def test_the_banner_says_what_runs(worker: Running) -> None:
    banner = "\n".join(worker.lines[:7])
    assert "w1@here" in banner
    assert "hello.celeriac.db" in banner
    assert "threads, concurrency 2" in banner
    assert "hello.add, hello.fail" in banner


def test_call_prints_the_id_and_waits_for_the_result(worker: Running, place: Path) -> None:
    status, out, err = call(place, "hello.add", "-a", "[1, 2]")
    assert (status, err) == (0, "")
    task_id, result = out.splitlines()
    assert result == "3"
    ended = celeriac(*HELLO, "result", task_id, "--json", cwd=place)
    document = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert document["date_done"]
    assert (document["id"], document["status"], document["result"]) == (task_id, "SUCCESS", 3)


def test_a_log_line_of_a_task_names_it(worker: Running, place: Path) -> None:
    _, out, _ = call(place, "hello.add", "-a", "[1, 2]")
    assert f"hello.add[{out.split()[0]}]: adding" in worker.wait_for(out.split()[0])


def test_a_failure_prints_the_worker_s_traceback_and_ends_with_1(worker: Running, place: Path) -> None:
    status, out, err = call(place, "hello.fail", "-k", '{"text": "no luck"}')
    assert status == 1
    assert len(out.splitlines()) == 1
    assert "Traceback" in err
    assert err.rstrip().endswith("ValueError: no luck")
    shown = celeriac(*HELLO, "result", out.strip(), "--traceback", cwd=place)
    assert (shown.returncode, shown.stdout) == (0, err)
    ended = celeriac(*HELLO, "result", out.strip(), "--json", cwd=place)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["result"] == "ValueError: no luck"


def test_a_call_with_json_is_one_document(worker: Running, place: Path) -> None:
    status, out, _ = call(place, "hello.add", "-a", "[1, 2]", "--json")
    assert status == 0
    assert json.loads(out)["result"] == 3


def test_status_lists_the_worker(worker: Running, place: Path) -> None:
    ended = celeriac(*HELLO, "status", "--json", cwd=place)
    assert ended.returncode == 0
    facts = json.loads(ended.stdout)["w1@here"]
    assert (facts["pool"], facts["concurrency"], facts["pid"]) == ("threads", 2, worker.process.pid)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("ping", {"ok": "pong"}),
        ("registered", ["hello.add", "hello.fail", "hello.forget", "hello.mark"]),
        ("active_queues", [{"name": "celery"}]),
        ("active", []),
        ("reserved", []),
    ],
)
def test_inspect_asks_one_worker(worker: Running, place: Path, run, monkeypatch, question: str, expected) -> None:
    monkeypatch.chdir(place)
    shown = run("-b", f"sqlite://{place}/hello.celeriac.db", "inspect", question, "-d", "w1@here", "-t", "10", "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout) == {"w1@here": expected}


def test_inspect_is_readable(worker: Running, place: Path, run) -> None:
    words = ("-b", f"sqlite://{place}/hello.celeriac.db", "inspect", "-d", "w1@here", "-t", "10")
    assert run(*words, "registered").stdout.startswith("w1@here:\nhello.add\n")
    assert re.search(r"^pool\.implementation +threads$", run(*words, "stats").stdout, re.MULTILINE)
    assert "worker_pool" in run(*words, "conf").stdout


def test_control_tells_a_worker(worker: Running, place: Path, run) -> None:
    words = ("-b", f"sqlite://{place}/hello.celeriac.db", "control")
    where = ("-d", "w1@here", "-t", "10")
    assert "revoked 1" in run(*words, "revoke", "some-id", *where).stdout
    assert run(*words, "pool_grow", "1", *where, "--json").exit_code == 0
    assert run(*words, "pool_shrink", *where).exit_code == 0


def test_nobody_there_ends_with_1(place: Path, run) -> None:
    words = ("-b", f"sqlite://{place}/nobody.db")
    for command in (["status"], ["inspect", "ping"], ["control", "shutdown"]):
        result = run(*words, *command, "-t", "0.1")
        assert result.exit_code == 1
        assert "no worker answered" in result.stderr
        result = run(*words, *command, "-t", "0.1", "--json")
        assert (result.exit_code, json.loads(result.stdout)) == (1, {})


def test_a_result_that_does_not_come_says_so_and_ends_with_1(app: Celeriac, run) -> None:
    result = run(*HELLO, "call", "hello.mark", "--wait", "--timeout", "0.05")
    assert result.exit_code == 1
    assert "was not ready within" in result.stderr
    task_id = result.stdout.strip()
    result = run(*HELLO, "result", task_id)
    assert (result.exit_code, result.stderr) == (1, f"task {task_id} is PENDING\n")
    result = run(*HELLO, "call", "hello.mark", "--wait", "--timeout", "0.05", "--json")
    assert json.loads(result.stdout)["status"] == "PENDING"


def test_call_passes_its_options_on(app: Celeriac, read) -> None:
    words = ("--queue", "slow", "--countdown", "60", "--expires", "90", "--priority", "7", "--serializer", "json")
    task_id = read(*HELLO, "call", "hello.mark", *words)["id"]
    assert app.transport.counts("slow").delayed == 1
    assert app.transport.purge("slow") == 1
    read(*HELLO, "call", "elsewhere.task", "--unregistered", "-Q", "slow", "--priority", "7")
    [message] = app.transport.peek("slow", 2)
    assert (message.task, message.priority) == ("elsewhere.task", 7)
    assert task_id


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_stops_on_a_signal_with_0(project: Path, started: list[Running], number: int) -> None:
    worker = Running(*HELLO, "worker", "-P", "solo", "-l", "info", cwd=project)
    started.append(worker)
    worker.wait_for("ready")
    worker.process.send_signal(number)
    assert worker.end() == 0


def test_a_worker_stops_when_it_is_told_to(project: Path, started: list[Running]) -> None:
    worker = Running(*HELLO, "-q", "worker", "-P", "solo", "-n", "w2@here", "-l", "info", cwd=project)
    started.append(worker)
    worker.wait_for("ready")
    ended = celeriac(*HELLO, "control", "shutdown", "-d", "w2@here", "-t", "10", "--json", cwd=project)
    assert json.loads(ended.stdout) == {"w2@here": {"ok": "told to stop"}}
    assert worker.end() == 0
    assert not [line for line in worker.lines if line.startswith("  pool")]


def test_a_worker_purges_first_and_runs_beat_within(project: Path, app: Celeriac, started: list[Running]) -> None:
    app.send_task("hello.fail", ("must not run",))
    worker = Running(*HELLO, "worker", "-P", "solo", "--purge", "-B", cwd=project)
    started.append(worker)
    wait_until((project / "marked").exists)
    assert worker.stop() == 0
    assert "messages purged: 1" in worker.lines
    assert not [line for line in worker.lines if "must not run" in line]


def test_a_wrong_entry_of_the_embedded_beat_ends_the_worker_with_2(project: Path, started: list[Running]) -> None:
    (project / "wrong.py").write_text(PROJECT.replace('"schedule": 0.1', '"shedule": 0.1'))
    worker = Running("-A", "wrong", "worker", "-P", "solo", "-B", cwd=project)
    started.append(worker)
    assert worker.end() == 2
    assert worker.lines[-1].startswith("Error: beat entry 'often' has no field 'shedule'; did you mean 'schedule'?")


def test_the_json_log_is_json_line_by_line(project: Path, app: Celeriac, started: list[Running]) -> None:
    worker = Running(*HELLO, "worker", "-P", "solo", "--logger", "json", "-l", "info", cwd=project)
    started.append(worker)
    result = app.send_task("hello.add", (1, 2))
    assert result.get(timeout=20) == 3
    assert worker.stop() == 0
    records = [json.loads(line) for line in worker.lines]
    [adding] = [record for record in records if "adding" in json.dumps(record)]
    assert {"hello.add", result.id} <= set(map(str, adding.values()))


def test_a_log_file_takes_the_log(project: Path, started: list[Running]) -> None:
    worker = Running(*HELLO, "-q", "worker", "-P", "solo", "-l", "10", "-f", "worker.log", cwd=project)
    started.append(worker)
    log = project / "worker.log"
    wait_until(lambda: log.exists() and "ready" in log.read_text())
    assert worker.stop() == 0
    assert worker.lines == []


def test_beat_fires_and_stops_on_a_signal_with_0(project: Path, app: Celeriac, started: list[Running]) -> None:
    beat = Running(*HELLO, "beat", "-s", "state.json", "-l", "info", cwd=project)
    started.append(beat)
    beat.wait_for("fired often: hello.mark")
    assert app.transport.counts("celery").ready >= 1
    assert beat.stop() == 0
    assert (project / "state.json").exists()


def test_a_worker_can_run_all_its_pools_children(project: Path, app: Celeriac, started: list[Running]) -> None:
    worker = Running(*HELLO, "worker", "-c", "2", "-l", "info", cwd=project)
    started.append(worker)
    assert "prefork" in worker.wait_for("  pool")
    result = app.send_task("hello.add", (2, 2))
    assert result.get(timeout=20) == 4
    assert f"hello.add[{result.id}]: adding" in worker.wait_for("adding")
    assert worker.stop() == 0


def test_an_interrupt_ends_with_130(project: Path, app: Celeriac, started: list[Running]) -> None:
    waiting = Running(*HELLO, "call", "hello.mark", "--wait", cwd=project)
    started.append(waiting)
    wait_until(lambda: app.transport.counts("celery").ready)
    waiting.process.send_signal(signal.SIGINT)
    assert waiting.end() == 130
    assert waiting.lines[-1] == "Aborted."
