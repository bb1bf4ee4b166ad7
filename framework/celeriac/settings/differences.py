"""Settings whose default is another one than Celery's, and why. A test compares with an installed Celery."""

from __future__ import annotations

from typing import Any, NamedTuple


class Difference(NamedTuple):
    """Of one setting, by Celery's name."""

    celery: Any
    """Celery's default."""
    why: str


DIFFERENCES: dict[str, Difference] = {
    "timezone": Difference(None, "None means UTC there"),
    "beat_max_loop_interval": Difference(0, "0 means the scheduler's own there, which is 300"),
    "beat_scheduler": Difference("celery.beat:PersistentScheduler", "schedulers are plugins, found by name"),
    "beat_schedule_filename": Difference("celerybeat-schedule", "the file is of another format"),
    "broker_connection_max_retries": Difference(100, "a worker does not give up"),
    "broker_failover_strategy": Difference(None, "None means that there"),
    "result_backend_max_retries": Difference(float("inf"), "None is no bound"),
    "task_acks_late": Difference(False, "the preset `delivery` decides: after the run"),
    "task_publish_retry_policy": Difference(
        {"max_retries": 3, "interval_start": 0, "interval_max": 1, "interval_step": 0.2},
        "tried until `task_publish_timeout` has passed",
    ),
    "worker_prefetch_multiplier": Difference(4, "what is held follows the run time"),
    "worker_redirect_stdouts": Difference(True, "standard output is yours"),
    "worker_redirect_stdouts_level": Difference("WARNING", "the same, in small letters"),
    "worker_soft_shutdown_timeout": Difference(0.0, "is `worker_shutdown_timeout`: containers do not wait for ever"),
}
