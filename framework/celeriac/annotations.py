"""The setting ``task_annotations``: attributes of tasks that are set from outside their code.

A mapping of task name, or ``*`` for all, to attributes; an object or class with ``annotate(task)`` or
``annotate_any()``; a list of these. An attribute ``@on_failure`` names a function that wraps what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from celeriac.errors import ConfigurationError
from celeriac.nearest import did_you_mean

if TYPE_CHECKING:
    from celeriac.task import Task

_WRAPPED = "__celeriac_annotated__"


def annotate(task: Task[..., Any], annotations: Any) -> None:
    """Set the attributes that the annotations have for this task; later ones win. A second time changes nothing.

    Raises:
        ConfigurationError: an attribute that tasks do not have.
    """
    for attributes in _for_task(task, annotations):
        for name, value in attributes.items():
            plain = name.removeprefix("@")
            if not hasattr(type(task), plain) and plain not in task.OPTIONS:
                raise ConfigurationError(
                    f"task_annotations: a task has no attribute {plain!r}{did_you_mean(plain, task.OPTIONS)}"
                )
            if name == plain:
                setattr(type(task), name, value)
            else:
                _wrap(type(task), plain, value)


def _for_task(task: Task[..., Any], annotations: Any) -> Iterator[Mapping[str, Any]]:
    for item in annotations if isinstance(annotations, (list, tuple)) else [annotations]:
        source = _resolved(item)
        if isinstance(source, Mapping):
            found = [source.get("*"), source.get(task.name)]
        else:
            found = [
                source.annotate_any() if hasattr(source, "annotate_any") else None,
                source.annotate(task) if hasattr(source, "annotate") else None,
            ]
        yield from (attributes for attributes in found if attributes)


def _resolved(item: Any) -> Any:
    if isinstance(item, str):
        from celeriac.registry import load_object

        item = load_object(item if ":" in item else ":".join(item.rsplit(".", 1)))
    if isinstance(item, type):
        item = item()
    if isinstance(item, Mapping) or hasattr(item, "annotate") or hasattr(item, "annotate_any"):
        return item
    raise ConfigurationError(
        f"task_annotations takes mappings of task name to attributes, and objects with annotate(task); not {item!r}"
    )


def _wrap(task_type: type[Any], name: str, around: Callable[[Any], Any]) -> None:
    original = getattr(task_type, name)
    original = getattr(original, _WRAPPED, original)
    wrapped = around(original)
    setattr(wrapped, _WRAPPED, original)
    setattr(task_type, name, wrapped)
