"""The result backend of one app, with documents instead of bytes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from celeriac import states
from celeriac.context import current
from celeriac.errors import BackendDown, ContentDisallowed, DecodeError, EncodeError
from celeriac.failure import plainer, to_document
from celeriac.specs.backend import Record

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.context import Context
    from celeriac.message import Publication
    from celeriac.specs.backend import ResultBackend
    from celeriac.waiter import Waiter

T = TypeVar("T")

_MOMENT: Final = b"%b.%06d+00:00"
_SUCCESS: Final = (
    b'{"task_id":%b,"status":"SUCCESS","result":%b,"traceback":null,"children":[],"date_done":"' + _MOMENT + b'"}'
)
_quoted = msgspec.json.Encoder().encode

NOTHING: Final[Mapping[str, Any]] = {
    "status": states.PENDING,
    "result": None,
    "traceback": None,
    "children": [],
}
"""The document of a task of which nothing is stored."""


class _Retries(NamedTuple):
    """How a store that is away is asked again."""

    most: float
    base: float
    longest: float

    @classmethod
    def of(cls, app: Celeriac) -> _Retries:
        conf = app.conf
        if not conf.result_backend_always_retry:
            return cls(0, 0, 0)
        most = math.inf if conf.result_backend_max_retries is None else conf.result_backend_max_retries
        base, longest = (
            conf.result_backend_base_sleep_between_retries_ms,
            conf.result_backend_max_sleep_between_retries_ms,
        )
        return cls(most, base / 1000, longest / 1000)

    def through(self, step: Callable[[float | None], T], timeout: float | None) -> T:
        """Do a step, which takes the seconds that are left, until the store answers or the time is up."""
        if not self.most:
            return step(timeout)
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        number = 0
        while True:
            try:
                return step(None if timeout is None else max(deadline - time.monotonic(), 0))
            except BackendDown:
                if number >= self.most or time.monotonic() >= deadline:
                    raise
            time.sleep(min(self.base * 2 ** min(number, 30), self.longest, max(deadline - time.monotonic(), 0)))
            number += 1


class ResultStore:
    """The document is Celery's: ``task_id``, ``status``, ``result``, ``traceback``, ``children``, ``date_done``; with
    the setting ``result_extended`` also what was called, and where it ran."""

    def __init__(self, app: Celeriac) -> None:
        from celeriac.drivers import make_backend

        self._app = app
        self.driver: ResultBackend = make_backend(app)
        conf = app.conf
        self.serializer = app.codec.serializer(conf.result_serializer)
        accept = conf.result_accept_content
        self._is_accepted = accept is None or self.serializer.content_type in app.codec.accepted(accept)
        self.is_extended: bool = conf.result_extended
        self._joins_parts = self.serializer.supports("json-parts")
        self._time = app.clock.time
        self._second: tuple[int, bytes] = (-1, b"")
        """The second of the last document, and its text."""
        self._waiter: Waiter | None = None
        self._retries = _Retries.of(app)

    # writing

    def encode(
        self, task_id: str, state: str, result: Any, traceback: str | None = None, context: Context | None = None
    ) -> bytes:
        """The document of a task's state. `context` is the run that has come to it: its children are noted, and with
        ``result_extended`` more of it.

        Raises:
            EncodeError: the result cannot be written by ``result_serializer``.
        """
        has_more = context is not None and (self.is_extended or context.has_children)
        if state == states.SUCCESS and traceback is None and not has_more and self._joins_parts and task_id.isascii():
            # The same document as below, put together in a third of the time.
            second, micros = self._now()
            return _SUCCESS % (_quoted(task_id), self.serializer.dumps(result), second, micros)
        document = {
            "task_id": task_id,
            "status": state,
            "result": result,
            "traceback": traceback,
            "children": [],
            "date_done": self._now_as_text(),
        }
        if context is not None and has_more:
            document |= self._more(context)
        return self.serializer.dumps(document)

    def _more(self, context: Context) -> dict[str, Any]:
        more: dict[str, Any] = {"children": [child.as_tuple() for child in context.children]}
        if context.parent_id:
            more["parent_id"] = context.parent_id
        if self.is_extended:
            more |= {
                "name": context.task,
                "args": context.args,
                "kwargs": context.kwargs,
                "worker": context.hostname,
                "retries": context.retries,
                "queue": context.queue,
            }
            if context.stamped_headers:
                more |= {"stamped_headers": context.stamped_headers, "stamps": context.stamps}
        return more

    def _now_as_text(self) -> str:
        return (_MOMENT % self._now()).decode()

    def _now(self) -> tuple[bytes, int]:
        """The time as ISO 8601 has it, in UTC, up to the second; and the microseconds."""
        time_ = self._time()
        whole = math.floor(time_)
        second, text = self._second
        if whole != second:
            text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
            self._second = whole, text
        return text, int((time_ - whole) * 1_000_000)

    def failure(
        self,
        task_id: str,
        error: BaseException,
        traceback: str | None,
        state: str = states.FAILURE,
        context: Context | None = None,
    ) -> Record:
        """The record of a failure; never fails itself."""
        document = to_document(error)
        try:
            payload = self.encode(task_id, state, document, traceback, context)
        except EncodeError:  # what the exception holds is not for this serializer; its text is
            payload = self.encode(task_id, state, plainer(document), plainer(traceback), context)
        return Record(task_id, state, payload)

    def store_state(self, task_id: str, state: str, result: Any) -> None:
        """Store a state now."""
        context = current.get()
        own = context if context is not None and context.id == task_id else None
        reply_to = own.reply_to or "" if own is not None else ""
        payload = self.encode(task_id, state, result, None, own if self.is_extended else None)
        self.driver.store([Record(task_id, state, payload, reply_to)])

    def store_queued(self, batch: Sequence[Publication]) -> None:
        """Note that these are called, before they are: later it would overwrite what a worker has stored."""
        records = []
        for publication in batch:
            headers = publication.message.headers
            if headers.get("task") and not headers.get("retries") and not headers.get("ignore_result"):
                meta = {"queue": publication.queue, "queued": self._now_as_text()}
                records.append(Record(headers["id"], states.QUEUED, self.encode(headers["id"], states.QUEUED, meta)))
        if records and self.driver.supports("shared"):
            self.driver.store(records)

    # reading

    def decode(self, record: Record) -> dict[str, Any]:
        """The document in a record; one that cannot be read, or must not be, is a failure that says so."""
        try:
            if not self._is_accepted:
                raise ContentDisallowed(
                    f"results are {self.serializer.content_type!r} (setting result_serializer), which is not accepted "
                    "here (setting result_accept_content); this one was not decoded"
                )
            document = self.serializer.loads(record.payload)
        except DecodeError as error:
            return {**NOTHING, "status": states.FAILURE, "result": to_document(error)}
        return document if isinstance(document, dict) else {**NOTHING, "status": record.state, "result": document}

    def fetch(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The documents of those of the ids that have one."""
        return {id_: self.decode(record) for id_, record in self.look(ids).items()}

    def look(self, ids: Sequence[str]) -> dict[str, Record]:
        """The records of those of the ids that have one."""
        return self._retries.through(lambda _: self.driver.fetch(ids), None)

    # waiting

    def wait(self, ids: Sequence[str], timeout: float | None) -> dict[str, Record]:
        """`ResultBackend.wait`, which with ``result_backend_always_retry`` outlasts a store that is away."""
        return self._retries.through(lambda left: self.driver.wait(ids, left), timeout)

    @property
    def waiter(self) -> Waiter:
        """The thread that waits for everyone who awaits; started when the first one does."""
        from celeriac.waiter import Waiter

        if self._waiter is None:
            self._waiter = Waiter(self.driver, self.wait)
        return self._waiter

    def when_ready(self, task_id: str, call: Callable[[Record], object]) -> None:
        """Call back, in the waiting thread, once the task has ended."""
        self.waiter.when_ready(task_id, call)

    def close(self) -> None:
        if self._waiter is not None:
            self._waiter.stop()
            self._waiter = None
        self.driver.close()
