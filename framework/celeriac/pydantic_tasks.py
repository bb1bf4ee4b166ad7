"""Arguments and results as pydantic's models: ``@app.task(pydantic=True)``.

pydantic is imported when such a task is made, and not before. An argument whose annotation names a model is validated
in the worker; a model that the caller passes, or that the task returns, travels as plain values.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

from celeriac.errors import ConfigurationError

if TYPE_CHECKING:
    from celeriac.task import Task


def validated(task: Task[..., Any]) -> Callable[..., Any]:
    """What to run in place of the task's function.

    Raises:
        ConfigurationError: pydantic is not installed.
    """
    models = Models(task)
    run = task.run
    if inspect.iscoroutinefunction(run):

        @wraps(run)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = models.arguments(args, kwargs)
            return models.result(await run(*args, **kwargs))

        return run_async

    @wraps(run)
    def run_here(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = models.arguments(args, kwargs)
        return models.result(run(*args, **kwargs))

    return run_here


class Models:
    """Where a task's signature names models. The annotations are read at the first run: they may name what is defined
    below the task."""

    def __init__(self, task: Task[..., Any]) -> None:
        self._pydantic = _pydantic(task.name)
        self._task = task
        self._run = task.run
        self._adapters: dict[str, Any] | None = None

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, with models where the annotations name some.

        Raises:
            pydantic.ValidationError: one does not fit its model.
        """
        task = self._task
        bound = task.signature.bind(*args, **kwargs)
        context = {**(task.pydantic_context or {}), "celery_app": task.app, "celery_task_name": task.name}
        for name, adapter in self._found().items():
            if name in bound.arguments:
                bound.arguments[name] = adapter.validate_python(
                    bound.arguments[name], strict=task.pydantic_strict or None, context=context
                )
        return bound.args, bound.kwargs

    def result(self, value: Any) -> Any:
        """The result, a model as plain values where the annotation says that it is one."""
        if value is None or "return" not in self._found():
            return value
        return _plain(value, self._task.pydantic_dump_kwargs)

    def _found(self) -> dict[str, Any]:
        if self._adapters is None:
            try:
                hints = typing.get_type_hints(inspect.unwrap(self._run), include_extras=True)
            except NameError as error:
                raise ConfigurationError(
                    f"{self._task.name}: its annotations name what is not there: {error}"
                ) from error
            base, adapter = self._pydantic.BaseModel, self._pydantic.TypeAdapter
            self._adapters = {name: adapter(hint) for name, hint in hints.items() if _names_a_model(hint, base)}
        return self._adapters


def as_plain(values: Iterable[Any]) -> list[Any]:
    """The values as they travel: models as plain values, the rest as it is."""
    return [_plain(value) for value in values]


def as_plain_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same for keyword arguments."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any, options: Mapping[str, Any] | None = None) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(each, options) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each, options) for key, each in value.items()}
    dump = getattr(value, "model_dump", None)
    return value if dump is None or isinstance(value, type) else dump(**(options or {}))


def _names_a_model(hint: Any, base: type) -> bool:
    if isinstance(hint, type) and not typing.get_args(hint):
        return issubclass(hint, base)
    return any(_names_a_model(part, base) for part in typing.get_args(hint))


def _pydantic(name: str) -> Any:
    try:
        return import_module("pydantic")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"task {name} asks for pydantic=True, which needs the package pydantic, which is not installed; "
            "run: pip install 'celeriac[pydantic]'"
        ) from error
