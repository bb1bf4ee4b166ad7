"""Which app is meant where none is named: `current_app` and `shared_task`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload
from weakref import WeakKeyDictionary, WeakSet

from celeriac.errors import ConfigurationError

if TYPE_CHECKING:
    from celeriac.app import BoundDecorator, Celeriac, Decorator
    from celeriac.task import AsyncTask, Task

P = ParamSpec("P")
R = TypeVar("R")


class Apps:
    """The apps of this process, and the tasks that all of them have.

    A library that defines tasks cannot know its app, and the app cannot know the libraries: somebody must remember the
    one until the other comes. That is this object; there is one of it in a process, made below, and apps are held
    weakly. `set_default` and `set_current` are the only ways to change which app is meant.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._alive: WeakSet[Celeriac] = WeakSet()
        self._of_thread = threading.local()
        self._default: Celeriac | None = None
        self._shared: list[SharedTask] = []

    def add(self, app: Celeriac) -> None:
        """An app has been made."""
        with self._lock:
            self._alive.add(app)

    def set_current(self, app: Celeriac | None) -> None:
        """The app that this thread means."""
        self._of_thread.app = app

    def set_default(self, app: Celeriac | None) -> None:
        """The app that threads mean that have none of their own."""
        self._default = app

    def current(self) -> Celeriac:
        """The thread's app, else the default, else the only one that there is.

        Raises:
            ConfigurationError: there is none, or there are several to choose from.
        """
        if os.environ.get("C_STRICT_APP"):
            raise ConfigurationError("the current app was asked for, and C_STRICT_APP forbids that: pass the app along")
        app = getattr(self._of_thread, "app", None) or self._default
        if app is not None:
            return app
        with self._lock:
            alive = list(self._alive)
        if len(alive) == 1:
            return alive[0]
        if not alive:
            raise ConfigurationError("there is no app yet; make one (Celeriac('proj')), or import the module that does")
        names = ", ".join(sorted(repr(other.main) for other in alive))
        raise ConfigurationError(
            f"there are several apps ({names}) and none is this thread's; say app.set_default() once"
        )

    def share(self, task: SharedTask) -> None:
        """A task for every app, now and later."""
        with self._lock:
            self._shared.append(task)
            finalized = [app for app in self._alive if app.finalized]
        for app in finalized:
            task.register(app)

    def shared(self) -> list[SharedTask]:
        """The tasks that every app has."""
        with self._lock:
            return list(self._shared)

    def unshare(self, task: SharedTask) -> None:
        """Apps that are made from now on do not get it."""
        with self._lock:
            if task in self._shared:
                self._shared.remove(task)


class SharedTask:
    """Stands for the task of whichever app is current when it is used."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.__wrapped__ = function
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self._options = options
        self._tasks: WeakKeyDictionary[Celeriac, Task[..., Any]] = WeakKeyDictionary()

    def register(self, app: Celeriac) -> Task[..., Any]:
        """The task in that app, made at the first time."""
        task = self._tasks.get(app)
        if task is None:
            task = self._tasks[app] = app.task(**self._options)(self.__wrapped__)
        return task

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it here and now, as a plain function."""
        return self.register(apps.current())(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.register(apps.current()), name)

    def __repr__(self) -> str:
        return f"<@shared_task: {self.__module__}.{self.__name__}>"


apps = Apps()


class _CurrentApp:
    """Passes everything on to the app that is current at that moment."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(apps.current(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(apps.current(), name, value)

    def __eq__(self, other: object) -> bool:
        return apps.current() is other

    def __hash__(self) -> int:
        return hash(apps.current())

    def __repr__(self) -> str:
        return f"<the current app: {apps.current()!r}>"


if TYPE_CHECKING:
    current_app: Celeriac
else:
    current_app = _CurrentApp()


def app_or_default(app: Celeriac | None = None) -> Celeriac:
    """The app that is given, else the current one."""
    return apps.current() if app is None else app


@overload
def shared_task(function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
@overload
def shared_task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def shared_task(*, bind: Literal[True], **options: Any) -> BoundDecorator: ...
@overload
def shared_task(*, bind: Literal[False] = False, **options: Any) -> Decorator: ...
def shared_task(*functions: Any, **options: Any) -> Any:
    """A task of every app that exists or is made later; takes the options of `Celeriac.task`. What it returns is the
    task of the app that is current when it is used."""

    def share(function: Callable[..., Any]) -> SharedTask:
        task = SharedTask(function, options)
        apps.share(task)
        return task

    return share(*functions) if functions else share
