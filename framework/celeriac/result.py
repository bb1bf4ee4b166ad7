"""Results: what a caller holds of a task."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from celeriac import states
from celeriac.errors import IncompleteStream, ResultTimeout, TaskRevoked
from celeriac.failure import from_document
from celeriac.joining import allow_join_result, denied_join_result, refuse_join
from celeriac.result_graph import iterdeps, result_from_tuple
from celeriac.result_store import NOTHING, ResultStore

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.canvas.graph import DependencyGraph
    from celeriac.specs.backend import Record

R = TypeVar("R")

INTERVAL = 0.5
"""Seconds between two calls of ``on_interval``."""


class AsyncResult(Generic[R]):
    """The result of one task, wherever it runs. Cheap: nothing is looked up until something is asked."""

    __slots__ = ("_document", "app", "id", "parent", "task")

    def __init__(
        self,
        id: str,
        app: Celeriac,
        parent: AsyncResult[Any] | GroupResult[Any] | None = None,
        task: str | None = None,
    ) -> None:
        self.id = id
        self.app = app
        self.parent = parent
        """The result of the step before this one in a chain."""
        self.task = task
        self._document: Mapping[str, Any] | None = None

    # waiting

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        no_ack: bool = True,  # noqa: ARG002 (Celery's)
        follow_parents: bool = True,  # noqa: ARG002 (Celery's)
        callback: Callable[[str, R], object] | None = None,
        on_message: Callable[[Mapping[str, Any]], object] | None = None,
        on_interval: Callable[[], object] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> R:
        """Wait for the task and return its value.

        `callback` is called with the id and the value; `on_interval` every `interval` seconds (0.5) while there is
        none; `on_message` with the document of each state that is seen meanwhile. Without these, `interval` is not
        needed: the store wakes us. Nor are `no_ack`, and `follow_parents`: who waits for a later step learns of the
        failure of an earlier one.

        Raises:
            ResultTimeout: it was not ready within `timeout` seconds.
            Exception: the task's own, when it failed (TaskFailed, where its class is not known here).
        """
        if disable_sync_subtasks:
            refuse_join()
        if on_message is None and on_interval is None:
            self._wait(timeout)
        else:
            self._watch(timeout, interval or INTERVAL, on_message, on_interval)
        value = self._value(propagate)
        if callback is not None:
            callback(self.id, value)
        return value

    def wait(self, timeout: float | None = None, propagate: bool = True, interval: float | None = None) -> R:
        """The same as `get`."""
        return self.get(timeout, propagate, interval)

    async def aget(self, timeout: float | None = None, propagate: bool = True) -> R:
        """`get` for coroutines: the event loop goes on meanwhile."""
        if self._document is None:
            record = await self.app.backend.waiter.wait(self.id, timeout)
            if record is None:
                raise self._too_late(timeout)
            self._document = self.app.backend.decode(record)
        return self._value(propagate)

    def __await__(self) -> Generator[Any, None, R]:
        return self.aget().__await__()

    def then(
        self, callback: Callable[[AsyncResult[R]], object], on_error: Callable[[AsyncResult[R]], object] | None = None
    ) -> AsyncResult[R]:
        """Call `callback` with this result once the task has ended; when it has failed, `on_error` instead if there is
        one. At once, if it has ended already; else in the thread that waits for all who await."""

        def ended(record: Record | None) -> None:
            if record is not None:
                self._document = self.app.backend.decode(record)
            failed = self._load()["status"] in states.PROPAGATE_STATES
            (on_error if failed and on_error is not None else callback)(self)

        if self.ready():
            ended(None)
        else:
            self.app.backend.when_ready(self.id, ended)
        return self

    def _wait(self, timeout: float | None) -> None:
        if self._document is not None:
            return
        store = self.app.backend
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            ready = store.wait([self.id], left)
            if self.id in ready:
                self._document = store.decode(ready[self.id])
                return
            if left == 0:
                raise self._too_late(timeout)

    def _watch(
        self,
        timeout: float | None,
        interval: float,
        on_message: Callable[[Mapping[str, Any]], object] | None,
        on_interval: Callable[[], object] | None,
    ) -> None:
        """Wait in steps of `interval`, and tell of what is seen."""
        deadline = None if timeout is None else time.monotonic() + timeout
        last: Mapping[str, Any] | None = None
        while True:
            document = self._load()
            if on_message is not None and document != last and document is not NOTHING:
                on_message(document)
            last = document
            if self._document is not None:
                return
            left = interval if deadline is None else min(interval, deadline - time.monotonic())
            if left <= 0:
                raise self._too_late(timeout)
            if not self.app.backend.wait([self.id], left) and on_interval is not None:
                on_interval()

    def _too_late(self, timeout: float | None) -> ResultTimeout:
        return ResultTimeout(f"task {self.id} was not ready within {timeout} s")

    def _value(self, propagate: bool) -> R:
        document = self._load()
        if propagate and document["status"] in states.PROPAGATE_STATES:
            raise self._error(document)
        return self._result_of(document)  # type: ignore[no-any-return]

    # looking

    def _load(self) -> Mapping[str, Any]:
        """The document now; kept once the state is final."""
        if self._document is not None:
            return self._document
        document = self.app.backend.fetch([self.id]).get(self.id, NOTHING)
        if document["status"] in states.READY_STATES:
            self._document = document
        return document

    def _result_of(self, document: Mapping[str, Any]) -> Any:
        return self._error(document) if document["status"] in states.EXCEPTION_STATES else document["result"]

    def _error(self, document: Mapping[str, Any]) -> BaseException:
        if document["status"] == states.REVOKED and not isinstance(document["result"], dict):
            return TaskRevoked(str(document["result"] or "revoked"))
        error = from_document(document["result"], self.app.error_packages())
        if document.get("traceback"):
            error.add_note(f"The task's own traceback, from its worker:\n{document['traceback'].rstrip()}")
        return error

    @property
    def state(self) -> str:
        """PENDING, STARTED, RETRY, SUCCESS, FAILURE, REVOKED, or one of the task's own. PENDING is also what an id has
        of which nothing is known; with the setting ``task_track_queued`` that is UNKNOWN, and a task that was called is
        QUEUED."""
        document = self._load()
        if document is NOTHING and self.app.conf.task_track_queued:
            return states.UNKNOWN
        return document["status"]  # type: ignore[no-any-return]

    status = state

    def exists(self) -> bool:
        """Whether anything is stored of the task. With the setting ``task_track_queued`` that is so from the moment in
        which it is called; without it, a task that waits in its queue looks like one that never was."""
        return self._load() is not NOTHING

    @property
    def result(self) -> Any:
        """The value, or the exception, or what a state of the task's own carries; None while there is none."""
        return self._result_of(self._load())

    info = result

    @property
    def traceback(self) -> str | None:
        """The traceback from the worker, when the task failed."""
        return self._load()["traceback"]  # type: ignore[no-any-return]

    @property
    def date_done(self) -> datetime | None:
        """When the last state was stored."""
        text = self._load().get("date_done")
        if not text:
            return None
        done = datetime.fromisoformat(text)
        return done if done.tzinfo else done.replace(tzinfo=UTC)  # Celery's workers write UTC without saying so

    @property
    def name(self) -> str | None:
        """The task's name: with the setting ``result_extended``, or where this result comes from a call."""
        return self._load().get("name") or self.task

    @property
    def args(self) -> list[Any] | None:
        """What the task was called with; with the setting ``result_extended``. So are `kwargs`, `worker`, `retries` and
        `queue`."""
        return self._load().get("args")

    @property
    def kwargs(self) -> dict[str, Any] | None:
        return self._load().get("kwargs")

    @property
    def worker(self) -> str | None:
        """The worker that ran it."""
        return self._load().get("worker")

    @property
    def retries(self) -> int | None:
        """How often it had been retried."""
        return self._load().get("retries")

    @property
    def queue(self) -> str | None:
        """The queue that it came from."""
        return self._load().get("queue")

    def ready(self) -> bool:
        """Whether the task has ended."""
        return self.state in states.READY_STATES

    def successful(self) -> bool:
        return self.state == states.SUCCESS

    def failed(self) -> bool:
        return self.state == states.FAILURE

    def maybe_throw(self, propagate: bool = True, callback: Callable[[str, Any], object] | None = None) -> Any:
        """Raise the task's error if it has failed; else what there is of a value, without waiting."""
        document = self._load()
        if propagate and document["status"] in states.PROPAGATE_STATES:
            raise self._error(document)
        value = self._result_of(document)
        if callback is not None:
            callback(self.id, value)
        return value

    maybe_reraise = maybe_throw

    # the graph

    @property
    def children(self) -> list[AsyncResult[Any] | GroupResult[Any]]:
        """The results of what the task has called, and of what has followed it; empty before it has ended."""
        return [result_from_tuple(child, self.app) for child in self._load().get("children") or ()]

    def iterdeps(self, intermediate: bool = False) -> Iterator[tuple[AsyncResult[Any] | None, AsyncResult[Any]]]:
        """This result and all that came of it, each with the one that it came from, in the order of levels.

        Raises:
            IncompleteStream: one of them has not ended, so that more may come; not with `intermediate`.
        """
        return iterdeps(self, intermediate)

    def collect(
        self, intermediate: bool = False, timeout: float | None = None, propagate: bool = True
    ) -> Iterator[tuple[AsyncResult[Any], Any]]:
        """This result and all that came of it, each with its value, for which it waits.

        Raises:
            IncompleteStream: see `iterdeps`.
        """
        self.get(timeout, propagate=False)
        for _, node in self.iterdeps(intermediate=True):
            if not intermediate and not node.ready():
                node.get(timeout, propagate=False)
            yield node, node.get(timeout, propagate)

    def build_graph(self, intermediate: bool = False) -> DependencyGraph[str]:
        """The ids of the whole workflow and what each waited for: from its first step on, wherever this one is in it.

        Raises:
            IncompleteStream: see `iterdeps`.
        """
        from celeriac.canvas.graph import graph_of

        return graph_of(self, intermediate)

    @property
    def graph(self) -> DependencyGraph[str]:
        """`build_graph` of what has ended."""
        return self.build_graph(intermediate=True)

    def as_tuple(self) -> tuple[Any, ...]:
        """As JSON can have it, in Celery's form: ``((id, parent), None)``; `celeriac.result.result_from_tuple` is the
        way back."""
        return (self.id, self.parent.as_tuple() if self.parent is not None else None), None

    def as_list(self) -> list[str]:
        """Its id, and those of its parents."""
        return [self.id, *(self.parent.as_list() if self.parent is not None else ())]

    # acting

    def revoke(self, terminate: bool = False, signal: str | int = "SIGTERM") -> None:
        """Keep the task from starting in the workers that are up; with `terminate`, end it where it runs."""
        from celeriac.control import Control

        Control(self.app).revoke(self.id, terminate=terminate, signal=signal)

    def forget(self) -> None:
        """Delete the stored result."""
        self._document = None
        self.app.backend.driver.forget([self.id])

    @property
    def task_id(self) -> str:
        """Its id, by Celery's other name."""
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncResult) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.id, self.app, self.parent, self.task)

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<AsyncResult: {self.id}>"


class EagerResult(AsyncResult[R]):
    """The result of a task that ran in the caller's own process."""

    __slots__ = ()

    def __init__(self, id: str, app: Celeriac, document: Mapping[str, Any]) -> None:
        super().__init__(id, app)
        self._document = document

    async def aget(self, timeout: float | None = None, propagate: bool = True) -> R:  # noqa: ARG002 (it is here)
        return self._value(propagate)

    def _error(self, document: Mapping[str, Any]) -> BaseException:
        error = document["result"]
        return error if isinstance(error, BaseException) else super()._error(document)

    def forget(self) -> None:
        """There is nothing stored."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.id, self.app, self._document)

    def __repr__(self) -> str:
        return f"<EagerResult: {self.id}>"


from celeriac.result_set import GroupResult, ResultSet  # noqa: E402 (they are made of these)

__all__ = [
    "AsyncResult",
    "EagerResult",
    "GroupResult",
    "IncompleteStream",
    "ResultSet",
    "ResultStore",
    "allow_join_result",
    "denied_join_result",
    "refuse_join",
    "result_from_tuple",
]
