"""``celeriac migrate check``: what a project uses of Celery, and whether it works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = {
    "proj/__init__.py": "from .celery import app as celery_app\n",
    "proj/celery.py": """
import os
import celery.utils.log as log
from celery import Celery, signals
from celery.bootsteps import Step
from celery.schedules import crontab, solar

app = Celery("proj", task_acks_late=True)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.worker_state_db = "state"
app.conf.update(task_serializer="json", broker_url="nosuch://here")
app.steps["worker"].add(Step)
signals.heartbeat_sent.connect(print)
app.producer_pool
logger = log.get_task_logger(__name__)
""",
    "proj/settings.py": """
CELERY_BROKER_URL = "redis://localhost"
CELERY_TASK_REMOTE_TRACEBACKS = False
CELERY_MADE_UP = 1
OTHER = 2
""",
    "proj/tasks.py": """
from celery import shared_task
from celery.exceptions import Retry, NoSuchError

@shared_task(bind=True, Strategy="mine", max_retries=5)
def a(self):
    raise Retry()
""",
    "config.py": "task_ignore_result = True\nresult_cache_max = 5\nunrelated = 1\n",
    "flat.py": 'from celery import Celery\napp = Celery()\napp.config_from_object("config")\n',
}


def check(folder: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "celeriac", "migrate", "check", ".", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("migrate")
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (folder / "broken.py").write_text("def :\n")
    status, output = check(folder, "--json")
    assert status == 1
    return json.loads(output)  # type: ignore[no-any-return]


def status_of(found: dict[str, Any], name: str) -> tuple[str, str]:
    (row,) = {(row["status"], row["how"]) for row in found["uses"] if row["name"] == name}
    return row


@pytest.mark.parametrize(
    "name",
    [
        "celery.Celery",
        "celery.signals",
        "celery.schedules.crontab",
        "celery.shared_task",
        "celery.exceptions.Retry",
        "task_acks_late",
        "task_serializer",
        "CELERY_BROKER_URL",
        "CELERY_TASK_REMOTE_TRACEBACKS",
        "task_ignore_result",
        "max_retries",
        "bind",
        "celery.app.base.Celery.autodiscover_tasks",
    ],
)
def test_what_is_here_works(found: dict[str, Any], name: str) -> None:
    assert status_of(found, name)[0] == "works"


@pytest.mark.parametrize(
    ("name", "status", "how"),
    [
        ("celery.bootsteps.Step", "missing", "hooks"),
        ("celery.schedules.solar", "missing", "next_after"),
        ("celery.exceptions.NoSuchError", "missing", "none of Celery's public names"),
        ("celery.app.base.Celery.producer_pool", "missing", "no connections of kombu's"),
        ("worker_state_db", "missing", "keeps no state"),
        ("broker_url", "missing", "nosuch"),
        ("celery.signals.heartbeat_sent", "differs", "never sent"),
        ("celery.utils.log.get_task_logger", "differs", "records"),
        ("CELERY_MADE_UP", "differs", "no setting of Celery's"),
        ("Strategy", "differs", "no strategies"),
    ],
)
def test_what_differs_or_is_missing_says_how(found: dict[str, Any], name: str, status: str, how: str) -> None:
    is_so, text = status_of(found, name)
    assert is_so == status
    assert how in text


def test_each_use_has_its_place_and_what_is_no_python_is_told(found: dict[str, Any]) -> None:
    (row,) = [row for row in found["uses"] if row["name"] == "celery.bootsteps.Step"]
    assert (row["file"], row["line"]) == ("proj/celery.py", 5)
    assert "broken.py" in found["unreadable"][0]
    assert found["counts"]["missing"] >= 6
    assert not any(row["name"] == "OTHER" or row["name"] == "unrelated" for row in found["uses"])


def test_a_project_that_misses_nothing_ends_in_status_0(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from celery import shared_task\n\n@shared_task\ndef a(): ...\n")
    status, output = check(tmp_path, "--all")
    assert status == 0
    assert "celery.shared_task" in output
    assert "1 work, 0 differ, 0 are missing" in output
