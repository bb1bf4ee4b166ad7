"""From Celeriac's hooks to Celery's signals: one listener for each signal, registered once the signal has receivers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from celeriac import hookimpl, states
from celeriac.errors import CeleriacError
from celeriac_contrib.celery.app.einfo import ExceptionInfo

if TYPE_CHECKING:
    from celeriac.context import Context
    from celeriac.message import Delivery, Publication
    from celeriac_contrib.celery.utils.dispatch.signal import Signal

logger = logging.getLogger("celeriac.celery.signals")


def heard(signal: Signal) -> None:
    """A signal has a receiver now: every app is to look for its event."""
    from celeriac_contrib.celery import _state

    for app in _state._get_active_apps():
        app._listeners.listen(signal)


class Signals:
    """What one app listens to."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._registered: set[str] = set()

    def listen_to_all(self) -> None:
        """Listen for every signal that has receivers."""
        from celeriac_contrib.celery import signals

        for name in signals.ARGUMENTS:
            signal = getattr(signals, name)
            if signal.receivers:
                self.listen(signal)

    def listen(self, signal: Signal) -> None:
        """Listen for one; a second time does nothing, and for one without a hook there is nothing to listen to."""
        kind = _LISTENERS.get(signal.name or "")
        if kind is None or signal.name in self._registered:
            return
        self._registered.add(signal.name or "")
        self._app.hooks.register(kind(signal), f"celery signal {signal.name}")


class _Listener:
    def __init__(self, signal: Signal) -> None:
        self.signal = signal

    def send(self, sender: Any, **named: Any) -> None:
        self.signal.send(sender, **named)


def _task(app: Any, name: str) -> Any:
    return app.tasks.get(name) or name


# a message on its way out


class _BeforePublish(_Listener):
    @hookimpl
    def celeriac_before_publish(self, app: Any, batch: list[Publication]) -> None:
        for publication in batch:
            message = publication.message
            self.send(
                message.task,
                body=_body(app, message),
                exchange="",
                routing_key=publication.queue,
                headers=message.headers,
                properties=message.properties,
                declare=[],
                retry_policy=None,
            )


class _AfterPublish(_Listener):
    @hookimpl
    def celeriac_after_publish(self, app: Any, batch: list[Publication]) -> None:
        for publication in batch:
            message = publication.message
            self.send(
                message.task,
                body=_body(app, message),
                exchange="",
                routing_key=publication.queue,
                headers=message.headers,
            )


def _body(app: Any, message: Any) -> Any:
    with suppress(CeleriacError):
        return tuple(app.codec.decode(message.body, message.content_type, message.headers.get("compression")))
    return message.body


# a task in a worker


class _Received(_Listener):
    @hookimpl
    def celeriac_task_received(self, app: Any, delivery: Delivery) -> None:
        self.send(app, request=Request(app, delivery))


class _Prerun(_Listener):
    @hookimpl
    def celeriac_task_prerun(self, app: Any, context: Context, args: list[Any], kwargs: dict[str, Any]) -> None:
        task = _task(app, context.task)
        self.send(task, task_id=context.id, task=task, args=args, kwargs=kwargs)


class _Postrun(_Listener):
    @hookimpl
    def celeriac_task_postrun(self, app: Any, context: Context, state: str, result: Any) -> None:
        task = _task(app, context.task)
        given = {"args": context.args, "kwargs": context.kwargs, "retval": result, "state": state}
        self.send(task, task_id=context.id, task=task, **given)

    @hookimpl
    def celeriac_task_retry(self, app: Any, context: Context, error: BaseException | None) -> None:
        task = _task(app, context.task)
        given = {"args": context.args, "kwargs": context.kwargs, "retval": error, "state": states.RETRY}
        self.send(task, task_id=context.id, task=task, **given)


class _Success(_Listener):
    @hookimpl
    def celeriac_task_success(self, app: Any, context: Context, result: Any) -> None:
        self.send(_task(app, context.task), result=result)


class _Failure(_Listener):
    @hookimpl
    def celeriac_task_failure(self, app: Any, context: Context, error: BaseException, traceback: str) -> None:
        self.send(
            _task(app, context.task),
            task_id=context.id,
            exception=error,
            args=context.args,
            kwargs=context.kwargs,
            traceback=error.__traceback__,
            einfo=ExceptionInfo(error, traceback),
        )


class _Retry(_Listener):
    @hookimpl
    def celeriac_task_retry(self, app: Any, context: Context, error: BaseException | None) -> None:
        reason = error if error is not None else "the task asked for it"
        einfo = ExceptionInfo(error, "") if error is not None else None
        self.send(_task(app, context.task), request=context, reason=reason, einfo=einfo)


class _Revoked(_Listener):
    @hookimpl
    def celeriac_task_settled(self, app: Any, delivery: Delivery, outcome: Any) -> None:
        if outcome.state == states.REVOKED:
            expired = "expired" in outcome.reason
            terminated = "terminated" in outcome.reason
            request = Request(app, delivery)
            self.send(request.task, request=request, terminated=terminated, signum=None, expired=expired)


class _Rejected(_Listener):
    @hookimpl
    def celeriac_task_dead(self, app: Any, delivery: Delivery, reason: str) -> None:
        self.send(app, message=delivery.message, exc=reason)


class _Unknown(_Listener):
    @hookimpl
    def celeriac_task_dead(self, app: Any, delivery: Delivery, reason: str) -> None:
        message = delivery.message
        if message.task not in app.tasks:
            self.send(app, message=message, exc=reason, name=message.task, id=message.id)


class Request:
    """What a signal tells of a message that is held: its fields by Celery's names."""

    def __init__(self, app: Any, delivery: Delivery) -> None:
        message = delivery.message
        self.app = app
        self.delivery = delivery
        self.id = self.task_id = message.id
        self.name = self.task_name = message.task
        self.task = _task(app, message.task)
        self.type = message.task
        self.headers = self.request_dict = message.headers
        self.root_id = message.headers.get("root_id")
        self.parent_id = message.headers.get("parent_id")
        self.argsrepr = message.headers.get("argsrepr")
        self.kwargsrepr = message.headers.get("kwargsrepr")
        self.eta = message.headers.get("eta")
        self.expires = message.headers.get("expires")
        self.reply_to = message.reply_to
        self.correlation_id = message.properties.get("correlation_id")
        self.delivery_info = {"routing_key": delivery.queue, "redelivered": delivery.count > 1, "exchange": ""}
        self._whole: Any = None

    def _decoded(self) -> Any:
        if self._whole is None:
            self._whole = _body(self.app, self.delivery.message)
        return self._whole if isinstance(self._whole, tuple) else ((), {}, {})

    @property
    def args(self) -> Any:
        return self._decoded()[0]

    @property
    def kwargs(self) -> Any:
        return self._decoded()[1]

    def __repr__(self) -> str:
        return f"<Request: {self.name}[{self.id}] {self.argsrepr} {self.kwargsrepr}>"


# a worker


class _Hostname(_Listener):
    """Signals whose sender is the worker's name."""

    def __init__(self, signal: Signal) -> None:
        super().__init__(signal)

    @hookimpl
    def celeriac_worker_init(self, app: Any, hostname: str) -> None:
        self.send(hostname, **{"instance": _Instance(app, hostname), "conf": app.conf, **self._more()})

    def _more(self) -> dict[str, Any]:
        return {"options": {}} if self.signal.name == "celeryd_init" else {}


class _Instance:
    """What a signal calls the worker: its app and its name."""

    def __init__(self, app: Any, hostname: str) -> None:
        self.app = app
        self.hostname = hostname

    def __repr__(self) -> str:
        return f"<Worker: {self.hostname}>"


class _WorkerInit(_Listener):
    @hookimpl
    def celeriac_worker_init(self, app: Any, hostname: str) -> None:
        self.send(_Instance(app, hostname))


class _WorkerReady(_Listener):
    @hookimpl
    def celeriac_worker_ready(self, app: Any, hostname: str) -> None:
        self.send(_Instance(app, hostname))


class _SetupLogging(_Listener):
    """Sent for those who configure logging there. What it keeps Celery from is not done here anyway."""

    @hookimpl
    def celeriac_worker_init(self, app: Any) -> None:
        self.send(None, **_of_the_log(app))


class _AfterSetup(_Listener):
    @hookimpl
    def celeriac_worker_init(self, app: Any) -> None:
        name = "celeriac.task" if self.signal.name == "after_setup_task_logger" else None
        self.send(None, logger=logging.getLogger(name), **_of_the_log(app))


def _of_the_log(app: Any) -> dict[str, Any]:
    conf = app.conf
    level = logging.getLevelNamesMapping()[conf.worker_log_level.upper()]
    return {"loglevel": level, "logfile": conf.worker_log_file, "format": None, "colorize": conf.worker_log_color}


class _ShuttingDown(_Listener):
    @hookimpl
    def celeriac_worker_stopping(self, hostname: str) -> None:
        self.send(hostname, sig="SIGTERM", how="Warm", exitcode=0)


class _Shutdown(_Listener):
    @hookimpl
    def celeriac_worker_stopped(self, app: Any, hostname: str) -> None:
        self.send(_Instance(app, hostname))


class _ProcessInit(_Listener):
    @hookimpl
    def celeriac_worker_process_init(self) -> None:
        self.send(None)


class _ProcessShutdown(_Listener):
    @hookimpl
    def celeriac_worker_process_shutdown(self) -> None:
        import os

        self.send(None, pid=os.getpid(), exitcode=0)


class _BeatInit(_Listener):
    @hookimpl
    def celeriac_beat_init(self, app: Any) -> None:
        self.send(app)


_LISTENERS: dict[str, Callable[[Signal], _Listener]] = {
    "before_task_publish": _BeforePublish,
    "after_task_publish": _AfterPublish,
    "task_received": _Received,
    "task_prerun": _Prerun,
    "task_postrun": _Postrun,
    "task_success": _Success,
    "task_failure": _Failure,
    "task_retry": _Retry,
    "task_revoked": _Revoked,
    "task_rejected": _Rejected,
    "task_unknown": _Unknown,
    "setup_logging": _SetupLogging,
    "after_setup_logger": _AfterSetup,
    "after_setup_task_logger": _AfterSetup,
    "celeryd_init": _Hostname,
    "celeryd_after_setup": _Hostname,
    "worker_init": _WorkerInit,
    "worker_ready": _WorkerReady,
    "worker_shutting_down": _ShuttingDown,
    "worker_shutdown": _Shutdown,
    "worker_process_init": _ProcessInit,
    "worker_process_shutdown": _ProcessShutdown,
    "beat_init": _BeatInit,
}
"""Those that a hook tells of."""


def sent() -> Iterator[str]:
    """The names of the signals that are sent; the others can be connected to and are never sent."""
    yield from _LISTENERS
    yield "import_modules"
