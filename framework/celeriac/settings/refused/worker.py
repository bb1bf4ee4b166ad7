"""The worker's machinery, its log, and what it tells others."""

from __future__ import annotations

from celeriac.settings.setting import Refused

_PART = "the worker's parts are not exchanged by settings; its pool is (worker_pool), and hooks add to the rest"
_LOG = "the form of the log is the logger's; use worker_logger 'text' or 'json', or install one of your own"
_DELAY = "what is not yet due waits in the broker, not in the worker; leave it out"
_EVENTS = "events go by Celery's exchange celeryev, in JSON, and a listener's queue goes with it; leave it out"
_BROADCAST = "remote control travels by the transport's own broadcast; leave it out"

WORKER = (
    Refused("worker_log_datefmt", _LOG),
    Refused("worker_task_log_datefmt", _LOG),
    Refused(
        "worker_pool_start_method",
        "children are forked from a process that never has a thread or a connection; leave it out",
        harmless=("fork",),
    ),
    Refused("worker_agent", _PART, old=("CELERYD_AGENT",)),
    Refused(
        "worker_autoscaler", "the pool does not scale by itself; use worker_concurrency", old=("CELERYD_AUTOSCALER",)
    ),
    Refused("worker_consumer", _PART, old=("CELERYD_CONSUMER",)),
    Refused("worker_timer", _PART, old=("CELERYD_TIMER",)),
    Refused("worker_timer_precision", _DELAY, old=("CELERYD_TIMER_PRECISION",)),
    Refused("worker_eta_task_limit", _DELAY, old=("CELERYD_ETA_TASK_LIMIT",)),
    Refused(
        "worker_cancel_long_running_tasks_on_connection_loss",
        "a task keeps running; when its lease is lost its outcome is settled by whoever holds the message then",
        harmless=(False,),
        old=("CELERYD_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS",),
    ),
    Refused(
        "worker_enable_soft_shutdown_on_idle",
        "an idle worker has nothing to wait for; leave it out",
        harmless=(False,),
        old=("CELERYD_ENABLE_SOFT_SHUTDOWN_ON_IDLE",),
    ),
    Refused("worker_direct", "name a queue for the worker and route to it; use task_queues", harmless=(False,)),
    Refused(
        "worker_deduplicate_successful_tasks",
        "a task that has finished is never run again by a redelivery; leave it out",
        harmless=(True,),
        old=("CELERYD_DEDUPLICATE_SUCCESSFUL_TASKS",),
    ),
    Refused(
        "worker_hijack_root_logger",
        "the root logger is never touched; leave it out and configure the root logger in your own code",
        harmless=(False,),
        old=("CELERYD_HIJACK_ROOT_LOGGER",),
    ),
    Refused("worker_log_format", _LOG, old=("CELERYD_LOG_FORMAT",)),
    Refused("worker_task_log_format", _LOG, old=("CELERYD_TASK_LOG_FORMAT",)),
    Refused(
        "worker_lost_wait",
        "what a lost process held is given back as soon as its end is seen; leave it out",
        old=("CELERYD_WORKER_LOST_WAIT",),
    ),
    Refused("worker_pool_putlocks", _PART, harmless=(True,), old=("CELERYD_POOL_PUTLOCKS",)),
    Refused(
        "worker_pool_restarts",
        "not needed: start the worker anew, what it held is given back",
        harmless=(False,),
        old=("CELERYD_POOL_RESTARTS",),
    ),
    Refused(
        "worker_proc_alive_timeout",
        "a process that does not start is seen and replaced; leave it out",
        old=("CELERYD_PROC_ALIVE_TIMEOUT",),
    ),
    Refused(
        "worker_enable_prefetch_count_reduction",
        "how much is claimed follows the run time and the free slots; use worker_prefetch_multiplier",
        harmless=(True,),
        old=("CELERYD_ENABLE_PREFETCH_COUNT_REDUCTION",),
    ),
    Refused(
        "worker_disable_prefetch",
        "slow tasks are claimed one for each slot anyway; use worker_prefetch_multiplier = 1",
        harmless=(False,),
        old=("CELERYD_DISABLE_PREFETCH",),
    ),
    Refused(
        "worker_state_db",
        "the worker keeps no state of its own on disk; set `expires` on tasks instead of revoking them for long",
        old=("CELERYD_STATE_DB",),
    ),
    Refused(
        "worker_detect_quorum_queues",
        "quorum queues belong to AMQP, which is not part of this release; leave it out",
        harmless=(True, False),
        old=("CELERYD_DETECT_QUORUM_QUEUES",),
    ),
)

EVENTS = (
    Refused("event_queue_expires", _EVENTS),
    Refused("event_queue_ttl", _EVENTS),
    Refused("event_queue_prefix", _EVENTS),
    Refused("event_queue_exclusive", _EVENTS, harmless=(False,)),
    Refused("event_queue_durable", _EVENTS, harmless=(False,)),
    Refused("event_serializer", _EVENTS, harmless=("json",)),
    Refused("event_exchange", _EVENTS),
    Refused("control_queue_ttl", _BROADCAST),
    Refused("control_queue_expires", _BROADCAST),
    Refused("control_queue_exclusive", _BROADCAST, harmless=(False,)),
    Refused("control_queue_durable", _BROADCAST, harmless=(False,)),
    Refused("control_exchange", _BROADCAST),
)
