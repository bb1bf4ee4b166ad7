"""Which app is meant where none is named, and which tasks belong to every app."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celeriac.context import current
from celeriac.current import apps
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.local import Proxy

if TYPE_CHECKING:
    from celeriac_contrib.celery.app.base import Celery

__all__ = (
    "set_default_app",
    "get_current_app",
    "get_current_task",
    "get_current_worker_task",
    "current_app",
    "current_task",
    "connect_on_app_finalize",
)


class _Apps(threading.local):
    """What one thread has set."""

    current: Celery | None = None


class _Everywhere:
    """What holds for the process. Celery's API is built upon it, so it cannot be passed around instead."""

    def __init__(self) -> None:
        self.default: Celery | None = None
        self.last: Celery | None = None
        """The app that was made last: meant in threads that have set none. (In Celery it is one without settings.)"""
        self.apps: weakref.WeakSet[Celery] = weakref.WeakSet()
        self.shared: list[Callable[[Celery], Any]] = []
        self.here = _Apps()


_everywhere = _Everywhere()


def get_current_app() -> Celery:
    """The app of this thread, the default one, or the one made last; where there is none, one is made."""
    found = _everywhere.here.current or _everywhere.default or _everywhere.last
    if found is None:
        from celeriac_contrib.celery.app.base import Celery

        found = Celery("default", fixups=[], set_as_current=False)
        set_default_app(found)
    return found


def set_default_app(app: Celery | None) -> None:
    """Mean this app where a thread has set none."""
    _everywhere.default = app


def _set_current_app(app: Celery | None) -> None:
    _everywhere.here.current = app
    _everywhere.last = app or _everywhere.last


def _forget_app(app: Celery) -> None:
    """The app is closed: it is meant no more."""
    if _everywhere.here.current is app:
        _everywhere.here.current = None
    if _everywhere.last is app:
        _everywhere.last = None
    if _everywhere.default is app:
        _everywhere.default = None
    _everywhere.apps.discard(app)


@contextmanager
def kept() -> Iterator[None]:
    """Afterwards the current and the default app are what they were; for tests."""
    before = _everywhere.here.current, _everywhere.default, _everywhere.last
    natively = getattr(apps._of_thread, "app", None), apps._default
    try:
        yield
    finally:
        _everywhere.here.current, _everywhere.default, _everywhere.last = before
        apps.set_current(natively[0])
        apps.set_default(natively[1])


@contextmanager
def only(app: Any) -> Iterator[None]:
    """Within it, this is the app that everybody means; for tests."""
    with kept():
        _everywhere.here.current = _everywhere.default = _everywhere.last = app
        yield


def app_or_default(app: Celery | None = None) -> Celery:
    """The app that is given, or the current one."""
    return get_current_app() if app is None else app


def connect_on_app_finalize(callback: Callable[[Celery], Any]) -> Callable[[Celery], Any]:
    """Call the function with every app there is, and with each that will be made."""
    _everywhere.shared.append(callback)
    for app in list(_everywhere.apps):
        callback(app)
    return callback


def _register_app(app: Celery) -> None:
    _everywhere.apps.add(app)
    for callback in _everywhere.shared:
        callback(app)


def _get_active_apps() -> list[Celery]:
    return list(_everywhere.apps)


def get_current_task() -> Any:
    """The task that runs in this thread or asyncio task, or None."""
    context = current.get()
    return None if context is None else get_current_app().tasks.get(context.task)


get_current_worker_task = get_current_task


def push_current_task(task: Any) -> Any:
    """Celery's way to set what `current_task` is; a run sets it here by itself."""
    return task


def pop_current_task() -> Any:
    """The other half of `push_current_task`."""
    return get_current_task()


def enable_trace() -> None:
    """Nothing: apps are not traced here."""


disable_trace = enable_trace

current_app: Any = Proxy(get_current_app)
tasks: Any = Proxy(lambda: get_current_app().tasks)
current_task: Any = Proxy(get_current_task)

__getattr__ = absent(__name__)
