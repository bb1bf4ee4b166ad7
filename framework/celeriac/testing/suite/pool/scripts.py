"""A runner that needs no kernel: a request's task name is one of the scripts below.

A script is a generator that yields the seconds to pause, so that threads sleep through it and event loops await it.
What it returns becomes the outcome's payload. Scripts find each other through files in a folder, in whatever process
they run.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

from celeriac import states
from celeriac.errors import SoftTimeLimitExceeded, TaskRevoked, TimeLimitExceeded, WorkerLost
from celeriac.message import Message
from celeriac.specs.pool import (
    CANCEL_SOFT_TIME_LIMIT,
    CANCEL_TERMINATED,
    CANCEL_TIME_LIMIT,
    Outcome,
    Request,
    Verdict,
)

PATIENCE = 20.0
"""Seconds that anything waits for what must come; only a pool that breaks a clause waits so long."""

_PAUSE = 0.005

Script = Generator[float, None, bytes]


def ask(
    key: int, script: str, *arguments: Any, time_limit: float | None = None, soft_time_limit: float | None = None
) -> Request:
    """A request that runs `script`."""
    headers = {"task": script, "id": f"request-{key}", "arguments": list(arguments)}
    return Request(key, Message(headers, {}, b"[[], {}, {}]"), "q", 1, time_limit, soft_time_limit)


class ScriptRunner:
    """`celeriac.specs.pool.Runner` over scripts. It holds no lock, thread or file, so it may be forked or pickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0
        self.most = 0
        self._kept: list[bytearray] = []

    # the contract

    def run(self, request: Request) -> Outcome:
        try:
            script = self._script(request)
            try:
                while True:
                    time.sleep(next(script))
            except StopIteration as end:
                return Outcome(request.key, Verdict.ACK, states.SUCCESS, end.value)
        except BaseException as error:
            return self._failed(request, error)

    async def run_async(self, request: Request) -> Outcome:
        try:
            script = self._script(request)
            try:
                while True:
                    await asyncio.sleep(next(script))
            except StopIteration as end:
                return Outcome(request.key, Verdict.ACK, states.SUCCESS, end.value)
        except asyncio.CancelledError as error:
            return self._failed(request, _why_cancelled(error))
        except BaseException as error:
            return self._failed(request, error)

    def ended(self, request: Request, error: BaseException, detail: str = "") -> Outcome:
        if isinstance(error, WorkerLost):
            return Outcome(request.key, Verdict.LOST, reason=str(error), detail=detail)
        return self._failed(request, error)

    def process_started(self) -> None:
        self._note("processes", f"started {os.getpid()}")

    def process_stopping(self) -> None:
        self._note("processes", f"stopping {os.getpid()}")

    # what has happened, as read by a clause

    def ran(self) -> list[int]:
        """The keys of the requests that were begun, as often as they were."""
        return [int(line.split()[0]) for line in self.notes("runs")]

    def pids(self) -> list[int]:
        """The processes that began them, in the same order."""
        return [int(line.split()[1]) for line in self.notes("runs")]

    def notes(self, name: str) -> list[str]:
        """The lines of one file."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def open_gate(self, name: str) -> None:
        """Let the scripts that wait at this gate go on."""
        (self.folder / name).touch()

    # the scripts

    def _script(self, request: Request) -> Script:
        self._note("runs", f"{request.key} {os.getpid()}")
        script = getattr(self, f"script_{request.message.task}")
        found: Script = script(request, *request.message.headers["arguments"])
        return found

    def script_echo(self, _request: Request, text: str = "") -> Script:
        """Return the text at once."""
        yield from ()
        return text.encode()

    def script_sleep(self, _request: Request, seconds: float) -> Script:
        yield seconds
        return b"slept"

    def script_wait(self, _request: Request, gate: str) -> Script:
        """Wait until the gate is opened."""
        yield from self._until(gate)
        return b"waited"

    def script_meet(self, request: Request, number: int) -> Script:
        """Wait until so many are in this script at a time."""
        place = self.folder / "meeting"
        place.mkdir(exist_ok=True)
        (place / str(request.key)).touch()
        until = time.monotonic() + PATIENCE / 2
        while len(list(place.iterdir())) < number:
            if time.monotonic() > until:
                raise TimeoutError(f"{number} should run at a time, only {len(list(place.iterdir()))} do")
            yield _PAUSE
        return b"met"

    def script_count(self, _request: Request, seconds: float) -> Script:
        """Be counted for some time; only within one process."""
        self.now += 1
        self.most = max(self.most, self.now)
        yield seconds
        self.now -= 1
        return b""

    def script_thread(self, _request: Request) -> Script:
        """Which thread this is."""
        yield 0.0
        return str(threading.get_ident()).encode()

    def script_kill(self, _request: Request, signum: int, gate: str = "") -> Script:
        """Die by this signal, once the gate is open."""
        if gate:
            yield from self._until(gate)
        os.kill(os.getpid(), signum)
        yield PATIENCE
        return b"survived"

    def script_exit(self, _request: Request, code: int) -> Script:
        yield from ()
        os._exit(code)

    def script_spin(self, _request: Request, seconds: float) -> Script:
        """Never pause."""
        yield from ()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass
        return b"spun"

    def script_stubborn(self, _request: Request, seconds: float) -> Script:
        """Ignore every exception."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(BaseException):
                while time.monotonic() < until:
                    yield _PAUSE
        return b"survived"

    def script_tidy(self, _request: Request, seconds: float) -> Script:
        """End well at the soft time limit."""
        try:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(_PAUSE)
        except SoftTimeLimitExceeded:
            return b"tidied up"
        yield from ()
        return b"nobody interrupted"

    def script_hold(self, _request: Request, mebibytes: int) -> Script:
        """Take memory and never give it back."""
        yield from ()
        self._kept.append(bytearray(b"x") * (mebibytes << 20))
        return b"held"

    def _until(self, gate: str) -> Generator[float, None, None]:
        path = self.folder / gate
        until = time.monotonic() + PATIENCE * 2
        while not path.exists() and time.monotonic() < until:
            yield _PAUSE

    def _note(self, name: str, line: str) -> None:
        # One write to a file opened for appending is whole, whoever else writes.
        fd = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, f"{line}\n".encode())
        finally:
            os.close(fd)

    @staticmethod
    def _failed(request: Request, error: BaseException) -> Outcome:
        state = states.REVOKED if isinstance(error, TaskRevoked) else states.FAILURE
        return Outcome(request.key, Verdict.ACK, state, reason=f"{type(error).__name__}: {error}")


def _why_cancelled(error: asyncio.CancelledError) -> BaseException:
    reasons = {
        CANCEL_TIME_LIMIT: TimeLimitExceeded("cancelled"),
        CANCEL_SOFT_TIME_LIMIT: SoftTimeLimitExceeded("cancelled"),
        CANCEL_TERMINATED: TaskRevoked("cancelled"),
    }
    return reasons.get(error.args[0] if error.args else "", error)
