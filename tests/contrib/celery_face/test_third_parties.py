"""Packages for Celery on the face: each does its work, in a process of its own where the face stands for Celery."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from celeriac_contrib.celery.installation import FRONT


def run(folder: Path, code: str, *needs: str) -> None:
    """Run the code with the face in front; without the packages the test is skipped, but not on CI."""
    missing = [name for name in needs if find_spec(name.partition(".")[0]) is None]
    if missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"not installed: {missing}")
        pytest.skip(f"not installed: {missing}")
    (folder / "main.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([FRONT, str(folder)]), "PLACE": str(folder)}
    command = [sys.executable, "main.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


HEAD = """
import os
from celery import Celery
from celery.contrib.testing.worker import start_worker

place = f"sqlite:///{os.environ['PLACE']}/queue.db"
"""

RESULTS = """
import os, sys
from django.conf import settings
settings.configure(
    SECRET_KEY="x", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django_celery_results"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["PLACE"] + "/db.sqlite3",
                           "OPTIONS": {"timeout": 20}}},
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
)
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django_celery_results.models import TaskResult

for backend in ("django-db", "django-cache"):
    app = Celery("proj", broker=place, backend=backend, result_extended=True)

    @app.task(name=f"add.{backend}")
    def add(x, y):
        return x + y

    @app.task(name=f"fail.{backend}")
    def fail():
        raise ValueError("no")

    with start_worker(app, perform_ping_check=False):
        result = add.delay(1, 2)
        assert result.get(timeout=20) == 3
        try:
            fail.delay().get(timeout=20)
        except ValueError as error:
            assert str(error) == "no", error
        else:
            raise AssertionError("no error")
    if backend == "django-db":
        row = TaskResult.objects.get(task_id=result.id)
        assert (row.status, row.result, row.task_name) == ("SUCCESS", "3", "add.django-db"), vars(row)
        assert "(1, 2)" in row.task_args
        assert "ValueError" in TaskResult.objects.get(status="FAILURE").traceback
        result.forget()
        assert not TaskResult.objects.filter(task_id=result.id).exists()
"""

SINGLETON = """
from celery_singleton import Singleton
from celery_singleton.backends.base import BaseBackend

class Locks(BaseBackend):
    kept = {}

    def __init__(self, *args, **kwargs):
        pass

    def lock(self, lock, task_id, expiry=None):
        return self.kept.setdefault(lock, task_id) == task_id

    def unlock(self, lock):
        self.kept.pop(lock, None)

    def get(self, lock):
        return self.kept.get(lock)

    def clear(self, key_prefix):
        self.kept.clear()

app = Celery("proj", broker=place, backend=place)
app.conf.singleton_backend_class = Locks
app.conf.singleton_backend_url = "memory"

@app.task(base=Singleton, name="once")
def once(x):
    return x

first, second, other = once.delay(1), once.delay(1), once.delay(2)
assert first.id == second.id != other.id
with start_worker(app, perform_ping_check=False):
    assert first.get(timeout=20) == 1
    assert other.get(timeout=20) == 2
assert Locks.kept == {}, Locks.kept
assert once.delay(1).id != first.id
"""

SENTRY = """
import sentry_sdk
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.transport import Transport

class Kept(Transport):
    events = []

    def capture_envelope(self, envelope):
        event = envelope.get_event()
        if event is not None:
            self.events.append(event)

sentry_sdk.init(dsn="https://public@localhost/1", transport=Kept, integrations=[CeleryIntegration()])
app = Celery("proj", broker=place, backend=place)

@app.task(name="fail")
def fail():
    raise ValueError("seen by sentry")

with start_worker(app, perform_ping_check=False):
    try:
        fail.delay().get(timeout=20)
    except ValueError:
        pass
sentry_sdk.flush()
seen = [(each["type"], each["value"], each["mechanism"]["type"])
        for event in Kept.events for each in event.get("exception", {}).get("values", [])]
assert ("ValueError", "seen by sentry", "celery") in seen, seen
"""

TELEMETRY = """
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
CeleryInstrumentor().instrument()
app = Celery("proj", broker=place, backend=place)

@app.task(name="add")
def add(x, y):
    return x + y

with start_worker(app, perform_ping_check=False):
    assert add.delay(1, 2).get(timeout=20) == 3
spans = {span.name: span for span in exporter.get_finished_spans()}
assert set(spans) == {"apply_async/add", "run/add"}, spans
assert spans["run/add"].context.trace_id == spans["apply_async/add"].context.trace_id
assert spans["run/add"].attributes["celery.state"] == "SUCCESS"
"""


def test_django_celery_results_stores_and_reads_results(tmp_path: Path) -> None:
    run(tmp_path, HEAD + RESULTS, "django", "django_celery_results")


def test_celery_singleton_sends_equal_calls_once(tmp_path: Path) -> None:
    run(tmp_path, HEAD + SINGLETON, "celery_singleton")


def test_sentry_sees_the_errors_of_tasks(tmp_path: Path) -> None:
    run(tmp_path, HEAD + SENTRY, "sentry_sdk")


def test_opentelemetry_traces_a_call_into_its_run(tmp_path: Path) -> None:
    run(tmp_path, HEAD + TELEMETRY, "opentelemetry.instrumentation.celery")
