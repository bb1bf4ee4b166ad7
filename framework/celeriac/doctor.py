"""What is known to go wrong with settings that are each fine by themselves: pairs that do not fit, and what to do.

Each check looks at the app and yields what it finds. None connects anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from celeriac.errors import CeleriacError

if TYPE_CHECKING:
    from celeriac.app import Celeriac

Level = Literal["error", "warning"]


class Finding(NamedTuple):
    """One thing that is not as it should be."""

    level: Level
    """An error does not work; a warning works until something happens."""
    settings: tuple[str, ...]
    why: str
    advice: str
    """What to do, in the imperative."""


Check = Callable[["Celeriac"], Iterator[Finding]]


def examine(app: Celeriac) -> list[Finding]:
    """All findings, errors first."""
    found = [finding for check in CHECKS for finding in check(app)]
    return sorted(found, key=lambda finding: finding.level)


def _driver(app: Celeriac, which: str) -> Any:
    """The class of the transport, backend or pool that the settings name; None where it cannot be loaded."""
    from celeriac.drivers import backend_url, broker_url
    from celeriac.failover import split_urls
    from celeriac.kinds import BACKEND, POOL, TRANSPORT
    from celeriac.settings.urls import split_scheme

    try:
        if which == "pool":
            return app.registry.load(POOL, app.conf.worker_pool)
        kind, url = (TRANSPORT, broker_url(app)) if which == "transport" else (BACKEND, backend_url(app))
        scheme = split_scheme(split_urls(app.registry, url)[0])[0]
        return app.registry.load(kind, app.registry.for_scheme(kind, scheme))
    except CeleriacError:
        return None


def _lacks(app: Celeriac, which: str, capability: str) -> bool:
    driver = _driver(app, which)
    return driver is not None and capability not in driver.capabilities


def drivers_load(app: Celeriac) -> Iterator[Finding]:
    """Drivers that cannot be found or loaded."""
    from celeriac.drivers import backend_url, broker_url
    from celeriac.failover import split_urls
    from celeriac.kinds import BACKEND, POOL, TRANSPORT
    from celeriac.settings.urls import split_scheme

    places = [("broker_url", TRANSPORT, url) for url in split_urls(app.registry, broker_url(app))]
    places.append(("result_backend", BACKEND, split_urls(app.registry, backend_url(app))[0]))
    for setting, kind, url in places:
        try:
            app.registry.load(kind, app.registry.for_scheme(kind, split_scheme(url)[0]))
        except CeleriacError as error:
            yield Finding("error", (setting,), str(error), f"name a {kind.name} that is installed")
    try:
        app.registry.load(POOL, app.conf.worker_pool)
    except CeleriacError as error:
        yield Finding("error", ("worker_pool",), str(error), "name a pool that is installed")


def content(app: Celeriac) -> Iterator[Finding]:
    """What is written must be accepted, and little else."""
    conf = app.conf
    try:
        accepted = app.codec.accepted(conf.accept_content)
        written = app.codec.serializer(conf.task_serializer).content_type
    except CeleriacError as error:
        yield Finding("error", ("accept_content", "task_serializer"), str(error), "name serializers that are installed")
        return
    if written not in accepted:
        yield Finding(
            "error",
            ("task_serializer", "accept_content"),
            f"calls are written as {conf.task_serializer}, which workers of these settings do not accept",
            f"add {conf.task_serializer!r} to accept_content, or write what is accepted",
        )
    if conf.result_accept_content is not None and not _reads_results(app):
        yield Finding(
            "error",
            ("result_serializer", "result_accept_content"),
            f"results are written as {conf.result_serializer}, which processes of these settings do not accept, nor do "
            "the workers, which read them for chords",
            f"add {conf.result_serializer!r} to result_accept_content, or write what is accepted",
        )
    if {"pickle", "application/x-python-serialize"} & {*conf.accept_content}:
        yield Finding(
            "warning",
            ("accept_content",),
            "pickle is accepted: whoever can write to the broker can run code in the workers",
            "take pickle off accept_content, or let nobody else write to the broker",
        )
    if conf.security_key and set(conf.accept_content) - {"auth", "application/data"}:
        yield Finding(
            "warning",
            ("security_key", "accept_content"),
            "messages are signed, but unsigned ones are accepted as well",
            "set accept_content = ['auth']",
        )


def sharing(app: Celeriac) -> Iterator[Finding]:
    """Places that several processes must see."""
    children = _driver(app, "pool") is not None and not _lacks(app, "pool", "processes")
    for which, setting in (("transport", "broker_url"), ("backend", "result_backend")):
        if _lacks(app, which, "processes"):
            yield Finding(
                "error" if children else "warning",
                (setting, "worker_pool") if children else (setting,),
                f"this {which} lives in the memory of one process: callers elsewhere, and children of the pool, see "
                "another one",
                "use sqlite, redis or another that several processes share; memory is for tests",
            )


def delivery(app: Celeriac) -> Iterator[Finding]:
    """Settings of delivery that contradict each other."""
    conf = app.conf
    early = conf.task_acks_late is False or (conf.task_acks_late is None and conf.delivery == "at_most_once")
    if early and conf.task_reject_on_worker_lost:
        yield Finding(
            "error",
            ("delivery", "task_acks_late", "task_reject_on_worker_lost"),
            "messages are acknowledged before the run, so that one whose process dies cannot be delivered again",
            "leave both out (at least once), or take task_reject_on_worker_lost off",
        )
    if conf.task_acks_late is not None and early != (conf.delivery == "at_most_once"):
        yield Finding(
            "warning",
            ("delivery", "task_acks_late"),
            f"delivery says {conf.delivery}, and task_acks_late, which wins, says the opposite",
            "keep one of them",
        )
    if conf.result_expires is not None and conf.result_expires < conf.worker_lease * conf.task_max_deliveries:
        yield Finding(
            "warning",
            ("result_expires", "worker_lease"),
            "results go before a message has had its last delivery, so that a task that has finished may run again",
            f"keep results for {conf.worker_lease * conf.task_max_deliveries:g} seconds at least",
        )
    if "visibility_timeout" in conf.broker_transport_options and _driver(app, "transport") is not None:
        yield Finding(
            "warning",
            ("broker_transport_options",),
            "visibility_timeout matters to Celery's workers alone: ours hold a short lease, and renew it",
            "leave it out, unless Celery's workers share the broker",
        )


def limits(app: Celeriac) -> Iterator[Finding]:
    """Time limits that do not fit each other, or the pool."""
    from celeriac.worker.limits import check_limits

    conf = app.conf
    soft, hard = conf.task_soft_time_limit, conf.task_time_limit
    owners = [("the settings", soft, hard)]
    owners += [(f"task {name}", task.soft_time_limit, task.time_limit) for name, task in app.tasks.regular().items()]
    for owner, low, high in owners:
        if low is not None and high is not None and low >= high:
            yield Finding(
                "error",
                ("task_soft_time_limit", "task_time_limit"),
                f"the soft limit of {owner} ({low:g} s) does not come before the hard one ({high:g} s)",
                "make the soft limit the shorter one",
            )
    driver = _driver(app, "pool")
    if driver is None:
        return
    from celeriac.drivers import make_pool

    try:
        check_limits(app, conf.worker_pool, make_pool(app, conf.worker_pool, 1))
    except CeleriacError as error:
        yield Finding("error", ("worker_pool", "task_time_limit"), str(error), "use prefork, or remove the limit")


def routing(app: Celeriac) -> Iterator[Finding]:
    """Queues that nobody consumes or that may not be used."""
    from celeriac.app import queue_names

    conf = app.conf
    names = queue_names(conf.task_queues)
    if names and conf.task_default_queue not in names:
        level: Level = "warning" if conf.task_create_missing_queues else "error"
        yield Finding(
            level,
            ("task_default_queue", "task_queues"),
            f"tasks without a route go to {conf.task_default_queue!r}, which workers of these settings do not consume",
            f"add it to task_queues, or set task_default_queue to one of {', '.join(names[:3])}",
        )
    try:
        _ = app.bindings
    except CeleriacError as error:
        yield Finding("error", ("task_queues",), str(error), "correct the bindings")
    for name, task in app.tasks.regular().items():
        if names and task.queue and task.queue not in names:
            yield Finding(
                "warning" if conf.task_create_missing_queues else "error",
                ("task_queues",),
                f"task {name} goes to {task.queue!r}, which workers of these settings do not consume",
                "add it to task_queues, or have a worker consume it (-Q)",
            )


def capabilities(app: Celeriac) -> Iterator[Finding]:
    """What is asked of drivers that cannot do it."""
    conf = app.conf
    tasks = app.tasks.regular().values()
    has_priorities = conf.task_default_priority is not None or any(task.priority is not None for task in tasks)
    if has_priorities and _lacks(app, "transport", "priority"):
        yield Finding(
            "warning",
            ("task_default_priority", "broker_url"),
            "tasks have priorities, and this transport keeps none",
            "give urgent tasks a queue and workers of their own",
        )
    if _lacks(app, "transport", "delay"):
        yield Finding(
            "warning",
            ("broker_url",),
            "this transport cannot delay messages: countdown and eta are refused, and retries come at once",
            "use another transport where tasks are delayed",
        )
    if conf.worker_enable_remote_control and _lacks(app, "transport", "fan-out"):
        yield Finding(
            "warning",
            ("worker_enable_remote_control", "broker_url"),
            "this transport reaches no worker: inspect, control and revoke have no effect",
            "set worker_enable_remote_control = False, so that nobody counts on it",
        )
    if any(task.unique for task in tasks) and _lacks(app, "backend", "lock"):
        yield Finding(
            "error",
            ("result_backend",),
            "there are unique tasks, and this result backend grants no locks: their calls are refused",
            "use redis, sqlite or another result backend with the capability 'lock'",
        )


def habits(app: Celeriac) -> Iterator[Finding]:
    """What is meant for tests, or hides trouble."""
    conf = app.conf
    if conf.task_always_eager:
        yield Finding(
            "warning",
            ("task_always_eager",),
            "tasks run in their callers, and no worker is used",
            "leave it out but in tests; celeriac.testing.start_worker tests the real path",
        )
    if conf.task_publish_timeout > 30:
        yield Finding(
            "warning",
            ("task_publish_timeout",),
            f"while the broker is away, whoever calls a task hangs for {conf.task_publish_timeout:g} seconds",
            "keep it under what your web server's own limit leaves",
        )
    if conf.worker_lease < 5:
        yield Finding(
            "warning",
            ("worker_lease",),
            "a worker that stands still for a moment (swapping, a paused container) loses what it holds: it runs twice",
            "keep the lease at 5 seconds or more; dead workers are noticed sooner where the transport can tell",
        )
    for name, entry in app.beat_entries.items():
        if entry.get("task") not in app.tasks:
            yield Finding(
                "warning",
                ("beat_schedule",),
                f"the entry {name!r} calls {entry.get('task')!r}, which no task here is called",
                "correct the name, or import the module that defines it",
            )


CHECKS: tuple[Check, ...] = (
    drivers_load, content, sharing, delivery, limits, routing, capabilities, habits,
)  # fmt: skip


def _reads_results(app: Celeriac) -> bool:
    """Whether ``result_accept_content`` names ``result_serializer``, as far as both are known."""
    try:
        written = app.codec.serializer(app.conf.result_serializer).content_type
        return written in app.codec.accepted(app.conf.result_accept_content or ())
    except CeleriacError:
        return True
