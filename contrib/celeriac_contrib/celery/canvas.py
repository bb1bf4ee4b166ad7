"""Canvas: Celeriac's, made of names, mappings and tasks alike, and of the current app where none is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac.canvas import Signature, StampingVisitor, chain, chord, chunks, group, xmap, xstarmap
from celeriac.canvas import signature as _native
from celeriac_contrib.celery._state import app_or_default
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.app.options import call_options

__all__ = (
    "Signature",
    "StampingVisitor",
    "chain",
    "xmap",
    "xstarmap",
    "chunks",
    "group",
    "chord",
    "signature",
    "maybe_signature",
)


def signature(varies: Any, *args: Any, **kwargs: Any) -> Any:
    """A signature of a mapping, of a task's name or of a task: ``signature("proj.add", args=(2, 2), countdown=10)``."""
    app = app_or_default(kwargs.pop("app", None))
    if isinstance(varies, Mapping):
        if isinstance(varies, Signature):
            return varies.clone() if varies._app is not None else varies.bound_to(app).clone()
        return _native(varies, app)
    return _made(varies, app, *args, **kwargs)


subtask = signature


def _made(
    task: Any,
    app: Any,
    args: Any = None,
    kwargs: Any = None,
    options: Mapping[str, Any] | None = None,
    type: Any = None,
    subtask_type: str | None = None,
    immutable: bool = False,
    **more: Any,
) -> Any:
    name = getattr(task, "name", task)
    made: Any = Signature(
        name, args or (), kwargs or {}, call_options({**(options or {}), **more}), immutable=immutable, app=app
    )
    if subtask_type is not None:
        made["subtask_type"] = subtask_type
        made = _native(dict(made), app)
    return made


def maybe_signature(d: Any, app: Any = None, clone: bool = False) -> Any:
    """The signature that a mapping stands for; anything else as it is."""
    if d is None or not isinstance(d, Mapping):
        return d
    if isinstance(d, Signature) and not clone:
        return d if d._app is not None and app is None else d.bound_to(app_or_default(app))
    return signature(d, app=app)


__getattr__ = absent(__name__)
