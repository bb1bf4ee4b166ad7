"""Remote control: ``app.control`` and ``app.control.inspect()``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from celeriac.control import Control as NativeControl
from celeriac_contrib.celery.absent import absent

__all__ = ("Inspect", "Control", "flatten_reply")


def flatten_reply(reply: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The answers of all workers in one mapping."""
    return {node: answer for each in reply for node, answer in each.items()}


class Inspect:
    """Asks workers what they do. Each method gives ``{hostname: answer}``, or None when nobody answers."""

    app: Any = None

    def __init__(
        self,
        destination: Any = None,
        timeout: float = 1.0,
        callback: Callable[[Any], Any] | None = None,
        connection: Any = None,
        app: Any = None,
        limit: int | None = None,
        pattern: str | None = None,
        matcher: str | None = None,
    ) -> None:
        self.app = app or self.app
        self.destination = destination
        self.timeout = timeout
        self.callback = callback
        self.limit = limit
        self.pattern = pattern
        self.matcher = matcher

    def _request(self, command: str, **kwargs: Any) -> Any:
        replies = self.app.control.broadcast(
            command,
            kwargs,
            self.destination,
            reply=True,
            timeout=self.timeout,
            limit=self.limit,
            callback=self.callback,
            pattern=self.pattern,
            matcher=self.matcher,
        )
        if not replies:
            return None
        answers = flatten_reply(replies)
        return answers.get(self.destination) if isinstance(self.destination, str) else answers

    def report(self) -> Any:
        """A text about each worker, for bug reports."""
        return self._request("report")

    def clock(self) -> Any:
        """Each worker's logical clock."""
        return self._request("clock")

    def active(self, safe: Any = None) -> Any:
        """The tasks that run."""
        return self._request("active", safe=safe)

    def scheduled(self, safe: Any = None) -> Any:
        """The tasks that are held until they are due: none, they wait in their queue."""
        return self._request("scheduled")

    def reserved(self, safe: Any = None) -> Any:
        """The tasks that are held and do not run yet."""
        return self._request("reserved")

    def stats(self) -> Any:
        """Figures of each worker."""
        return self._request("stats")

    def revoked(self) -> Any:
        """The ids that are not to start."""
        return self._request("revoked")

    def registered(self, *taskinfoitems: str) -> Any:
        """The names of the tasks that each worker knows."""
        return self._request("registered", taskinfoitems=taskinfoitems)

    registered_tasks = registered

    def ping(self, destination: Any = None) -> Any:
        """Who answers."""
        if destination:
            self.destination = destination
        return self._request("ping")

    def active_queues(self) -> Any:
        """The queues that each worker consumes."""
        return self._request("active_queues")

    def query_task(self, *ids: Any) -> Any:
        """Which of the ids are held, and by whom."""
        wanted = ids[0] if len(ids) == 1 and isinstance(ids[0], (list, tuple)) else ids
        return self._request("query_task", ids=list(wanted))

    def conf(self, with_defaults: bool = False) -> Any:
        """The settings of each worker, without secrets."""
        return self._request("conf", with_defaults=with_defaults)

    def hello(self, from_node: str, revoked: Any = None) -> Any:
        """A greeting of Celery's workers among themselves."""
        return self._request("hello", from_node=from_node, revoked=revoked)

    def memsample(self) -> Any:
        """Celery's samples of memory: an error is the answer."""
        return self._request("memsample")

    def memdump(self, samples: int = 10) -> Any:
        """Celery's samples of memory: an error is the answer."""
        return self._request("memdump", samples=samples)

    def objgraph(self, type: str = "Request", n: int = 200, max_depth: int = 10) -> Any:
        """Celery's graph of objects: an error is the answer."""
        return self._request("objgraph", num=n, max_depth=max_depth, type=type)


class Control(NativeControl):
    """Tells workers what to do."""

    def __init__(self, app: Any = None) -> None:
        from celeriac_contrib.celery._state import app_or_default

        super().__init__(app_or_default(app))
        self.app = self._app

    @property
    def inspect(self) -> Any:
        """`Inspect`, of this app."""
        return type("Inspect", (Inspect,), {"app": self._app, "__module__": __name__})

    def broadcast(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        destination: Any = None,
        connection: Any = None,
        reply: bool = False,
        timeout: float = 1.0,
        limit: int | None = None,
        callback: Callable[[Any], Any] | None = None,
        channel: Any = None,
        pattern: str | None = None,
        matcher: str | None = None,
        **extra_kwargs: Any,
    ) -> Any:
        """Send a command to all workers, to those that are named, or to those whose name fits `pattern` (`matcher`:
        ``glob`` or ``pcre``)."""
        destination = [destination] if isinstance(destination, str) else destination
        replies = super().broadcast(
            command,
            {**(arguments or {}), **extra_kwargs},
            destination,
            reply,
            timeout,
            limit,
            **_matching(pattern, matcher),
        )
        for each in replies if callback is not None else ():
            callback(each)  # type: ignore[misc]
        return replies or ([] if reply else None)

    def purge(self, connection: Any = None) -> int:
        """Drop the messages that wait in the app's queues, and return how many there were."""
        from celeriac.app import queue_names

        queues = queue_names(self._app.conf.task_queues) or [self._app.conf.task_default_queue]
        return sum(self._app.transport.purge(queue) for queue in queues)

    discard_all = purge

    def revoke(
        self, task_id: Any, destination: Any = None, terminate: bool = False, signal: Any = "SIGTERM", **kwargs: Any
    ) -> Any:
        """Keep tasks from starting in the workers that are up now; with `terminate`, end those that run."""
        ids = [task_id] if isinstance(task_id, str) else list(task_id)
        given = {"task_id": ids, "terminate": terminate, "signal": signal}
        return self.broadcast("revoke", given, destination, **kwargs)

    def revoke_by_stamped_headers(
        self, headers: Any, destination: Any = None, terminate: bool = False, signal: Any = "SIGTERM", **kwargs: Any
    ) -> Any:
        """The same for the tasks with these stamps."""
        given = {"headers": headers, "terminate": terminate, "signal": signal}
        return self.broadcast("revoke_by_stamped_headers", given, destination, **kwargs)

    def terminate(self, task_id: Any, destination: Any = None, signal: Any = "SIGTERM", **kwargs: Any) -> Any:
        """End tasks where they run."""
        return self.revoke(task_id, destination, True, signal, **kwargs)

    def ping(self, destination: Any = None, timeout: float = 1.0, **kwargs: Any) -> Any:
        """Who answers, as ``[{hostname: answer}, …]``."""
        return self.broadcast("ping", None, destination, reply=True, timeout=timeout, **kwargs)

    def rate_limit(self, task_name: str, rate_limit: Any, destination: Any = None, **kwargs: Any) -> Any:
        """Set how often a task may start."""
        return self.broadcast("rate_limit", {"task_name": task_name, "rate_limit": rate_limit}, destination, **kwargs)

    def time_limit(
        self, task_name: str, soft: Any = None, hard: Any = None, destination: Any = None, **kwargs: Any
    ) -> Any:  # fmt: skip
        """Set how long a task may run."""
        given = {"task_name": task_name, "hard": hard, "soft": soft}
        return self.broadcast("time_limit", given, destination, **kwargs)

    def add_consumer(
        self, queue: str, exchange: Any = None, exchange_type: str = "direct", routing_key: Any = None,
        options: Any = None, destination: Any = None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Have workers consume a queue as well."""
        given = {"queue": queue, "exchange": exchange, "exchange_type": exchange_type, "routing_key": routing_key}
        return self.broadcast("add_consumer", {**given, **(options or {})}, destination, **kwargs)

    def cancel_consumer(self, queue: str, destination: Any = None, **kwargs: Any) -> Any:
        """Have workers consume a queue no more."""
        return self.broadcast("cancel_consumer", {"queue": queue}, destination, **kwargs)

    def enable_events(self, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("enable_events", {}, destination, **kwargs)

    def disable_events(self, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("disable_events", {}, destination, **kwargs)

    def pool_grow(self, n: int = 1, destination: Any = None, **kwargs: Any) -> Any:
        """More processes, or threads."""
        return self.broadcast("pool_grow", {"n": n}, destination, **kwargs)

    def pool_shrink(self, n: int = 1, destination: Any = None, **kwargs: Any) -> Any:
        """Fewer."""
        return self.broadcast("pool_shrink", {"n": n}, destination, **kwargs)

    def autoscale(self, max: int, min: int, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("autoscale", {"max": max, "min": min}, destination, **kwargs)

    def shutdown(self, destination: Any = None, **kwargs: Any) -> Any:
        """Have workers stop."""
        return self.broadcast("shutdown", {}, destination, **kwargs)

    def pool_restart(
        self, modules: Any = None, reload: bool = False, reloader: Any = None, destination: Any = None, **kwargs: Any
    ) -> Any:  # fmt: skip
        """Celery's restart of the pool."""
        return self.broadcast("pool_restart", {"modules": modules, "reload": reload}, destination, **kwargs)

    def heartbeat(self, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("heartbeat", {}, destination, **kwargs)


def _matching(pattern: str | None, matcher: str | None) -> dict[str, Any]:
    return {"pattern": pattern, "matcher": matcher} if pattern else {}


__getattr__ = absent(__name__)
