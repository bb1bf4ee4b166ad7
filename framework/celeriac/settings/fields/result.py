"""Settings of results."""

from __future__ import annotations

from celeriac.settings.coercion import BOOL, DICT, EXPIRY, INT, LIST, TEXT, URL
from celeriac.settings.setting import Setting

RESULT = (
    Setting(
        "result_backend",
        URL,
        None,
        "Where results are kept; the scheme names the backend. None: beside the broker.",
        optional=True,
    ),
    Setting(
        "result_backend_transport_options", DICT, {}, "Options of the result backend, by the names that it documents."
    ),
    Setting(
        "result_backend_always_retry",
        BOOL,
        False,
        "Who asks for results while the store is away asks again, instead of raising. Workers always do.",
    ),
    Setting(
        "result_backend_max_retries",
        INT,
        None,
        "With `result_backend_always_retry`: how often it is asked again; None: without end.",
        optional=True,
        minimum=0,
    ),
    Setting(
        "result_backend_base_sleep_between_retries_ms",
        INT,
        10,
        "With `result_backend_always_retry`: milliseconds before the first new try; they double.",
        minimum=0,
    ),
    Setting(
        "result_backend_max_sleep_between_retries_ms",
        INT,
        10_000,
        "With `result_backend_always_retry`: milliseconds between two tries at most.",
        minimum=0,
    ),
    Setting("result_serializer", TEXT, "json", "The serializer of results."),
    Setting(
        "result_accept_content",
        LIST,
        None,
        "Names or content types of the serializers whose results are decoded; without that of `result_serializer`, no "
        "result is. None: that one.",
        optional=True,
    ),
    Setting(
        "result_extended",
        BOOL,
        False,
        "Store with a result what was called, and where it ran: name, args, kwargs, worker, retries, queue.",
    ),
    Setting(
        "result_expires",
        EXPIRY,
        86400.0,
        "Seconds after which a result may go; 0 or None: never.",
        old=("CELERY_TASK_RESULT_EXPIRES",),
        optional=True,
    ),
)
