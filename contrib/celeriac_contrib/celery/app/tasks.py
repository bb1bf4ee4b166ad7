"""The tasks of an app by name."""

from __future__ import annotations

from typing import Any

from celeriac.task_registry import TaskRegistry as NativeRegistry
from celeriac_contrib.celery.exceptions import NotRegistered


class TaskRegistry(NativeRegistry):
    """Celeriac's, with the names that Celery's has beside."""

    NotRegistered = NotRegistered

    def periodic(self) -> dict[str, Any]:
        """The tasks whose class says that beat calls them."""
        return self.filter_types("periodic")

    def filter_types(self, type: str) -> dict[str, Any]:
        """The tasks of a type."""
        return {name: task for name, task in self.items() if getattr(task, "type", "regular") == type}
