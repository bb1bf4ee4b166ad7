"""Task name to queue: Celery's ``task_routes`` in its forms of a mapping, a list, and a function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from typing import Any

from celeriac.errors import ConfigurationError

Route = Mapping[str, Any]
"""Call options that a route decides: ``queue``, ``priority``, ``serializer`` …"""

Router = Callable[..., "Route | str | None"]
"""``router(name, args, kwargs, options, task=None, **kw)`` as in Celery."""


class Routes:
    """First match wins; within a mapping an exact name comes before patterns."""

    def __init__(self, routes: Any) -> None:
        self._routers = [_router(route) for route in _as_list(routes)]

    def __bool__(self) -> bool:
        return bool(self._routers)

    def match(self, name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Any = None) -> Route:
        """What the first router that knows the name says; empty when none does."""
        for router in self._routers:
            route = router(name, args, kwargs, options, task=task)
            if route is not None:
                return {"queue": route} if isinstance(route, str) else route
        return {}


def _as_list(routes: Any) -> list[Any]:
    if not routes:
        return []
    return list(routes) if isinstance(routes, (list, tuple)) else [routes]


def _router(route: Any) -> Router:
    if isinstance(route, str):
        from celeriac.registry import load_object

        route = load_object(route)
    if callable(route):
        return route  # type: ignore[no-any-return]
    if isinstance(route, Mapping):
        return _MapRouter(route.items())
    if isinstance(route, (list, tuple)):
        return _MapRouter(route)
    raise ConfigurationError(
        f"task_routes takes mappings of task name to route, lists of pairs, and functions; not {route!r}"
    )


class _MapRouter:
    """Exact names, globs (``feed.tasks.*``) and compiled regular expressions."""

    def __init__(self, items: Iterable[tuple[Any, Any]]) -> None:
        self._exact: dict[str, Any] = {}
        self._patterns: list[tuple[re.Pattern[str], Any]] = []
        for pattern, route in items:
            if isinstance(pattern, re.Pattern):
                self._patterns.append((pattern, route))
            elif "*" in pattern or "?" in pattern:
                self._patterns.append((re.compile(translate(pattern)), route))
            else:
                self._exact[pattern] = route

    def __call__(self, name: str, *_args: Any, **_kwargs: Any) -> Route | str | None:
        if name in self._exact:
            return self._exact[name]  # type: ignore[no-any-return]
        for pattern, route in self._patterns:
            if pattern.match(name):
                return route  # type: ignore[no-any-return]
        return None
