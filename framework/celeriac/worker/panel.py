"""Remote control, the answering side: what a worker does when it is asked."""

from __future__ import annotations

import fnmatch
import json
import logging
import os
import re
import resource
import signal as signals
import time
from typing import TYPE_CHECKING, Any

from celeriac.control import read
from celeriac.errors import ConfigurationError

if TYPE_CHECKING:
    from celeriac.worker.worker import Worker

logger = logging.getLogger("celeriac.worker")


class Panel:
    """Commands by name. Each method whose name begins with ``do_`` is one; its keyword arguments are the command's."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def handle(self, payload: bytes) -> None:
        """Run one pidbox message, if it is for us, and answer if it asks so. Never raises: it comes from outside."""
        try:
            message = read(self._worker.app, payload)
            if not self._is_for_us(message):
                return
            method = getattr(self, f"do_{message['method']}", None)
            if method is None:
                answer: Any = {"error": f"no such command: {message['method']}"}
            else:
                answer = method(**(message.get("arguments") or {}))
            reply_to = message.get("reply_to")
            if reply_to and answer is not None:
                reply = json.dumps({self._worker.hostname: answer}, default=repr).encode()
                self._worker.app.transport.broadcast(reply_to["routing_key"], reply)
        except Exception as error:
            logger.warning("a remote control message cannot be handled: %s: %s", type(error).__name__, error)

    def _is_for_us(self, message: dict[str, Any]) -> bool:
        destination, pattern = message.get("destination"), message.get("pattern")
        hostname = self._worker.hostname
        if destination and hostname not in destination:
            return False
        if pattern and message.get("matcher") == "pcre":
            return re.match(pattern, hostname) is not None
        return not pattern or fnmatch.fnmatchcase(hostname, pattern)

    # looking

    def do_ping(self, **_: Any) -> dict[str, str]:
        return {"ok": "pong"}

    def do_stats(self, **_: Any) -> dict[str, Any]:
        worker = self._worker
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "total": dict(worker.settlement.total),
            "counts": dict(worker.settlement.counts),
            "pid": os.getpid(),
            "uptime": int(time.monotonic() - worker.started),
            "pool": {
                "implementation": worker.pool_name,
                "max-concurrency": worker.pool.width,
                **worker.pool.describe(),
            },
            "prefetch_count": worker.limit(),
            "held": len(worker.inflight),
            "last_fetch_age_seconds": worker.pulse.fetch_age(),
            "rusage": {"utime": usage.ru_utime, "stime": usage.ru_stime, "maxrss": usage.ru_maxrss},
        }

    def do_active(self, **_: Any) -> list[dict[str, Any]]:
        running = set(self._worker.pool.running())
        return [self._shown(key) for key in running if self._worker.inflight.get(key)]

    def do_reserved(self, **_: Any) -> list[dict[str, Any]]:
        running = set(self._worker.pool.running())
        return [self._shown(key) for key, _held in self._worker.inflight.items() if key not in running]

    def do_scheduled(self, **_: Any) -> list[dict[str, Any]]:
        """None, ever: what is due later waits in the queue."""
        return []

    def do_revoked(self, **_: Any) -> list[str]:
        return list(self._worker.revoked)

    def do_query_task(self, ids: str | list[str], **_: Any) -> dict[str, tuple[str, dict[str, Any]]]:
        """Those of the ids that are held, each with whether it is active or reserved."""
        wanted = {ids} if isinstance(ids, str) else set(ids)
        running = set(self._worker.pool.running())
        return {
            held.delivery.message.id: ("active" if key in running else "reserved", self._shown(key))
            for key, held in self._worker.inflight.items()
            if held.delivery.message.id in wanted
        }

    def do_registered(self, builtins: bool = False, **_: Any) -> list[str]:
        tasks = self._worker.app.tasks
        return sorted(tasks if builtins else tasks.regular())

    def do_active_queues(self, **_: Any) -> list[dict[str, str]]:
        return [{"name": queue} for queue in self._worker.queues]

    def do_conf(self, with_defaults: bool = False, **_: Any) -> dict[str, Any]:
        return self._worker.app.conf.as_dict(with_defaults=with_defaults)

    # acting

    def do_revoke(
        self, task_id: str | list[str], terminate: bool = False, signal: str | int | None = "SIGTERM", **_: Any
    ) -> dict[str, str]:
        ids = [task_id] if isinstance(task_id, str) else list(task_id)
        self._worker.revoked.add(ids)
        ended = self._terminate(ids, signal) if terminate else 0
        return {"ok": f"revoked {len(ids)}, terminated {ended}" if terminate else f"revoked {len(ids)}"}

    def do_terminate(self, task_id: str | list[str], signal: str | int | None = "SIGTERM", **_: Any) -> dict[str, str]:
        return self.do_revoke(task_id, terminate=True, signal=signal)

    def do_rate_limit(self, task_name: str, rate_limit: str | float | None, **_: Any) -> dict[str, str]:
        if task_name not in self._worker.app.tasks:
            return {"error": "unknown task"}
        policy = self._worker.policies[task_name]
        try:
            policy.limit_rate(rate_limit)
        except ConfigurationError as error:
            return {"error": str(error)}
        return {"ok": "rate limits disabled successfully" if policy.rate is None else "new rate limit set successfully"}

    def do_heartbeat(self, **_: Any) -> None:
        self._worker.teller.heartbeat()

    def do_enable_events(self, **_: Any) -> dict[str, str]:
        return {"ok": "task events enabled" if self._worker.teller.enable() else "task events already enabled"}

    def do_disable_events(self, **_: Any) -> dict[str, str]:
        return {"ok": "task events disabled" if self._worker.teller.disable() else "task events already disabled"}

    def do_shutdown(self, **_: Any) -> None:
        self._worker.stop()

    def do_pool_grow(self, n: int = 1, **_: Any) -> dict[str, str]:
        if not self._worker.pool.supports("resize"):
            return {"error": f"pool {self._worker.pool_name!r} cannot be resized"}
        self._worker.pool.grow(n)
        return {"ok": "pool will grow"}

    def do_pool_shrink(self, n: int = 1, **_: Any) -> dict[str, str]:
        if not self._worker.pool.supports("resize"):
            return {"error": f"pool {self._worker.pool_name!r} cannot be resized"}
        self._worker.pool.shrink(n)
        return {"ok": "pool will shrink"}

    def _terminate(self, ids: list[str], signal: str | int | None) -> int:
        if not self._worker.pool.supports("terminate"):
            logger.warning("pool %r cannot terminate a running task; it will end by itself", self._worker.pool_name)
            return 0
        number = signal if isinstance(signal, int) else int(signals.Signals[signal or "SIGTERM"])  # Celery sends None
        wanted = set(ids)
        keys = [key for key, held in self._worker.inflight.items() if held.delivery.message.id in wanted]
        return sum(self._worker.pool.terminate(key, number) for key in keys)

    def _shown(self, key: int) -> dict[str, Any]:
        held = self._worker.inflight.get(key)
        assert held is not None
        headers = held.delivery.message.headers
        return {
            "id": headers.get("id"),
            "name": headers.get("task"),
            "args": headers.get("argsrepr"),
            "kwargs": headers.get("kwargsrepr"),
            "hostname": self._worker.hostname,
            "delivery_info": {"routing_key": held.delivery.queue, "redelivered": held.delivery.count > 1},
            "held_for": round(time.monotonic() - held.since, 3),
        }
