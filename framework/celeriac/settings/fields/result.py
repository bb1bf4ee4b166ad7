"""Settings of results."""

from __future__ import annotations

from celeriac.settings.coercion import BOOL, DICT, EXPIRY, TEXT, URL
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
    Setting("result_serializer", TEXT, "json", "The serializer of results."),
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
