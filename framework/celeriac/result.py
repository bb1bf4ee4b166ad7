"""Results: what a caller holds of a task, and the documents in which workers leave it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from celeriac import states
from celeriac.context import current
from celeriac.errors import DecodeError, ResultTimeout, TaskRevoked
from celeriac.failure import from_document, to_document
from celeriac.specs.backend import Record

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.backend import ResultBackend
    from celeriac.waiter import Waiter

R = TypeVar("R")

_may_join: ContextVar[bool] = ContextVar("celeriac_may_join", default=False)

_SUCCESS: Final = b'{"task_id":%b,"status":"SUCCESS","result":%b,"traceback":null,"children":[],"date_done":"%b"}'
_quoted = msgspec.json.Encoder().encode

_NOTHING: dict[str, Any] = {"status": states.PENDING, "result": None, "traceback": None, "children": []}


class ResultStore:
    """The result backend of one app, with documents instead of bytes. The document is Celery's: ``task_id``,
    ``status``, ``result``, ``traceback``, ``children``, ``date_done``."""

    def __init__(self, app: Celeriac) -> None:
        from celeriac.drivers import make_backend

        self._app = app
        self.driver: ResultBackend = make_backend(app)
        conf = app.conf
        self.serializer = app.codec.serializer(conf.result_serializer)
        self._joins_parts = self.serializer.supports("json-parts")
        self._second: tuple[int, str] = (-1, "")
        """The second of the last document, and its text."""
        self._waiter: Waiter | None = None

    def encode(self, task_id: str, state: str, result: Any, traceback: str | None = None) -> bytes:
        """The document of a task's state.

        Raises:
            EncodeError: the result cannot be written by ``result_serializer``.
        """
        now = self._now()
        if state == states.SUCCESS and traceback is None and self._joins_parts and task_id.isascii():
            # The same document as below, put together in a third of the time.
            return _SUCCESS % (_quoted(task_id), self.serializer.dumps(result), now.encode())
        return self.serializer.dumps(
            {
                "task_id": task_id,
                "status": state,
                "result": result,
                "traceback": traceback,
                "children": [],
                "date_done": now,
            }
        )

    def _now(self) -> str:
        """The time as ISO 8601 has it, in UTC."""
        time_ = self._app.clock.time()
        whole = int(time_ // 1)
        second, text = self._second
        if whole != second:
            text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = whole, text
        return f"{text}.{int((time_ - whole) * 1_000_000):06d}+00:00"

    def failure(self, task_id: str, error: BaseException, traceback: str | None, state: str = states.FAILURE) -> Record:
        """The record of a failure; never fails itself."""
        return Record(task_id, state, self.encode(task_id, state, to_document(error), traceback))

    def decode(self, record: Record) -> dict[str, Any]:
        """The document in a record; one that cannot be read is a failure that says so."""
        try:
            document = self.serializer.loads(record.payload)
        except DecodeError as error:
            return {**_NOTHING, "status": states.FAILURE, "result": to_document(error)}
        return document if isinstance(document, dict) else {**_NOTHING, "status": record.state, "result": document}

    def fetch(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The documents of those of the ids that have one."""
        return {id_: self.decode(record) for id_, record in self.driver.fetch(ids).items()}

    def store_state(self, task_id: str, state: str, result: Any) -> None:
        """Store a state now."""
        context = current.get()
        reply_to = context.reply_to or "" if context is not None and context.id == task_id else ""
        self.driver.store([Record(task_id, state, self.encode(task_id, state, result), reply_to)])

    @property
    def waiter(self) -> Waiter:
        """The thread that waits for everyone who awaits; started when the first one does."""
        from celeriac.waiter import Waiter

        if self._waiter is None:
            self._waiter = Waiter(self.driver)
        return self._waiter

    def close(self) -> None:
        if self._waiter is not None:
            self._waiter.stop()
            self._waiter = None
        self.driver.close()


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
        self._document: dict[str, Any] | None = None

    # waiting

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,  # noqa: ARG002 (Celery's)
        disable_sync_subtasks: bool = True,
    ) -> R:
        """Wait for the task and return its value. `interval` is taken and not needed: the store wakes us.

        Raises:
            ResultTimeout: it was not ready within `timeout` seconds.
            Exception: the task's own, when it failed (TaskFailed, where its class is not known here).
        """
        if disable_sync_subtasks:
            refuse_join()
        self._wait(timeout)
        return self._value(propagate)

    def wait(self, timeout: float | None = None, propagate: bool = True, interval: float | None = None) -> R:
        """The same as `get`."""
        return self.get(timeout, propagate, interval)

    async def aget(self, timeout: float | None = None, propagate: bool = True) -> R:
        """`get` for coroutines: the event loop goes on meanwhile."""
        if self._document is None:
            record = await self.app.backend.waiter.wait(self.id, timeout)
            if record is None:
                raise ResultTimeout(f"task {self.id} was not ready within {timeout} s")
            self._document = self.app.backend.decode(record)
        return self._value(propagate)

    def __await__(self) -> Generator[Any, None, R]:
        return self.aget().__await__()

    def _wait(self, timeout: float | None) -> None:
        if self._document is not None:
            return
        store = self.app.backend
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            ready = store.driver.wait([self.id], left)
            if self.id in ready:
                self._document = store.decode(ready[self.id])
                return
            if left == 0:
                raise ResultTimeout(f"task {self.id} was not ready within {timeout} s")

    def _value(self, propagate: bool) -> R:
        document = self._load()
        if propagate and document["status"] in states.PROPAGATE_STATES:
            raise self._error(document)
        return self._result_of(document)  # type: ignore[no-any-return]

    # looking

    def _load(self) -> dict[str, Any]:
        """The document now; kept once the state is final."""
        if self._document is not None:
            return self._document
        document = self.app.backend.fetch([self.id]).get(self.id, _NOTHING)
        if document["status"] in states.READY_STATES:
            self._document = document
        return document

    def _result_of(self, document: dict[str, Any]) -> Any:
        return self._error(document) if document["status"] in states.EXCEPTION_STATES else document["result"]

    def _error(self, document: dict[str, Any]) -> BaseException:
        if document["status"] == states.REVOKED and not isinstance(document["result"], dict):
            return TaskRevoked(str(document["result"] or "revoked"))
        packages = {type(task).__module__.partition(".")[0] for task in self.app.tasks.values()}
        error = from_document(document["result"], packages)
        if document.get("traceback"):
            error.add_note(f"The task's own traceback, from its worker:\n{document['traceback'].rstrip()}")
        return error

    @property
    def state(self) -> str:
        """PENDING, STARTED, RETRY, SUCCESS, FAILURE, REVOKED, or one of the task's own."""
        return self._load()["status"]  # type: ignore[no-any-return]

    status = state

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
        return datetime.fromisoformat(text) if text else None

    def ready(self) -> bool:
        """Whether the task has ended."""
        return self.state in states.READY_STATES

    def successful(self) -> bool:
        return self.state == states.SUCCESS

    def failed(self) -> bool:
        return self.state == states.FAILURE

    # acting

    def revoke(self, terminate: bool = False, signal: str | int = "SIGTERM") -> None:
        """Keep the task from starting in the workers that are up; with `terminate`, end it where it runs."""
        from celeriac.control import Control

        Control(self.app).revoke(self.id, terminate=terminate, signal=signal)

    def forget(self) -> None:
        """Delete the stored result."""
        self._document = None
        self.app.backend.driver.forget([self.id])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncResult) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<AsyncResult: {self.id}>"


class EagerResult(AsyncResult[R]):
    """The result of a task that ran in the caller's own process."""

    __slots__ = ()

    def __init__(self, id: str, app: Celeriac, document: dict[str, Any]) -> None:
        super().__init__(id, app)
        self._document = document

    async def aget(self, timeout: float | None = None, propagate: bool = True) -> R:  # noqa: ARG002 (it is here)
        return self._value(propagate)

    def _error(self, document: dict[str, Any]) -> BaseException:
        error = document["result"]
        return error if isinstance(error, BaseException) else super()._error(document)

    def forget(self) -> None:
        """There is nothing stored."""

    def __repr__(self) -> str:
        return f"<EagerResult: {self.id}>"


class GroupResult(Generic[R]):
    """The results of a group, in the order of its members."""

    __slots__ = ("app", "id", "parent", "results")

    def __init__(
        self,
        id: str,
        results: list[AsyncResult[R]],
        app: Celeriac,
        parent: AsyncResult[Any] | GroupResult[Any] | None = None,
    ) -> None:
        self.id = id
        self.results = results
        self.app = app
        self.parent = parent

    def get(self, timeout: float | None = None, propagate: bool = True, disable_sync_subtasks: bool = True) -> list[R]:
        """Wait for all members and return their values in order.

        Raises:
            ResultTimeout: not all were ready within `timeout` seconds.
            Exception: the first failed member's own, unless `propagate` is off (then it stands in the list).
        """
        if disable_sync_subtasks:
            refuse_join()
        deadline = None if timeout is None else time.monotonic() + timeout
        waiting = {result.id: result for result in self.results if result._document is None}  # noqa: SLF001
        store = self.app.backend
        while waiting:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            for id_, record in store.driver.wait(list(waiting), left).items():
                result = waiting.pop(id_)
                result._document = store.decode(record)  # noqa: SLF001
                if propagate and record.state in states.PROPAGATE_STATES:
                    result._value(propagate)  # noqa: SLF001
            if waiting and left == 0:
                raise ResultTimeout(f"{len(waiting)} of {len(self.results)} members were not ready within {timeout} s")
        return [result._value(propagate) for result in self.results]  # noqa: SLF001

    join = get

    async def aget(self, timeout: float | None = None, propagate: bool = True) -> list[R]:
        """`get` for coroutines."""
        import asyncio

        async with asyncio.timeout(timeout):
            return list(await asyncio.gather(*(result.aget(None, propagate) for result in self.results)))

    def __await__(self) -> Generator[Any, None, list[R]]:
        return self.aget().__await__()

    async def __aiter__(self) -> AsyncIterator[AsyncResult[R]]:
        """The members as they finish."""
        import asyncio

        async def finished(result: AsyncResult[R]) -> AsyncResult[R]:
            await result.aget(propagate=False)
            return result

        for next_one in asyncio.as_completed([finished(result) for result in self.results]):
            yield await next_one

    def completed_count(self) -> int:
        """How many members have succeeded."""
        documents = self.app.backend.fetch([result.id for result in self.results])
        return sum(document["status"] == states.SUCCESS for document in documents.values())

    def ready(self) -> bool:
        documents = self.app.backend.fetch([result.id for result in self.results])
        return len(documents) == len(self.results) and all(
            document["status"] in states.READY_STATES for document in documents.values()
        )

    def successful(self) -> bool:
        return self.completed_count() == len(self.results)

    def failed(self) -> bool:
        """Whether any member has failed."""
        documents = self.app.backend.fetch([result.id for result in self.results])
        return any(document["status"] == states.FAILURE for document in documents.values())

    def revoke(self, terminate: bool = False, signal: str | int = "SIGTERM") -> None:
        """Revoke every member."""
        from celeriac.control import Control

        Control(self.app).revoke([result.id for result in self.results], terminate=terminate, signal=signal)

    def forget(self) -> None:
        """Delete the stored results of all members."""
        self.app.backend.driver.forget([result.id for result in self.results])

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[AsyncResult[R]]:
        return iter(self.results)

    def __getitem__(self, index: int) -> AsyncResult[R]:
        return self.results[index]

    def __repr__(self) -> str:
        return f"<GroupResult: {self.id} [{len(self.results)}]>"


def refuse_join() -> None:
    """Raise when a running task waits for another: with all slots waiting, nothing could run what they wait for."""
    context = current.get()
    if context is not None and not context.called_directly and not context.is_eager and not _may_join.get():
        raise RuntimeError(
            f"task {context.task} waits for another task's result, which can block a worker for ever; "
            "use a chain or a chord, or get(disable_sync_subtasks=False)"
        )


@contextmanager
def allow_join_result() -> Iterator[None]:
    """Within it, a task may wait for another's result, on the caller's own responsibility."""
    token = _may_join.set(True)
    try:
        yield
    finally:
        _may_join.reset(token)
