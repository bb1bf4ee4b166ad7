"""Celery's errors. Where Celeriac has the same one under another name, it is that one, so that either name catches it.

In stored results they stand by Celery's names (`celeriac.failure`), and a Celery client rebuilds its own.
"""

from __future__ import annotations

import numbers
from datetime import datetime
from typing import Any, NoReturn

from click import ClickException

from celeriac.errors import (
    BackendError,
    ChordError,
    NotRegistered,
    SoftTimeLimitExceeded,
    TaskError,
    TimeLimitExceeded,
)
from celeriac.errors import CeleriacError as CeleryError
from celeriac.errors import ConfigurationError as ImproperlyConfigured
from celeriac.errors import Ignore as _Ignore
from celeriac.errors import MaxRetriesExceeded as MaxRetriesExceededError
from celeriac.errors import Reject as _Reject
from celeriac.errors import ResultTimeout as TimeoutError  # noqa: A004 (Celery's name)
from celeriac.errors import Retry as _Retry
from celeriac.errors import SignatureInvalid as SecurityError
from celeriac.errors import TaskRevoked as TaskRevokedError
from celeriac.errors import TransportDown as OperationalError
from celeriac.errors import WorkerLost as WorkerLostError
from celeriac_contrib.celery.absent import absent

__all__ = (
    "reraise",
    "CeleryWarning",
    "AlwaysEagerIgnored",
    "DuplicateNodenameWarning",
    "DuplicateTaskNameWarning",
    "FixupWarning",
    "NotConfigured",
    "SecurityWarning",
    "CeleryError",
    "ImproperlyConfigured",
    "SecurityError",
    "OperationalError",
    "TaskPredicate",
    "Ignore",
    "Reject",
    "Retry",
    "TaskError",
    "QueueNotFound",
    "IncompleteStream",
    "NotRegistered",
    "AlreadyRegistered",
    "TimeoutError",
    "MaxRetriesExceededError",
    "TaskRevokedError",
    "InvalidTaskError",
    "ChordError",
    "BackendError",
    "BackendGetMetaError",
    "BackendStoreError",
    "SoftTimeLimitExceeded",
    "TimeLimitExceeded",
    "WorkerLostError",
    "Terminated",
    "CPendingDeprecationWarning",
    "CDeprecationWarning",
    "WorkerShutdown",
    "WorkerTerminate",
    "CeleryCommandException",
)


def reraise(tp: type[BaseException], value: BaseException, tb: Any = None) -> NoReturn:
    """Raise an exception with another's traceback."""
    raise value.with_traceback(tb) if value.__traceback__ is not tb else value


class CeleryWarning(UserWarning):
    """The base of Celery's warnings."""


class AlwaysEagerIgnored(CeleryWarning):
    """``send_task`` does not run tasks in place."""


class DuplicateNodenameWarning(CeleryWarning):
    """Several workers have one name."""


class DuplicateTaskNameWarning(CeleryWarning):
    """Several tasks have one name."""


class FixupWarning(CeleryWarning):
    """A fix-up could not be applied."""


class NotConfigured(CeleryWarning):
    """There is no configuration."""


class SecurityWarning(CeleryWarning):
    """What is configured is a risk."""


class TaskPredicate(CeleryError):
    """Raised by a task to steer its own end."""


class Ignore(TaskPredicate, _Ignore):
    """Acknowledge the message and store no state."""


class Reject(TaskPredicate, _Reject):
    """Give the message back (``requeue=True``) or reject it."""

    def __init__(self, reason: str | None = None, requeue: bool = False) -> None:
        BaseException.__init__(self, reason, requeue)
        self.reason = reason
        self.requeue = requeue

    def __repr__(self) -> str:
        return f"reject requeue={self.requeue}: {self.reason}"


class Retry(TaskPredicate, _Retry):
    """The task is to run again. An `Exception`, as in Celery; Celeriac's own is none."""

    def __init__(
        self,
        message: str | None = None,
        exc: BaseException | None = None,
        when: datetime | float | None = None,
        is_eager: bool = False,
        sig: Any = None,
        **_options: Any,
    ) -> None:
        BaseException.__init__(self, exc, when)
        self.message = message
        self.exc = exc
        self.excs = repr(exc) if exc is not None else None
        self.when = when
        self.is_eager = is_eager
        self.sig = sig
        self.changed = (None, None, {})
        self.first_run = None
        self.is_sent = False

    def humanize(self) -> str:
        """When it runs again, in words."""
        if isinstance(self.when, numbers.Number):
            return f"in {self.when}s"
        return f"at {self.when}"

    def __str__(self) -> str:
        if self.message:
            return self.message
        if self.excs:
            return f"Retry {self.humanize()}: {self.excs}"
        return f"Retry {self.humanize()}"


class QueueNotFound(KeyError, TaskError):
    """No such queue in ``task_queues``."""


class IncompleteStream(TaskError):
    """The end of a stream has been reached too early."""


class AlreadyRegistered(TaskError):
    """The task is registered already."""


class InvalidTaskError(TaskError):
    """The message is none of a task."""


class BackendGetMetaError(BackendError):
    """A result could not be read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args)
        self.task_id = kwargs.get("task_id", "")


class BackendStoreError(BackendError):
    """A result could not be stored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args)
        self.task_id = kwargs.get("task_id", "")
        self.state = kwargs.get("state", "")


class Terminated(Exception):
    """The process of a task was ended by request."""


class CPendingDeprecationWarning(PendingDeprecationWarning):
    """Something will go."""


class CDeprecationWarning(DeprecationWarning):
    """Something is going."""


class WorkerTerminate(SystemExit):
    """The worker is to end now."""


class WorkerShutdown(SystemExit):
    """The worker is to end in good order."""


class CeleryCommandException(ClickException):
    """A command has failed, with the exit status to end in."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


for _kind in list(globals().values()):
    if isinstance(_kind, type) and issubclass(_kind, BaseException) and _kind.__module__ == __name__:
        _kind.__module__ = "celery.exceptions"  # so they stand in results, and so they are pickled
del _kind

__getattr__ = absent(__name__)
