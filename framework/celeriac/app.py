"""The app: where tasks, settings, drivers and hooks of one project meet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, Unpack, overload

from celeriac.clock import Clock, SystemClock
from celeriac.errors import ConfigurationError
from celeriac.nearest import did_you_mean
from celeriac.parts import Parts
from celeriac.task_registry import TaskRegistry

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from celeriac.call import CallOptions
    from celeriac.canvas import Signature
    from celeriac.message import Publication
    from celeriac.result import AsyncResult as Result
    from celeriac.result import GroupResult as Results
    from celeriac.task import AsyncTask
    from celeriac.task import Task as AnyTask

P = ParamSpec("P")
R = TypeVar("R")

_NO_OPTIONS: CallOptions = {}


class Celeriac(Parts):
    """One project's tasks and their settings.

    ::

        app = Celeriac("shop")                    # an SQLite file beside this module
        app = Celeriac("shop", broker="sqlite:///var/lib/shop/queue.db", backend="memory://")

    `main` prefixes the names of tasks that are defined in ``__main__``. `broker` and `backend` are the settings
    ``broker_url`` and ``result_backend``; other settings are given as keywords or by `config_from_object`. Nothing is
    opened, imported or read from the environment before the first use.
    """

    def __init__(
        self,
        main: str | None = None,
        *,
        broker: str | None = None,
        backend: str | None = None,
        include: Iterable[str] = (),
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(clock or SystemClock(), {"broker_url": broker, "result_backend": backend, **settings})
        self.main = main
        self.tasks = TaskRegistry(self)
        self._pending: list[Callable[[], object]] = []
        self._include = list(include)
        self._origin = sys._getframe(1).f_globals.get("__file__")  # noqa: SLF001 (the module that makes the app)
        self._entries: dict[str, Any] = {}

    # settings

    def config_from_object(self, source: Any, namespace: str | None = None) -> None:
        """Take settings from a module (or its name), an object, a class or a mapping.

        Raises:
            UnknownSetting: a name that is no setting; the text names the nearest.
        """
        from celeriac.settings import sources

        self.configured()
        sources.from_object(self.conf, source, namespace=namespace)

    def config_from_file(self, path: str | os.PathLike[str]) -> None:
        """Take settings from a TOML, JSON or Python file; of a ``pyproject.toml`` the table ``[tool.celeriac]``."""
        from celeriac.settings import sources

        self.configured()
        sources.from_file(self.conf, Path(path))

    def config_from_envvar(self, variable: str) -> None:
        """Take settings from the module or file that an environment variable names."""
        value = os.environ.get(variable)
        if not value:
            raise ConfigurationError(f"the environment variable {variable} is not set; it should name a module or file")
        if value.endswith((".toml", ".json", ".py")):
            self.config_from_file(value)
        else:
            self.config_from_object(value)

    def configured(self) -> None:
        """Settings have changed: forget what was worked out from them."""
        for name in ("codec", "caller", "routes"):
            self._parts.pop(name, None)

    @property
    def default_queue(self) -> str:
        return self.conf.task_default_queue

    @property
    def known_queues(self) -> list[str] | None:
        """The names of ``task_queues`` where other queues are refused, else None."""
        if self.conf.task_create_missing_queues or not self.conf.task_queues:
            return None
        return queue_names(self.conf.task_queues)

    @property
    def origin_folder(self) -> Path:
        """The folder of the project: the one above the top-level package (or module) that made the app."""
        if not self._origin:
            return Path.cwd()
        folder = Path(self._origin).resolve().parent
        while (folder / "__init__.py").exists():
            folder = folder.parent
        return folder

    @property
    def timezone(self) -> ZoneInfo:
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.conf.timezone)

    def localize(self, moment: datetime) -> datetime:
        """The moment with a zone: one without is in the app's ``timezone``."""
        return moment if moment.tzinfo else moment.replace(tzinfo=self.timezone)

    def now(self) -> datetime:
        """The time, in the app's ``timezone``."""
        return datetime.fromtimestamp(self.clock.time(), UTC).astimezone(self.timezone)

    # tasks

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> AnyTask[P, R]: ...
    @overload
    def task(self, *, bind: Literal[True], **options: Any) -> _BoundDecorator: ...
    @overload
    def task(self, *, bind: Literal[False] = False, **options: Any) -> _Decorator: ...
    def task(self, *functions: Any, **options: Any) -> Any:
        """Make a function a task: ``@app.task`` or ``@app.task(bind=True, max_retries=5, queue="slow")``.

        Raises:
            ConfigurationError: an option that tasks do not have, or a name that is taken by another function.
        """
        if functions:
            (function,) = functions
            return self._make_task(function, options)
        return lambda function: self._make_task(function, options)

    @property
    def Task(self) -> type[AnyTask[..., Any]]:  # noqa: N802 (Celery's name)
        """The base of class-based tasks."""
        from celeriac.task import Task

        return Task

    def _make_task(self, function: Callable[..., Any], options: dict[str, Any]) -> AnyTask[..., Any]:
        import inspect

        from celeriac.task import AsyncTask, Task

        for name in options.keys() & Task.REFUSED.keys():
            raise ConfigurationError(f"the option {name!r} of tasks is not honoured: {Task.REFUSED[name]}")
        unknown = options.keys() - Task.OPTIONS
        if unknown:
            name = sorted(unknown)[0]
            raise ConfigurationError(f"a task has no option {name!r}{did_you_mean(name, Task.OPTIONS)}")
        base = options.pop("base", None) or (AsyncTask if inspect.iscoroutinefunction(function) else Task)
        options.setdefault("name", self.gen_task_name(function.__name__, function.__module__))
        attributes = {
            **options,
            "app": self,
            "run": function if options.get("bind") else staticmethod(function),
            "__doc__": function.__doc__,
            "__module__": function.__module__,
            "__wrapped__": staticmethod(function),
        }
        task: AnyTask[..., Any] = type(function.__name__, (base,), attributes)()
        return self.register_task(task)

    def register_task(self, task: AnyTask[..., Any] | type[AnyTask[..., Any]]) -> AnyTask[..., Any]:
        """Register a class-based task; returns its instance.

        Raises:
            ConfigurationError: the name is taken by another task.
        """
        if isinstance(task, type):
            task = task()
        task.app = self
        if not task.name:
            task.name = self.gen_task_name(type(task).__name__, type(task).__module__)
        taken = self.tasks.get(task.name)
        if taken is not None and _source(taken) != _source(task):
            raise ConfigurationError(
                f"the task name {task.name!r} is taken by {_source(taken)}; give one of them a name=…"
            )
        self.tasks[task.name] = task
        task.on_bound(self)
        return task

    def gen_task_name(self, name: str, module: str) -> str:
        """The name of a task that is given none: its module and function; in ``__main__`` the app's `main`."""
        if module == "__main__":
            module = self.main or (Path(self._origin).stem if self._origin else "__main__")
        return f"{module}.{name}"

    def find_task(self, name: str) -> AnyTask[..., Any]:
        """The task of that name.

        Raises:
            NotRegistered: there is none; the text names the nearest.
        """
        return self.tasks[name]

    def autodiscover_tasks(
        self,
        packages: Iterable[str] | Callable[[], Iterable[str]] = (),
        related_name: str = "tasks",
        force: bool = False,
    ) -> None:
        """Import ``<package>.tasks`` of each package when a worker loads the app, or now with `force`."""

        def discover() -> None:
            from importlib.util import find_spec

            for package in packages() if callable(packages) else packages:
                name = f"{package}.{related_name}" if related_name else package
                if find_spec(name) is not None:
                    __import__(name)

        if force:
            discover()
        else:
            self._pending.append(discover)

    def load_tasks(self) -> None:
        """Import what `include`, the settings ``imports`` and ``include``, and `autodiscover_tasks` name."""
        from importlib import import_module

        for module in (*self._include, *self.conf.imports, *self.conf.include):
            import_module(module)
        while self._pending:
            self._pending.pop(0)()
        self.tasks.add_builtins()

    # calling

    def send_task(
        self,
        name: str,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> Result[Any]:
        """Call a task by its name; it need not be known here."""
        publication = self.caller.build(name, tuple(args or ()), dict(kwargs or {}), options)
        self.caller.publish([publication], options.get("publish_timeout"))
        return self.result_of(publication)

    def send_batch(self, signatures: Iterable[Signature[Any]], size: int = 500) -> list[Result[Any]]:
        """Call many tasks, publishing them `size` at a time: many times faster than one by one.

        All or none of each `size` are published; the results come in the order of the signatures.
        """
        results: list[Result[Any]] = []
        batch: list[Publication] = []
        build = self.caller.build
        for signature in signatures:
            batch.append(build(signature.task, signature.args, signature.kwargs, signature.options))
            if len(batch) >= size:
                self.caller.publish(batch)
                results.extend(map(self.result_of, batch))
                batch = []
        if batch:
            self.caller.publish(batch)
            results.extend(map(self.result_of, batch))
        return results

    def replay(self, ids: Sequence[str]) -> int:
        """Publish dead letters (by `DeadLetter.id`) to their queues again, and return how many there were."""
        # The failure that the burial stored is final: it would hide the result of the new run.
        self.backend.driver.forget([letter.message.id for letter in self.transport.find_dead(ids)])
        return self.transport.replay(ids)

    def signature(
        self,
        task: str,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        immutable: bool = False,
        **options: Unpack[CallOptions],
    ) -> Signature[Any]:
        """A signature of a task by its name."""
        from celeriac.canvas import Signature

        return Signature(task, args, kwargs, options, immutable=immutable, app=self)

    # results

    def result_of(self, publication: Publication) -> Result[Any]:
        """The result of a message that was published."""
        headers = publication.message.headers
        make = self._parts.get("result type") or self._part("result type", _result_type)
        return make(headers["id"], self, task=headers["task"])  # type: ignore[no-any-return]

    def AsyncResult(self, id: str) -> Result[Any]:  # noqa: N802 (Celery's names)
        """The result of the task with this id."""
        from celeriac.result import AsyncResult

        return AsyncResult(id, self)

    def GroupResult(self, id: str, results: Sequence[Result[Any]]) -> Results[Any]:  # noqa: N802
        """The results of a group."""
        from celeriac.result import GroupResult

        return GroupResult(id, list(results), self)

    def store_state(self, task_id: str, state: str, meta: Any) -> None:
        """Store a state that is not final."""
        self.backend.store_state(task_id, state, meta)

    # schedules

    def add_periodic_task(
        self,
        schedule: Any,
        signature: Signature[Any],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> str:
        """Have beat call the task by the schedule: seconds, a timedelta, a crontab. Returns the entry's name."""
        name = name or repr(signature)
        self._entries[name] = {
            "task": signature.task,
            "schedule": schedule,
            "args": (*args, *signature.args),
            "kwargs": {**signature.kwargs, **(kwargs or {})},
            "options": {**signature.options, **options},
        }
        return name

    @property
    def beat_entries(self) -> dict[str, Any]:
        """The setting ``beat_schedule`` and what `add_periodic_task` has added, by name."""
        return {**self.conf.beat_schedule, **self._entries}

    def __repr__(self) -> str:
        return f"<Celeriac {self.main or '__main__'}: {len(self.tasks)} tasks>"


def _result_type() -> type[Result[Any]]:
    from celeriac.result import AsyncResult

    return AsyncResult


def queue_names(queues: Any) -> list[str]:
    """The names in ``task_queues``: texts, mappings with a name, or a mapping of names."""
    return [queue if isinstance(queue, str) else queue["name"] for queue in queues or ()]


def _source(task: AnyTask[..., Any]) -> str:
    return f"{type(task).__module__}.{type(task).__qualname__}"


if TYPE_CHECKING:
    from typing import Protocol

    class _Decorator(Protocol):
        @overload
        def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
        @overload
        def __call__(self, function: Callable[P, R], /) -> AnyTask[P, R]: ...

    class _BoundDecorator(Protocol):
        @overload
        def __call__(self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
        @overload
        def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> AnyTask[P, R]: ...
