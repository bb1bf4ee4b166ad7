"""Where others hook into the running of tasks: `build_tracer` is called once for each task before a worker starts, so
that what was put in its place can wrap the task. How a task is run is no function here."""

from __future__ import annotations

from typing import Any

from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.app.task import Task

__all__ = ("build_tracer", "task_has_custom", "trace_all")


def task_has_custom(task: Any, attr: str) -> bool:
    """Whether a task's class has a method of its own of this name."""
    return getattr(type(task), attr, None) is not getattr(Task, attr, None)


def build_tracer(name: str, task: Any, *_args: Any, **_kwargs: Any) -> Any:
    """What runs the task: itself."""
    return task


_ours = build_tracer


def trace_all(app: Any) -> None:
    """Give what stands in the place of `build_tracer` its turn with every task."""
    if build_tracer is not _ours:  # somebody has put his own into this module
        for name, task in list(app.tasks.items()):
            build_tracer(name, task, app=app)


__getattr__ = absent(__name__)
