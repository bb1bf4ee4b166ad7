"""Objects by their names."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = (
    "NotAPackage",
    "qualname",
    "instantiate",
    "symbol_by_name",
    "cwd_in_path",
    "find_module",
    "import_from_cwd",
    "reload_from_cwd",
    "module_file",
    "gen_task_name",
)


class NotAPackage(Exception):
    """A module was looked for below one that has none below it."""


def qualname(obj: Any) -> str:
    """``module.Class`` of a class or of an object's."""
    if not hasattr(obj, "__name__") and hasattr(obj, "__class__"):
        obj = obj.__class__
    return f"{obj.__module__}.{getattr(obj, '__qualname__', obj.__name__)}"


def symbol_by_name(
    name: Any,
    aliases: Mapping[str, str] | None = None,
    imp: Callable[..., Any] | None = None,
    package: str | None = None,
    sep: str = ".",
    default: Any = None,
    **_kwargs: Any,
) -> Any:
    """What ``module:attr`` or ``module.attr`` names, or the module of that name; an object is itself.

    Raises:
        ImportError, AttributeError: there is nothing of that name, and no default.
    """
    if not isinstance(name, str):
        return name
    name = (aliases or {}).get(name) or name
    find = imp or importlib.import_module
    module, colon, attribute = name.partition(":")
    try:
        if colon:
            return _walked(find(module, package) if package else find(module), attribute)
        return _dotted(name, find, sep)
    except (ImportError, AttributeError):
        if default is not None:
            return default
        raise


def _dotted(name: str, find: Callable[..., Any], sep: str) -> Any:
    try:
        return find(name)
    except ModuleNotFoundError as error:
        module, dot, attribute = name.rpartition(sep)
        if not dot or (error.name and not f"{name}.".startswith(f"{error.name}.")):
            raise
        return _walked(find(module), attribute)


def _walked(target: Any, attributes: str) -> Any:
    for attribute in filter(None, attributes.split(".")):
        target = getattr(target, attribute)
    return target


def instantiate(name: Any, *args: Any, **kwargs: Any) -> Any:
    """An object of the class that a name leads to."""
    return symbol_by_name(name)(*args, **kwargs)


@contextmanager
def cwd_in_path() -> Iterator[None]:
    """Within it, the current folder is on the path."""
    here = os.getcwd()  # noqa: PTH109 (the path has texts)
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        yield
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def find_module(module: str, path: Any = None, imp: Callable[..., Any] | None = None) -> Any:
    """The module of that name, looked for in the current folder too."""
    with cwd_in_path():
        return (imp or importlib.import_module)(module)


def import_from_cwd(module: str, imp: Callable[..., Any] | None = None, package: str | None = None) -> Any:
    """Import a module, looking in the current folder first."""
    with cwd_in_path():
        return (imp or importlib.import_module)(module, package)


def reload_from_cwd(module: ModuleType, reloader: Callable[..., Any] | None = None) -> Any:
    """Load a module anew."""
    with cwd_in_path():
        return (reloader or importlib.reload)(module)


def module_file(module: ModuleType) -> str:
    """The file of a module's source."""
    name = module.__file__ or ""
    return name[:-1] if name.endswith(".pyc") else name


def gen_task_name(app: Any, name: str, module_name: str) -> str:
    """The name of a task that was given none."""
    return str(app.gen_task_name(name, module_name or "__main__"))


__getattr__ = absent(__name__)
