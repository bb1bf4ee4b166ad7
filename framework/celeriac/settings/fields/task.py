"""Settings of tasks: how they are called, routed, run and acknowledged."""

from __future__ import annotations

from celeriac.settings.coercion import (
    ANNOTATIONS,
    BOOL,
    DELIVERY_MODE,
    DICT,
    INT,
    POLICY,
    POSITIVE_SECONDS,
    QUEUES,
    RATE,
    RULES,
    TEXT,
    WORD,
)
from celeriac.settings.setting import Setting

CALLING = (
    Setting("task_serializer", TEXT, "json", "The serializer of a task's arguments."),
    Setting(
        "task_compression",
        TEXT,
        None,
        "The compressor of message bodies; None: no compression.",
        old=("CELERY_MESSAGE_COMPRESSION",),
        optional=True,
    ),
    Setting(
        "task_publish_retry",
        BOOL,
        True,
        "Try a publish that failed again, within `task_publish_timeout`.",
    ),
    Setting(
        "task_send_sent_event",
        BOOL,
        False,
        "Tell of every call by the event `task-sent`.",
        old=("CELERY_SEND_TASK_SENT_EVENT",),
    ),
    Setting(
        "task_publish_retry_policy",
        DICT,
        None,
        "How: `max_retries`, `interval_start`, `interval_step`, `interval_max`, `retry_errors`, as in Celery. None: "
        "after 0.02 seconds, then twice as long each time, up to 0.5.",
        old=("CELERY_TASK_PUBLISH_RETRY_POLICY",),
        optional=True,
    ),
    Setting(
        "task_default_delivery_mode",
        DELIVERY_MODE,
        2,
        "2 or `persistent`: messages survive a restart of the broker; 1 or `transient`: on a broker that tells them "
        "apart, they need not.",
        old=("CELERY_DEFAULT_DELIVERY_MODE",),
        minimum=1,
        maximum=2,
    ),
    Setting(
        "task_always_eager",
        BOOL,
        False,
        "Run tasks in the caller instead of sending them; for tests.",
        old=("CELERY_ALWAYS_EAGER",),
    ),
    Setting(
        "task_eager_propagates",
        BOOL,
        False,
        "Raise the error of an eager task in the caller.",
        old=("CELERY_EAGER_PROPAGATES_EXCEPTIONS",),
    ),
    Setting(
        "task_store_eager_result",
        BOOL,
        False,
        "Store the results of eager tasks.",
        old=("CELERY_STORE_EAGER_RESULT",),
    ),
)

ROUTING = (
    Setting(
        "task_default_queue",
        TEXT,
        "celery",
        "The queue of tasks that have no route.",
        old=("CELERY_DEFAULT_QUEUE",),
    ),
    Setting(
        "task_queues",
        QUEUES,
        None,
        "The queues that a worker consumes: names; dicts with a `name` and, if wanted, `exchange`, `exchange_type` and "
        "`routing_key`; `Queue` objects. None: `task_default_queue`.",
        old=("CELERY_QUEUES",),
        optional=True,
    ),
    Setting(
        "task_default_queue_type",
        WORD,
        "classic",
        "`quorum` or `classic`: the type of queues that are made. On RabbitMQ only.",
        old=("CELERY_DEFAULT_QUEUE_TYPE",),
        choices=("classic", "quorum"),
    ),
    Setting(
        "task_queue_max_priority",
        INT,
        None,
        "The highest priority that queues know which are made. On RabbitMQ only.",
        old=("CELERY_QUEUE_MAX_PRIORITY",),
        optional=True,
        minimum=1,
        maximum=255,
    ),
    Setting(
        "task_default_exchange",
        TEXT,
        None,
        "The exchange of queues and calls that name none. None: as `task_default_queue`.",
        old=("CELERY_DEFAULT_EXCHANGE",),
        optional=True,
    ),
    Setting(
        "task_default_exchange_type",
        WORD,
        "direct",
        "The type of exchanges of which nothing says it.",
        old=("CELERY_DEFAULT_EXCHANGE_TYPE",),
        choices=("direct", "topic", "fanout"),
    ),
    Setting(
        "task_default_routing_key",
        TEXT,
        None,
        "The routing key of queues and calls that name none. None: the queue's name.",
        old=("CELERY_DEFAULT_ROUTING_KEY",),
        optional=True,
    ),
    Setting(
        "task_routes",
        RULES,
        None,
        "Task name or glob to queue: a dict, a list of pairs, a function, or a list of these.",
        old=("CELERY_ROUTES",),
        optional=True,
    ),
    Setting(
        "task_create_missing_queues",
        BOOL,
        True,
        "Queues that `task_queues` does not list may be used; otherwise using one is an error.",
        old=("CELERY_CREATE_MISSING_QUEUES",),
    ),
    Setting(
        "task_default_priority",
        INT,
        None,
        "The priority of tasks that name none, 0 to 9, 9 the most urgent.",
        old=("CELERY_DEFAULT_PRIORITY",),
        optional=True,
        minimum=0,
        maximum=9,
    ),
    Setting(
        "task_inherit_parent_priority",
        BOOL,
        False,
        "A task that is called by a task takes over its priority.",
        old=("CELERY_INHERIT_PARENT_PRIORITY",),
    ),
)

CANVAS = (
    Setting(
        "task_allow_error_cb_on_chord_header",
        BOOL,
        False,
        "`chord.link_error` gives its callback to the members of the header as well as to the body.",
        old=("CELERY_ALLOW_ERROR_CB_ON_CHORD_HEADER",),
    ),
)

RUNNING = (
    Setting(
        "task_annotations",
        ANNOTATIONS,
        None,
        "Attributes of tasks set from outside: a dict of task name, or `*`, to attributes; an object with "
        "`annotate(task)`; a list of these. `@name` wraps what is there.",
        old=("CELERY_ANNOTATIONS",),
        optional=True,
    ),
    Setting(
        "task_time_limit",
        POSITIVE_SECONDS,
        None,
        "Seconds after which a task is ended from outside.",
        old=("CELERYD_TASK_TIME_LIMIT",),
        optional=True,
    ),
    Setting(
        "task_soft_time_limit",
        POSITIVE_SECONDS,
        None,
        "Seconds after which SoftTimeLimitExceeded is raised in the task.",
        old=("CELERYD_TASK_SOFT_TIME_LIMIT",),
        optional=True,
    ),
    Setting(
        "task_acks_late",
        BOOL,
        None,
        "Acknowledge after the run (True) or just before it (False). None: as `delivery` says.",
        old=("CELERY_ACKS_LATE",),
        optional=True,
    ),
    Setting(
        "task_reject_on_worker_lost",
        BOOL,
        None,
        "Deliver a task again whose process died, up to `task_max_deliveries`. None: as `delivery` says.",
        old=("CELERY_REJECT_ON_WORKER_LOST",),
        optional=True,
    ),
    Setting(
        "task_acks_on_failure_or_timeout",
        BOOL,
        True,
        "Acknowledge a task that has failed. False: it becomes a dead letter; ended by its time limit, it runs again.",
        old=("CELERY_ACKS_ON_FAILURE_OR_TIMEOUT",),
    ),
    Setting(
        "task_default_rate_limit",
        RATE,
        None,
        "How many runs a worker begins of each task that does not say so itself: `10/s`, `100/m`, `1000/h`.",
        old=("CELERY_DEFAULT_RATE_LIMIT",),
        optional=True,
    ),
    Setting(
        "task_retry_policy",
        POLICY,
        None,
        "How tasks run again that say nothing of it themselves: the fields of a `RetryPolicy`.",
        optional=True,
        celery=False,
    ),
    Setting(
        "task_track_started",
        BOOL,
        False,
        "Store the state STARTED when a task begins to run.",
        old=("CELERY_TRACK_STARTED",),
    ),
    Setting(
        "task_track_queued",
        BOOL,
        False,
        "Store the state QUEUED, with queue and time, when a task is called; an id that nobody has called is UNKNOWN.",
        celery=False,
    ),
    Setting(
        "task_ignore_result",
        BOOL,
        False,
        "Store no results, unless the task says otherwise.",
        old=("CELERY_IGNORE_RESULT",),
    ),
    Setting(
        "task_store_errors_even_if_ignored",
        BOOL,
        False,
        "Store failures also of tasks whose results are ignored.",
        old=("CELERY_STORE_ERRORS_EVEN_IF_IGNORED",),
    ),
)

TASK = CALLING + ROUTING + CANVAS + RUNNING
