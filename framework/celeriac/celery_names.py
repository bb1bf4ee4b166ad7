"""Names of Celery's app that say the same here in one line, and those that cannot mean anything here."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from celeriac.context import current
from celeriac.errors import ConfigurationError

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.result import AsyncResult
    from celeriac.result_set import ResultSet
    from celeriac.task import Task

_CONNECTION = "an app has one connection, which opens by itself: app.transport, and app.write_transport for calls"
_CLASS = "give the app another one as an argument, or derive from Celeriac"
_HERE = "Python's own platform module says it"

NOT_HERE: Mapping[str, str] = {
    "IS_WINDOWS": _HERE,
    "IS_macOS": _HERE,
    "SYSTEM": _HERE,
    "Pickler": "pickle.dumps(app) is all it takes",
    "WorkController": "app.Worker makes a worker",
    "amqp": "queues and routes are settings: task_queues, task_routes; app.bindings says where an exchange leads",
    "amqp_cls": _CLASS,
    "backend_cls": "the setting result_backend names the backend",
    "broker_connection": _CONNECTION,
    "builtin_fixups": "there are none; hooks are found by entry point",
    "connection": _CONNECTION,
    "connection_for_read": _CONNECTION,
    "connection_for_write": _CONNECTION,
    "connection_or_acquire": _CONNECTION,
    "control_cls": _CLASS,
    "default_connection": _CONNECTION,
    "default_producer": _CONNECTION,
    "events_cls": _CLASS,
    "loader_cls": _CLASS,
    "log": "the log is a driver: worker_logger names it",
    "log_cls": "the log is a driver: worker_logger names it",
    "pool": _CONNECTION,
    "prepare_config": "connect to on_configure, or set what is to be set",
    "producer_or_acquire": _CONNECTION,
    "producer_pool": _CONNECTION,
    "registry_cls": _CLASS,
    "set_as_current": "it is an argument; app.set_current() does the same later",
    "steps": "hooks and drivers add to a worker, it has no steps",
    "subclass_with_self": "functools.partial(kind, app)",
    "thread_oid": "replies come to the process: app.oid",
    "type_checker": "arguments are checked by the signature; strict_typing and a task's `typing` turn it off",
    "use_fast_trace_task": "there is one way to run a task, and it is fast",
    "user_options": "a plugin adds commands: hook celeriac_cli_commands",
    "uses_utc_timezone": "times travel with their offset",
}
"""Names of Celery's app that this one does not have, and what to use instead."""


class CeleryNames:
    """Part of `Celeriac`."""

    NOT_HERE: ClassVar[Mapping[str, str]] = NOT_HERE

    @property
    def _this(self) -> Celeriac:
        return cast("Celeriac", self)

    @property
    def oid(self) -> str:
        """Names this app in this process."""
        return f"{os.getpid()}-{id(self):x}@{socket.gethostname()}"

    @property
    def current_task(self) -> Task[..., Any] | None:
        """The task that runs in this thread or asyncio task; None: none does."""
        context = current.get()
        return self._this.tasks.get(context.task) if context is not None else None

    @property
    def current_worker_task(self) -> Task[..., Any] | None:
        """The same, unless it was called as a plain function."""
        context = current.get()
        return None if context is None or context.called_directly else self.current_task

    @property
    def annotations(self) -> Any:
        """The setting ``task_annotations``."""
        return self._this.conf.task_annotations

    def ResultSet(self, results: Iterable[AsyncResult[Any]]) -> ResultSet[Any]:  # noqa: N802
        """Several results as one."""
        from celeriac.result_set import ResultSet

        return ResultSet(results)

    def on_init(self) -> None:
        """Called at the end of the constructor; for classes that derive from this one."""

    def setup_security(
        self,
        allowed_serializers: Iterable[str] | None = None,
        key: str | None = None,
        key_password: str | None = None,
        cert: str | None = None,
        store: str | None = None,
        digest: str | None = None,
        serializer: str = "json",
    ) -> None:
        """Sign what is sent, and accept nothing else but `allowed_serializers`.

        Raises:
            ConfigurationError: another `serializer` than JSON, which is what signed messages hold.
        """
        if serializer != "json":
            raise ConfigurationError(f"signed messages hold JSON, not {serializer!r}")
        given = {
            "security_key": key,
            "security_key_password": key_password,
            "security_certificate": cert,
            "security_cert_store": store,
            "security_digest": digest,
        }
        self._this.conf.update(
            {name: value for name, value in given.items() if value is not None},
            "setup_security",
            task_serializer="auth",
            accept_content=["auth", *(allowed_serializers or ())],
        )

    if not TYPE_CHECKING:  # a checker is to find these names, and misspelt ones

        def __getattr__(self, name):
            instead = NOT_HERE.get(name)
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(f"{text}: {instead}" if instead else text)
