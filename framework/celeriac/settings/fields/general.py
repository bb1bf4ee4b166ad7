"""Settings of the app as a whole."""

from __future__ import annotations

from celeriac.settings.coercion import INT, LIST, TIMEZONE
from celeriac.settings.setting import Setting

GENERAL = (
    Setting(
        "accept_content",
        LIST,
        ["json"],
        "Names or content types of the serializers whose messages are decoded; anything else is never decoded.",
    ),
    Setting("imports", LIST, [], "Modules to import before the worker starts, for the tasks that they define."),
    Setting("include", LIST, [], "More modules to import, as `imports`; the app's own argument goes here."),
    Setting("timezone", TIMEZONE, "UTC", "The time zone of crontabs and of times that name no zone."),
    Setting(
        "message_max_size",
        INT,
        64 * 1024 * 1024,
        "Bytes of the largest payload, also once decompressed; a larger one is refused in both directions.",
        celery=False,
        minimum=1,
    ),
    Setting(
        "hooks",
        LIST,
        [],
        "More listeners, as modules or `module:attr`; entry points of `celeriac.hooks` need no naming.",
        celery=False,
    ),
    Setting(
        "settings_profiles",
        LIST,
        [],
        "Settings to start from, by entry-point name (group `celeriac.settings`) or `module:attr`.",
        celery=False,
    ),
)
