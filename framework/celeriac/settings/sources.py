"""The places that settings are read from: objects, modules, mappings, files, the environment.

Each function reads and returns a `Source`; ``Settings.load`` checks it and takes it over. A mapping or a file is there
for settings alone, so an unknown name in it is an error. A module or object holds other things too: what is no setting
is passed over, unless it is spelt so nearly like one that it must be meant. A namespace (``CELERY``) restricts any of
them to the names that begin with it (``CELERY_TASK_SERIALIZER``), and of those each must be a setting.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from celeriac.errors import ConfigurationError
from celeriac.settings.fields import BY_NAME
from celeriac.settings.names import OLD_NAMES, PREFIX, misspelt, resolve, resolve_in
from celeriac.settings.settings import Settings
from celeriac.settings.source import Source

ENVIRONMENT_PREFIX = "CELERIAC_"

NOT_SETTINGS = frozenset({"CELERIAC_APP", "CELERIAC_AS_CELERY", "CELERIAC_CONFIG", "CELERIAC_DEBUG"})
"""Variables that choose the app and its configuration, whether Celery's face is put on, and whether errors show their
tracebacks; the command line reads them."""

CELERY_VARIABLES = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND")
"""The variables that Celery reads settings from, as far as we do so too."""

NOT_OURS = frozenset({"TIME_ZONE"})
"""Well-known names of others that look like misspellings."""

_CODE = (ModuleType, FunctionType, BuiltinFunctionType, MethodType, type)


def from_object(settings: Settings, source: Any, namespace: str | None = None) -> None:
    """Read and load at once what `obj` takes."""
    settings.load(obj(source, namespace))


def from_file(settings: Settings, path: str | os.PathLike[str], namespace: str | None = None) -> None:
    """Read and load at once what `file` takes."""
    settings.load(file(path, namespace))


def obj(source: Any, namespace: str | None = None, *, label: str | None = None, strict: bool = True) -> Source:
    """Settings from an object's public attributes, upper or lower case: a module, a class, an instance; also from a
    mapping, or from the dotted name of any of these (``proj.settings``, ``proj.settings:Production``).

    `strict` false passes over every name that is no setting, however near it is to one.

    Raises:
        ConfigurationError: there is nothing of that name; or an old name (``CELERYD_…``) is outside the namespace.
    """
    if isinstance(source, str):
        label = label or f"object {source}"
        source = _find(source)
    if isinstance(source, Mapping):
        return mapping(source, namespace, label=label or "mapping")
    label = label or _label(source)
    names = [name for name in dir(source) if not name.startswith("_")]
    if namespace:
        prefix = _prefix(namespace)
        if strict:
            _check_outside(names, prefix, label)
        chosen = [name for name in names if name.startswith(prefix) and (strict or resolve_in(name, prefix))]
        return Source(label, {name: getattr(source, name) for name in chosen}, prefix)
    return Source(label, {name: getattr(source, name) for name in names if _is_meant(source, name, strict=strict)})


def mapping(source: Mapping[str, Any], namespace: str | None = None, *, label: str = "mapping") -> Source:
    """Settings from a mapping, which holds nothing else (under its namespace, if there is one)."""
    if not namespace:
        return Source(label, dict(source))
    prefix = _prefix(namespace)
    return Source(label, {name: value for name, value in source.items() if str(name).startswith(prefix)}, prefix)


def file(path: str | os.PathLike[str], namespace: str | None = None) -> Source:
    """Settings from a TOML, JSON or Python file. In a ``pyproject.toml`` they are in ``[tool.celeriac]``, in other TOML
    files in ``[celeriac]`` or at the top.

    Raises:
        ConfigurationError: the file cannot be read, or is of no such form.
    """
    path = os.fspath(path)
    label = f"file {path}"
    readers = {".toml": _read_toml, ".json": _read_json, ".py": _read_python}
    reader = readers.get(os.path.splitext(path)[1].lower())  # noqa: PTH122 (pathlib costs more to import than this module)
    if reader is None:
        raise ConfigurationError(f"settings are read from .toml, .json and .py files, not from {path!r}")
    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            data = stream.read()
    except OSError as error:
        raise ConfigurationError(f"the settings {label} cannot be read: {error.strerror}") from error
    return obj(reader(data, path), namespace, label=label)


def environment(environ: Mapping[str, str] | None = None) -> list[Source]:
    """Settings from environment variables, one source each: ``CELERY_BROKER_URL`` and ``CELERY_RESULT_BACKEND`` as in
    Celery, then ``CELERIAC_<SETTING>`` for any setting, which win over those two.

    An unknown ``CELERIAC_`` name is an error when it is loaded. Empty variables of Celery's count as not set.
    """
    environ = os.environ if environ is None else environ
    sources = [
        Source(f"environment variable {name}", {name: environ[name]}, text=True)
        for name in CELERY_VARIABLES
        if environ.get(name)
    ]
    sources += [
        Source(f"environment variable {name}", {name: value}, ENVIRONMENT_PREFIX, text=True)
        for name, value in sorted(environ.items())
        if name.startswith(ENVIRONMENT_PREFIX) and name not in NOT_SETTINGS
    ]
    return sources


def arguments(given: Iterable[str], namespace: str = "celery") -> Source:
    """Settings from words such as ``worker.concurrency=4``, ``broker_url=…``, ``.task_serializer=json``; a type before
    the value, as Celery takes it (``(int)4``), is not needed and passed over.

    Raises:
        ConfigurationError: a word without an equals sign.
    """
    values: dict[str, str] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals:
            raise ConfigurationError(f"a setting on the command line is name=value, not {word!r}")
        values[key.lower().strip().removeprefix(f"{namespace}.").lstrip(".").replace(".", "_")] = _TYPE.sub("", value)
    return Source("command line", values, text=True)


_TYPE = re.compile(r"^\((int|float|bool|str|string|list|dict|json)\)")


def _is_meant(source: Any, name: str, *, strict: bool) -> bool:
    """Whether an attribute is a setting, or was meant to be one. Modules, functions and classes are there because they
    were imported (``from datetime import timezone``), except where a setting takes such."""
    known = resolve(name)
    if known is None:
        return strict and name not in NOT_OURS and misspelt(name) and not isinstance(getattr(source, name), _CODE)
    takes_code = known in BY_NAME and BY_NAME[known].kind.takes_code
    return takes_code or not isinstance(getattr(source, name), _CODE)


def _prefix(namespace: str) -> str:
    return namespace if namespace.endswith("_") else f"{namespace}_"


def _check_outside(names: list[str], prefix: str, label: str) -> None:
    """``CELERYD_CONCURRENCY`` does not begin with ``CELERY_`` and would have no effect, without a word."""
    for name in names:
        if prefix == PREFIX and not name.startswith(prefix) and name.startswith("CELERY") and name in OLD_NAMES:
            raise ConfigurationError(
                f"{name!r} is outside the namespace {prefix[:-1]!r} and would have no effect; "
                f"write {prefix + OLD_NAMES[name].upper()!r} ({label})"
            )


def _label(source: object) -> str:
    if isinstance(source, ModuleType):
        return f"module {source.__name__}"
    if isinstance(source, type):
        return f"object {source.__module__}:{source.__qualname__}"
    return f"object of type {type(source).__qualname__}"


def _find(name: str) -> Any:
    """What a dotted name leads to; the last part may be an attribute after a colon or a dot."""
    from importlib import import_module

    module_name, colon, attributes = name.partition(":")
    try:
        target: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if not error.name or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, and something that it imports is not
        parent, dot, attribute = module_name.rpartition(".")
        if colon or not dot or error.name != module_name:
            raise ConfigurationError(f"no settings at {name!r}: there is no module {error.name!r}") from error
        return _find(f"{parent}:{attribute}")
    for attribute in filter(None, attributes.split(".")):
        if not hasattr(target, attribute):
            raise ConfigurationError(f"no settings at {name!r}: {module_name!r} has no {attribute!r}")
        target = getattr(target, attribute)
    return target


def _read_toml(data: bytes, path: str) -> Mapping[str, Any]:
    import tomllib

    try:
        content = tomllib.loads(data.decode())
    except ValueError as error:
        raise ConfigurationError(f"the settings file {path} is not TOML: {error}") from error
    if os.path.basename(path) == "pyproject.toml":  # noqa: PTH119
        table = content.get("tool", {}).get("celeriac")
        if not isinstance(table, dict):
            raise ConfigurationError(f"the settings file {path} has no table [tool.celeriac]")
        return table
    table = content.get("celeriac", content)
    if not isinstance(table, dict):
        raise ConfigurationError(f"in the settings file {path}, 'celeriac' is not a table")
    return table


def _read_json(data: bytes, path: str) -> Mapping[str, Any]:
    import json

    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"the settings file {path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"the settings file {path} does not hold a JSON object")
    return content


def _read_python(data: bytes, path: str) -> ModuleType:
    module = ModuleType("celeriac_settings_file")
    module.__file__ = path
    try:
        code = compile(data, path, "exec")
    except (SyntaxError, ValueError) as error:
        raise ConfigurationError(f"the settings file {path} is not Python: {error}") from error
    exec(code, module.__dict__)  # noqa: S102 (a settings file in Python is code of the project)
    return module
