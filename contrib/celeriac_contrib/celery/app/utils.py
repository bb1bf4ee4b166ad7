"""What Celery's app keeps beside itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac.settings.urls import censor
from celeriac.settings.urls import mask as sanitize_url
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.app.settings import CelerySettings as Settings

__all__ = ("Settings", "appstr", "bugreport", "filter_hidden_settings", "find_app", "sanitize_url")


def appstr(app: Any) -> str:
    """The name of an app, for the eye."""
    return f"{app.main or '__main__'} at {id(app):#x}"


def bugreport(app: Any) -> str:
    """Versions and settings, without secrets."""
    return str(app.bugreport())


def filter_hidden_settings(conf: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without secrets."""
    return {name: censor(value) for name, value in conf.items()}


def find_app(app: str, symbol_by_name: Any = None, imp: Any = None) -> Any:
    """The app that a name leads to, as after ``-A``."""
    from celeriac.cli.find_app import find_app as found

    return found(app)


class AppPickler:
    """How an app is made again in another process."""

    def __call__(self, cls: Any, *args: Any) -> Any:
        return cls(*args)


__getattr__ = absent(__name__)
