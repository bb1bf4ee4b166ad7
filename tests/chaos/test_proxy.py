"""The proxy does to a line what it says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from chaos.proxy import HOST, Proxy
from worker_process import until


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says what it hears."""
    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):  # ends the accept
            listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        while data := connection.recv(65536):
            connection.sendall(data)


@pytest.fixture
def line(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as proxy:
        yield proxy


def connect(line: Proxy) -> socket.socket:
    return socket.create_connection((HOST, line.port), timeout=5)


def says(connection: socket.socket, text: bytes) -> bool:
    connection.sendall(text)
    found = b""
    while len(found) < len(text):
        found += connection.recv(65536)
    return found == text


def test_it_passes_everything_both_ways_and_in_order(line: Proxy) -> None:
    with connect(line) as connection:
        text = bytes(range(256)) * 4096  # more than all buffers between hold
        writer = threading.Thread(target=connection.sendall, args=(text,))
        writer.start()
        answer = b""
        while len(answer) < len(text):
            answer += connection.recv(65536)
        writer.join()
        assert answer == text


def test_an_end_is_passed_on(line: Proxy) -> None:
    with connect(line) as connection:
        assert says(connection, b"hello")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    until(lambda: line.connections == 0, "the proxy to forget it")


def test_a_reset_reaches_all_connections_and_new_ones_are_well(line: Proxy) -> None:
    with connect(line) as first, connect(line) as second:
        assert says(first, b"1")
        assert says(second, b"2")
        line.reset()
        for connection in (first, second):
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        until(lambda: line.connections == 0, "the proxy to forget them")
    with connect(line) as third:
        assert says(third, b"3")


def test_while_it_refuses_nobody_connects_and_those_that_are_stay(line: Proxy) -> None:
    with connect(line) as first:
        assert says(first, b"1")
        line.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(line)
        assert says(first, b"still here")
        line.restore()
        with connect(line) as second:
            assert says(second, b"2")


def test_what_it_swallows_stays_open_and_silent_for_ever_and_new_ones_are_well(line: Proxy) -> None:
    with connect(line) as old:
        assert says(old, b"1")
        line.swallow()
        with connect(line) as during:
            until(lambda: line.connections == 2, "both to be swallowed")
            line.restore()
            for connection in (old, during):
                connection.settimeout(0.2)
                connection.sendall(b"hello?")
                with pytest.raises(TimeoutError):
                    connection.recv(1)
    with connect(line) as new:
        assert says(new, b"2")


def test_a_broker_that_is_gone_shows_as_a_connection_that_ends() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    with Proxy(port) as line, pytest.raises(ConnectionResetError), connect(line) as connection:
        connection.recv(1)


def test_it_leaves_no_thread_and_no_port(echo: int) -> None:
    line = Proxy(echo)
    with connect(line):
        line.close()
    line.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "chaos-proxy"]
    with pytest.raises(ConnectionRefusedError):
        connect(line)
