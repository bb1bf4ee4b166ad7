"""Every error that Celeriac raises, in one tree.

    CeleriacError
    ├── ConfigurationError            what was set cannot work            (also ValueError)
    │   ├── UnknownSetting            no such setting; names the nearest
    │   ├── UnsupportedCapability     the chosen driver cannot do what was asked
    │   └── DriverError
    │       ├── UnknownDriver         no such name; names the nearest, lists what is installed   (also LookupError)
    │       ├── DriverNotInstalled    known, but its package is missing; gives the pip command      (also ImportError)
    │       ├── DriverConflict        two distributions claim one name
    │       └── DriverInvalid         loads, but is not a driver of that kind or speaks another api
    ├── NotRegistered                 no task of that name                 (also KeyError)
    ├── DuplicateCall                 an equal call of a unique task is waiting or running already
    ├── EncodeError                   the value cannot be written by that serializer
    ├── DecodeError                   the bytes are not what they claim to be
    │   ├── ContentDisallowed         a content type outside the accept list; nothing was decoded
    │   ├── SignatureInvalid          signed by nobody we know, or altered
    │   └── PayloadTooLarge           past the bound, also after decompression
    ├── TransportError
    │   ├── TransportDown             the broker cannot be reached, or not in time                (also ConnectionError)
    │   └── TransportCorrupt          the store's own files are damaged
    ├── BackendError
    │   └── BackendDown               the result store cannot be reached  (also ConnectionError)
    ├── SchedulerError                the memory of a scheduler cannot be read or written
    ├── ResultTimeout                 `get(timeout=…)` ran out             (also TimeoutError)
    ├── IncompleteStream              the graph of results was asked for before all of it had ended
    ├── TaskError                     how a task ended, as seen by who waits for it
    │   ├── TaskFailed                raised for an exception class that cannot be rebuilt here
    │   ├── MaxRetriesExceeded
    │   ├── TimeLimitExceeded         the hard limit ended the task
    │   ├── WorkerLost                the process that ran the task died
    │   ├── TaskRevoked               revoked or expired before it ran
    │   └── ChordError                a member of the header failed
    └── SoftTimeLimitExceeded         raised inside a task at its soft limit

    TaskControl (BaseException)       raised by a task to steer its own settlement; not failures
    ├── Retry
    ├── Ignore
    │   └── Replaced                  another task has taken this one's place
    └── Reject

Foreign errors are mapped into this tree once, at the edge of the driver that met them, with the cause chained.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any


class CeleriacError(Exception):
    """The base of all errors of this package."""


class ConfigurationError(CeleriacError, ValueError):
    """What was configured cannot work; the text says what to write instead."""


class UnknownSetting(ConfigurationError):
    """No setting has this name."""


class UnsupportedCapability(ConfigurationError):
    """The chosen driver does not declare what was asked of it."""


class DriverError(ConfigurationError):
    """A driver could not be found or loaded."""


class UnknownDriver(DriverError, LookupError):
    """No installed distribution offers a driver of this name."""


class DriverNotInstalled(DriverError, ImportError):
    """The driver is known, but a module that it needs is not installed."""


class DriverConflict(DriverError):
    """Two distributions claim the same driver name."""


class DriverInvalid(DriverError):
    """The entry point does not lead to a driver of its kind, or to one of another contract version."""


class NotRegistered(CeleriacError, KeyError):
    """No task of this name is registered with the app."""

    def __str__(self) -> str:  # KeyError would show the repr of the text
        return str(self.args[0]) if self.args else ""


class DuplicateCall(CeleriacError):
    """An equal call of a unique task is waiting or running already: the one with this `id`."""

    def __init__(self, message: str, id: str = "") -> None:
        super().__init__(message)
        self.id = id


class EncodeError(CeleriacError, ValueError):
    """The serializer cannot write this value."""


class DecodeError(CeleriacError, ValueError):
    """The bytes are not what their content type says."""


class ContentDisallowed(DecodeError):
    """The content type is not in the accept list; the bytes were not decoded."""


class SignatureInvalid(DecodeError):
    """The signature does not fit the bytes, or its signer is unknown."""


class PayloadTooLarge(DecodeError):
    """The payload is over its bound, as sent or once decompressed."""


class TransportError(CeleriacError):
    """The broker refused, or answered something that we do not understand."""


class TransportDown(TransportError, ConnectionError):
    """The broker cannot be reached, or did not answer within the deadline."""


OperationalError = TransportDown
"""Celery's name for TransportDown."""


class TransportCorrupt(TransportError):
    """The store behind the transport is damaged."""


class BackendError(CeleriacError):
    """The result store refused, or answered something that we do not understand."""


class BackendDown(BackendError, ConnectionError):
    """The result store cannot be reached."""


class SchedulerError(CeleriacError):
    """The memory of a scheduler cannot be read or written."""


class ResultTimeout(CeleriacError, TimeoutError):
    """The result was not there within the time given."""


class IncompleteStream(CeleriacError):
    """A task has not ended, so that more results may come of it."""


class TaskError(CeleriacError):
    """How a task ended, as seen by who waits for its result."""


class TaskFailed(TaskError):
    """Stands in for an exception whose class cannot be rebuilt here: ``(type name, message)``."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


class MaxRetriesExceeded(TaskError):
    """The task asked for another try and had none left."""


class TimeLimitExceeded(TaskError):
    """The task ran past its hard time limit and was ended."""


class WorkerLost(TaskError):
    """The process that ran the task died before the task ended."""


class TaskRevoked(TaskError):
    """The task was revoked, or had expired, before it ran."""


class ChordError(TaskError):
    """A member of the chord's header failed, so the body does not run."""


class SoftTimeLimitExceeded(CeleriacError):
    """Raised inside a task when its soft time limit is reached."""


class TaskControl(BaseException):
    """Raised by a task to steer its own settlement.

    Derives from BaseException so that a task's own ``except Exception`` does not swallow it.
    """


class Retry(TaskControl):
    """The task is to run again: ``when`` is the due time, or None for at once."""

    def __init__(
        self, message: str | None = None, exc: BaseException | None = None, when: datetime | float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exc = exc
        self.when = when
        self.changed: tuple[Any, Any, dict[str, Any]] = (None, None, {})
        """Other arguments, keyword arguments and options for the next run; None: as they are."""
        self.first_run: float | None = None
        """When the first run began, where the next one has to know."""
        self.is_sent = False
        """The message of the next run is published already."""


class Ignore(TaskControl):
    """Acknowledge the message and store no state."""


class Replaced(Ignore):
    """Another signature runs in place of the task, under its id."""

    def __init__(self, signature: Any = None) -> None:
        super().__init__("replaced by another task")
        self.signature = signature


class Reject(TaskControl):
    """Do not acknowledge: give the message back (``requeue=True``) or dead-letter it."""

    def __init__(self, reason: str | None = None, requeue: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.requeue = requeue
