"""The app by Celery's name and with Celery's habits, over Celeriac's.

One class with all the names of Celery's app: about as long as their list is.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from celeriac import Celeriac
from celeriac.configure import load_profiles, register_hooks
from celeriac.errors import ConfigurationError
from celeriac.ids import new_id
from celeriac.result import AsyncResult as NativeAsyncResult
from celeriac.settings import sources
from celeriac_contrib.celery import _state
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.app.caller import CeleryCaller
from celeriac_contrib.celery.app.hooks import Signals
from celeriac_contrib.celery.app.reading import read
from celeriac_contrib.celery.app.settings import CelerySettings, PendingCelerySettings
from celeriac_contrib.celery.app.store import CeleryStore
from celeriac_contrib.celery.app.tasks import TaskRegistry
from celeriac_contrib.celery.app.trace import trace_all
from celeriac_contrib.celery.result import AsyncResult, GroupResult, ResultSet
from celeriac_contrib.celery.utils.dispatch.signal import Signal

if TYPE_CHECKING:
    from celeriac.message import Publication

__all__ = ("Celery",)

BUILTIN_FIXUPS = ("celeriac_contrib.celery.fixups.django:fixup",)


class Celery(Celeriac):
    """``Celery("proj", broker="redis://", backend="redis://")``.

    It is a `celeriac.Celeriac`; so all that Celeriac has works on it too.
    """

    builtin_fixups = BUILTIN_FIXUPS
    task_cls: Any = "celeriac_contrib.celery.app.task:Task"
    registry_cls = TaskRegistry

    def __init__(
        self,
        main: str | None = None,
        loader: Any = None,
        backend: Any = None,
        amqp: Any = None,
        events: Any = None,
        log: Any = None,
        control: Any = None,
        set_as_current: bool = True,
        tasks: Any = None,
        broker: Any = None,
        include: Iterable[str] | str | None = None,
        changes: Mapping[str, Any] | None = None,
        config_source: Any = None,
        fixups: Iterable[Any] | None = None,
        task_cls: Any = None,
        autofinalize: bool = True,
        namespace: str | None = None,
        strict_typing: bool = True,
        **kwargs: Any,
    ) -> None:
        given = {"amqp": amqp, "events": events, "log": log, "control": control}
        exchanged = sorted(name for name, value in given.items() if value is not None)
        if exchanged:
            raise ConfigurationError(
                f"Celery({exchanged[0]}=…) exchanges a part of Celery's machinery that is not here; drivers and hooks "
                "do that (docs/first-plugin.md)"
            )
        include = [include] if isinstance(include, str) else list(include or ())
        urls = _urls(broker, backend, kwargs)
        self._configuration: tuple[Any, str | None, bool] | None = None
        super().__init__(
            main,
            loader=_loader_class(loader),
            set_as_current=set_as_current,
            include=include,
            changes={**(changes or {}), **kwargs, **urls},
            task_cls=task_cls or type(self).task_cls,
            autofinalize=autofinalize,
            namespace=namespace,
            strict_typing=strict_typing,
        )
        self._origin = sys._getframe(1).f_globals.get("__file__")  # the module that makes the app
        self.loader_cls = loader
        self.set_as_current = set_as_current
        self.steps: dict[str, set[Any]] = {"worker": set(), "consumer": set()}
        self.user_options: dict[str, set[Any]] = {"worker": set(), "preload": set()}
        self._tasks: Any = self.registry_cls(self)
        self._tasks.update(tasks or {})
        self._listeners = Signals(self)
        for name in ("on_configure", "on_after_configure", "on_after_finalize", "on_after_fork"):
            setattr(self, name, Signal(name=f"app.{name}"))
        if config_source is not None:
            self.config_from_object(config_source, namespace=namespace)
        self.fixups = list(self.builtin_fixups if fixups is None else fixups)
        self._fixups = [found for found in (_symbol(each)(self) for each in self.fixups) if found is not None]
        self.on_init()
        _state._register_app(self)

    def on_init(self) -> None:
        """For subclasses: the app has been made."""

    # which app is meant

    def set_current(self) -> None:
        """Mean this app in this thread, and in others that have set none until another one is made."""
        super().set_current()
        super().set_default()
        _state._set_current_app(self)

    def set_default(self) -> None:
        """Mean this app in threads that have set none."""
        super().set_default()
        _state.set_default_app(self)

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        _state._forget_app(self)

    # settings

    @property
    def conf(self) -> Any:
        """The settings. What is set before they are first read is noted; the first reading loads them all."""
        conf = self._parts.get("conf")  # on the message path
        return self._part("conf pending", lambda: PendingCelerySettings(self)) if conf is None else conf

    @conf.setter
    def conf(self, value: Mapping[str, Any]) -> None:
        self._parts["conf"] = value if isinstance(value, CelerySettings) else CelerySettings(value)
        self.configured()

    def configure(self) -> Any:
        """Load settings and hooks now. What the constructor was given and what was set by hand wins over
        `config_from_object`, and the environment over both."""
        with self._lock:
            conf: CelerySettings | None = self._parts.get("conf")
            if conf is None:
                self.on_configure.send(sender=self)
                conf = self._parts["conf"] = self._loaded()
                self._listeners.listen_to_all()
                register_hooks(self, conf)
                conf.listen(self.configured)
                self.on_after_configure.send(sender=self, source=conf)
                if self.hooks.configure:
                    self.hooks.configure(app=self)
        return conf

    def _loaded(self) -> CelerySettings:
        conf = CelerySettings()
        if self._configuration is not None:
            source, namespace, silent = self._configuration
            conf.load(*read(source, namespace, silent=silent))
        self.prepare_config(conf)
        conf.update(self._set_by_constructor(), "constructor")
        for noted in self._sources:
            given = noted()
            if given is not None:
                conf.load(given)
        conf.load(*sources.environment(os.environ))
        load_profiles(conf, None, conf.settings_profiles)
        for default in self._defaults:
            conf.add_defaults(default() if callable(default) else default)
        conf.complete()
        return conf

    def config_from_object(
        self, obj: Any, silent: bool = False, force: bool = False, namespace: str | None = None
    ) -> None:
        """Take settings from a module, a class, a mapping, or the name of one; read when they are first asked for, or
        now with `force`."""
        self._configuration = (obj, namespace or self.namespace, silent)
        if self._parts.pop("conf", None) is not None:
            self._parts.pop("conf pending", None)
            super().configured()
        if force:
            self.configure()

    def config_from_envvar(self, variable_name: str, silent: bool = False, force: bool = False) -> Any:
        """Take settings from the module that an environment variable names."""
        module = os.environ.get(variable_name)
        if not module:
            if silent:
                return False
            raise ConfigurationError(f"the environment variable {variable_name} is not set; it should name a module")
        return self.config_from_object(module, silent=silent, force=force)

    def config_from_cmdline(self, argv: Iterable[str], namespace: str = "celery") -> None:
        """Take settings from texts such as ``task.time_limit=30`` or ``worker_concurrency=4``."""
        self.conf.update(sources.arguments(argv, namespace).values)

    def add_defaults(self, fun: Any) -> None:
        """Settings that hold where nothing else sets them: a mapping, or a function that gives one."""
        self._add_default(fun)

    def either(self, default_key: str, *defaults: Any) -> Any:
        """The first of the values that is not None; at last the setting."""
        return next((value for value in defaults if value is not None), self.conf.get(default_key))

    def prepare_config(self, c: Any) -> Any:
        """For subclasses: the settings before they are used."""
        return c

    # tasks

    @property
    def Task(self) -> Any:
        """The base of this app's tasks."""
        return self._part("Task", self.create_task_cls)

    def create_task_cls(self) -> Any:
        """The class of `task_cls`, bound to this app."""
        return self.subclass_with_self(self.task_cls, name="Task", attribute="app", keep_reduce=True, abstract=True)

    def subclass_with_self(
        self, Class: Any, name: str | None = None, attribute: str = "app", reverse: Any = None,
        keep_reduce: bool = False, **kw: Any,
    ) -> Any:  # fmt: skip
        """A subclass in which `attribute` is this app."""
        kind = _symbol(Class)
        members = {attribute: self, "__module__": kind.__module__, "__doc__": kind.__doc__, **kw}
        return type(name or kind.__name__, (kind,), members)

    def task(self, *args: Any, **opts: Any) -> Any:
        """Make a function a task: ``@app.task``, ``@app.task(bind=True, base=…, any_attribute=…)``."""
        opts.pop("shared", None)
        opts.pop("lazy", None)
        wrap = opts.pop("filter", None) or (lambda fun: fun)
        if len(args) == 1 and callable(args[0]):
            return wrap(self._task_from_fun(args[0], **opts))
        if args:
            raise TypeError(f"@app.task takes one function and options by name, not {args!r}")
        return lambda fun: wrap(self._task_from_fun(fun, **opts))

    def _task_from_fun(
        self, fun: Callable[..., Any], name: str | None = None, base: Any = None, bind: bool = False, **options: Any
    ) -> Any:
        import inspect

        from celeriac_contrib.celery.app.autoretry import with_celerys_options
        from celeriac_contrib.celery.app.task import AsyncTask

        name = name or self.gen_task_name(fun.__name__, fun.__module__)
        if name in self._tasks:
            return self._tasks[name]
        base = base or (AsyncTask if inspect.iscoroutinefunction(fun) else self.Task)
        attributes = {
            **with_celerys_options(options),
            "app": self,
            "name": name,
            "bind": bind,
            "run": fun if bind else staticmethod(fun),
            "_decorated": True,
            "abstract": False,
            "__doc__": fun.__doc__,
            "__module__": fun.__module__,
            "__annotations__": getattr(fun, "__annotations__", {}),
            "__wrapped__": staticmethod(fun),
        }
        if self.strict_typing is False:
            attributes.setdefault("typing", False)
        return self._registered(type(fun.__name__, (base,), attributes)())

    def register_task(self, task: Any, **options: Any) -> Any:
        """Register a class-based task, or its class; returns the instance."""
        if isinstance(task, type):
            task = task()
        if not task.name:
            task.name = self.gen_task_name(type(task).__name__, type(task).__module__)
        for key, value in options.items():
            setattr(task, key, value)
        task.app = self
        return self._registered(task)

    def _registered(self, task: Any) -> Any:
        self._tasks[task.name] = task
        task.bind_to(self)
        if self.finalized:
            self._annotate([task])
        return task

    def load_tasks(self) -> None:
        from celeriac_contrib.celery import signals

        self.configure()
        signals.import_modules.send(sender=self)
        super().load_tasks()
        trace_all(self)

    def autodiscover_tasks(self, packages: Any = None, related_name: str | None = "tasks", force: bool = False) -> None:
        """Import ``<package>.tasks`` of each package; of Django's installed apps when none is named."""

        def wanted() -> Iterable[str]:
            named = packages() if callable(packages) else packages
            if named:
                return cast("Iterable[str]", named)
            found: list[str] = []
            for fixup in self._fixups:
                if hasattr(fixup, "autodiscover_tasks"):
                    found.extend(fixup.autodiscover_tasks())
            return found

        super().autodiscover_tasks(wanted, cast("str", related_name), force)

    # calling

    def send_task(
        self, name: str, args: Iterable[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
        """Call a task by its name."""
        from celeriac_contrib.celery.app.options import call_options
        from celeriac_contrib.celery.exceptions import AlwaysEagerIgnored

        if self.conf.task_always_eager:
            warnings.warn(AlwaysEagerIgnored("task_always_eager has no effect on send_task"), stacklevel=2)
        # Whether its result is wanted, the worker knows: this app need not know the task.
        given = {"ignore_result": options.get("ignore_result"), **call_options(options)}
        return super().send_task(name, args, kwargs, **given)

    def signature(self, *args: Any, **kwargs: Any) -> Any:
        """``app.signature("proj.tasks.add", args=(2, 2), countdown=10)``."""
        from celeriac_contrib.celery.canvas import signature

        kwargs["app"] = self
        return signature(*args, **kwargs)

    def error_packages(self) -> Any:
        """Exceptions are rebuilt from every module that is loaded, as Celery does."""
        return _Everything()

    def result_of(self, publication: Publication) -> Any:
        headers = publication.message.headers
        result = AsyncResult.__new__(AsyncResult)  # on the message path: past Celery's arguments
        NativeAsyncResult.__init__(result, headers["id"], self, None, headers["task"])
        return result

    def AsyncResult(self, id: str, backend: Any = None, task_name: str | None = None, **kw: Any) -> Any:
        """The result of the task with this id."""
        return AsyncResult(id, backend, task_name, self, **kw)

    def GroupResult(self, id: str | None = None, results: Any = None, **kw: Any) -> Any:
        """The results of a group."""
        return GroupResult(id, results, app=self, **kw)

    @property
    def ResultSet(self) -> Any:
        """The class of sets of results, of this app."""
        return self.subclass_with_self(ResultSet)

    @property
    def current_task(self) -> Any:
        """The task that runs in this thread, or None."""
        return _state.get_current_task()

    current_worker_task = current_task

    # parts

    def _make_caller(self) -> Any:
        return CeleryCaller(self)

    def _make_backend(self) -> Any:
        return CeleryStore(self)

    def _make_control(self) -> Any:
        from celeriac_contrib.celery.app.control import Control

        return Control(self)

    def _make_events(self) -> Any:
        from celeriac_contrib.celery.events import Events

        return Events(self)

    def connection(self, *_args: Any, **_options: Any) -> Any:
        """What stands for a connection to the broker."""
        from celeriac_contrib.celery.app.connections import BrokerConnection

        return BrokerConnection(self)

    connection_for_read = connection_for_write = broker_connection = connection
    connection_or_acquire = default_connection = connection

    @property
    def log(self) -> Any:
        """Logging: `celery.app.log`."""
        from celeriac_contrib.celery.app.log import Logging

        return self._part("log", lambda: Logging(self))

    def _make_loader(self) -> Any:
        return (_loader_class(self.loader_cls) or _loader_class("app"))(self)

    @property
    def annotations(self) -> Any:
        return self.conf.get("task_annotations")

    @property
    def oid(self) -> str:
        """The id of this app in this process."""
        return str(self._part("oid", new_id))

    thread_oid = oid

    def uses_utc_timezone(self) -> bool:
        return str(self.conf.timezone).upper() == "UTC"

    def add_periodic_task(
        self, schedule: Any, sig: Any, args: Iterable[Any] = (), kwargs: Any = (), name: str | None = None, **opts: Any
    ) -> str:
        """Have beat call the signature by the schedule."""
        return super().add_periodic_task(schedule, sig, args, dict(kwargs or {}), name, **opts)

    # the command line

    def start(self, argv: list[str] | None = None) -> int:
        """Run the command line with this app: what `argv` says, or the process's own arguments."""
        from celeriac_contrib.celery.face import arguments

        return super().start(arguments(sys.argv[1:] if argv is None else argv))

    def worker_main(self, argv: list[str] | None = None) -> int:
        """Run a worker of this app: ``app.worker_main(["worker", "-l", "info"])``."""
        argv = list(sys.argv[1:] if argv is None else argv)
        return self.start(argv if "worker" in argv else ["worker", *argv])

    def Worker(self, **kwargs: Any) -> Any:
        """A worker of this app, by Celery's arguments."""
        from celeriac_contrib.celery.apps.worker import Worker

        return Worker(app=self, **kwargs)

    def WorkController(self, **kwargs: Any) -> Any:
        """The same, without a banner."""
        return self.Worker(**kwargs)

    def Beat(self, **kwargs: Any) -> Any:
        """A beat of this app."""
        from celeriac_contrib.celery.apps.beat import Beat

        return Beat(app=self, **kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.main or '__main__'} at {id(self):#x}>"

    def __getattr__(self, name: str) -> Any:
        from celeriac_contrib.celery.absent import advice_on_name

        reason = None if name.startswith("_") else advice_on_name("app.base", f"Celery.{name}")
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}" + (f": {reason}" if reason else ""))


class _Everything(Collection[str]):
    """Has everything."""

    def __contains__(self, _name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _symbol(value: Any) -> Any:
    from celeriac_contrib.celery.utils.imports import symbol_by_name

    return symbol_by_name(value)


def _urls(broker: Any, backend: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    given = {"broker_url": broker, "result_backend": backend or kwargs.get("backend_url")}
    return {name: url for name, url in given.items() if url is not None}


def _loader_class(loader: Any) -> Any:
    from celeriac_contrib.celery.loaders import get_loader_cls

    return None if loader is None else get_loader_cls(loader)


__getattr__ = absent(__name__)
