"""A Django project and a Flask project as Celery's documentation shows them: the same outcomes from Celery itself, from
Celeriac in its place, and from half of the workers each."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from celeriac_contrib.celery.installation import FRONT
from servers.redis_server import RedisServer, redis_server, shared_redis

__all__ = ["redis_server", "shared_redis"]

EXAMPLES = Path(__file__).parents[3] / "examples"
PATIENCE = 60

CELERY = ("-m", "celery")
OURS = ("-m", "celeriac", "--as-celery")
QUIET = ("--without-gossip", "--without-mingle")


class Project:
    """A copy of an example, in a folder of its own."""

    def __init__(self, name: str, app: str, folder: Path, server: RedisServer) -> None:
        shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True)
        self.folder = folder
        self.app = app
        self._environment = {**os.environ, "SHOP_FOLDER": str(folder), "SHOP_BROKER": server.url, "C_FORCE_ROOT": "1"}

    def run(self, *words: str, face: bool) -> str:
        environment = {**self._environment, **({"PYTHONPATH": FRONT} if face else {})}
        command = [sys.executable, *words]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.logs()}"
        return done.stdout

    @contextmanager
    def worker(self, who: tuple[str, ...], name: str, *words: str) -> Iterator[None]:
        """The words after ``worker`` are the same for both, as in the line of a unit file."""
        command = [sys.executable, *who, "-A", self.app, "worker", "-c", "2", "-l", "info", "-n", f"{name}@%h"]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, *QUIET, *words], cwd=self.folder, env=self._environment, stdout=log, stderr=log
            )
            try:
                yield
            finally:
                process.send_signal(signal.SIGQUIT if who is CELERY else signal.SIGTERM)
                process.wait(30)

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in self.folder.glob("*.log"))


@pytest.fixture
def django(tmp_path: Path, redis_server: RedisServer) -> Project:
    project = Project("celery_django", "proj", tmp_path, redis_server)
    project.run("manage.py", "migrate", "--run-syncdb", "-v", "0", face=True)
    return project


@pytest.fixture
def flask(tmp_path: Path, redis_server: RedisServer) -> Project:
    return Project("celery_flask", "make_celery", tmp_path, redis_server)


PACKED = "shop.tasks.pack"
FIGS = "('figs', 7)"
DIARY = sorted(
    [
        "after_return shop.tasks.deliver SUCCESS",
        f"after_return {PACKED} SUCCESS",
        "after_return shop.tasks.take_from_stock FAILURE",
        "failure shop.tasks.call_supplier ConnectionError False",
        "failure shop.tasks.take_from_stock OutOfStock True",
        f"on_failure shop.tasks.take_from_stock {FIGS}",
        "on_success shop.tasks.deliver pears is delivered after 2 retries",
        f"on_success {PACKED} apples is packed (try 0)",
        f"postrun {PACKED} SUCCESS apples is packed (try 0)",
        f"prerun {PACKED} ['apples']",
        f"success {PACKED} apples is packed (try 0)",
    ]
)
DJANGO: dict[str, Any] = {
    "delay": 5,
    "kwargs": 7,
    "by name": 8,
    "chain": 10,
    "pipe": 4,
    "group": [0, 2, 4, 6, 8],
    "chord": 20,
    "upgraded": 6,
    "link": True,
    "base and signals": "apples is packed (try 0)",
    "retry": "pears is delivered after 2 retries",
    "autoretry": ["ConnectionError", ["no line for plums"], "FAILURE"],
    "failure": ["OutOfStock", ["figs", "7"], "FAILURE"],
    "state by id": 2,
    "eager": 3,
    "direct": 3,
    "commit": "paid",
    "beat": True,
}
FLASK: dict[str, Any] = {
    "http": {"ready": True, "successful": True, "value": 42},
    "context": "hello ada",
    "progress": "done",
    "autoretry": 2,
    "by name": "hello bob",
    "pong": ["pong"],
    "registered": ["tasks.add_together", "tasks.busy", "tasks.greet", "tasks.progress", "tasks.tick"],
    "conf": [True, True],
    "child": 3,
    "diary": [
        "published tasks.add_together [2, 1] (2, 1)",
        "published tasks.add_together [2, 40] (2, 40)",
        "retry tasks.busy 0 True",
        "retry tasks.busy 1 True",
    ],
}


@pytest.mark.parametrize("who", ["celery", "celeriac"])
def test_a_django_project_has_the_same_outcomes(django: Project, who: str) -> None:
    is_ours = who == "celeriac"
    with django.worker(OURS if is_ours else CELERY, who, "-B"):
        found = json.loads(django.run("scenario.py", "1", face=is_ours))
    assert found.pop("hosts") == [who]
    assert found.pop("diary") == DIARY
    assert found == DJANGO


def test_a_django_project_has_the_same_outcomes_with_half_of_the_workers_each(django: Project) -> None:
    with django.worker(CELERY, "celery", "-B"), django.worker(OURS, "celeriac"):
        found = json.loads(django.run("scenario.py", "60", face=False))
    assert found.pop("hosts") == ["celeriac", "celery"]
    assert found.pop("diary") == DIARY
    assert found == DJANGO


@pytest.mark.parametrize("who", ["celery", "celeriac"])
def test_a_flask_project_has_the_same_outcomes(flask: Project, who: str) -> None:
    is_ours = who == "celeriac"
    with flask.worker(OURS if is_ours else CELERY, who, "-B"):
        found = json.loads(flask.run("scenario.py", face=is_ours))
    assert found == FLASK


def test_a_flask_project_has_the_same_outcomes_with_half_of_the_workers_each(flask: Project) -> None:
    with flask.worker(OURS, "celeriac", "-B"), flask.worker(CELERY, "celery"):
        found = json.loads(flask.run("scenario.py", face=False))
    assert found == FLASK
