"""Celery's fixtures: ``pytest_plugins = ("celery.contrib.pytest",)``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from celeriac_contrib.celery.contrib.testing.app import TestApp, setup_default_app

NO_WORKER = os.environ.get("NO_WORKER")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "celery(**overrides): override settings of the app of a test")


@contextmanager
def _app(parameters: Mapping[str, Any], use_trap: bool, config: Mapping[str, Any]) -> Iterator[Any]:
    app = TestApp(set_as_current=False, config=config, **parameters)
    with setup_default_app(app, use_trap=use_trap):
        yield app


def _config(request: pytest.FixtureRequest, config: Mapping[str, Any]) -> dict[str, Any]:
    mark = request.node.get_closest_marker("celery")
    return {**config, **(mark.kwargs if mark else {})}


@contextmanager
def _worker(app: Any, includes: Sequence[str], pool: Any, parameters: Mapping[str, Any]) -> Iterator[Any]:
    from celeriac_contrib.celery.contrib.testing.worker import start_worker

    for module in includes:
        app.loader.import_task_module(module)
    with start_worker(app, pool=pool, **parameters) as worker:
        yield worker


@pytest.fixture(scope="session")
def use_celery_app_trap() -> bool:
    """Whether to mean the current app is an error; False unless you say otherwise."""
    return False


@pytest.fixture(scope="session")
def celery_session_app(
    request: pytest.FixtureRequest,
    celery_config: Any,
    celery_parameters: Any,
    celery_enable_logging: bool,
    use_celery_app_trap: bool,
) -> Iterator[Any]:
    """An app for the whole session."""
    with _app(celery_parameters, use_celery_app_trap, _config(request, celery_config)) as app:
        if not use_celery_app_trap:
            app.set_default()
            app.set_current()
        yield app


@pytest.fixture(scope="session")
def celery_session_worker(
    celery_session_app: Any,
    celery_includes: Any,
    celery_class_tasks: Any,
    celery_worker_pool: Any,
    celery_worker_parameters: Any,
) -> Iterator[Any]:
    """A worker of it, for the whole session."""
    if not NO_WORKER:
        for task in celery_class_tasks:
            celery_session_app.register_task(task)
        with _worker(celery_session_app, celery_includes, celery_worker_pool, celery_worker_parameters) as worker:
            yield worker


@pytest.fixture(scope="session")
def celery_enable_logging() -> bool:
    """Whether to set up logging; yours to replace."""
    return False


@pytest.fixture(scope="session")
def celery_includes() -> Sequence[str]:
    """Modules to import before a worker starts; yours to replace."""
    return ()


@pytest.fixture(scope="session")
def celery_worker_pool() -> Any:
    """The worker's pool; yours to replace."""
    return "solo"


@pytest.fixture(scope="session")
def celery_config() -> Mapping[str, Any]:
    """Settings of the app; yours to replace."""
    return {}


@pytest.fixture(scope="session")
def celery_parameters() -> Mapping[str, Any]:
    """Arguments of the app; yours to replace."""
    return {}


@pytest.fixture(scope="session")
def celery_worker_parameters() -> Mapping[str, Any]:
    """Arguments of the worker; yours to replace."""
    return {}


@pytest.fixture
def celery_app(
    request: pytest.FixtureRequest,
    celery_config: Any,
    celery_parameters: Any,
    celery_enable_logging: bool,
    use_celery_app_trap: bool,
) -> Iterator[Any]:
    """An app for one test."""
    with _app(celery_parameters, use_celery_app_trap, _config(request, celery_config)) as app:
        yield app


@pytest.fixture(scope="session")
def celery_class_tasks() -> list[Any]:
    """Class-based tasks to register; yours to replace."""
    return []


@pytest.fixture
def celery_worker(
    celery_app: Any, celery_includes: Any, celery_worker_pool: Any, celery_worker_parameters: Any
) -> Iterator[Any]:
    """A worker of it, for one test."""
    if not NO_WORKER:
        with _worker(celery_app, celery_includes, celery_worker_pool, celery_worker_parameters) as worker:
            yield worker


@pytest.fixture
def depends_on_current_app(celery_app: Any) -> None:
    """The app is the current one."""
    celery_app.set_current()
