"""What is written or goes wrong: one line, the nearest match, the exit status."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import celeriac


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["workr"], "No such command 'workr'; did you mean 'worker'?"),
        (["queue", "lst"], "No such command 'lst'; did you mean 'list'?"),
        (["dlq", "replai"], "No such command 'replai'; did you mean 'replay'?"),
        (["worker", "--quues", "a"], "No such option '--quues'; did you mean '--queues'?"),
        (["--brokre", "x", "status"], "No such option '--brokre'; did you mean '--broker'?"),
        (["inspect", "actve"], "there is no 'actve'; did you mean 'active'?"),
        (["worker", "-l", "debgu"], "there is no level 'debgu'; did you mean 'debug'?"),
        (["plugins", "list", "trasport"], "did you mean 'transport'?"),
        (["plugins", "show", "sqlit"], "no plugin 'sqlit' is installed; did you mean 'sqlite'?"),
        (["plugins", "show", "pool", "prefrok"], "no pool 'prefrok' is installed; did you mean 'prefork'?"),
        (["config", "explain", "broker_ur"], "did you mean 'broker_url'?"),
        (["-b", "sqllite:///x.db", "queue", "list"], "no transport 'sqllite' is installed; did you mean 'sqlite'?"),
        (["-A", "hello", "worker", "-P", "thread"], "no pool 'thread' is installed; did you mean 'threads'?"),
        (["-A", "hello", "worker", "--logger", "jsn"], "no logger 'jsn' is installed; did you mean 'json'?"),
        (["-A", "hello", "beat", "-S", "fil"], "no scheduler 'fil' is installed; did you mean 'file'?"),
        (["-A", "hello", "worker", "-X", "celer"], "is not among celery; did you mean 'celery'?"),
        (["-A", "hello", "call", "hello.ad"], "did you mean 'hello.add'?"),
        (
            ["-A", "hello", "control", "terminate", "x", "-s", "KIL"],
            "there is no signal 'KIL'; did you mean 'SIGKILL'?",
        ),
    ],
)
def test_what_is_misspelt_gets_the_nearest_match(project: Path, run, words: list[str], meant: str) -> None:
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert meant in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["hello.add", "-a", "{"], "not a JSON list"),
        (["hello.add", "-a", "{}"], "not a JSON list"),
        (["hello.add", "-k", "[]"], "not a JSON object"),
        (["hello.add", "-a", "[1]"], "missing a required argument: 'y'"),
        (["hello.add", "-a", "[1,2]", "--eta", "tomorrow"], "no time in ISO 8601"),
        (["hello.add", "-a", "[1,2]", "--expires", "soon"], "no time in ISO 8601"),
        (["hello.add", "-a", "[1,2]", "--countdown", "1", "--eta", "2030-01-01"], "give one of them"),
        (["hello.forget", "--wait"], "keeps no result"),
    ],
)
def test_a_call_that_cannot_work_is_refused_and_not_sent(project: Path, app, run, words: list[str], text: str) -> None:
    result = run("-A", "hello", "call", *words)
    assert result.exit_code == 2, result.output
    assert text in result.stderr
    assert app.transport.counts("celery").ready == 0


def test_an_error_at_work_ends_with_1(project: Path, run) -> None:
    (project / "broken.db").write_text("this is no database, " * 100)
    result = run("queue", "list", "-b", f"sqlite://{project}/broken.db")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_a_wrong_setting_on_the_command_line_says_that_it_stands_there(project: Path, run) -> None:
    result = run("-A", "hello", "-b", "no url at all", "queue", "list")
    assert result.exit_code == 2
    assert "(command line)" in result.stderr


@pytest.mark.parametrize("how", ["option", "environment"])
def test_debug_shows_the_traceback(project: Path, how: str) -> None:
    words = ["config", "explain", "broker_ur"] + (["--debug"] if how == "option" else [])
    ended = celeriac(*words, cwd=project, env={} if how == "option" else {"CELERIAC_DEBUG": "1"})
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "NoSuchSetting" in ended.stderr


def test_a_reader_that_went_away_is_no_error_to_talk_about(project: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [sys.executable, "-m", "celeriac", "plugins", "list"], stdout=writing, stderr=subprocess.PIPE, cwd=project
    ) as process:
        os.close(writing)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", 1), (b"y\n", 0)])
def test_purge_asks_the_person_at_the_terminal(project: Path, app, answer: bytes, left: int) -> None:
    app.send_task("hello.mark")
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    ended = subprocess.run(
        [sys.executable, "-m", "celeriac", "-A", "hello", "purge"], stdin=theirs, capture_output=True, cwd=project
    )
    os.close(ours)
    os.close(theirs)
    assert b"Drop all messages that wait in celery?" in ended.stderr
    assert app.transport.counts("celery").ready == left
    assert ended.returncode == (1 if left else 0)


def on_a_terminal(*words: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command prints when standard output is a terminal."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "celeriac", *words],
            stdout=theirs,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm", **(env or {})},
            check=True,
        )
        return os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_tables_are_drawn_on_a_terminal_only(project: Path) -> None:
    words = ("plugins", "list", "logger")
    assert "│" in on_a_terminal(*words, cwd=project)
    assert "│" not in on_a_terminal(*words, "--no-color", cwd=project)
    assert "│" not in on_a_terminal(*words, cwd=project, env={"NO_COLOR": "1"})
    assert "│" not in celeriac(*words, cwd=project).stdout
