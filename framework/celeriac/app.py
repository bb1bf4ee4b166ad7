"""The app: where tasks, settings, drivers and hooks of one project meet.

More than 500 lines, because it is the one face that a project sees: most methods are what they promise, and a call into
the module that does it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, Unpack, overload

from celeriac.celery_names import CeleryNames
from celeriac.clock import Clock, SystemClock
from celeriac.current import apps
from celeriac.errors import ConfigurationError
from celeriac.nearest import did_you_mean
from celeriac.parts import Parts
from celeriac.task_registry import TaskRegistry
from celeriac.unique import unique_from

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from celeriac.beat import Beat as AnyBeat
    from celeriac.call import CallOptions
    from celeriac.canvas import Signature
    from celeriac.control import Control
    from celeriac.events import EventReceiver
    from celeriac.message import Publication
    from celeriac.result import AsyncResult as Result
    from celeriac.result import GroupResult as Results
    from celeriac.settings import Source
    from celeriac.task import AsyncTask
    from celeriac.task import Task as AnyTask
    from celeriac.worker import Worker as AnyWorker

P = ParamSpec("P")
R = TypeVar("R")

_NO_OPTIONS: CallOptions = {}


class Celeriac(Parts, CeleryNames):
    """One project's tasks and their settings.

    ::

        app = Celeriac("shop")                    # an SQLite file beside this module
        app = Celeriac("shop", broker="sqlite:///var/lib/shop/queue.db", backend="memory://")

    `main` prefixes the names of tasks that are defined in ``__main__``. `broker` and `backend` are the settings
    ``broker_url`` and ``result_backend``; other settings are given as keywords, as a mapping (`changes`), or by
    `config_from_object`. Nothing is opened, imported or read from the environment before the first use.

    `config_source` and `namespace` are the arguments of `config_from_object`; `tasks` are tasks to begin with, by name;
    `include` names modules with tasks; `task_cls` is the base of all tasks; `loader` hears of the worker's life
    (`celeriac.loader`); `control` takes the place of `celeriac.control.Control`; each of `fixups` is a function, or its
    dotted name, that is called with the app. With `strict_typing` False, arguments are not checked before a task runs.
    With `autofinalize` False, `finalize` has to be called before the first use of the tasks. `clock` tells the time.
    """

    def __init__(
        self,
        main: str | None = None,
        *,
        loader: Any = None,
        backend: str | None = None,
        control: type[Any] | str | None = None,
        set_as_current: bool = True,
        tasks: Mapping[str, AnyTask[..., Any]] | None = None,
        broker: str | None = None,
        include: Iterable[str] = (),
        changes: Mapping[str, Any] | None = None,
        config_source: Any = None,
        fixups: Iterable[str | Callable[[Celeriac], object]] = (),
        task_cls: type[AnyTask[..., Any]] | str | None = None,
        autofinalize: bool = True,
        namespace: str | None = None,
        strict_typing: bool = True,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        _refuse_parts(settings)
        urls = {name: url for name, url in (("broker_url", broker), ("result_backend", backend)) if url is not None}
        given = {**(changes or {}), **urls, **settings}
        super().__init__(clock or SystemClock(), given)
        self.main = main
        self.namespace = namespace
        self.task_cls = task_cls
        self.strict_typing = strict_typing
        self.autofinalize = autofinalize
        self.finalized = False
        """Whether shared tasks are registered and annotations applied."""
        self.include = list(include)
        self.fixups = list(fixups)
        self._loader = loader
        self._control = control
        self._tasks = TaskRegistry(self)
        self.has_unique = False
        """Whether unique tasks have been seen, so that publishing has to look for their messages."""
        self._pending: list[Callable[[], object]] = []
        self._origin = sys._getframe(1).f_globals.get("__file__")  # noqa: SLF001 (the module that makes the app)
        self._entries: dict[str, Any] = {}
        self._selected: list[str] | None = None
        apps.add(self)
        if set_as_current:
            self.set_current()
        for task in (tasks or {}).values():
            self.register_task(task)
        if config_source is not None:
            self.config_from_object(config_source, namespace=namespace)
        for fixup in self.fixups:
            _called(fixup)(self)
        self.on_init()

    # settings

    def config_from_object(
        self, source: Any, silent: bool = False, force: bool = False, namespace: str | None = None
    ) -> None:
        """Take settings from a module (or its name), an object, a class or a mapping.

        A name is looked up when settings are first read, or now with `force`; with `silent` it need not exist.

        Raises:
            UnknownSetting: a name that is no setting; the text names the nearest.
        """
        from celeriac.settings import sources

        namespace = namespace or self.namespace

        def read() -> Source | None:
            try:
                return sources.obj(source, namespace)
            except ConfigurationError:
                if silent:
                    return None
                raise

        self._add_source(read, at_once=force or not isinstance(source, str))

    def config_from_file(self, path: str | os.PathLike[str]) -> None:
        """Take settings from a TOML, JSON or Python file; of a ``pyproject.toml`` the table ``[tool.celeriac]``."""
        from celeriac.settings import sources

        self._add_source(lambda: sources.file(Path(path)), at_once=True)

    def config_from_envvar(self, variable: str, silent: bool = False, force: bool = False) -> None:
        """Take settings from the module or file that an environment variable names; with `silent` it need not be
        set."""
        value = os.environ.get(variable)
        if not value and silent:
            return
        if not value:
            raise ConfigurationError(f"the environment variable {variable} is not set; it should name a module or file")
        if value.endswith((".toml", ".json", ".py")):
            self.config_from_file(value)
        else:
            self.config_from_object(value, silent=silent, force=force)

    def config_from_cmdline(self, arguments: Sequence[str], namespace: str = "celery") -> None:
        """Take settings written as on Celery's command line: ``worker.concurrency=4``, ``task_always_eager=yes``;
        ``.name`` is in the namespace."""
        from celeriac.settings import sources

        self._add_source(lambda: sources.arguments(arguments, namespace), at_once=True)

    def add_defaults(self, source: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> None:
        """Set what nothing else has set, then or later."""
        self._add_default(source)

    def set_current(self) -> None:
        """Be the app that this thread means by `current_app`."""
        apps.set_current(self)

    def set_default(self) -> None:
        """Be the app that threads mean that have none of their own."""
        apps.set_default(self)

    def configured(self) -> None:
        """Settings have changed: forget what was worked out from them."""
        for name in ("codec", "caller", "routes", "bindings", "brokers", "write brokers"):
            self._parts.pop(name, None)
        if self.finalized:
            self._annotate(self._tasks.values())

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
    def origin(self) -> str | None:
        """The file of the module that made the app."""
        return self._origin

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

    def either(self, key: str, *values: Any) -> Any:
        """The first of the values that is not None, else the setting of that name."""
        return next((value for value in values if value is not None), self.conf[key])

    # tasks

    @property
    def tasks(self) -> TaskRegistry:
        """The tasks by name. The first use finalizes the app."""
        if not self.finalized:
            self.finalize(auto=True)
        return self._tasks

    def finalize(self, auto: bool = False) -> None:
        """Register the shared tasks and apply ``task_annotations``; a second call does nothing.

        Raises:
            ConfigurationError: it was not called before the first use, and `autofinalize` is off.
        """
        with self._lock:
            if self.finalized:
                return
            if auto and not self.autofinalize:
                raise ConfigurationError("the app is not finalized and autofinalize is off; call app.finalize() first")
            self.finalized = True
            for task in apps.shared():
                task.register(self)
            self._annotate(self._tasks.values())
        self.on_after_finalize.send(self)

    def _annotate(self, tasks: Iterable[AnyTask[..., Any]]) -> None:
        if self.conf.task_annotations:
            from celeriac.annotations import annotate

            for task in list(tasks):
                annotate(task, self.conf.task_annotations)

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> AnyTask[P, R]: ...
    @overload
    def task(self, *, bind: Literal[True], **options: Any) -> BoundDecorator: ...
    @overload
    def task(self, *, bind: Literal[False] = False, **options: Any) -> Decorator: ...
    def task(self, *functions: Any, **options: Any) -> Any:
        """Make a function a task: ``@app.task`` or ``@app.task(bind=True, max_retries=5, queue="slow")``.

        Beside the attributes of tasks: `base` is the class to derive from, `filter` is called with the task and returns
        what takes its place, `shared` gives it to all apps. `lazy` is taken: there is nothing to put off.

        Raises:
            ConfigurationError: an option that tasks do not have, or a name that is taken by another function.
        """
        passed, shared = options.pop("filter", None), options.pop("shared", False)
        options.pop("lazy", None)

        def make(function: Callable[..., Any]) -> Any:
            if shared:
                from celeriac.current import shared_task

                shared_task(**options)(function)
            task = self._make_task(function, dict(options))
            return passed(task) if passed is not None else task

        return make(*functions) if functions else make

    @property
    def Task(self) -> type[AnyTask[..., Any]]:  # noqa: N802 (Celery's name)
        """The base of class-based tasks: `task_cls`, or `celeriac.Task`."""
        from celeriac.task import Task

        return _called(self.task_cls) if self.task_cls is not None else Task

    def create_task_cls(self) -> type[AnyTask[..., Any]]:
        """A base of class-based tasks that are of this app already."""
        return type("Task", (self.Task,), {"app": self, "__module__": __name__})

    def _make_task(self, function: Callable[..., Any], options: dict[str, Any]) -> AnyTask[..., Any]:
        import inspect

        from celeriac.task import AsyncTask, Task

        for name in options.keys() & Task.REFUSED.keys():
            raise ConfigurationError(f"the option {name!r} of tasks is not honoured: {Task.REFUSED[name]}")
        unknown = options.keys() - Task.OPTIONS
        if unknown:
            name = sorted(unknown)[0]
            raise ConfigurationError(f"a task has no option {name!r}{did_you_mean(name, Task.OPTIONS)}")
        is_async = inspect.iscoroutinefunction(function) and self.task_cls is None
        base = options.pop("base", None) or (AsyncTask if is_async else self.Task)
        if not self.strict_typing:
            options.setdefault("typing", False)
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
        taken = self._tasks.get(task.name)
        if taken is not None and _source(taken) != _source(task):
            raise ConfigurationError(
                f"the task name {task.name!r} is taken by {_source(taken)}; give one of them a name=…"
            )
        self._tasks[task.name] = task
        if task.unique:
            unique_from(task.unique)  # a mistake in it is reported here
            self.has_unique = True
        task.on_bound(self)
        if self.finalized:
            self._annotate([task])
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

        for module in (*self.include, *self.conf.imports, *self.conf.include):
            import_module(module)
        while self._pending:
            self._pending.pop(0)()
        self.tasks.add_builtins()
        self.finalize(auto=True)

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
        self.caller.publish([publication], options.get("publish_timeout"), options)
        return self.result_of(publication)

    def send_batch(self, signatures: Iterable[Signature[Any]], size: int = 200) -> list[Result[Any]]:
        """Call many tasks, publishing them `size` at a time: many times faster than one by one. With many more at a
        time it is slower again: so many messages do not stay in the processor's cache.

        All or none of each `size` are published; the results come in the order of the signatures.
        """
        results: list[Result[Any]] = []
        build = self.caller.build

        def batches() -> Iterator[list[Publication]]:
            batch: list[Publication] = []
            for signature in signatures:
                batch.append(build(signature.task, signature.args, signature.kwargs, signature.options))
                if len(batch) >= size:
                    yield batch
                    results.extend(map(self.result_of, batch))
                    batch = []
            if batch:
                yield batch
                results.extend(map(self.result_of, batch))

        self.caller.publish_all(batches())
        return results

    def replay(self, ids: Sequence[str]) -> int:
        """Publish dead letters (by `DeadLetter.id`) to their queues again, and return how many there were."""
        # The failure that the burial stored is final: it would hide the result of the new run.
        self.backend.driver.forget([letter.message.id for letter in self.transport.find_dead(ids)])
        return self.transport.replay(ids)

    def release_unique(self, signature: Signature[Any]) -> str | None:
        """Forget that a call like this one is waiting or running, so that the next one runs: after its messages were
        purged, for instance. Returns the id of the task that stood for such calls, if one did."""
        from celeriac.unique import release

        return release(self, signature)

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

    def event_receiver(self, handlers: Mapping[str, Callable[[dict[str, Any]], object]] | None = None) -> EventReceiver:
        """One who listens to events: the same as ``app.events.Receiver``."""
        return self.events.Receiver(handlers)

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

    def error_packages(self) -> Collection[str]:
        """The top-level packages whose exceptions are rebuilt from results: those that the tasks live in."""
        return {type(task).__module__.partition(".")[0] for task in self.tasks.values()}

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

    def register_type(
        self, type: type[Any], marker: str, encoder: Callable[[Any], Any], decoder: Callable[[Any], Any]
    ) -> None:
        """Have JSON write values of a type as what `encoder` returns, under the name `marker`, and read them back by
        `decoder`. Whoever reads must know the marker too."""
        from celeriac.specs.serializer import ExtraType

        self._types = [known for known in self._types if known.marker != marker]
        self._types.append(ExtraType(type, marker, encoder, decoder))
        self.configured()

    # workers, beat and the command line

    @property
    def Worker(self) -> Callable[..., AnyWorker]:  # noqa: N802 (Celery's names)
        """Makes a worker of this app."""
        from celeriac.worker import Worker

        return partial(Worker, self)

    @property
    def Beat(self) -> Callable[..., AnyBeat]:  # noqa: N802
        """Makes a beat of this app."""
        from celeriac.beat import Beat

        return partial(Beat, self)

    @property
    def control(self) -> Control:
        """Talks to the workers."""
        return self._part("control", self._make_control)  # type: ignore[no-any-return]

    def _make_control(self) -> Any:
        from celeriac.control import Control

        return _called(self._control or Control)(self)

    @property
    def loader(self) -> Any:
        """Who is told of the worker's life, as Celery's loader."""
        return self._part("loader", self._make_loader)

    def _make_loader(self) -> Any:
        from celeriac.loader import make_loader

        return make_loader(self, self._loader)

    def start(self, arguments: Sequence[str] | None = None) -> int:
        """Run a command line (``sys.argv`` if none is given) with this app as ``-A``; the exit status."""
        from celeriac.cli.root import run

        return run(self, sys.argv[1:] if arguments is None else arguments)

    def worker_main(self, arguments: Sequence[str] | None = None) -> int:
        """Run a worker with these options of the command line; the exit status."""
        return self.start(["worker", *(sys.argv[1:] if arguments is None else arguments)])

    def select_queues(self, queues: Iterable[str] | None = None) -> None:
        """Have workers of this app consume these queues, whatever the settings say; None: what the settings say."""
        self._selected = None if queues is None else list(queues)

    @property
    def selected_queues(self) -> list[str] | None:
        """What `select_queues` was given."""
        return self._selected

    def bugreport(self) -> str:
        """Versions, platform and settings, without secrets."""
        from celeriac.bugreport import as_text

        return as_text(self)

    def __reduce__(self) -> tuple[Callable[..., Celeriac], tuple[Any, ...]]:
        from celeriac.pickled_app import reduced

        return reduced(self)

    def __repr__(self) -> str:
        return f"<Celeriac {self.main or '__main__'}: {len(self._tasks)} tasks>"


def _result_type() -> type[Result[Any]]:
    from celeriac.result import AsyncResult

    return AsyncResult


def queue_names(queues: Any) -> list[str]:
    """The names in ``task_queues``: texts, mappings with a name, or a mapping of names."""
    return [queue if isinstance(queue, str) else queue["name"] for queue in queues or ()]


def _called(name: Any) -> Any:
    """The object, or what its dotted name (``module:attr`` or ``module.attr``) leads to."""
    if not isinstance(name, str):
        return name
    from celeriac.registry import load_object

    return load_object(name if ":" in name else ":".join(name.rsplit(".", 1)))


_PARTS_OF_CELERY = {
    "amqp": "queues and routes are settings: task_queues, task_routes, task_default_queue",
    "events": "events are the worker's: hooks, and the settings worker_send_task_events and event_…",
    "log": "the log is a driver: worker_logger names it, and one of your own can be installed",
}


def _refuse_parts(settings: Mapping[str, Any]) -> None:
    for name, instead in _PARTS_OF_CELERY.items():
        if settings.get(name) is not None:
            raise ConfigurationError(f"an app takes no {name!r}: {instead}")


def _source(task: AnyTask[..., Any]) -> str:
    return f"{type(task).__module__}.{type(task).__qualname__}"


if TYPE_CHECKING:
    from typing import Protocol

    class Decorator(Protocol):
        @overload
        def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
        @overload
        def __call__(self, function: Callable[P, R], /) -> AnyTask[P, R]: ...

    class BoundDecorator(Protocol):
        @overload
        def __call__(self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
        @overload
        def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> AnyTask[P, R]: ...
