"""In front of the name ``celery``: by an import, by an option, by a variable, and in the processes that follow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TASKS = """
from celery import Celery, shared_task
import os

app = Celery("proj", broker=os.environ["PLACE"], backend=os.environ["PLACE"])

@app.task
def add(x, y):
    return x + y

@shared_task(name="who")
def who():
    import celery
    return celery.__file__
"""


def run(folder: Path, *words: str, **environment: str) -> str:
    place = f"sqlite:///{folder}/queue.db"
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PLACE": place, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "proj.py").write_text(TASKS)
    return tmp_path


IMPORTED = """
import celeriac_contrib.celery.install
import celery, celery.app.task, celery.utils.nodenames
from celery import Celery
from celery.exceptions import Retry
import celeriac_contrib.celery as face
assert celery is face, celery
assert celery.app.task is face.app.task
assert Celery is face.Celery
assert celery.utils.nodenames.__name__ == "celeriac_contrib.celery.utils.nodenames"
assert celery.app.task.__spec__.name == "celeriac_contrib.celery.app.task"
assert Retry.__module__ == "celery.exceptions"
import pickle
assert pickle.loads(pickle.dumps(Retry("later"))).__class__ is Retry
try:
    from celery.bootsteps import Step
except ImportError as error:
    assert "hooks" in str(error), error
else:
    raise AssertionError("there are no bootsteps")
try:
    from celery.schedules import solar
except ImportError as error:
    assert "next_after" in str(error), error
else:
    raise AssertionError("there is no solar")
import multiprocessing, subprocess, sys
import proj_child
if __name__ == "__main__":
    asked = [sys.executable, "-c", "import celery; print(celery.__file__)"]
    print(subprocess.run(asked, capture_output=True, text=True).stdout)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(proj_child.where))
"""


def test_an_import_puts_the_face_before_celery_itself_here_and_in_other_processes(folder: Path) -> None:
    (folder / "proj_child.py").write_text("import celery\n\ndef where():\n    return celery.__file__\n")
    (folder / "main.py").write_text(IMPORTED)
    child, spawned = run(folder, "main.py").split()
    assert "celeriac_contrib" in child
    assert "celeriac_contrib" in spawned


def test_an_import_after_celery_itself_is_an_error() -> None:
    code = "import celery\ntry:\n import celeriac_contrib.celery.install\nexcept RuntimeError as error: print(error)"
    assert "imported already" in run(Path.cwd(), "-c", code)


def test_the_printed_folder_on_the_path_puts_it_on_in_any_process(folder: Path) -> None:
    path = run(folder, "-m", "celeriac_contrib.celery.install").strip()
    where = run(folder, "-c", "import celery.canvas, celery; print(celery.__file__)", PYTHONPATH=path)
    assert "celeriac_contrib" in where
    assert "celeriac" in run(folder, "-m", "celery", "--help", PYTHONPATH=path)


@pytest.mark.parametrize("asked", ["option", "variable"])
def test_the_command_line_runs_a_celery_project(folder: Path, asked: str) -> None:
    words = ["--as-celery"] if asked == "option" else []
    environment = {"CELERIAC_AS_CELERY": "1"} if asked == "variable" else {}
    ran = subprocess.Popen(
        [sys.executable, "-m", "celeriac", *words, "-A", "proj", "worker", "-c", "1", "--without-gossip", "-O", "fair"],
        cwd=folder,
        env={**os.environ, "PLACE": f"sqlite:///{folder}/queue.db", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        called = run(
            folder, "-m", "celeriac", *words, "-A", "proj", "call", "who", "--wait", "--timeout", "20", **environment
        )
        assert "celeriac_contrib" in called
    finally:
        ran.terminate()
        _, log = ran.communicate(timeout=30)
    assert "-O has no effect here" in log
    assert "celery@" in log


def test_the_native_path_does_not_import_the_face() -> None:
    code = (
        "import sys\nfrom celeriac import Celeriac, chain, group\n"
        "app = Celeriac('a', broker='memory://', backend='memory://')\n"
        "app.task(len, name='x') if False else None\n@app.task(name='n')\ndef n(): return 1\nn.delay()\n"
        "from celeriac.worker import Worker\n"
        "print([name for name in sys.modules if name.startswith('celeriac_contrib') or name.startswith('celery')])"
    )
    assert run(Path.cwd(), "-c", code).strip() == "[]"
