"""Objects that stand for others, which are found when they are used."""

from __future__ import annotations

import operator
from collections.abc import Callable
from importlib import import_module
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = ("Proxy", "PromiseProxy", "try_import", "maybe_evaluate")


class Proxy:
    """Stands for what the function returns, asked anew each time."""

    __slots__ = ("__args", "__dict__", "__kwargs", "__local")

    def __init__(
        self,
        local: Callable[..., Any],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        name: str | None = None,
        __doc__: str | None = None,
    ) -> None:
        object.__setattr__(self, "_Proxy__local", local)
        object.__setattr__(self, "_Proxy__args", args or ())
        object.__setattr__(self, "_Proxy__kwargs", kwargs or {})
        if name is not None:
            object.__setattr__(self, "__custom_name__", name)
        if __doc__ is not None:
            object.__setattr__(self, "__doc__", __doc__)

    def _get_current_object(self) -> Any:
        """What this stands for, for type checks and speed."""
        return self.__local(*self.__args, **self.__kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get_current_object(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._get_current_object(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._get_current_object(), name)

    @property
    def __class__(self) -> Any:
        return type(self._get_current_object())

    @property
    def __name__(self) -> Any:
        return self._get_current_object().__name__

    @property
    def __module__(self) -> Any:
        return self._get_current_object().__module__

    @property
    def __wrapped__(self) -> Any:
        return self._get_current_object().__wrapped__

    def __dir__(self) -> list[str]:
        return dir(self._get_current_object())

    def __repr__(self) -> str:
        return repr(self._get_current_object())

    def __reduce__(self) -> Any:
        return self._get_current_object().__reduce__()

    def __bool__(self) -> bool:
        return bool(self._get_current_object())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._get_current_object()(*args, **kwargs)

    def __hash__(self) -> int:
        return hash(self._get_current_object())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Proxy) and type(other) is Proxy:
            other = other._get_current_object()
        return bool(self._get_current_object() == other)


def _forward(name: str, function: Callable[..., Any]) -> None:
    def forwarded(self: Proxy, *args: Any) -> Any:
        return function(self._get_current_object(), *args)

    forwarded.__name__ = name
    setattr(Proxy, name, forwarded)


_FORWARDED: dict[str, Callable[..., Any]] = {
    "__str__": str,
    "__len__": len,
    "__iter__": iter,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
    "__delitem__": operator.delitem,
    "__contains__": operator.contains,
    "__or__": operator.or_,
    "__lt__": operator.lt,
    "__le__": operator.le,
    "__gt__": operator.gt,
    "__ge__": operator.ge,
}
for _name, _function in _FORWARDED.items():
    _forward(_name, _function)
del _name, _function


class PromiseProxy(Proxy):
    """Stands for what the function returns, asked once."""

    def _get_current_object(self) -> Any:
        try:
            return object.__getattribute__(self, "_thing")
        except AttributeError:
            thing = super()._get_current_object()
            object.__setattr__(self, "_thing", thing)
            return thing

    def __evaluated__(self) -> bool:
        """Whether it has been asked."""
        try:
            object.__getattribute__(self, "_thing")
        except AttributeError:
            return False
        return True

    def __maybe_evaluate__(self) -> Any:
        return self._get_current_object()


def maybe_evaluate(obj: Any) -> Any:
    """What a `PromiseProxy` stands for; anything else as it is."""
    return obj._get_current_object() if type(obj) is PromiseProxy else obj


def try_import(module: str, default: Any = None) -> Any:
    """The module, or the default when there is none of that name."""
    try:
        return import_module(module)
    except ImportError:
        return default


__getattr__ = absent(__name__)
