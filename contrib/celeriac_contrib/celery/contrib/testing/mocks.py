"""Messages and requests for tests of code that takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import Mock

from celeriac_contrib.celery.absent import absent

__all__ = ("TaskMessage", "TaskMessage1", "task_message_from_sig", "ContextMock")


def TaskMessage(
    name: str,
    id: str | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    callbacks: Any = None,
    errbacks: Any = None,
    chain: Any = None,
    shadow: str | None = None,
    utc: Any = None,
    **options: Any,
) -> Any:
    """A message of protocol 2."""
    from celeriac_contrib.celery.utils.ids import uuid

    message = Mock(name=f"TaskMessage-{id}")
    message.headers = {"id": id or uuid(), "task": name, "shadow": shadow, **options}
    embed = {"callbacks": callbacks, "errbacks": errbacks, "chain": chain}
    message.body = message.payload = (list(args), dict(kwargs or {}), embed)
    message.content_type, message.content_encoding = "application/json", "utf-8"
    message.properties = {"correlation_id": message.headers["id"]}
    message.decode.return_value = message.body
    return message


def TaskMessage1(name: str, id: str | None = None, args: Any = (), kwargs: Any = None, **options: Any) -> Any:
    """A message of protocol 1."""
    message = TaskMessage(name, id, args, kwargs)
    body = {"task": name, "id": message.headers["id"], "args": list(args), "kwargs": dict(kwargs or {}), **options}
    message.headers = {}
    message.body = message.payload = body
    message.decode.return_value = body
    return message


def task_message_from_sig(app: Any, sig: Any, utc: bool = True, TaskMessage: Any = TaskMessage) -> Any:
    """The message that a signature would be sent as."""
    sig.freeze()
    return TaskMessage(sig.task, id=sig.id, args=sig.args, kwargs=sig.kwargs, callbacks=sig.options.get("link"))


def ContextMock(*args: Any, **kwargs: Any) -> Any:
    """A mock that works in a ``with``."""
    mock = Mock(*args, **kwargs)
    mock.__enter__ = Mock(return_value=mock)
    mock.__exit__ = Mock(return_value=None)
    return mock


__getattr__ = absent(__name__)
