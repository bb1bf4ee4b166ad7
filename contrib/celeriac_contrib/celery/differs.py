"""What the face has and does in another way than Celery: each with how. Everything else does the same."""

from __future__ import annotations

_NEVER_SENT = "can be connected to and is never sent: {}"

NAMES: dict[str, str] = {
    "app.base:Celery.log": "the root logger is left alone; who listens to setup_logging configures what he likes",
    "utils.log:get_task_logger": "its records go where the worker's go; those of other loggers are yours to configure",
    "app.control:Control.time_limit": "a worker that does not know the command answers with an error",
    "app.control:Control.add_consumer": "a worker that does not know the command answers with an error",
    "app.control:Control.cancel_consumer": "a worker that does not know the command answers with an error",
    "app.control:Control.autoscale": "a worker that does not know the command answers with an error",
    "app.control:Control.pool_restart": "a worker that does not know the command answers with an error",
    "app.control:Inspect.scheduled": "always empty: what is due later waits in its queue",
    "app.log:Logging": "setup() leaves logging alone; the worker's command line sets it up",
    "beat:Scheduler": "can be named; beat here does not run schedulers of Celery's kind, and says so",
    "app.trace:build_tracer": "is called once for each task before a worker starts; hooks hear of each run",
    "schedules:BaseSchedule": "beat asks it next_after, which is to be defined; is_due is asked nowhere",
    "schedules:schedule": "fires at multiples of its interval, however often beat restarts; relative=True is refused",
    "signals:heartbeat_sent": _NEVER_SENT.format("a worker answers when it is asked"),
    "signals:task_internal_error": _NEVER_SENT.format("errors of the worker itself are in its log"),
    "signals:task_sent": _NEVER_SENT.format("it is Celery's old name of after_task_publish"),
    "signals:worker_before_create_process": _NEVER_SENT.format("connect to worker_process_init"),
    "signals:beat_embedded_init": _NEVER_SENT.format("beat_init is"),
    "signals:eventlet_pool_started": _NEVER_SENT.format("there is no such pool"),
    "signals:eventlet_pool_preshutdown": _NEVER_SENT.format("there is no such pool"),
    "signals:eventlet_pool_postshutdown": _NEVER_SENT.format("there is no such pool"),
    "signals:eventlet_pool_apply": _NEVER_SENT.format("there is no such pool"),
    "signals:user_preload_options": _NEVER_SENT.format("the command line takes no options of others"),
}

SETTINGS: dict[str, str] = {
    "result_backend": "of a scheme that is no driver here, the worker does not start (docs/reference/drivers.md)",
    "broker_transport_options": "an option that the transport does not know is an error",
    "worker_pool": "gevent and eventlet are no pools here: threads, or asyncio",
    "beat_scheduler": "a class of Celery's kind is no driver here; PersistentScheduler is `file`",
}

OPTIONS: dict[str, str] = {
    "Strategy": "the worker has no strategies",
    "Request": "the worker has no request classes",
}
"""Options of tasks that are kept as attributes and have no effect."""
