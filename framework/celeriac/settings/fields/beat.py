"""Settings of beat."""

from __future__ import annotations

from celeriac.settings.coercion import PATH, POSITIVE_SECONDS, SCHEDULE, SECONDS, TEXT
from celeriac.settings.setting import Setting

BEAT = (
    Setting(
        "beat_schedule",
        SCHEDULE,
        {},
        "The periodic tasks: entry name to a dict of task, schedule, args, kwargs, options.",
        old=("CELERYBEAT_SCHEDULE",),
    ),
    Setting("beat_scheduler", TEXT, "file", "The scheduler that keeps the entries.", old=("CELERYBEAT_SCHEDULER",)),
    Setting(
        "beat_schedule_filename",
        PATH,
        "celeriac-beat.json",
        "Where the `file` scheduler remembers what has fired.",
        old=("CELERYBEAT_SCHEDULE_FILENAME",),
    ),
    Setting(
        "beat_max_loop_interval",
        POSITIVE_SECONDS,
        300.0,
        "Seconds after which beat looks at the schedule again, at the latest.",
        old=("CELERYBEAT_MAX_LOOP_INTERVAL",),
    ),
    Setting(
        "beat_catch_up",
        SECONDS,
        3600.0,
        "Seconds: a firing that was missed for longer than this is skipped.",
        celery=False,
    ),
)
