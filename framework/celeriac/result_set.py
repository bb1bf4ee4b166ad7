"""Results of many tasks, and how they are written down."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from celeriac import states
from celeriac.errors import ResultTimeout
from celeriac.joining import refuse_join
from celeriac.result import AsyncResult
from celeriac.result_graph import iterdeps, result_from_tuple
from celeriac.specs.backend import Record

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.canvas.graph import DependencyGraph

R = TypeVar("R")

FEW = 16
"""So many are waited for by name. Of more, one is waited for, and the others are looked at as time goes by: to be told
of each would cost more than the results."""
_FIRST_LOOK, _LOOK_PER_RESULT = 0.01, 0.00002
"""Seconds between two looks at many: at least, and for each that is looked at."""
SAVED = "celeriac.group."
"""What the id of a saved group's record begins with."""


class ResultSet(Generic[R]):
    """Results that are waited for together, in an order of their own."""

    __slots__ = ("app", "results")

    def __init__(self, results: Iterable[AsyncResult[R]], app: Celeriac | None = None) -> None:
        self.results = list(results)
        self.app: Celeriac = app or self.results[0].app if app or self.results else None  # type: ignore[assignment]

    # members

    def add(self, result: AsyncResult[R]) -> None:
        """Add a result, if it is not there."""
        if result not in self.results:
            self.results.append(result)
            self.app = self.app or result.app

    def remove(self, result: AsyncResult[R] | str) -> None:
        """Take a result (or the one of that id) out.

        Raises:
            KeyError: it is not there.
        """
        id_ = str(result)
        kept = [each for each in self.results if each.id != id_]
        if len(kept) == len(self.results):
            raise KeyError(id_)
        self.results = kept

    def discard(self, result: AsyncResult[R] | str) -> None:
        """Take a result out, if it is there."""
        self.results = [each for each in self.results if each.id != str(result)]

    def update(self, results: Iterable[AsyncResult[R]]) -> None:
        """Add those that are not there."""
        for result in results:
            self.add(result)

    def clear(self) -> None:
        """Take all out."""
        self.results = []

    # waiting

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,  # noqa: ARG002 (Celery's)
        callback: Callable[[str, R], object] | None = None,
        no_ack: bool = True,  # noqa: ARG002 (Celery's)
        on_message: Callable[[Any], object] | None = None,
        disable_sync_subtasks: bool = True,
        on_interval: Callable[[], object] | None = None,
    ) -> list[R]:
        """Wait for all and return their values in order.

        `callback` is called with id and value of each, in order; `on_message` with the document of each as it comes;
        `on_interval` whenever it was waited in vain for a while. `interval` and `no_ack` are taken and not needed.

        Raises:
            ResultTimeout: not all were ready within `timeout` seconds.
            Exception: a failed one's own, unless `propagate` is off (then it stands in the list).
        """
        if disable_sync_subtasks:
            refuse_join()
        for result in self._as_they_come(timeout, on_interval):
            if on_message is not None:
                on_message(result._load())  # noqa: SLF001
            if propagate:
                result.maybe_throw()
        values = [result._value(propagate) for result in self.results]  # noqa: SLF001
        if callback is not None:
            for result, value in zip(self.results, values, strict=True):
                callback(result.id, value)
        return values

    join = get
    join_native = get

    def iterate(self, timeout: float | None = None, propagate: bool = True) -> Iterator[R]:
        """The values as they come."""
        for result in self._as_they_come(timeout):
            yield result._value(propagate)  # noqa: SLF001

    def iter_native(self, timeout: float | None = None) -> Iterator[tuple[str, Any]]:
        """Ids and documents as they come."""
        for result in self._as_they_come(timeout):
            yield result.id, result._load()  # noqa: SLF001

    def _as_they_come(
        self, timeout: float | None, on_interval: Callable[[], object] | None = None
    ) -> Iterator[AsyncResult[R]]:
        yield from (result for result in self.results if result._document is not None)  # noqa: SLF001
        waiting = self._waiting()
        deadline = None if timeout is None else time.monotonic() + timeout
        while waiting:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            records = self._look(waiting, left)
            yield from self._take(waiting, records)
            if not records and on_interval is not None:
                on_interval()
            if waiting and left == 0:
                raise self._too_late(len(waiting), timeout)

    def _look(self, waiting: dict[str, list[AsyncResult[R]]], left: float | None) -> dict[str, Record]:
        """What is ready of these, after a while at most."""
        store = self.app.backend
        if len(waiting) <= FEW:
            return store.wait(list(waiting), left)
        pause = _pause(len(waiting))
        store.wait([next(reversed(waiting))], pause if left is None else min(left, pause))
        return {id_: record for id_, record in store.look(list(waiting)).items() if record.state in _READY}

    def _take(self, waiting: dict[str, list[AsyncResult[R]]], records: dict[str, Record]) -> Iterator[AsyncResult[R]]:
        for id_, record in records.items():
            document = self.app.backend.decode(record)
            for result in waiting.pop(id_):
                result._document = document  # noqa: SLF001
                yield result

    def _waiting(self) -> dict[str, list[AsyncResult[R]]]:
        waiting: dict[str, list[AsyncResult[R]]] = {}
        for result in self.results:
            if result._document is None:  # noqa: SLF001
                waiting.setdefault(result.id, []).append(result)
        return waiting

    def _too_late(self, left: int, timeout: float | None) -> ResultTimeout:
        return ResultTimeout(f"{left} of {len(self.results)} results were not ready within {timeout} s")

    async def aget(self, timeout: float | None = None, propagate: bool = True) -> list[R]:
        """`get` for coroutines."""
        import asyncio

        try:
            async with asyncio.timeout(timeout):
                async for result in self:
                    if propagate:
                        result.maybe_throw()
        except TimeoutError:
            raise self._too_late(len(self._waiting()), timeout) from None
        return [result._value(propagate) for result in self.results]  # noqa: SLF001

    def __await__(self) -> Generator[Any, None, list[R]]:
        return self.aget().__await__()

    async def __aiter__(self) -> AsyncIterator[AsyncResult[R]]:
        """The results as they come, however many, with one waiter."""
        import asyncio

        for result in self.results:
            if result._document is not None:  # noqa: SLF001
                yield result
        waiting = self._waiting()
        while waiting:
            store = self.app.backend
            ids = list(waiting)
            if len(ids) <= FEW:
                records = await store.waiter.wait_any(ids, None)
            else:
                await store.waiter.wait_any(ids[-1:], _pause(len(ids)))
                found = await asyncio.to_thread(store.look, ids)
                records = {id_: record for id_, record in found.items() if record.state in _READY}
            for result in self._take(waiting, records):
                yield result

    def then(self, callback: Callable[[Self], object], on_error: Callable[[Self], object] | None = None) -> Self:
        """Call `callback` with this once all have ended; when one has failed, `on_error` instead if there is one."""
        left = {result.id for result in self.results}

        def ended(result: AsyncResult[R]) -> None:
            left.discard(result.id)
            if not left:
                (on_error if on_error is not None and self.failed() else callback)(self)

        for result in list(self.results):
            result.then(ended)
        return self

    # looking

    def _states(self) -> list[str]:
        self._refresh()
        return [result._load()["status"] for result in self.results if result._document is not None]  # noqa: SLF001

    def _refresh(self) -> None:
        """Look at all that have not ended, in one question."""
        waiting = self._waiting()
        if waiting:
            found = self.app.backend.look(list(waiting))
            records = {id_: record for id_, record in found.items() if record.state in _READY}
            deque(self._take(waiting, records), maxlen=0)

    def completed_count(self) -> int:
        """How many have succeeded."""
        return self._states().count(states.SUCCESS)

    def ready(self) -> bool:
        """Whether all have ended."""
        return len(self._states()) == len(self.results)

    def waiting(self) -> bool:
        """Whether any has not ended."""
        return not self.ready()

    def successful(self) -> bool:
        """Whether all have succeeded."""
        return self.completed_count() == len(self.results)

    def failed(self) -> bool:
        """Whether any has failed."""
        return states.FAILURE in self._states()

    def maybe_throw(self, propagate: bool = True, callback: Callable[[str, Any], object] | None = None) -> None:
        """Raise the error of one that has failed."""
        self._refresh()
        for result in self.results:
            result.maybe_throw(propagate, callback)

    maybe_reraise = maybe_throw

    @property
    def supports_native_join(self) -> bool:
        """Whether all are asked for in one question: they always are."""
        return True

    # acting

    def revoke(self, terminate: bool = False, signal: str | int = "SIGTERM") -> None:
        """Revoke every one."""
        from celeriac.control import Control

        Control(self.app).revoke([result.id for result in self.results], terminate=terminate, signal=signal)

    def forget(self) -> None:
        """Delete the stored results of all."""
        if self.results:
            self.app.backend.driver.forget([result.id for result in self.results])

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[AsyncResult[R]]:
        return iter(self.results)

    def __getitem__(self, index: int) -> AsyncResult[R]:
        return self.results[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultSet) and type(other) is type(self) and other.results == self.results

    def __hash__(self) -> int:
        return id(self)  # its members may change

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: [{', '.join(result.id for result in self.results)}]>"


class GroupResult(ResultSet[R]):
    """The results of a group, in the order of its members."""

    __slots__ = ("id", "parent")

    def __init__(
        self,
        id: str,
        results: list[AsyncResult[R]],
        app: Celeriac,
        parent: AsyncResult[Any] | GroupResult[Any] | None = None,
    ) -> None:
        super().__init__(results, app)
        self.id = id
        self.parent = parent

    @property
    def children(self) -> list[AsyncResult[R]]:
        """The results of its members."""
        return self.results

    def iterdeps(self, intermediate: bool = False) -> Iterator[tuple[AsyncResult[Any] | None, AsyncResult[Any]]]:
        """The members and all that came of them; see `AsyncResult.iterdeps`."""
        return iterdeps(self, intermediate)

    def build_graph(self, intermediate: bool = False) -> DependencyGraph[str]:
        """See `AsyncResult.build_graph`."""
        from celeriac.canvas.graph import graph_of

        return graph_of(self, intermediate)

    def as_tuple(self) -> tuple[Any, ...]:
        """As JSON can have it, in Celery's form: ``((id, parent), [members])``."""
        parent = self.parent.as_tuple() if self.parent is not None else None
        return (self.id, parent), [result.as_tuple() for result in self.results]

    def as_list(self) -> list[str]:
        """Its id, and those of its parents."""
        return [self.id, *(self.parent.as_list() if self.parent is not None else ())]

    def save(self) -> None:
        """Keep in the result store which results these are, for as long as results are kept; `app.GroupResult.restore`
        is the way back."""
        store = self.app.backend
        key = SAVED + self.id
        store.driver.forget([key])
        store.driver.store([Record(key, states.SUCCESS, store.encode(key, states.SUCCESS, self.as_tuple()))])

    def delete(self) -> None:
        """Delete what `save` has kept. The results stay."""
        self.app.backend.driver.forget([SAVED + self.id])

    @classmethod
    def restore(cls, id: str, app: Celeriac) -> GroupResult[Any] | None:
        """The group of that id as it was saved, or None."""
        document = app.backend.fetch([SAVED + id]).get(SAVED + id)
        if document is None:
            return None
        restored = result_from_tuple(document["result"], app)
        return restored if isinstance(restored, GroupResult) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GroupResult) and other.id == self.id and other.results == self.results

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        return GroupResult, (self.id, self.results, self.app, self.parent)

    def __repr__(self) -> str:
        return f"<GroupResult: {self.id} [{len(self.results)}]>"


_READY = frozenset(states.READY_STATES)


def _pause(number: int) -> float:
    return max(_FIRST_LOOK, number * _LOOK_PER_RESULT)
