"""Apps for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from celeriac_contrib.celery import _state
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.app.base import Celery
from celeriac_contrib.celery.app.log import Logging

__all__ = ("DEFAULT_TEST_CONFIG", "Trap", "UnitLogging", "TestApp", "set_trap", "setup_default_app")

DEFAULT_TEST_CONFIG: dict[str, Any] = {
    "accept_content": {"json"},
    "timezone": "UTC",
    "broker_url": "memory://",
    "result_backend": "cache+memory://",
    "worker_log_color": False,
}


class Trap:
    """Stands where the current app would be, and says who asks for it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise RuntimeError(f"the test depends on current_app (it asked for {name!r})")


class UnitLogging(Logging):
    """Logging that leaves logging alone."""

    already_setup = True


def TestApp(
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    enable_logging: bool = False,
    set_as_current: bool = False,
    log: Any = None,
    backend: Any = None,
    broker: Any = None,
    **kwargs: Any,
) -> Celery:
    """An app with a queue and results in memory."""
    from celeriac_contrib.celery.contrib.testing import tasks  # noqa: F401 (its task becomes the app's)

    settings = {**DEFAULT_TEST_CONFIG, **(config or {})}
    if broker is not None:
        settings.pop("broker_url", None)
    if backend is not None:
        settings.pop("result_backend", None)
    app = Celery(name or "celery.tests", set_as_current=set_as_current, broker=broker, backend=backend, **kwargs)
    app.add_defaults(settings)
    return app


TestApp.__test__ = False  # type: ignore[attr-defined]  # for pytest: no test


@contextmanager
def set_trap(app: Celery) -> Iterator[None]:
    """Within it, to mean the current app is an error."""
    with _state.only(Trap()):
        yield


@contextmanager
def setup_default_app(app: Celery, use_trap: bool = False) -> Iterator[None]:
    """Within it the app is there; afterwards the current and the default app are what they were."""
    with _state.kept():
        try:
            if use_trap:
                with set_trap(app):
                    yield
            else:
                yield
        finally:
            app.__exit__()


__getattr__ = absent(__name__)
