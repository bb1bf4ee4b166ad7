"""The tasks of an app, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celeriac.builtin_tasks import NAMES, make_builtin
from celeriac.errors import NotRegistered
from celeriac.nearest import did_you_mean

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.task import Task


class TaskRegistry(dict[str, "Task[..., Any]"]):
    """A mapping of names to tasks. Celery's own tasks (``celery.map`` and so on) are made when they are first asked
    for, or by `add_builtins`."""

    def __init__(self, app: Celeriac) -> None:
        super().__init__()
        self._app = app

    def __missing__(self, name: str) -> Task[..., Any]:
        if name in NAMES:
            return make_builtin(self._app, name)
        raise NotRegistered(f"no task {name!r} is registered with app {self._app.main!r}{did_you_mean(name, self)}")

    def register(self, task: Task[..., Any] | type[Task[..., Any]]) -> None:
        """Add a task under its name, or a class of tasks."""
        self._app.register_task(task)

    def unregister(self, name: str | Task[..., Any]) -> None:
        """Take a task off: messages with its name are those of an unknown task from then on.

        Raises:
            NotRegistered: there is none.
        """
        name = name if isinstance(name, str) else name.name
        if name not in self:
            raise NotRegistered(f"no task {name!r} is registered with app {self._app.main!r}{did_you_mean(name, self)}")
        del self[name]
        self._app.configured()

    def regular(self) -> dict[str, Task[..., Any]]:
        """The tasks that are not Celery's own."""
        return {name: task for name, task in self.items() if name not in NAMES}

    def add_builtins(self) -> None:
        """Make Celery's own tasks, as a worker does that must be able to run them."""
        for name in NAMES:
            if name not in self:
                make_builtin(self._app, name)
