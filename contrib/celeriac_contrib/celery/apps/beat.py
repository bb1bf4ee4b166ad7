"""Beat as a program of one's own starts it."""

from __future__ import annotations

from typing import Any

from celeriac.beat import Beat as NativeBeat
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.face import scheduler_name

__all__ = ("Beat",)


class Beat(NativeBeat):
    """``app.Beat(schedule="beat.json").run()``."""

    def __init__(
        self, app: Any = None, schedule: Any = None, scheduler: Any = None, scheduler_cls: Any = None, **_options: Any
    ) -> None:  # fmt: skip
        from celeriac_contrib.celery._state import app_or_default

        named = scheduler or scheduler_cls
        super().__init__(app_or_default(app), scheduler=scheduler_name(named) if named else None, location=schedule)


__getattr__ = absent(__name__)
