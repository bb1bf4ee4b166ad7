"""Events and progress on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.testing.clock import ManualClock
from celeriac.worker import Worker

from .conftest import Run, Running, wait_until

HELLO = ("-A", "hello")


def started(app: Celeriac) -> tuple[Worker, threading.Thread]:
    worker = Worker(app, pool="threads", concurrency=2, grace=5.0, hostname="w1@here")
    thread = threading.Thread(target=worker.run, args=(False,), daemon=True)
    thread.start()
    assert worker.ready.wait(10)
    return worker, thread


def test_events_are_turned_on_printed_and_turned_off(app: Celeriac, run: Run) -> None:
    @app.task(name="hello.add")
    def add(x: int, y: int) -> int:
        return x + y

    worker, thread = started(app)
    told = run(*HELLO, "control", "enable_events", "-d", "w1@here", "--json")
    assert json.loads(told.stdout) == {"w1@here": {"ok": "task events enabled"}}
    printed: list[Any] = []

    def listen() -> None:
        options = ("--type", "task-succeeded", "--limit", "1", "--timeout", "20", "--json")
        printed.append(run(*HELLO, "events", *options))

    listener = threading.Thread(target=listen)
    listener.start()
    while listener.is_alive():  # events are for who listens already
        add.delay(1, 2).get(timeout=10)
        time.sleep(0.05)
    (event,) = [json.loads(line) for line in printed[0].stdout.splitlines()]
    assert (event["type"], event["result"], event["hostname"]) == ("task-succeeded", "3", "w1@here")
    told = run(*HELLO, "control", "disable_events", "-d", "w1@here", "--json")
    assert json.loads(told.stdout) == {"w1@here": {"ok": "task events disabled"}}
    worker.stop()
    thread.join(10)


def test_an_event_is_a_line_with_its_time_its_worker_and_its_fields() -> None:
    from celeriac.cli.events import line

    text = line({"type": "task-failed", "hostname": "w@h", "timestamp": ManualClock().time(), "uuid": "7", "pid": 1})
    assert text.endswith(" w@h task-failed: uuid=7")


def test_a_script_that_ends_at_once_has_told_of_its_calls(folder: Path) -> None:
    (folder / "hello.py").write_text(
        "from celeriac import Celeriac\n"
        "app = Celeriac('hello', task_send_sent_event=True)\n"
        "@app.task\n"
        "def add(x): ...\n"
    )
    with Celeriac("hello", broker=f"sqlite://{folder}/hello.celeriac.db") as app:
        receiver = app.events.Receiver()
        receiver.listen(wakeup=False)
        script = "from hello import add\nfor number in range(3): add.delay(number)"
        subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, capture_output=True)
        heard = [event["args"] for event in receiver.itercapture(limit=3, timeout=10, wakeup=False)]
        receiver.close()
    assert heard == ["(0,)", "(1,)", "(2,)"]


def test_result_follow_prints_how_far_the_task_has_come(app: Celeriac, run: Run) -> None:
    steps = [threading.Event(), threading.Event()]

    @app.task(name="hello.slow", bind=True)
    def slow(self: Any) -> str:
        self.progress(1, 4, message="reading")
        steps[0].wait(10)
        return "done"

    worker, thread = started(app)
    result = slow.delay()
    wait_until(lambda: result.state == "PROGRESS")
    threading.Timer(0.5, steps[0].set).start()
    shown = run(*HELLO, "result", result.id, "--follow", "--timeout", "20")
    assert shown.exit_code == 0
    assert shown.stdout == "done\n"
    assert "PROGRESS 1/4 25.0% reading" in shown.stderr
    worker.stop()
    thread.join(10)


PRINTING = """
import asyncio
import sys
from celeriac import Celeriac, get_task_logger

app = Celeriac("hello", worker_redirect_stdouts=True, worker_redirect_stdouts_level="error")
log = get_task_logger(__name__)


@app.task
def say() -> None:
    print("printed", end=" ")
    print("in one line")
    sys.stderr.write("to the other one\\n")
    log.error("logged")


@app.task
async def say_later() -> str:
    await asyncio.sleep(0)
    return "a coroutine in every pool"
"""


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_b13_a_print_in_a_task_appears_in_the_log_with_its_name_and_id(pool: str, folder: Path) -> None:
    (folder / "hello.py").write_text(PRINTING)
    running = Running(*HELLO, "worker", "-P", pool, "-c", "1", "-l", "info", cwd=folder)
    try:
        running.wait_for("ready")
        with Celeriac("hello", broker=f"sqlite://{folder}/hello.celeriac.db") as app:
            result = app.send_task("hello.say")
            result.get(timeout=20)
            assert app.send_task("hello.say_later").get(timeout=20) == "a coroutine in every pool"
        for text in ("printed in one line", "to the other one", "logged"):
            assert ": ERROR/" in (line := running.wait_for(text))
            assert f"] hello.say[{result.id}]: {text}" in line
        assert running.stop() == 0
    finally:
        running.kill()
