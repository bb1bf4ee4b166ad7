"""The tasks that Celery's clients and canvas count on in every worker, under Celery's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from celeriac.relay import RELAY

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.task import Task

POLL = 1.0
"""Seconds between two looks of ``celery.chord_unlock``, which only clients of other systems call."""


def make_builtin(app: Celeriac, name: str) -> Task[..., Any]:
    """Register one of these tasks with the app."""
    made: Task[..., Any] = app.task(name=name, **_OPTIONS.get(name, {}))(_TASKS[name](app))
    return made


def _backend_cleanup(app: Celeriac) -> Callable[..., Any]:
    def backend_cleanup() -> None:
        """Delete the results that have expired."""
        app.backend.driver.sweep()

    return backend_cleanup


def _accumulate(_: Celeriac) -> Callable[..., Any]:
    def accumulate(*args: Any, **kwargs: Any) -> Any:
        """Hand on what it is given, or the one at ``index``."""
        index = kwargs.get("index")
        return args if index is None else args[index]

    return accumulate


def _map(app: Celeriac) -> Callable[..., Any]:
    def xmap(task: Mapping[str, Any], it: Iterable[Any]) -> list[Any]:
        """Call a task here, with each item in turn."""
        return [_called(app, task, (item,)) for item in it]

    return xmap


def _starmap(app: Celeriac) -> Callable[..., Any]:
    def xstarmap(task: Mapping[str, Any], it: Iterable[Iterable[Any]]) -> list[Any]:
        """Call a task here, with each list of arguments in turn."""
        return [_called(app, task, tuple(item)) for item in it]

    return xstarmap


def _chunks(app: Celeriac) -> Callable[..., Any]:
    def chunks(task: Mapping[str, Any], it: Iterable[Any], n: int) -> list[Any]:
        """Call a task with each list of arguments, in tasks of `n` calls each; the ids of those."""
        from itertools import islice

        from celeriac.canvas import group

        rest = iter(it)
        parts = iter(lambda: list(islice(rest, n)), [])
        called = group([app.signature("celery.starmap", (), {"task": dict(task), "it": part}) for part in parts])
        return [result.id for result in called.bound_to(app).apply_async()]

    return chunks


def _group(app: Celeriac) -> Callable[..., Any]:
    def xgroup(
        tasks: Iterable[Mapping[str, Any]],
        result: Any = None,  # noqa: ARG001 (Celery's)
        group_id: str | None = None,
        partial_args: Iterable[Any] = (),
        **_: Any,
    ) -> list[Any]:
        """Call the members of a group; their ids. `result` is the group's in Celery's form: the ids are in the members
        already."""
        from celeriac.canvas import group, signature

        members = [signature(task, app) for task in tasks]
        whole = group(members, **({"task_id": group_id} if group_id else {})).bound_to(app)
        return [member.id for member in whole.apply_async(tuple(partial_args))]

    return xgroup


def _chain(app: Celeriac) -> Callable[..., Any]:
    def xchain(self: Task[..., Any], *args: Any, tasks: Iterable[Mapping[str, Any]], **_: Any) -> Any:
        """Run the steps in place of this task: its result is that of the last one."""
        from celeriac.canvas import chain, signature

        return self.replace(chain(*(signature(task, app) for task in tasks)).clone(args))

    return xchain


def _chord(app: Celeriac) -> Callable[..., Any]:
    def xchord(
        self: Task[..., Any],
        header: Any,
        body: Mapping[str, Any],
        partial_args: Iterable[Any] = (),
        **_: Any,
    ) -> Any:
        """Run a chord in place of this task: its result is that of the body."""
        from celeriac.canvas import chord, group, signature

        members: Any = signature(header, app) if isinstance(header, Mapping) else None
        if members is None:
            members = group([signature(task, app) for task in header])
        return self.replace(chord(members, signature(body, app)).clone(tuple(partial_args)))

    return xchord


def _chord_unlock(app: Celeriac) -> Callable[..., Any]:
    def chord_unlock(
        self: Task[..., Any],
        group_id: str,  # noqa: ARG001 (Celery's)
        callback: Mapping[str, Any],
        interval: float | None = None,
        max_retries: int | None = None,
        result: Iterable[Any] = (),
        **_: Any,
    ) -> None:
        """Call the body of a chord once the members have ended. Our own chords need none of it: they are counted."""
        from celeriac import states
        from celeriac.canvas import signature
        from celeriac.errors import ChordError
        from celeriac.failure import describe, from_document
        from celeriac.worker.join import fail

        ids = [_id_of(member) for member in result]
        documents = app.backend.fetch(ids)
        if any(documents.get(id_, {}).get("status") not in states.READY_STATES for id_ in ids):
            raise self.retry(countdown=interval or POLL, max_retries=max_retries)
        body = signature(callback, app)
        failed = next((id_ for id_ in ids if documents[id_]["status"] != states.SUCCESS), None)
        if failed is None:
            body.apply_async(([documents[id_]["result"] for id_ in ids],))
            return
        error = ChordError(f"Dependency {failed} raised {describe(from_document(documents[failed]['result']))}")
        body.fix()
        completed = fail(app, body, error)
        app.caller.publish(completed.publications)
        completed.close(app)

    return chord_unlock


def _relay(app: Celeriac) -> Callable[..., Any]:
    def relay(group: str) -> None:
        """Call the body of a chord whose last member another system's worker has counted: its messages name us, as the
        body is too large to be in each of them."""
        from celeriac.worker.join import JOIN_LEASE, complete

        record = app.backend.driver.join_relayed(group, JOIN_LEASE)
        if record is not None:
            completed = complete(app, group, record)
            app.caller.publish(completed.publications)
            completed.close(app)

    return relay


def _called(app: Celeriac, task: Mapping[str, Any], args: tuple[Any, ...]) -> Any:
    from celeriac.canvas import signature

    return signature(task, app)(*args)


def _id_of(member: Any) -> str:
    """Of a result as Celery writes it: ``[[id, parent], children]``."""
    while not isinstance(member, str):
        member = member[0]
    return str(member)


_TASKS: Final[Mapping[str, Callable[[Any], Callable[..., Any]]]] = {
    "celery.backend_cleanup": _backend_cleanup,
    "celery.accumulate": _accumulate,
    "celery.chord_unlock": _chord_unlock,
    "celery.map": _map,
    "celery.starmap": _starmap,
    "celery.chunks": _chunks,
    "celery.group": _group,
    "celery.chain": _chain,
    "celery.chord": _chord,
    RELAY: _relay,
}
_OPTIONS: Final[Mapping[str, dict[str, Any]]] = {
    "celery.backend_cleanup": {"ignore_result": True},
    "celery.chord_unlock": {"bind": True, "max_retries": None, "ignore_result": True, "default_retry_delay": POLL},
    "celery.chain": {"bind": True},
    "celery.chord": {"bind": True},
    RELAY: {"ignore_result": True},
}

NAMES: Final = frozenset(_TASKS)
