"""The tasks of an app by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from celeriac_contrib.celery.exceptions import NotRegistered


class TaskRegistry(dict[str, Any]):
    """A mapping of name to task that knows how to take one in."""

    NotRegistered = NotRegistered

    def __missing__(self, key: str) -> Any:
        raise self.NotRegistered(key)

    def register(self, task: Any) -> None:
        """Take in a task; a class is made an instance of."""
        if not task.name:
            raise ValueError(f"the task {task!r} has no name")
        self[task.name] = task() if isinstance(task, type) else task

    def unregister(self, name: Any) -> None:
        """Take out a task, or the one of that name.

        Raises:
            NotRegistered: it is not in.
        """
        name = getattr(name, "name", name)
        if name not in self:
            raise self.NotRegistered(name)
        del self[name]

    def regular(self) -> Iterator[tuple[str, Any]]:
        """The tasks that beat does not call."""
        return self.filter_types("regular")

    def periodic(self) -> Iterator[tuple[str, Any]]:
        """The tasks that beat calls."""
        return self.filter_types("periodic")

    def filter_types(self, type: str) -> Iterator[tuple[str, Any]]:
        return ((name, task) for name, task in self.items() if getattr(task, "type", "regular") == type)
