"""Celery's settings that are not honoured. Setting one is an error that says what to use instead, never silence."""

from __future__ import annotations

from celeriac.settings.refused.broker import BROKER
from celeriac.settings.refused.stores import STORES
from celeriac.settings.refused.tasks import BEAT, RESULTS, TASKS
from celeriac.settings.refused.worker import EVENTS, WORKER
from celeriac.settings.setting import Refused

REFUSED_BY_SUBJECT: dict[str, tuple[Refused, ...]] = {
    "Broker": BROKER,
    "Tasks": TASKS,
    "Results": RESULTS,
    "Result stores": STORES,
    "Worker": WORKER,
    "Events and remote control": EVENTS,
    "Beat": BEAT,
}

REFUSED: dict[str, Refused] = {refused.name: refused for subject in REFUSED_BY_SUBJECT.values() for refused in subject}
