"""One broker, its workers, and a client that publishes all the time, through the line that is going to be broken."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self
from uuid import uuid4

from celeriac import Celeriac
from celeriac.errors import TransportDown
from celeriac.specs.transport import QueueCounts
from chaos.brokers import BROKERS
from chaos.faults import READY
from chaos.ledger import Balance, Ledger, Span
from chaos.tasks import DIARY
from worker_process import WorkerProcess, until

TESTS = Path(__file__).parents[1]
QUEUE = "celery"
LEASE = 4.0
"""Seconds; short, so that what a killed worker held comes back soon."""
PUBLISH_WITHIN = 2.0
START_WITHIN = 5.0
"""Seconds after which a new task must have started, once what was broken answers again."""
DRAIN_WITHIN = 60.0
PACE = 0.06
"""Seconds between two publishes."""
BRIEF, LONG = 0.003, 0.1
"""Seconds that tasks take; every fourth one is long, so that something is often in flight, and that one slot is
enough to keep up."""


class Scene:
    """Made and ended by `play`."""

    def __init__(
        self, broker: str, pool: str, workers: int, lease: float, size: int, folder: Path, stack: ExitStack
    ) -> None:
        self.lease = lease
        self._ballast = "x" * size
        self.task = "chaos.tasks.awork" if pool == "asyncio" else "chaos.tasks.work"
        self.ledger = Ledger(folder / "diary")
        self.broker = BROKERS[broker](folder)
        stack.callback(self.broker.close)
        # Past the line: it tells how it stands when the line is broken, and its publishes measure the worker alone.
        self.witness = _client(self.broker.safe_url, folder)
        stack.callback(self.witness.close)
        self.workers = [stack.enter_context(self._worker(folder / f"worker{n}", pool)) for n in range(workers)]
        for worker in self.workers:
            until(lambda worker=worker: READY in worker.text(), "a worker that is ready")  # type: ignore[misc]
        self._client = _client(self.broker.url, folder)
        stack.callback(self._client.close)
        self._producer = stack.enter_context(_Producer(self._client, self.task, self._ballast, self.ledger))

    def _worker(self, place: Path, pool: str) -> WorkerProcess:
        place.mkdir()
        return WorkerProcess(
            place, "-P", pool, "-c", "2", "-n", place.name, app="chaos.tasks", PYTHONPATH=str(TESTS),
            CELERIAC_BROKER_URL=self.broker.url, CELERIAC_RESULT_BACKEND=_backend(self.broker.url, place.parent),
            CELERIAC_WORKER_LEASE=str(self.lease), **{DIARY: str(self.ledger.diary.file)},
        )  # fmt: skip

    def prove_a_start(self, since: float) -> float:
        """Publish a task, past the line; the seconds from `since` to its start.

        Raises:
            AssertionError: it did not start in time.
        """
        task_id, began = str(uuid4()), time.monotonic()
        self.witness.send_task(self.task, [BRIEF, self._ballast], task_id=task_id, publish_timeout=START_WITHIN)
        self.ledger.publish(task_id, Span(began, time.monotonic()), True, through=False)
        left = since + START_WITHIN - time.monotonic()
        try:
            until(lambda: self.ledger.runs_of(task_id), "the start of a new task", max(left, 0))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None
        return self.ledger.runs_of(task_id)[0].began - since

    def prove_a_publish(self, since: float) -> float:
        """The seconds from `since` until the client, which publishes all the time, has published something."""
        within = START_WITHIN + PUBLISH_WITHIN
        until(lambda: self.ledger.first_publish_after(since), "a publish that returns", within)
        return (self.ledger.first_publish_after(since) or since) - since

    def calm(self) -> None:
        """Wait until the worker has caught up with what was published, and some more has ended since."""
        until(lambda: self._counts().ready <= 2, "the backlog to be gone", DRAIN_WITHIN)
        before = len(self.ledger.ended())
        until(lambda: len(self.ledger.ended()) > before + 3, "tasks that end while nothing is broken")

    def finish(self) -> Balance:
        """Publish no more, let everything run, stop the workers, and balance the books."""
        self._producer.stop()
        try:
            until(lambda: self._counts() == QueueCounts() and not self._open(), "the end of all tasks", DRAIN_WITHIN)
        except AssertionError as error:
            # With an empty queue the books will tell what was lost.
            assert self._counts() == QueueCounts(), f"{error}: {self._counts()}\n{self.logs()}"
        for worker in self.workers:
            assert worker.stop() == 0, self.logs()
        return self.ledger.balance(self._dead())

    def _counts(self) -> QueueCounts:
        return self.witness.transport.counts(QUEUE)

    def _open(self) -> set[str]:
        return self.ledger.owed() - self.ledger.ended() - self._dead()

    def _dead(self) -> set[str]:
        letters = self.witness.transport.dead_letters(limit=100_000)
        return {letter.message.id for letter in letters if letter.message.id}

    def logs(self, size: int = 3000) -> str:
        """The ends of the workers' logs."""
        return "\n".join(worker.text()[-size:] for worker in self.workers)


class _Producer:
    """Publishes from a thread of its own until stopped, and enters in the ledger how each publish went."""

    def __init__(self, app: Celeriac, task: str, ballast: str, ledger: Ledger) -> None:
        self._app = app
        self._task = task
        self._ballast = ballast
        self._ledger = ledger
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="chaos-producer", daemon=True)

    def _run(self) -> None:
        number = 0
        try:
            while not self._stopping.wait(PACE):
                number += 1
                self._publish(LONG if number % 4 == 0 else BRIEF)
        except BaseException as error:
            self._error = error

    def _publish(self, seconds: float) -> None:
        task_id, began = str(uuid4()), time.monotonic()
        try:
            self._app.send_task(self._task, [seconds, self._ballast], task_id=task_id, publish_timeout=PUBLISH_WITHIN)
        except TransportDown:
            returned = False
        else:
            returned = True
        ended = time.monotonic()
        assert ended - began < PUBLISH_WITHIN * 1.5, f"a publish took {ended - began:.2f} s"
        self._ledger.publish(task_id, Span(began, ended), returned)

    def stop(self) -> None:
        """Raises what ended it, if it ended by itself."""
        self._stopping.set()
        self._thread.join(2 * PUBLISH_WITHIN)
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(2 * PUBLISH_WITHIN)


def _client(url: str, folder: Path) -> Celeriac:
    return Celeriac("chaos", broker=url, backend=_backend(url, folder))


def _backend(url: str, folder: Path) -> str:
    """Results are beside the queue, broken with it, where the broker can keep any."""
    return url if url.startswith(("redis", "sqlite")) else f"sqlite://{folder / 'results.db'}"


@contextmanager
def play(broker: str, pool: str, workers: int, lease: float, size: int, folder: Path) -> Iterator[Scene]:
    """A scene that runs."""
    with ExitStack() as stack:
        yield Scene(broker, pool, workers, lease, size, folder, stack)
