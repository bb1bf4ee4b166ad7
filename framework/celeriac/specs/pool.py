"""The contract of a pool: where tasks run."""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from celeriac.message import Message, Publication
from celeriac.specs.driver import Driver

CAPABILITIES: Mapping[str, str] = {
    "processes": "tasks run in processes of their own, so that one that crashes takes nothing else along",
    "parallel": "more than one task runs at a time",
    "time-limit": "the hard time limit ends any task",
    "soft-time-limit": "the soft time limit raises SoftTimeLimitExceeded in a task",
    "await-limits": "both time limits end a coroutine task, at the await where it stands",
    "async": "coroutine tasks share one event loop, many at a time",
    "terminate": "a running task can be ended by id",
    "resize": "grow and shrink work while tasks run",
    "recycle": "honours max_tasks_per_child and max_memory_per_child",
}


class Request(msgspec.Struct, array_like=True):
    """One task to run: a received message, and what the worker knows of its delivery. Plain values throughout, so that
    a pool can send it to another process with any encoding (``msgspec.msgpack`` fits)."""

    key: int
    """Names this request within the worker; the outcome carries it back."""
    message: Message
    queue: str
    count: int
    """`Delivery.count`."""
    time_limit: float | None = None
    """Seconds after which the pool ends the task, or None."""
    soft_time_limit: float | None = None
    finished: bytes | None = None
    """The stored result of an earlier run. The task is not run again: only what follows it is worked out again."""
    told: bool = False
    """The outcome is to show the result: events are on."""


class Verdict(enum.IntEnum):
    """What is to become of the message."""

    ACK = 0
    REQUEUE = 1
    """Give back at once, this delivery counts."""
    DEAD = 2
    """To the dead letters, with `Outcome.reason`."""
    LOST = 3
    """The process that ran it died: give back until the cap, then dead-letter."""
    UNSTARTED = 4
    """Never ran: give back, this delivery does not count."""
    DELAY = 5
    """Could not run here (wrong arguments, unreadable body: perhaps another version of the code): try again later, up
    to the cap, then dead-letter."""


class Outcome(msgspec.Struct, array_like=True):
    """How a request ended. Plain values throughout, like Request."""

    key: int
    verdict: Verdict = Verdict.ACK
    state: str | None = None
    """The state to store, or None to store nothing."""
    payload: bytes = b""
    """The encoded result document."""
    publications: list[Publication] = []
    """What follows: a retry, callbacks, the next step of a chain."""
    group: str | None = None
    """The group whose completion this task counts towards, when it does."""
    reason: str = ""
    """One line: the exception, or how the process died."""
    detail: str = ""
    """The traceback."""
    runtime: float = 0.0
    """Seconds in the task's own code."""
    ended: str = ""
    """The state in which it ended, where that is another one than is stored."""
    shown: str = ""
    """The result for people, of bounded length, if the request asked for it."""


class Runner(Protocol):
    """What a pool calls to run a request; the kernel hands it to `Pool.start`. None of its methods raises."""

    def run(self, request: Request) -> Outcome:
        """Decode, run and catch. For coroutine tasks it drives an event loop of the calling thread."""
        ...

    def run_async(self, request: Request) -> Coroutine[Any, Any, Outcome]:
        """The same for a running event loop. A task that is no coroutine runs in a thread. Cancel it with one of
        `CANCEL_TIME_LIMIT`, `CANCEL_TERMINATED` as the message to end the task; it then returns the fitting outcome."""
        ...

    def ended(self, request: Request, error: BaseException, detail: str = "") -> Outcome:
        """The outcome of a task that the pool itself had to end: for `TimeLimitExceeded` or `TaskRevoked` a stored
        failure, for `WorkerLost` the verdict LOST."""
        ...

    def process_started(self) -> None:
        """To be called first thing in each child process."""
        ...

    def process_stopping(self) -> None:
        """To be called last thing in each child process that ends in good order."""
        ...


CANCEL_TIME_LIMIT = "celeriac: time limit"
CANCEL_SOFT_TIME_LIMIT = "celeriac: soft time limit"
CANCEL_TERMINATED = "celeriac: terminated"


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """What the kernel hands to a pool when it makes one."""

    concurrency: int = 1
    """How many tasks may run at a time, at least 1."""
    max_tasks_per_child: int | None = None
    max_memory_per_child: int | None = None
    """KiB of resident memory, checked after each task."""
    heartbeat: float = 1.0
    """Seconds between the pool's looks at its children and their limits; a deadline is met within that of it."""
    extra: Mapping[str, Any] = field(default_factory=dict)


class Pool(Driver):
    """Runs requests and reports their outcomes.

    The kernel calls `start` in the main thread, before it opens any connection and before it starts any thread. It
    submits as many requests as ``width * depth`` asks for, read anew for each claim; a pool queues whatever it is
    handed, and answers each request with exactly one outcome. Methods are called from threads, not from signal
    handlers, but for a second `stop`.

    A complete driver stands in ``celeriac_plugins/pools/solo.py``; ``examples/third_party_pool`` is a stranger's.
    """

    def __init__(self, options: PoolOptions) -> None:
        self.options = options

    @abstractmethod
    def start(self, runner: Runner, done: Callable[[list[Outcome]], None]) -> None:
        """Get ready to run. `done` takes outcomes from any thread, in batches where they come in batches; it stores and
        acknowledges, so it may block for as long as a broker does."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many tasks can run at a time now; a child that is being replaced counts."""

    @property
    def depth(self) -> int:
        """How many requests the pool takes for each of its slots when they are short: above 1 where handing over in
        frames is worth it."""
        return 1

    @abstractmethod
    def submit(self, batch: Sequence[Request]) -> None:
        """Run these. Returns when they are handed over (solo: when they are done, having called `done` on the way)."""

    @abstractmethod
    def running(self) -> list[int]:
        """Keys of the requests that have started and not ended; the others that were submitted wait in the pool."""

    @abstractmethod
    def withdraw(self) -> None:
        """Answer every request that waits in the pool and has not started with the verdict UNSTARTED."""

    def terminate(self, key: int, signal: int) -> bool:
        """End this request's task if it runs, and answer it with `Runner.ended(TaskRevoked)`; False if it does not run.
        Only with the capability "terminate"."""
        raise NotImplementedError

    def grow(self, number: int) -> None:
        """Add slots. Only with the capability "resize"."""
        raise NotImplementedError

    def shrink(self, number: int) -> None:
        """Remove slots once they are free, never below one. Only with the capability "resize"."""
        raise NotImplementedError

    @abstractmethod
    def stop(self, grace: float) -> None:
        """Wait up to `grace` seconds for what runs, end the rest where the pool can, free everything. What was ended or
        never started is answered UNSTARTED or REQUEUE before it returns, so that the kernel gives it back. A second
        call, from another thread, with a smaller grace shortens the first."""

    def describe(self) -> dict[str, Any]:
        """Plain facts for ``inspect stats``: at least the process ids that run tasks."""
        return {}
