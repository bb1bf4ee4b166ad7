"""Settings of the worker."""

from __future__ import annotations

from celeriac.settings.coercion import BOOL, INT, PATH, POSITIVE_SECONDS, SECONDS, TEXT, WORD
from celeriac.settings.setting import Setting

WORKER = (
    Setting(
        "worker_concurrency",
        INT,
        None,
        "How many tasks run at once. None: one for each CPU.",
        old=("CELERYD_CONCURRENCY",),
        optional=True,
        minimum=1,
    ),
    Setting("worker_pool", TEXT, "prefork", "The pool that tasks run in.", old=("CELERYD_POOL",)),
    Setting(
        "worker_prefetch_multiplier",
        INT,
        None,
        "Messages held for each slot; 0: as many as the pool takes. None: adapts to how long tasks take.",
        old=("CELERYD_PREFETCH_MULTIPLIER",),
        optional=True,
        minimum=0,
    ),
    Setting(
        "worker_max_tasks_per_child",
        INT,
        None,
        "A process of the pool is replaced after so many tasks.",
        old=("CELERYD_MAX_TASKS_PER_CHILD",),
        optional=True,
        minimum=1,
    ),
    Setting(
        "worker_max_memory_per_child",
        INT,
        None,
        "A process of the pool is replaced, after its task, when it holds more than so many KiB.",
        old=("CELERYD_MAX_MEMORY_PER_CHILD",),
        optional=True,
        minimum=1,
    ),
    Setting(
        "worker_shutdown_timeout",
        SECONDS,
        25.0,
        "Seconds that running tasks get to end after a TERM; then they are ended and given back.",
        old=(
            "worker_soft_shutdown_timeout",
            "WORKER_SOFT_SHUTDOWN_TIMEOUT",
            "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT",
            "CELERYD_SOFT_SHUTDOWN_TIMEOUT",
        ),
        celery=False,
    ),
    Setting(
        "worker_stall_timeout",
        POSITIVE_SECONDS,
        30.0,
        "Seconds without any sign of receiving, or with messages waiting in vain, after which the worker connects "
        "anew; when that does not help three times, it ends with status 1.",
        celery=False,
    ),
    Setting(
        "worker_probe_port",
        INT,
        None,
        "A port on which the worker answers `GET /live` and `GET /ready`.",
        optional=True,
        celery=False,
        minimum=1,
        maximum=65535,
    ),
    Setting("worker_probe_host", TEXT, "127.0.0.1", "The address of `worker_probe_port`.", celery=False),
    Setting(
        "worker_probe_file",
        PATH,
        None,
        "A file in which the worker says each second how it is, for `celeriac probe`.",
        optional=True,
        celery=False,
    ),
    Setting(
        "worker_enable_remote_control",
        BOOL,
        True,
        "Answer `inspect` and `control`.",
        old=("CELERY_ENABLE_REMOTE_CONTROL",),
    ),
    Setting(
        "worker_hostname",
        TEXT,
        None,
        "The worker's name. None: `celeriac@` and the host's.",
        optional=True,
        celery=False,
    ),
    Setting("worker_logger", TEXT, "text", "The logger: `text` or `json`, or another that is installed.", celery=False),
    Setting(
        "worker_log_level",
        WORD,
        "warning",
        "The least level that is logged.",
        celery=False,
        choices=("debug", "info", "warning", "error", "critical"),
    ),
    Setting("worker_log_file", PATH, None, "A file to log to. None: standard error.", optional=True, celery=False),
    Setting(
        "worker_log_color",
        BOOL,
        None,
        "Colour in the text log. None: when it goes to a terminal and NO_COLOR is not set.",
        old=("CELERYD_LOG_COLOR",),
        optional=True,
    ),
)
