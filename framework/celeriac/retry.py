"""When a failed task runs again: one policy, whoever gives it.

It is the task's (``@app.task(retry_policy=…)``, or Celery's options, which come to one), the call's (option
``task_retry_policy``, which travels in the message), the configuration's (setting of that name), or that of one
``raise self.retry(policy=…)``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from celeriac.errors import ConfigurationError, Retry
from celeriac.nearest import did_you_mean

if TYPE_CHECKING:
    from celeriac.context import Context
    from celeriac.task import Task

HEADER: Final = "x-celeriac-retry"
"""The header of a message whose caller has chosen a policy. Workers of other systems pass it over."""
FIRST_RUN: Final = "x-celeriac-first-run"
"""The header that tells a retry when the first run began (Unix time), for the policy's deadline."""

OPTIONS: Final = (
    "autoretry_for",
    "dont_autoretry_for",
    "max_retries",
    "default_retry_delay",
    "retry_kwargs",
    "retry_backoff",
    "retry_backoff_max",
    "retry_jitter",
)
"""Celery's options of a task that come to a policy."""

Kind = type[BaseException] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, when and after which errors a task runs again.

    ::

        RetryPolicy(attempts=5, factor=2, maximum=60)          # after 2, 4, 8 and 16 s, each a little less at random
        RetryPolicy(attempts=None, exponential=False, factor=10, jitter=False, deadline=3600)  # every 10 s for an hour
    """

    attempts: int | None = 4
    """How often the task runs at most, the first time included; None: without end."""
    factor: float = 1.0
    """Seconds before the second run."""
    exponential: bool = True
    """Each wait is twice the one before it; otherwise all are `factor`."""
    maximum: float | None = 600.0
    """Seconds that a wait is at most, before `jitter`; None: without bound."""
    jitter: bool = True
    """Wait a random time between 0 and what comes of the above: what failed together does not come back together."""
    deadline: float | None = None
    """Seconds after the beginning of the first run; a run that would begin later is not tried."""
    retry_for: Kind | tuple[Kind, ...] = (Exception,)
    """Errors after which the task runs again by itself: classes, or their full names, which is what is kept. Who
    raises ``self.retry`` has decided already."""
    not_for: Kind | tuple[Kind, ...] = ()
    """Of these, the ones after which it does not."""

    def __post_init__(self) -> None:
        for name in ("retry_for", "not_for"):
            object.__setattr__(self, name, _names(getattr(self, name)))
        if self.attempts is not None and self.attempts < 1:
            raise ConfigurationError("a retry policy allows at least 1 attempt, the first run")
        if self.factor < 0:
            raise ConfigurationError("the factor of a retry policy is a number of seconds, not below 0")

    def allows(self, retries: int) -> bool:
        """Whether there is another run after `retries` retries."""
        return self.attempts is None or retries + 1 < self.attempts

    def wait(self, retries: int) -> float:
        """Seconds before retry number `retries` (from 0)."""
        wait = self.factor * 2 ** min(retries, 64) if self.exponential else self.factor
        if self.maximum is not None:
            wait = min(wait, self.maximum)
        return random.uniform(0, wait) if self.jitter else wait  # noqa: S311 (no secret)

    def covers(self, error: BaseException) -> bool:
        """Whether the task runs again by itself after this error."""
        # Names, not classes: the policy may come from another process, and nothing is imported for it.
        names = {full_name(kind) for kind in type(error).__mro__}
        return not names.isdisjoint(_names(self.retry_for)) and names.isdisjoint(_names(self.not_for))

    def in_time(self, due: float, first_run: float) -> bool:
        """Whether a run that begins at `due` is within the deadline."""
        return self.deadline is None or due <= first_run + self.deadline

    def as_header(self) -> dict[str, Any]:
        """The policy as plain values."""
        plain = asdict(self)
        return {**plain, "retry_for": list(plain["retry_for"]), "not_for": list(plain["not_for"])}


def _names(kinds: Kind | tuple[Kind, ...]) -> tuple[str, ...]:
    several = (kinds,) if isinstance(kinds, (str, type)) else kinds
    return tuple(kind if isinstance(kind, str) else full_name(kind) for kind in several)


_FIELDS = tuple(field.name for field in fields(RetryPolicy))


def policy_from(value: RetryPolicy | Mapping[str, Any]) -> RetryPolicy:
    """The policy that a mapping of its fields stands for.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(value, RetryPolicy):
        return value
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"a retry policy is a RetryPolicy or a mapping of its fields, not {value!r}")
    for name in value:
        if name not in _FIELDS:
            raise ConfigurationError(f"a retry policy has no {name!r}{did_you_mean(str(name), _FIELDS)}")
    try:
        return RetryPolicy(**value)
    except TypeError as error:
        raise ConfigurationError(f"not a retry policy: {error}") from None


def policy_of_options(task: Task[..., Any]) -> RetryPolicy:
    """What Celery's options of a task come to."""
    asked = task.retry_kwargs or {}
    most = asked.get("max_retries", task.max_retries)
    backoff = task.retry_backoff
    return RetryPolicy(
        attempts=None if most is None else most + 1,
        factor=float(backoff) if backoff else float(asked.get("countdown", task.default_retry_delay)),
        exponential=bool(backoff),
        maximum=float(task.retry_backoff_max) if backoff else None,
        jitter=bool(backoff and task.retry_jitter),
        retry_for=task.autoretry_for,
        not_for=task.dont_autoretry_for,
    )


def chosen_policy(task: Task[..., Any], context: Context) -> RetryPolicy | None:
    """The policy that was chosen for a run: the call's, else the task's own, else the configuration's. None: nobody
    has, and Celery's options of the task hold."""
    travelled = context.headers.get(HEADER)
    if travelled is not None:
        # A policy of another version of this package may have fields that this one does not know.
        with suppress(ConfigurationError):
            return policy_from(travelled)
    if task.retry_policy is not None:
        return policy_from(task.retry_policy)
    configured = task.app.conf.task_retry_policy
    if configured is not None and not has_options(task):
        return policy_from(configured)
    return None


def has_options(task: Task[..., Any]) -> bool:
    """Whether the task says in Celery's options how it retries."""
    from celeriac.task import Task

    return any(getattr(task, name) != getattr(Task, name) for name in OPTIONS)


def automatic_retry(task: Task[..., Any], context: Context, error: BaseException) -> Retry | None:
    """The retry after this error, when the task runs again by itself for it; else None."""
    policy = chosen_policy(task, context) or policy_of_options(task)
    if not policy.covers(error) or not policy.allows(context.retries):
        return None
    now = task.app.clock.time()
    due, first = now + policy.wait(context.retries), first_run(context, now)
    if not policy.in_time(due, first):
        return None
    control = Retry(str(error), error, due)
    control.first_run = None if policy.deadline is None else first
    return control


def first_run(context: Context, now: float) -> float:
    """When the first run of the task began."""
    began = context.headers.get(FIRST_RUN)
    if isinstance(began, (int, float)):
        return float(began)
    return now - (time.perf_counter() - context.started if context.started else 0.0)


def full_name(kind: type) -> str:
    """``module.Class``; of a built-in one, its name alone."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
