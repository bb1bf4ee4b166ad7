"""From settings to drivers: which one, with which options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from celeriac.errors import ConfigurationError, UnknownDriver
from celeriac.failover import Failover, split_urls
from celeriac.kinds import BACKEND, LOGGER, POOL, SCHEDULER, TRANSPORT
from celeriac.settings.fields import BY_NAME
from celeriac.settings.urls import split_scheme
from celeriac.specs.backend import BackendOptions
from celeriac.specs.logger import LoggerOptions
from celeriac.specs.pool import PoolOptions
from celeriac.specs.scheduler import SchedulerOptions
from celeriac.specs.transport import TransportOptions

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.backend import ResultBackend
    from celeriac.specs.logger import Logger
    from celeriac.specs.pool import Pool
    from celeriac.specs.scheduler import Scheduler
    from celeriac.specs.transport import Transport


FOR_SOME_TRANSPORTS = ("task_queue_max_priority", "task_default_queue_type")
"""Settings that a transport names in `settings` if it honours them."""


def broker_url(app: Celeriac) -> str:
    """The URL of the broker that is read from, or several with semicolons: the setting, or the embedded file."""
    return app.conf.broker_read_url or app.conf.broker_url or embedded_url(app)


def write_url(app: Celeriac) -> str:
    """The same of the broker that calls go to."""
    return app.conf.broker_write_url or app.conf.broker_url or embedded_url(app)


def make_failover(app: Celeriac, url: str) -> Failover:
    """The brokers that a URL names."""
    return Failover(split_urls(app.registry, url), app.conf.broker_failover_strategy)


def embedded_url(app: Celeriac) -> str:
    """An SQLite file in the project's folder, named after the app. An installed package is nobody's project: for an app
    in one, it is the current folder."""
    folder = app.origin_folder
    if {"site-packages", "dist-packages"} & set(folder.parts):
        folder = Path.cwd()
    return "sqlite://" + quote(f"{folder}/{app.main or 'app'}.celeriac.db")


def backend_url(app: Celeriac) -> str:
    """The result store's URL: the setting, or the broker's where a backend of that name is installed, or the embedded
    file."""
    if app.conf.result_backend:
        return app.conf.result_backend
    url = split_urls(app.registry, broker_url(app))[0]
    if app.registry.for_scheme(BACKEND, split_scheme(url)[0]) in app.registry.names(BACKEND):
        return url
    return embedded_url(app)


def make_transport(app: Celeriac, url: str) -> Transport:
    """The transport for a broker; nothing is opened yet."""
    scheme = split_scheme(url)[0]
    try:
        driver: Any = app.registry.load(TRANSPORT, app.registry.for_scheme(TRANSPORT, scheme))
    except UnknownDriver as error:
        raise UnknownDriver(
            f"{error}; if {scheme!r} is a transport of kombu's, write kombu+{scheme}://… and install 'celeriac[kombu]'"
        ) from error
    extra = {**_options_from_settings(app, scheme, driver), **app.conf.broker_transport_options}
    transport: Transport = driver(TransportOptions(url, app.conf.worker_lease, app.clock, extra))
    return transport


def _options_from_settings(app: Celeriac, scheme: str, driver: Any) -> dict[str, Any]:
    """What settings that belong to some transports come to for this one.

    Raises:
        ConfigurationError: one is set that this transport cannot honour.
    """
    options: dict[str, Any] = {}
    for name in FOR_SOME_TRANSPORTS:
        value = app.conf[name]
        if value == BY_NAME[name].default:
            continue
        if name not in driver.settings:
            raise ConfigurationError(f"the transport {scheme!r} does not honour the setting {name!r}; leave it out")
        options[driver.settings[name]] = value
    return options


def make_backend(app: Celeriac) -> ResultBackend:
    """The result backend that the settings name; nothing is opened yet."""
    url = backend_url(app)
    driver: Any = app.registry.load(BACKEND, app.registry.for_scheme(BACKEND, split_scheme(url)[0]))
    # Where the two share a file, they share its options.
    extra = app.conf.result_backend_transport_options
    if not extra and url == broker_url(app):
        extra = app.conf.broker_transport_options
    document = app.codec.serializer(app.conf.result_serializer)
    backend: ResultBackend = driver(
        BackendOptions(
            url,
            app.conf.result_expires,
            app.clock,
            extra,
            document.content_type,
            document.content_encoding,
            lambda: app.transport,
        )
    )
    return backend


def make_pool(app: Celeriac, name: str, concurrency: int) -> Pool:
    """A pool of that name."""
    driver: Any = app.registry.load(POOL, name)
    pool: Pool = driver(
        PoolOptions(concurrency, app.conf.worker_max_tasks_per_child, app.conf.worker_max_memory_per_child)
    )
    return pool


def make_scheduler(app: Celeriac, name: str, location: str) -> Scheduler:
    """A scheduler of that name."""
    driver: Any = app.registry.load(SCHEDULER, name)
    scheduler: Scheduler = driver(SchedulerOptions(location, app.clock, app.conf.beat_catch_up))
    return scheduler


def make_logger(app: Celeriac, name: str, options: LoggerOptions) -> Logger:
    """A logger of that name."""
    driver: Any = app.registry.load(LOGGER, name)
    logger: Logger = driver(options)
    return logger
