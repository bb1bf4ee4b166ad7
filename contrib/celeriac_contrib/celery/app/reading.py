"""Where settings are read from: a module, a class, an object or a mapping, or the name of one."""

from __future__ import annotations

from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from celeriac.settings.fields import BY_NAME
from celeriac.settings.names import resolve
from celeriac.settings.source import Source

_CODE = (ModuleType, FunctionType, BuiltinFunctionType, MethodType, type)


def read(source: Any, namespace: str | None = None, *, silent: bool = False) -> list[Source]:
    """What it says; with a namespace, only names that begin with it. `silent`: a module that is not there says nothing.

    Raises:
        ImportError: there is no such module.
    """
    from celeriac_contrib.celery.utils.imports import symbol_by_name

    label = source if isinstance(source, str) else type(source).__name__
    if isinstance(source, str):
        try:
            source = symbol_by_name(source)
        except ImportError:
            if silent:
                return []
            raise
    prefix = f"{namespace.rstrip('_')}_" if namespace else ""
    if isinstance(source, Mapping):
        values = {name: value for name, value in source.items() if str(name).startswith(prefix)}
    else:
        values = {name: getattr(source, name) for name in dir(source) if _is_meant(source, name, prefix)}
    return [Source(f"config_from_object {label}", values, prefix)]


def _is_meant(source: Any, name: str, prefix: str) -> bool:
    """Of a module, also its imports are attributes; a function is a setting only where one can be."""
    if name.startswith("_") or not name.startswith(prefix):
        return False
    known = resolve(name.removeprefix(prefix))
    if known in BY_NAME and BY_NAME[known].kind.takes_code:
        return True
    return not isinstance(getattr(source, name, None), _CODE)
