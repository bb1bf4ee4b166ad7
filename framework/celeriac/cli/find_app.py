"""From what stands after ``-A`` to the app."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from celeriac.app import Celeriac
from celeriac.errors import CeleriacError, ConfigurationError
from celeriac.nearest import did_you_mean
from celeriac.registry import list_entry_points

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "celeriac.apps"

ATTRIBUTES = ("app", "celeriac", "celery")
"""Where an app is looked for first; after them, anything in the module that is one."""

MODULES = ("celeriac", "celery", "app", "tasks")
"""Modules of a package in which its app is looked for."""

LOOSE_MODULES = ("app", "tasks")
"""The same in a folder that is no package."""


def find_app(name: str) -> Celeriac:
    """The app that `name` leads to: a module, ``module:attr``, the path of a ``.py`` file or folder, or an entry point
    of the group ``celeriac.apps``.

    Raises:
        ConfigurationError: there is nothing of that name, no app in it, or several.
    """
    place, _, attribute = name.partition(":")
    if not place:
        raise ConfigurationError(f"no app in {name!r}: write a module, module:attr, a .py file or a folder")
    if _is_path(place):
        return _app_in(_module_at(Path(place)), attribute)
    module = _import(place)
    if module is None:
        module, attribute = _parent_and_attribute(place, attribute)
    if module is not None and not (_is_bare_folder(module) and _app_or_none(module, attribute) is None):
        return _app_in(module, attribute)
    return _installed(place, attribute)


# modules


def _import(name: str) -> ModuleType | None:
    """The module, or None when there is none of that name.

    Raises:
        ConfigurationError: it is there and cannot be imported.
    """
    try:
        return import_module(name)
    except CeleriacError:
        raise
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            return None
        raise ConfigurationError(
            f"the module {name!r} needs the module {error.name!r}, which is not installed"
        ) from error
    except Exception as error:
        raise ConfigurationError(f"the module {name!r} cannot be imported: {_described(error)}") from error


def _described(error: Exception) -> str:
    """The error and the innermost place in which it happened."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})" if trace is not None else ""
    return f"{type(error).__name__}: {error}{'' if isinstance(error, SyntaxError) else place}; --debug shows it all"


def _parent_and_attribute(name: str, attribute: str) -> tuple[ModuleType | None, str]:
    """``proj.app`` may be the attribute ``app`` of the module ``proj``."""
    parent, dot, last = name.rpartition(".")
    module = _import(parent) if dot and not attribute else None
    return (module, last) if module is not None and hasattr(module, last) else (None, attribute)


def _is_bare_folder(module: ModuleType) -> bool:
    """A folder without ``__init__.py``: anything that happens to have the name can be imported as one."""
    return getattr(module, "__file__", None) is None and hasattr(module, "__path__")


# paths


def _is_path(place: str) -> bool:
    return "/" in place or place.endswith(".py") or place.startswith(".")


def _module_at(path: Path) -> ModuleType:
    if not path.exists():
        raise ConfigurationError(f"no app at {str(path)!r}: there is no such file or folder")
    path = path.resolve()
    if path.is_dir() and not (path / "__init__.py").exists():
        return _loose_module(path)
    parts = [] if path.name == "__init__.py" else [path.stem if path.is_file() else path.name]
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    _put_on_path(folder)
    name = ".".join(parts)
    module = _import(name)
    if module is None:
        raise ConfigurationError(f"the file {str(path)!r} cannot be imported as the module {name!r}")
    _check_is_from(module, path)
    return module


def _loose_module(folder: Path) -> ModuleType:
    _put_on_path(folder)
    there = [name for name in LOOSE_MODULES if (folder / f"{name}.py").exists()]
    for name in there:
        module = _import(name)
        if module is not None and _app_or_none(module) is not None:
            _check_is_from(module, folder / f"{name}.py")
            return module
    looked = " and ".join(f"{name}.py" for name in there or LOOSE_MODULES)
    raise ConfigurationError(f"no app in the folder {str(folder)!r}: looked in {looked}; name the file")


def _put_on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _check_is_from(module: ModuleType, path: Path) -> None:
    """Another module of the same name may have been imported before, or stand earlier on the path."""
    found = getattr(module, "__file__", None)
    wanted = path / "__init__.py" if path.is_dir() else path
    if found is not None and Path(found).resolve() != wanted:
        raise ConfigurationError(
            f"the file {str(path)!r} is hidden by another module {module.__name__!r} ({found}); rename it"
        )


# apps


def _app_in(module: ModuleType, attribute: str = "") -> Celeriac:
    app = _app_or_none(module, attribute)
    if app is None:
        raise ConfigurationError(
            f"no app in the module {module.__name__!r}: it should hold one under the name app, or name it as "
            f"'{module.__name__}:attr'"
        )
    return app


def _app_or_none(module: ModuleType, attribute: str = "") -> Celeriac | None:
    """The app in the module, or in one of its usual submodules.

    Raises:
        ConfigurationError: there are several, or what `attribute` names is none.
    """
    if attribute:
        return _named(module, attribute)
    for name in ATTRIBUTES:
        value = getattr(module, name, None)
        if isinstance(value, Celeriac):
            return value
    apps = {id(value): (name, value) for name, value in vars(module).items() if isinstance(value, Celeriac)}
    if len(apps) > 1:
        names = " or ".join(repr(f"{module.__name__}:{name}") for name, _ in apps.values())
        raise ConfigurationError(f"there are several apps in the module {module.__name__!r}; write {names}")
    if apps:
        return next(app for _, app in apps.values())
    return next((app for sub in _submodules(module) if (app := _app_or_none(sub)) is not None), None)


def _submodules(module: ModuleType) -> Iterator[ModuleType]:
    if not hasattr(module, "__path__"):
        return
    for name in MODULES:
        full = f"{module.__name__}.{name}"
        if find_spec(full) is not None and (found := _import(full)) is not None:
            yield found


def _named(module: ModuleType, path: str) -> Celeriac:
    target: Any = module
    for attribute in path.split("."):
        if not hasattr(target, attribute):
            names = [name for name in dir(target) if not name.startswith("_")]
            where = target.__name__ if isinstance(target, ModuleType) else type(target).__name__
            raise ConfigurationError(f"there is no {attribute!r} in {where!r}{did_you_mean(attribute, names)}")
        target = getattr(target, attribute)
    if isinstance(target, ModuleType):
        return _app_in(target)
    if not isinstance(target, Celeriac):
        raise ConfigurationError(f"'{module.__name__}:{path}' is a {type(target).__name__}, not a Celeriac app")
    return target


# entry points


def _installed(name: str, attribute: str) -> Celeriac:
    entry_points = list_entry_points(GROUP)
    for entry_point in entry_points:
        if entry_point.name == name and not attribute:
            return _loaded(entry_point)
    installed = sorted(entry_point.name for entry_point in entry_points)
    raise ConfigurationError(
        f"no app {name!r}{did_you_mean(name, installed + _modules_here()) or ';'} tried: the module {name!r} (from the "
        f"folder {str(Path.cwd())!r}), and the installed apps (entry points {GROUP}: {', '.join(installed) or 'none'})"
    )


def _loaded(entry_point: EntryPoint) -> Celeriac:
    try:
        module = _import(entry_point.module)
        if module is None:
            raise ConfigurationError(f"there is no module {entry_point.module!r}")
        return _app_in(module, entry_point.attr)
    except ConfigurationError as error:
        raise ConfigurationError(f"the installed app {entry_point.name!r} ({entry_point.value}): {error}") from error


def _modules_here() -> list[str]:
    """What could have been meant: the modules and packages of the current folder."""
    here = Path.cwd()
    files = [path.stem for path in here.glob("*.py")]
    return files + [path.parent.name for path in here.glob("*/__init__.py")]
