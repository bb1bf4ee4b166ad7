"""Who acts on a setting: a driver that other settings name, or the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celeriac.settings.refused import REFUSED

if TYPE_CHECKING:
    from celeriac.app import Celeriac

_TRANSPORT = frozenset(
    {
        "broker_url",
        "broker_read_url",
        "broker_transport_options",
        "worker_lease",
        "task_default_delivery_mode",
        "task_queue_max_priority",
        "task_default_queue_type",
    }
)
_BACKEND = frozenset({"result_backend", "result_backend_transport_options", "result_expires"})
_POOL = frozenset(
    {
        "worker_pool", "worker_concurrency", "worker_max_tasks_per_child", "worker_max_memory_per_child",
        "task_time_limit", "task_soft_time_limit",
    }
)  # fmt: skip
_LOGGER = frozenset({"worker_logger", "worker_log_level", "worker_log_file", "worker_log_color"})
_SCHEDULER = frozenset({"beat_scheduler", "beat_schedule_filename", "beat_catch_up"})
_NEEDS = {"task_default_priority": "priority", "task_inherit_parent_priority": "priority"}
"""Capabilities that the transport must have."""


def honoured_by(app: Celeriac, name: str) -> str:
    """The driver that acts on a setting, by kind and name, or ``kernel``; ``nothing`` when it is refused."""
    if name in REFUSED:
        return "nothing"
    if name in _TRANSPORT or name in _NEEDS:
        return _transport(app, _NEEDS.get(name))
    if name in _BACKEND:
        from celeriac.drivers import backend_url
        from celeriac.kinds import BACKEND
        from celeriac.settings.urls import split_scheme

        return f"backend {app.registry.for_scheme(BACKEND, split_scheme(backend_url(app))[0])}"
    conf = app.conf
    for names, kind, driver in (
        (_POOL, "pool", conf.worker_pool),
        (_LOGGER, "logger", conf.worker_logger),
        (_SCHEDULER, "scheduler", conf.beat_scheduler),
        ({"task_serializer"}, "serializer", conf.task_serializer),
        ({"result_serializer"}, "serializer", conf.result_serializer),
        ({"task_compression"}, "compressor", conf.task_compression),
    ):
        if name in names and driver:
            return f"{kind} {driver}"
    return "serializer auth" if name.startswith("security_") else "kernel"


def _transport(app: Celeriac, capability: str | None) -> str:
    from celeriac.kinds import TRANSPORT
    from celeriac.settings.urls import split_scheme

    name = app.registry.for_scheme(TRANSPORT, split_scheme(app.brokers.url)[0])
    if capability is not None and capability not in app.registry.load(TRANSPORT, name).capabilities:
        return f"nothing: transport {name} does not declare {capability!r}"
    return f"transport {name}"
