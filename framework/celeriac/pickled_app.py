"""An app as a value for another process: by its name where it has one, else its settings and tasks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celeriac.app import Celeriac


def reduced(app: Celeriac) -> tuple[Callable[..., Celeriac], tuple[Any, ...]]:
    """What ``__reduce__`` returns. Functions of tasks and values of settings must be picklable themselves."""
    place = _place(app)
    if place is not None:
        return _by_name, place
    conf = app.conf
    settings = {name: conf[name] for name in conf if conf.source(name) != "default"}
    tasks = [_task_value(task) for task in app.tasks.regular().values()]
    return _rebuilt, (type(app), app.main, settings, list(app.include), tasks)


def _place(app: Celeriac) -> tuple[str, str] | None:
    """The module and attribute under which the app is found."""
    for name, module in list(sys.modules.items()):
        if name != "__main__" and getattr(module, "__file__", None) == app.origin and app.origin:
            for attribute, value in list(vars(module).items()):
                if value is app:
                    return name, attribute
    return None


def _task_value(task: Any) -> tuple[str, Any, dict[str, Any]]:
    """A task as its name, what it was made from, and its options."""
    made_from = getattr(task, "__wrapped__", None)
    if made_from is None:
        return task.name, type(task), {}
    options = {name: value for name, value in vars(type(task)).items() if name in task.OPTIONS and name != "app"}
    base = type(task).__mro__[1]
    return task.name, made_from, {**options, "base": base}


def _by_name(module: str, attribute: str) -> Celeriac:
    app: Celeriac = getattr(import_module(module), attribute)
    return app


def _rebuilt(
    kind: type[Celeriac], main: str | None, settings: dict[str, Any], include: list[str], tasks: list[Any]
) -> Celeriac:
    app = kind(main, include=include, set_as_current=False, changes=settings)
    for name, made_from, options in tasks:
        if isinstance(made_from, type):
            app.register_task(made_from)
        else:
            app.task(**{**options, "name": name})(made_from)
    return app
