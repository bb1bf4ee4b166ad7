"""Functions about functions and lists."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from itertools import islice
from typing import Any

from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.local import maybe_evaluate

__all__ = (
    "LRUCache",
    "is_list",
    "maybe_list",
    "memoize",
    "noop",
    "first",
    "firstmethod",
    "chunks",
    "padlist",
    "mattrgetter",
    "uniq",
    "regen",
    "dictfilter",
    "maybe_evaluate",
    "maybe",
    "fun_accepts_kwargs",
)


class LRUCache(OrderedDict[Any, Any]):
    """A mapping that forgets what was used longest ago when it has more than `limit` items."""

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self.limit = limit

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        self.move_to_end(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if self.limit and len(self) > self.limit:
            self.popitem(last=False)


def is_list(obj: Any, scalars: Any = (Mapping, str), iters: Any = (Iterable,)) -> bool:
    """Whether it is a collection, and none of the kinds that count as one thing."""
    return isinstance(obj, iters) and not isinstance(obj, scalars or ())


def maybe_list(obj: Any, scalars: Any = (Mapping, str)) -> Any:
    """The object in a list, unless it is one, or None."""
    return obj if obj is None or is_list(obj, scalars) else [obj]


def memoize(maxsize: int | None = None, keyfun: Any = None, Cache: Any = None) -> Any:
    """Decorator: remember what a function returned."""

    def decorate(function: Callable[..., Any]) -> Any:
        cache: Any = (Cache or LRUCache)(limit=maxsize)

        @wraps(function)
        def remembered(*args: Any, **kwargs: Any) -> Any:
            key = keyfun(args, kwargs) if keyfun else (args, tuple(sorted(kwargs.items())))
            if key not in cache:
                cache[key] = function(*args, **kwargs)
            return cache[key]

        remembered.clear = cache.clear  # type: ignore[attr-defined]
        return remembered

    return decorate


def noop(*_args: Any, **_kwargs: Any) -> None:
    """Nothing."""


def first(predicate: Callable[[Any], Any] | None, it: Iterable[Any]) -> Any:
    """The first item for which the predicate holds (or that is not None), or None."""
    return next((v for v in it if (predicate(v) if predicate else v is not None)), None)


def firstmethod(method: str, on_call: Callable[..., Any] | None = None) -> Any:
    """A function that calls a method of each of some objects until one gives an answer."""

    def call(it: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        for each in it:
            bound = getattr(maybe_evaluate(each), method)
            answer = on_call(bound, *args, **kwargs) if on_call else bound(*args, **kwargs)
            if answer is not None:
                return answer
        return None

    return call


def chunks(it: Iterable[Any], n: int) -> Iterator[list[Any]]:
    """The items in lists of n."""
    iterator = iter(it)
    while part := list(islice(iterator, n)):
        yield part


def padlist(container: Iterable[Any], size: int, default: Any = None) -> list[Any]:
    """The first `size` items, filled up."""
    items = list(container)[:size]
    return items + [default] * (size - len(items))


def mattrgetter(*attrs: str) -> Callable[[Any], dict[str, Any]]:
    """A function that gets several attributes, as a mapping; None where there is none."""
    return lambda obj: {attr: getattr(obj, attr, None) for attr in attrs}


def uniq(it: Iterable[Any]) -> Iterator[Any]:
    """The items, each once."""
    return iter(dict.fromkeys(it))


def regen(it: Any) -> Any:
    """What can be gone through more than once."""
    return it if isinstance(it, (list, tuple)) else list(it)


def dictfilter(d: Mapping[str, Any] | None = None, **kw: Any) -> dict[str, Any]:
    """The mapping without what is None."""
    return {key: value for key, value in {**(d or {}), **kw}.items() if value is not None}


def maybe(typ: Callable[[Any], Any], val: Any) -> Any:
    """The value in that type, unless it is None."""
    return typ(val) if val is not None else val


def fun_accepts_kwargs(fun: Callable[..., Any]) -> bool:
    """Whether a function takes any keyword arguments."""
    return any(each.kind is each.VAR_KEYWORD for each in inspect.signature(fun).parameters.values())


__getattr__ = absent(__name__)
