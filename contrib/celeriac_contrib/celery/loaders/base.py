"""The base of loaders."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = ("BaseLoader",)


class BaseLoader:
    """Imports what the settings name, and is told of the worker's life."""

    builtin_modules: frozenset[str] = frozenset()
    configured = False
    override_backends: dict[str, str] = {}  # noqa: RUF012 (Celery's)

    def __init__(self, app: Any, **_kwargs: Any) -> None:
        self.app = app
        self.task_modules: set[str] = set()

    def now(self, utc: bool = True) -> Any:
        return self.app.now()

    def on_task_init(self, task_id: str, task: Any) -> None:
        """A task is about to run."""

    def on_process_cleanup(self) -> None:
        """A task has run."""

    def on_worker_init(self) -> None:
        """The worker is about to start."""

    def on_worker_shutdown(self) -> None:
        """The worker has stopped."""

    def on_worker_process_init(self) -> None:
        """A child process has started."""

    def import_task_module(self, module: str) -> Any:
        """Import a module with tasks."""
        self.task_modules.add(module)
        return self.import_from_cwd(module)

    def import_module(self, module: str, package: str | None = None) -> Any:
        return import_module(module, package)

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> Any:
        """Import a module, looking in the current folder first."""
        from celeriac_contrib.celery.utils.imports import import_from_cwd

        return import_from_cwd(module, imp or self.import_module, package)

    def import_default_modules(self) -> list[Any]:
        """Import what the settings name."""
        self.app.load_tasks()
        return list(self.task_modules)

    def autodiscover_tasks(self, packages: Any, related_name: str = "tasks") -> None:
        """Import the tasks of packages."""
        self.app.autodiscover_tasks(packages, related_name, force=True)

    @property
    def conf(self) -> Any:
        return self.app.conf


__getattr__ = absent(__name__)
