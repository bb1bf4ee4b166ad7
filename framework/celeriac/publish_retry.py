"""How a publish that failed is tried again: ``task_publish_retry_policy``, with Celery's fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from celeriac.errors import ConfigurationError
from celeriac.nearest import did_you_mean

FIRST, MOST = 0.02, 0.5
"""Without a policy: the first pause doubles up to the last, in seconds, for as long as the deadline allows."""


class PublishRetry(NamedTuple):
    """One policy. Whatever it says, the deadline of the publish holds."""

    max_retries: int | None = 3
    """Tries after the first one; None: for as long as the deadline allows."""
    interval_start: float = 0.0
    """Seconds before the first of them."""
    interval_step: float = 0.2
    """Seconds by which each pause is longer than the one before."""
    interval_max: float = 1.0
    """The longest pause."""
    retry_errors: tuple[type[BaseException], ...] | None = None
    """The errors after which it is tried again: ours, or the driver's own behind it. None: all."""

    def pause(self, retries: int, error: BaseException) -> float | None:
        """Seconds before the next try, when there were so many retries; None: there is none."""
        if self.max_retries is not None and retries >= self.max_retries:
            return None
        if self.retry_errors and not any(isinstance(each, self.retry_errors) for each in (error, error.__cause__)):
            return None
        return min(self.interval_start + self.interval_step * retries, self.interval_max)


def publish_retry_from(value: Mapping[str, Any]) -> PublishRetry:
    """The policy in a setting or an option.

    Raises:
        ConfigurationError: a field that there is not.
    """
    for name in value:
        if name not in PublishRetry._fields:
            raise ConfigurationError(
                f"a publish retry policy has no {name!r}{did_you_mean(name, PublishRetry._fields)}"
            )
    given = dict(value)
    errors = given.get("retry_errors")
    if errors is not None:
        given["retry_errors"] = tuple(errors) if isinstance(errors, (list, tuple)) else (errors,)
    return PublishRetry(**given)


def pause_without_policy(retries: int) -> float:
    """Seconds before the next try, where nothing says how."""
    return float(min(FIRST * 2 ** min(retries, 16), MOST))
