"""Settings of the broker and of delivery."""

from __future__ import annotations

from celeriac.settings.coercion import BOOL, DICT, INT, POSITIVE_SECONDS, SECONDS, STRATEGY, URL, WORD
from celeriac.settings.setting import Setting

BROKER = (
    Setting(
        "broker_url",
        URL,
        None,
        "Where the queues are; the scheme names the transport. Several, as a list or with `;` between, are tried in "
        "turn. None: an SQLite file beside the project.",
        optional=True,
    ),
    Setting("broker_read_url", URL, None, "The broker that workers read from. None: `broker_url`.", optional=True),
    Setting("broker_write_url", URL, None, "The broker that calls go to. None: `broker_url`.", optional=True),
    Setting(
        "broker_failover_strategy",
        STRATEGY,
        "round-robin",
        "Which of several URLs comes next: `round-robin`, `shuffle`, or a function of their list, an iterator.",
    ),
    Setting("broker_transport_options", DICT, {}, "Options of the transport, by the names that it documents."),
    Setting(
        "broker_connection_retry",
        BOOL,
        True,
        "A worker that lost the broker tries until it answers; False: the worker ends with status 1.",
    ),
    Setting(
        "broker_connection_retry_on_startup",
        BOOL,
        None,
        "The same for a broker that does not answer when the worker starts. None: as `broker_connection_retry`.",
        optional=True,
    ),
    Setting(
        "broker_connection_max_retries",
        INT,
        None,
        "Tries in a row after which such a worker ends with status 1; 0 or None: no bound. Two tries are 2 seconds "
        "apart at most.",
        optional=True,
        minimum=0,
    ),
    Setting(
        "delivery",
        WORD,
        "at_least_once",
        "`at_least_once` acknowledges after the run, so that nothing is lost; `at_most_once` just before it.",
        celery=False,
        choices=("at_least_once", "at_most_once"),
    ),
    Setting(
        "task_max_deliveries",
        INT,
        3,
        "How often a message is delivered before it goes to the dead letters.",
        celery=False,
        minimum=1,
    ),
    Setting(
        "task_unknown_delay",
        SECONDS,
        10.0,
        "Seconds before a task that this worker does not know is tried again (a new version may be on its way).",
        celery=False,
    ),
    Setting(
        "task_publish_timeout",
        POSITIVE_SECONDS,
        5.0,
        "Seconds within which a publish has succeeded or raised TransportDown, retries included.",
        celery=False,
    ),
    Setting(
        "worker_lease",
        POSITIVE_SECONDS,
        30.0,
        "Seconds for which a worker holds a message; renewed while it lives.",
        celery=False,
    ),
)
