"""A limit that the pool cannot enforce is refused when the worker starts, not ignored when it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celeriac.errors import UnsupportedCapability

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.pool import Pool

_LIMITS = {"time_limit": "time-limit", "soft_time_limit": "soft-time-limit"}


def check_limits(app: Celeriac, pool_name: str, pool: Pool) -> None:
    """Compare the limits of settings and tasks with what the pool declares.

    Raises:
        UnsupportedCapability: naming the task or setting, and what to do.
    """
    for limit, capability in _LIMITS.items():
        if pool.supports(capability):
            continue
        owners = [f"the setting task_{limit}"] if app.conf[f"task_{limit}"] is not None else []
        owners += [f"task {name}" for name, task in sorted(app.tasks.items()) if getattr(task, limit) is not None]
        if owners:
            raise UnsupportedCapability(
                f"pool {pool_name!r} cannot enforce {limit}, which {', '.join(owners[:3])}"
                f"{' and others' if len(owners) > 3 else ''} asks for; use -P prefork, or remove the limit"
            )
    for setting in ("worker_max_tasks_per_child", "worker_max_memory_per_child"):
        if app.conf[setting] is not None and not pool.supports("recycle"):
            raise UnsupportedCapability(f"pool {pool_name!r} has no children to honour {setting}; use -P prefork")
