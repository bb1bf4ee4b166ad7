"""Django: its settings, its apps' tasks, and its connections, which no task may inherit or leave behind."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import Any

from celeriac import hookimpl
from celeriac_contrib.celery.absent import absent

__all__ = ("DjangoFixup", "fixup")

VARIABLE = "DJANGO_SETTINGS_MODULE"


def fixup(app: Any, env: str = VARIABLE) -> DjangoFixup | None:
    """The fix-up for an app, where the environment names Django settings and Django is installed."""
    if not os.environ.get(env) or "django" in (getattr(app, "loader_cls", None) or ""):
        return None
    try:
        import django  # noqa: F401
    except ImportError:
        return None
    return DjangoFixup(app).install()


class DjangoFixup:
    """Listens to what happens in the app and keeps Django in order."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._uses = 0

    def install(self) -> DjangoFixup:
        """Begin."""
        folder = os.getcwd()  # noqa: PTH109 (the path has texts)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        self.app.hooks.register(self, "django")
        if self.app.task_cls == type(self.app).task_cls:
            self.app.task_cls = "celeriac_contrib.celery.contrib.django.task:DjangoTask"
        return self

    def autodiscover_tasks(self) -> list[str]:
        """The packages of Django's installed apps."""
        from django.apps import apps

        self.setup()
        return [config.name for config in apps.get_app_configs()]

    def setup(self) -> None:
        """``django.setup()``, if it was not called."""
        import django
        from django.apps import apps

        if not apps.ready:
            django.setup()

    def now(self, utc: bool = False) -> datetime:
        """The time, as Django tells it."""
        from django.utils import timezone

        return timezone.now()

    @hookimpl
    def celeriac_worker_init(self) -> None:
        """Checks, and no connection that children could inherit."""
        from django.core.checks import run_checks

        self.setup()
        if not os.environ.get("CELERY_SKIP_CHECKS"):
            run_checks()
        self._close_all()

    @hookimpl
    def celeriac_worker_process_init(self) -> None:
        """A child: what it has inherited is its parent's, and is let go of without a word to the server."""
        from django.db import connections

        for connection in connections.all(initialized_only=True):
            if connection.connection is not None:
                _let_go(connection)
        self._close_all()

    @hookimpl
    def celeriac_task_prerun(self) -> None:
        """A task begins with connections that are not too old."""
        self.close_database()

    @hookimpl
    def celeriac_task_postrun(self) -> None:
        """A task leaves none behind that is."""
        self.close_database()
        self.close_cache()

    def close_database(self) -> None:
        """Close connections by Django's rules (``CONN_MAX_AGE``), or after ``db_reuse_max`` uses."""
        most = self.app.conf.get("db_reuse_max") or self.app.conf.get("CELERY_DB_REUSE_MAX")
        if not most:
            self._close_old()
            return
        if self._uses >= int(most) * 2:
            self._uses = 0
            self._close_old()
        self._uses += 1

    def close_cache(self) -> None:
        """Close the caches' connections."""
        cache = import_module("django.core.cache")
        with suppress(AttributeError, TypeError):
            cache.close_caches()

    def _close_old(self) -> None:
        from django.db import connections

        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:  # a test's own transaction
                connection.close_if_unusable_or_obsolete()

    def _close_all(self) -> None:
        from django.db import connections

        for connection in connections.all(initialized_only=True):
            with suppress(Exception):
                connection.close()
        self.close_cache()


def _let_go(connection: Any) -> None:
    with suppress(Exception):
        os.close(connection.connection.fileno())


__getattr__ = absent(__name__)
