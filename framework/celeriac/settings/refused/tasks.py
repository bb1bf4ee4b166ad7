"""Tasks, their results, and beat."""

from __future__ import annotations

from celeriac.settings.setting import Refused

_EXCHANGE = "a queue that task_queues does not list is reached by its name; list it there with its exchange"
_QUEUE_TYPE = "all queues are of one type; use task_default_queue_type"
_ACKS = "there is one setting for both; use task_acks_on_failure_or_timeout"
_JOIN = "a chord is counted as its members end, nothing polls for it; leave it out"

TASKS = (
    Refused(
        "task_retry_on_worker_lost",
        "a task whose process died is delivered again, which is no retry of its own; use task_reject_on_worker_lost",
        harmless=(False,),
    ),
    Refused(
        "task_repr_maxlevels",
        "arguments are shown to a depth of 3; give argsrepr where that is not right",
        harmless=(3,),
    ),
    Refused("task_protocol", "messages are written and read in version 2; leave it out", harmless=(2,)),
    Refused(
        "enable_utc",
        "times travel with their offset, so nothing depends on it; leave it out",
        harmless=(True,),
        old=("CELERY_ENABLE_UTC",),
    ),
    Refused(
        "task_create_missing_queue_type", _QUEUE_TYPE, harmless=("classic",), old=("CELERY_CREATE_MISSING_QUEUE_TYPE",)
    ),
    Refused(
        "task_create_missing_queue_exchange_type",
        _EXCHANGE,
        harmless=("direct",),
        old=("CELERY_CREATE_MISSING_QUEUE_EXCHANGE_TYPE",),
    ),
    Refused(
        "task_remote_tracebacks",
        "exceptions come back with the traceback's text, as AsyncResult.traceback; read that",
        harmless=(False,),
        old=("CELERY_REMOTE_TRACEBACKS",),
    ),
    Refused("task_acks_on_failure", _ACKS),
    Refused("task_acks_on_timeout", _ACKS),
)

_EXCHANGE = "results are kept in a store, or go straight to the caller's own queue (rpc://); leave it out"

RESULTS = (
    Refused("result_chord_expires", "the count of a chord is kept as long as results are; use result_expires"),
    Refused("result_failure_expires", "failures are kept as long as other results; use result_expires"),
    Refused(
        "result_compression",
        "a compressed result hides its state, by which a store keeps a final one from being overwritten; leave it out",
    ),
    Refused(
        "result_cache_max", "results are not cached in the client; leave it out", old=("CELERY_MAX_CACHED_RESULTS",)
    ),
    Refused("result_exchange", _EXCHANGE),
    Refused("result_exchange_type", _EXCHANGE),
    Refused("result_persistent", "results are as durable as their store is; choose that by result_backend"),
    Refused("result_chord_retry_interval", _JOIN),
    Refused("result_chord_join_timeout", _JOIN),
)

BEAT = (
    Refused("beat_enable_remote_control", "beat is not reached by remote control; leave it out", harmless=(False,)),
    Refused("beat_remote_control_max_tick_age", "beat is not reached by remote control; leave it out"),
    Refused(
        "beat_sync_every",
        "every firing is remembered at once; leave it out",
        harmless=(0, 1),
        old=("CELERYBEAT_SYNC_EVERY",),
    ),
    Refused(
        "beat_cron_starting_deadline",
        "all kinds of schedule have one such deadline; use beat_catch_up",
        old=("CELERYBEAT_CRON_STARTING_DEADLINE",),
    ),
)
