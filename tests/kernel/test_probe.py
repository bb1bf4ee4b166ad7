"""The asking side of probes, and the worker's side without a worker's process around it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac, probe
from celeriac.errors import ConfigurationError
from celeriac.testing import start_worker
from celeriac.worker.probe_server import LONGEST_REQUEST
from servers.ports import free_port
from worker_process import until


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "probe"
    path.write_text(json.dumps({"live": True, "ready": False, "problems": ['says "ready": true']}))
    return path


# the file


def test_the_file_answers_each_question_by_its_own_entry(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.run(["live", "--file", str(file)]) == 0
    assert probe.run(["ready", f"--file={file}"]) == 1
    assert "problems" in capsys.readouterr().err


@pytest.mark.parametrize("age", [60, -60])
def test_a_file_that_is_not_of_now_is_a_no(file: Path, capsys: pytest.CaptureFixture[str], age: float) -> None:
    then = time.time() - age
    os.utime(file, (then, then))

    assert probe.run(["live", "--file", str(file)]) == 1
    assert f"was written {age} s ago" in capsys.readouterr().err
    assert probe.run(["live", "--file", str(file), "--max-age", "90"]) == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"live": "true"}', b'{"live"'])
def test_a_file_that_is_something_else_is_a_no(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert probe.run(["live", "--file", str(file)]) == 1
    assert probe.run(["live", "--file", str(file.parent)]) == 1
    assert probe.run(["live", "--file", str(file) + "-not"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["live"],
        ["dead", "--file", "x"],
        ["live", "--file"],
        ["live", "--file", "x", "--port", "1"],
        ["live", "--file", "x", "--max-age", "old"],
        ["live", "--port", "http"],
        ["live", "--nonsense", "x"],
    ],
)
def test_a_command_line_that_is_not_understood_is_left_to_who_explains_it(arguments: list[str]) -> None:
    assert probe.run(arguments) is None


def test_asking_imports_nothing_of_the_app_nor_of_what_takes_time(file: Path) -> None:
    script = (
        "import sys; from celeriac.probe import run; assert run(sys.argv[1:]) == 0;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}", "live", "--file", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(ended.stdout.split())
    assert not loaded & {"click", "pluggy", "stevedore", "msgspec", "json", "re", "typing", "socket", "logging"}


# the port


@pytest.fixture
def port(app: Celeriac) -> Any:
    number = free_port()
    with start_worker(app, worker_probe_port=number):
        until(lambda: probe.check_port("ready", number) == "", "the worker to be ready")
        yield number


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def test_the_port_answers_with_the_report(port: int) -> None:
    head, _, body = ask(port, b"GET /ready?now HTTP/1.1\r\nHost: here\r\n\r\n").partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    report = json.loads(body)
    assert (report["live"], report["ready"], report["problems"], report["pid"]) == (True, True, [], os.getpid())
    assert 0 <= report["last_fetch_age_seconds"] < 60
    assert ask(port, b"HEAD /live HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /livery HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /live HTTP/1.1\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"\xff\x00\r\n\r\n", b"400"),
        (b"x" * LONGEST_REQUEST, b"400"),
    ],
)
def test_other_requests_are_refused(port: int, request_: bytes, status: bytes) -> None:
    assert ask(port, request_).split(b" ")[1] == status
    assert probe.check_port("live", port) == ""


def test_clients_that_say_nothing_or_go_away_do_not_stop_the_answers(port: int) -> None:
    for _ in range(3):
        socket.create_connection(("127.0.0.1", port), 5).close()
    with socket.create_connection(("127.0.0.1", port), 5) as silent:
        silent.sendall(b"GET /li")
        assert probe.check_port("live", port, timeout=10) == ""


def test_a_port_that_is_taken_is_an_error_at_the_start(app: Celeriac) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(ConfigurationError, match="cannot answer probes on 127.0.0.1.*worker_probe_port"):
            with start_worker(app, worker_probe_port=taken.getsockname()[1]):
                pass


def test_a_file_that_cannot_be_written_is_an_error_at_the_start(app: Celeriac, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot write the probe file .*worker_probe_file"):
        with start_worker(app, worker_probe_file=str(tmp_path / "no" / "such" / "folder")):
            pass


def test_the_file_is_there_while_the_worker_is(app: Celeriac, tmp_path: Path) -> None:
    path = tmp_path / "probe"
    with start_worker(app, worker_probe_file=str(path)):
        assert json.loads(path.read_text())["live"]
    assert list(tmp_path.iterdir()) == []


def test_no_one_answers_on_the_port_of_somebody_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no answer from 127.0.0.1" in probe.check_port("live", free_port())
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b'SSH-2.0 "live": true\r\n\r\n"live": true')
                client.recv(1000)

        threading.Thread(target=speak).start()
        assert "does not answer as a worker does" in probe.check_port("live", server.getsockname()[1])


def test_a_server_that_never_answers_is_a_no_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        begun = time.monotonic()
        assert "no answer" in probe.check_port("live", server.getsockname()[1], timeout=0.3)
        assert time.monotonic() - begun < 3
