"""The parts of an app, each made at its first use: settings, hooks, registry, codec, connections."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, Self, cast

from celeriac.clock import Clock
from celeriac.errors import TransportDown
from celeriac.lamport import LamportClock
from celeriac.moment import Moment
from celeriac.settings.pending import PendingSettings

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.call import Caller
    from celeriac.codec import Codec
    from celeriac.events import Events
    from celeriac.exchanges import Bindings
    from celeriac.failover import Failover
    from celeriac.hooks import Hooks
    from celeriac.registry import Registry
    from celeriac.result import ResultStore
    from celeriac.routing import Routes
    from celeriac.settings import Settings, Source
    from celeriac.specs.serializer import ExtraType
    from celeriac.specs.transport import Transport


_CONNECTIONS = ("events", "write transport", "transport", "backend")
"""The parts that must not be used across a fork, and are closed with the app."""


class Parts:
    """What an app is made of. Nothing is imported, opened or read before it is asked for."""

    def __init__(self, clock: Clock, given: Mapping[str, Any]) -> None:
        self.clock = clock
        self.lamport = LamportClock()
        """Counts what this app sends and hears; its events carry the number."""
        self._given = given
        self._pid = os.getpid()
        self._inherited: list[object] = []
        self._parts: dict[str, Any] = {}
        self._lock = RLock()
        self._sources: list[Callable[[], Source | None]] = []
        self._types: list[ExtraType] = []
        self._defaults: list[Mapping[str, Any] | Callable[[], Mapping[str, Any]]] = []
        self.on_configure = Moment("on_configure")
        """Settings are about to be loaded."""
        self.on_after_configure = Moment("on_after_configure")
        """Settings are loaded: ``source``."""
        self.on_after_finalize = Moment("on_after_finalize")
        """The tasks are complete: shared ones are registered, annotations applied."""
        self.on_after_fork = Moment("on_after_fork")
        """The app is used in a forked child."""

    @property
    def _app(self) -> Celeriac:
        return cast("Celeriac", self)

    def _part(self, name: str, make: Callable[[], Any]) -> Any:
        # A driver must not be used across a fork, nor closed there: a child makes its own.
        if self._pid != os.getpid():
            self.after_fork()
        part = self._parts.get(name)
        if part is None:
            with self._lock:  # of two threads that ask first, one makes it
                part = self._parts.get(name)
                if part is None:
                    part = self._parts[name] = make()
        return part

    @property
    def conf(self) -> Settings:
        """The settings. Reading a value the first time loads profiles, hooks and the environment."""
        conf = self._parts.get("conf")
        if conf is None:
            conf = self._parts.get("conf pending") or self._part("conf pending", self._make_pending)
        return conf  # type: ignore[no-any-return]

    def _make_pending(self) -> PendingSettings:
        from celeriac.settings.source import Source, check

        check(Source("constructor", self._set_by_constructor()))
        return PendingSettings(self._note, self.configure)

    def _set_by_constructor(self) -> dict[str, Any]:
        return {name: value for name, value in self._given.items() if value is not None}

    def configure(self) -> Settings:
        """Load settings and hooks now, rather than when a setting is first read; a second call does nothing."""
        with self._lock:
            conf: Settings | None = self._parts.get("conf")
            if conf is None:
                from celeriac.configure import configure

                conf = configure(self._app, self._set_by_constructor())
        return conf

    def _note(self, source: Source) -> None:
        conf: Settings | None = self._parts.get("conf")
        if conf is None:
            self._sources.append(lambda: source)
        else:
            conf.load(source)

    def _add_source(self, read: Callable[[], Source | None], at_once: bool) -> None:
        """Load a source of settings: now when settings are loaded already, else with them. `at_once`: read and check
        it now."""
        conf: Settings | None = self._parts.get("conf")
        if conf is None and not at_once:
            self._sources.append(read)
            return
        source = read()
        if source is None:
            return
        if conf is None:
            from celeriac.settings.source import check

            check(source)
            self._note(source)
        else:
            conf.load(source)

    def _add_default(self, default: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> None:
        conf: Settings | None = self._parts.get("conf")
        if conf is None:
            self._defaults.append(default)
        else:
            conf.add_defaults(default() if callable(default) else default)

    # These are read on the message path: what they import, they import once.

    @property
    def hooks(self) -> Hooks:
        return self._parts.get("hooks") or self._part("hooks", self._make_hooks)  # type: ignore[no-any-return]

    @property
    def registry(self) -> Registry:
        return self._parts.get("registry") or self._part("registry", self._make_registry)  # type: ignore[no-any-return]

    @property
    def codec(self) -> Codec:
        return self._parts.get("codec") or self._part("codec", self._make_codec)  # type: ignore[no-any-return]

    @property
    def caller(self) -> Caller:
        return self._part("caller", self._make_caller)  # type: ignore[no-any-return]

    @property
    def routes(self) -> Routes:
        routes = self._parts.get("routes")
        return self._part("routes", self._make_routes) if routes is None else routes  # type: ignore[no-any-return]

    @property
    def bindings(self) -> Bindings:
        """Which queues exchanges and routing keys lead to."""
        return self._part("bindings", self._make_bindings)  # type: ignore[no-any-return]

    @property
    def transport(self) -> Transport:
        """The broker, for this process."""
        part = self._parts.get("transport")
        if part is None or self._pid != os.getpid():
            part = self._part("transport", self._make_transport)
        return part  # type: ignore[no-any-return]

    @property
    def write_transport(self) -> Transport:
        """The broker that calls go to, for this process; `transport`, unless the settings name another one."""
        return self._part("write transport", self._make_write_transport)  # type: ignore[no-any-return]

    @property
    def brokers(self) -> Failover:
        """Which of several brokers is read from."""
        return self._part("brokers", self._make_brokers)  # type: ignore[no-any-return]

    @property
    def write_brokers(self) -> Failover:
        """Which of several brokers calls go to."""
        return self._part("write brokers", self._make_write_brokers)  # type: ignore[no-any-return]

    @property
    def backend(self) -> ResultStore:
        """The result store, for this process."""
        part = self._parts.get("backend")
        if part is None or self._pid != os.getpid():
            part = self._part("backend", self._make_backend)
        return part  # type: ignore[no-any-return]

    @property
    def events(self) -> Events:
        """Events, told and heard by this process."""
        return self._part("events", self._make_events)  # type: ignore[no-any-return]

    def _make_events(self) -> Events:
        from celeriac.events import Events

        return Events(self._app)

    def _make_hooks(self) -> Hooks:
        from celeriac.hooks import Hooks

        return Hooks()

    def _make_registry(self) -> Registry:
        from celeriac.registry import Registry

        return Registry()

    def _make_codec(self) -> Codec:
        from celeriac.codec import Codec

        return Codec(self.registry, self.conf, self._types)

    def _make_caller(self) -> Caller:
        from celeriac.call import Caller

        return Caller(self._app)

    def _make_routes(self) -> Routes:
        from celeriac.routing import Routes

        return Routes(self.conf.task_routes)

    def _make_bindings(self) -> Bindings:
        from celeriac.exchanges import Bindings

        return Bindings(self._app)

    def _make_transport(self) -> Transport:
        from celeriac.drivers import make_transport

        return make_transport(self._app, self.brokers.url)

    def _make_brokers(self) -> Failover:
        from celeriac.drivers import broker_url, make_failover

        return make_failover(self._app, broker_url(self._app))

    def _make_write_brokers(self) -> Failover:
        from celeriac.drivers import broker_url, make_failover, write_url

        url = write_url(self._app)
        return self.brokers if url == broker_url(self._app) else make_failover(self._app, url)

    def _make_write_transport(self) -> Transport:
        from celeriac.drivers import make_transport

        brokers = self.write_brokers
        return self.transport if brokers is self.brokers else make_transport(self._app, brokers.url)

    def _make_backend(self) -> ResultStore:
        from celeriac.result import ResultStore

        return ResultStore(self._app)

    def after_fork(self) -> None:
        """This is a forked child: leave the parent's connections alone (not even close them) and make own ones."""
        self._pid = os.getpid()
        self._lock = RLock()  # another thread, which is not here, may have held that one
        self._inherited.append([self._parts.pop(name, None) for name in (*_CONNECTIONS, "caller")])
        self.on_after_fork.send(self)

    def replace_transport(self) -> Transport | None:
        """Make a new transport and return the one that was in use, for the caller to close: it is broken."""
        old = self._parts.get("transport")
        new = self._parts["transport"] = self._make_transport()
        if old is not None and self._parts.get("write transport") is old:
            self._parts["write transport"] = new
        return old

    def fail_over(self, failed: Transport) -> bool:
        """Go on to the next of several brokers, unless somebody has done so since; False: there is only one. What is
        held from the old one comes back there when its lease ends."""
        with self._lock:
            is_read = failed is self._parts.get("transport")
            brokers = self.brokers if is_read else self.write_brokers
            if len(brokers) < 2:
                return False
            if is_read:
                brokers.advance()
                self.replace_transport()
            elif failed is self._parts.get("write transport"):
                brokers.advance()
                self._parts["write transport"] = self._make_write_transport()
            else:
                return True
        Thread(target=_close, args=(failed,), name="celeriac-close", daemon=True).start()
        return True

    def find_broker(self) -> Transport:
        """The transport; of several brokers, that of the first one that answers. For those who look once: workers and
        callers go on from one to the next as they work.

        Raises:
            TransportDown: none of them answers.
        """
        for others in reversed(range(len(self.brokers))):
            transport = self.transport
            if len(self.brokers) < 2:
                break
            try:
                transport.queues()
                break
            except TransportDown:
                if not others:
                    raise
                self.fail_over(transport)
        return transport

    # life

    def close(self) -> None:
        """Close the connections of this process. They open again at the next use."""
        if self._pid != os.getpid():
            self.after_fork()
        for part in dict.fromkeys(self._parts.pop(name, None) for name in _CONNECTIONS):
            if part is not None:
                part.close()

    @contextmanager
    def borrowed(self, clock: Clock, settings: Mapping[str, Any]) -> Iterator[None]:
        """For the length of a block: another clock, other settings, connections of its own."""
        own = self.clock, self._parts
        conf = self.conf.copy()
        conf.update(settings, "borrowed")
        kept = {name: part for name, part in self._parts.items() if name in ("hooks", "registry")}
        self.clock, self._parts = clock, {**kept, "conf": conf}
        try:
            yield
        finally:
            self.close()
            self.clock, self._parts = own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _close(transport: Transport) -> None:
    """In a thread that may be left behind: what is broken may hang when it is closed, too."""
    with suppress(Exception):
        transport.close()
