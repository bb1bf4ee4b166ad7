"""A child: takes a token, runs a request, writes its outcome, and so on."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections import deque
from contextlib import suppress
from types import FrameType

from celeriac.specs.pool import Outcome, PoolOptions, Request, Runner
from celeriac_plugins._shared.soft_limit import run_limited
from celeriac_plugins.pools._prefork.board import Record
from celeriac_plugins.pools._prefork.frames import HEAD, pack_outcome, unpack_requests
from celeriac_plugins.pools._prefork.kinship import die_with_parent
from celeriac_plugins.pools._prefork.memory import MemoryGauge

END = 255
"""The token that ends a child in good order."""

_HELD = 0.002
"""Seconds after which the bell is rung though there is more to run."""
_LOW = 8
"""Requests left at which the bell is rung early, so that more come before they run out."""


class _Ended(Exception):
    """There is nothing to do any more: told so, or the parent is gone."""


def live(fds: list[int], record: Record, runner: Runner, options: PoolOptions, nursery: int) -> None:
    """A child's whole life; never returns."""
    code = 0
    try:
        if not die_with_parent(nursery):
            return
        _prepare(record)
        runner.process_started()
        Child(fds, record, runner, options.max_memory_per_child is not None).serve()
        runner.process_stopping()
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


def _prepare(record: Record) -> None:
    """Signals and input as a child needs them. Handlers of Python, unlike SIG_IGN, do not pass on to programs that a
    task starts."""

    def leave_to_parent(number: int, _frame: FrameType | None) -> None:
        if record.doomed:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, leave_to_parent)
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


class Child:
    """The child's ends of its channels, and the loop over them."""

    def __init__(self, fds: list[int], record: Record, runner: Runner, weighs: bool) -> None:
        link, self._tokens, self._outcomes = fds
        self._link = socket.socket(fileno=link)
        self._record = record
        self._runner = runner
        self._gauge = MemoryGauge() if weighs else None
        self._here: deque[Request] = deque()
        self._generation = -1
        self._unrung = 0.0
        self._work = select.poll()
        self._work.register(self._tokens, select.POLLIN)
        self._room = select.poll()
        self._room.register(self._outcomes, select.POLLOUT)

    def serve(self) -> None:
        """Run until told to end."""
        self._record.ready = True
        self._ring()
        try:
            while True:
                self._run(self._next(self._token()))
        except (_Ended, ConnectionError):
            self._link.close()

    # what is to run

    def _token(self) -> int:
        """The next token, waiting for it."""
        while True:
            try:
                token = os.read(self._tokens, 1)
            except BlockingIOError:
                self._ring()
                self._work.poll()
                continue
            if not token or token[0] == END:
                raise _Ended
            return token[0]

    def _next(self, generation: int) -> Request:
        """The request that this token stands for. When the generation is new, all earlier ones were taken back."""
        if generation != self._generation:
            self._generation = generation
            self._here.clear()
        while not self._here:
            length, found = HEAD.unpack(self._receive(HEAD.size))
            data = self._receive(length)
            if found == generation:
                self._here.extend(unpack_requests(data))
        if len(self._here) == _LOW:
            self._ring()
        return self._here.popleft()

    def _receive(self, size: int) -> bytearray:
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            count = self._link.recv_into(view[got:])
            if not count:
                raise _Ended
            got += count
        return data

    # what has run

    def _run(self, request: Request) -> None:
        record, started = self._record, time.monotonic()
        record.begin(request.key, started)
        if request.soft_time_limit is None:
            outcome = self._runner.run(request)
        else:
            outcome = run_limited(self._runner, request, request.soft_time_limit)
        data = self._packed(request, outcome)
        ended = time.monotonic()
        if self._gauge is not None:
            record.memory = self._gauge.read()
        self._write(data)
        record.end(ended - started)
        if not self._unrung:
            self._unrung = ended
        elif ended - self._unrung > _HELD:
            self._ring()

    def _packed(self, request: Request, outcome: Outcome) -> bytes:
        try:
            return pack_outcome(outcome)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return pack_outcome(self._runner.ended(request, error, traceback.format_exc()))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._outcomes, view) :]
            except BlockingIOError:
                self._ring()
                self._room.poll()

    def _ring(self) -> None:
        """Wake the parent: there is something to read, or nothing to run."""
        self._unrung = 0.0
        with suppress(BlockingIOError):  # so many bells are unheard that one more makes no difference
            self._link.send(b"!", socket.MSG_DONTWAIT)
