"""A limit that the pool cannot enforce is refused when the worker starts, not ignored when it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celeriac.errors import UnsupportedCapability

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.pool import Pool
    from celeriac.task import Task

LIMITS = {"time_limit": "time-limit", "soft_time_limit": "soft-time-limit"}


def enforces(capabilities: frozenset[str], limit: str, task: Task[..., Any] | None) -> bool:
    """Whether a pool with these capabilities ends this task at its ``time_limit`` or ``soft_time_limit``."""
    if LIMITS[limit] in capabilities:
        return True
    return "await-limits" in capabilities and task is not None and task.is_async


def check_limits(app: Celeriac, pool_name: str, pool: Pool) -> None:
    """Compare the limits of settings and tasks with what the pool declares.

    Raises:
        UnsupportedCapability: naming the task or setting, and what to do.
    """
    for limit, capability in LIMITS.items():
        if pool.supports(capability):
            continue
        everywhere = app.conf[f"task_{limit}"] is not None
        unmet = [
            (name, task)
            for name, task in sorted(app.tasks.regular().items())
            if not enforces(pool.capabilities, limit, task)
        ]
        owners = [f"the setting task_{limit}"] if everywhere and unmet else []
        owners += [f"task {name}" for name, task in unmet if getattr(task, limit) is not None]
        if owners:
            raise UnsupportedCapability(
                f"pool {pool_name!r} cannot enforce {limit}, which {', '.join(owners[:3])}"
                f"{' and others' if len(owners) > 3 else ''} asks for; use -P prefork, or remove the limit"
            )
    for setting in ("worker_max_tasks_per_child", "worker_max_memory_per_child"):
        if app.conf[setting] is not None and not pool.supports("recycle"):
            raise UnsupportedCapability(f"pool {pool_name!r} has no children to honour {setting}; use -P prefork")
