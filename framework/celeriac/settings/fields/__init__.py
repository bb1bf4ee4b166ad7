"""All settings that are honoured, by subject and by name."""

from __future__ import annotations

from celeriac.settings.fields.beat import BEAT
from celeriac.settings.fields.broker import BROKER
from celeriac.settings.fields.general import GENERAL
from celeriac.settings.fields.result import RESULT
from celeriac.settings.fields.security import SECURITY
from celeriac.settings.fields.task import TASK
from celeriac.settings.fields.worker import WORKER
from celeriac.settings.setting import Setting

BY_SUBJECT: dict[str, tuple[Setting, ...]] = {
    "General": GENERAL,
    "Broker and delivery": BROKER,
    "Tasks": TASK,
    "Results": RESULT,
    "Worker": WORKER,
    "Beat": BEAT,
    "Signed messages": SECURITY,
}

SETTINGS: tuple[Setting, ...] = tuple(setting for subject in BY_SUBJECT.values() for setting in subject)

BY_NAME: dict[str, Setting] = {setting.name: setting for setting in SETTINGS}
