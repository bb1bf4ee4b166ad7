"""What settings and a task's own options come to for the worker: worked out once per task, not once per message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celeriac.task import has_handlers, what_to_call
from celeriac.worker.rates import Rate, parse_rate

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.task import Task


class Policy:
    """How the worker treats the messages of one task; of an unknown one, when `task` is None."""

    __slots__ = (
        "cap",
        "early",
        "function",
        "handlers",
        "keeps_errors",
        "keeps_failed",
        "rate",
        "requeue_lost",
        "soft_time_limit",
        "task",
        "time_limit",
        "track_started",
    )

    def __init__(self, app: Celeriac, task: Task[..., Any] | None) -> None:
        conf = app.conf

        def own(attribute: str, setting: str) -> Any:
            value = getattr(task, attribute, None)
            return conf[setting] if value is None else value

        self.task = task
        self.cap: int = own("max_deliveries", "task_max_deliveries")
        """How many deliveries a message gets before it is a dead letter."""
        self.early = _acknowledged_early(task, conf)
        self.time_limit: float | None = own("time_limit", "task_time_limit")
        self.soft_time_limit: float | None = own("soft_time_limit", "task_soft_time_limit")
        self.requeue_lost: bool = own("reject_on_worker_lost", "task_reject_on_worker_lost") is not False
        """Whether a task whose process died is tried again. Celery's setting, with our default."""
        self.track_started: bool = own("track_started", "task_track_started")
        self.keeps_errors: bool = own("store_errors_even_if_ignored", "task_store_errors_even_if_ignored")
        self.handlers = task is not None and has_handlers(task)
        self.function: Callable[..., Any] = _nothing if task is None else what_to_call(task)
        """What runs the task."""
        self.keeps_failed: bool = (
            not self.early and own("acks_on_failure_or_timeout", "task_acks_on_failure_or_timeout") is False
        )
        """Whether the message of a run that failed is kept: as a dead letter, or for another run after a time limit."""
        self.rate: Rate | None = None
        """How many runs begin, where that is limited."""
        if task is not None and not conf.worker_disable_rate_limits:
            self.limit_rate(own("rate_limit", "task_default_rate_limit"))

    def limit_rate(self, value: str | float | None) -> None:
        """Begin no more runs than that from now on; None: as many as come.

        Raises:
            ConfigurationError: it is no rate.
        """
        rate = parse_rate(value)
        self.rate = None if rate is None else Rate(rate)


class Policies:
    """The policies of an app's tasks, each made when it is first needed."""

    def __init__(self, app: Celeriac) -> None:
        self._app = app
        self._by_name: dict[str, Policy] = {}
        self._unknown = Policy(app, None)

    def __getitem__(self, name: str) -> Policy:
        policy = self._by_name.get(name)
        if policy is None:
            task = self._app.tasks.get(name)
            if task is None:
                return self._unknown
            policy = self._by_name[name] = Policy(self._app, task)
        return policy


def _nothing(*_: Any, **__: Any) -> None:
    """No task, nothing to run."""


def _acknowledged_early(task: Task[..., Any] | None, conf: Any) -> bool:
    """Whether to acknowledge before the run: the task's word before the setting, the preset before Celery's."""
    for delivery, acks_late in (
        (getattr(task, "delivery", None), getattr(task, "acks_late", None)),
        (None, conf.task_acks_late),
    ):
        if delivery is not None:
            return bool(delivery == "at_most_once")
        if acks_late is not None:
            return not acks_late
    return bool(conf.delivery == "at_most_once")
