"""Asks a worker whether it is alive or ready: ``celeriac probe``, or ``python -m celeriac.probe``.

Supervisors ask every few seconds, so this imports neither the app nor anything else that takes time: a check of the
file costs next to nothing beyond the start of Python.
"""

from __future__ import annotations

import os
import sys
import time

USAGE = """\
usage: celeriac probe live|ready --file PATH [--max-age SECONDS]
       celeriac probe live|ready --port PORT [--host HOST] [--timeout SECONDS]
"""

HOST = "127.0.0.1"
MAX_AGE = 15.0
"""Seconds; a worker writes its file each second."""
TIMEOUT = 2.0


def check_file(question: str, path: str, max_age: float = MAX_AGE) -> str:
    """Why the answer is no; empty when it is yes."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (pathlib is slow to import)
            text = file.read()
            age = time.time() - os.fstat(file.fileno()).st_mtime
    except OSError as error:
        return f"cannot read {path}: {error.strerror}"
    if abs(age) > max_age:  # from the future: the clock was set back, and who knows since when it is there
        return f"{path} was written {age:.0f} s ago; a worker that lives writes it each second"
    return _verdict(question, text)


def check_port(question: str, port: int, host: str = HOST, timeout: float = TIMEOUT) -> str:
    """As `check_file`, over HTTP."""
    import socket

    deadline = time.monotonic() + timeout
    answer = b""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(f"GET /{question} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            while piece := connection.recv(65536):
                answer += piece
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
    except OSError as error:
        return f"no answer from {host}, port {port}: {error}"
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split(b" ")[:1] != [b"HTTP/1.1"]:
        return f"what listens on {host}, port {port} does not answer as a worker does"
    return _verdict(question, body)


def _verdict(question: str, text: bytes) -> str:
    """Looks for the one entry, instead of importing a reader of JSON: quotes within texts have a backslash before
    them, so the words cannot stand anywhere else."""
    if f'"{question}": true'.encode() in text:
        return ""
    return text.decode("utf-8", "replace").strip() or "an empty answer"


def run(arguments: list[str]) -> int | None:
    """Ask as the command line says, and return the exit status; None for a command line that is not understood."""
    options = {"--file": "", "--max-age": str(MAX_AGE), "--port": "", "--host": HOST, "--timeout": str(TIMEOUT)}
    rest: list[str] = []
    for argument in arguments[1:]:
        rest += argument.split("=", 1) if argument.startswith("--") else [argument]
    if arguments[:1] not in (["live"], ["ready"]) or len(rest) % 2 or not options.keys() >= set(rest[::2]):
        return None
    options.update(zip(rest[::2], rest[1::2], strict=True))
    if bool(options["--file"]) == bool(options["--port"]):
        return None
    try:
        if options["--file"]:
            problem = check_file(arguments[0], options["--file"], float(options["--max-age"]))
        else:
            problem = check_port(arguments[0], int(options["--port"]), options["--host"], float(options["--timeout"]))
    except ValueError:
        return None
    if problem:
        sys.stderr.write(problem + "\n")
    return 1 if problem else 0


def main() -> None:
    """The entry point of ``python -m celeriac.probe``; ends in SystemExit."""
    status = run(sys.argv[1:])
    if status is None:
        sys.stderr.write(USAGE)
        status = 2
    sys.exit(status)


if __name__ == "__main__":
    main()
