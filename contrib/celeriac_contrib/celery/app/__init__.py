"""The app, and which one is meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celeriac_contrib.celery import _state
from celeriac_contrib.celery._state import (
    app_or_default,
    disable_trace,
    enable_trace,
    pop_current_task,
    push_current_task,
)
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.app.base import Celery
from celeriac_contrib.celery.app.utils import AppPickler
from celeriac_contrib.celery.local import Proxy

__all__ = (
    "Celery",
    "AppPickler",
    "app_or_default",
    "default_app",
    "bugreport",
    "enable_trace",
    "disable_trace",
    "shared_task",
    "push_current_task",
    "pop_current_task",
)

default_app: Any = Proxy(_state.get_current_app)


def bugreport(app: Celery | None = None) -> str:
    """Versions and settings, without secrets."""
    return app_or_default(app).bugreport()


def shared_task(*args: Any, **kwargs: Any) -> Any:
    """Make a function a task of every app, those that are made later too. What it returns is the task of the app that
    is current when it is used."""

    def share(fun: Callable[..., Any], **options: Any) -> Any:
        if type(fun) is Proxy:
            raise TypeError("@shared_task was applied to this function already; remove the second one")
        name = options.get("name")
        _state.connect_on_app_finalize(lambda app: app._task_from_fun(fun, **options))

        def of_current_app() -> Any:
            app = _state.get_current_app()
            return app.tasks[name or app.gen_task_name(fun.__name__, fun.__module__)]

        return Proxy(of_current_app)

    if len(args) == 1 and callable(args[0]):
        return share(args[0], **kwargs)
    return lambda fun: share(fun, **kwargs)


__getattr__ = absent(__name__)
