"""Signatures from plain mappings, as messages and JSON bring them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from celeriac.errors import ConfigurationError
from celeriac.retry import RetryPolicy

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.canvas.signatures import Signature

LINKS = ("link", "link_error", "chain")
"""Options that are lists of signatures."""


def signature(
    value: Signature[Any] | Mapping[str, Any] | str,
    app: Celeriac | None = None,
    args: Iterable[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    immutable: bool = False,
    **options: Any,
) -> Signature[Any]:
    """The signature that a mapping stands for, as it comes from a message or from JSON; or one of a task's name.

    ::

        signature(json.loads(text), app)
        signature("shop.tasks.add", app, (2, 2), countdown=10)

    Raises:
        ConfigurationError: it is none.
    """
    from celeriac.canvas.signatures import Signature

    if isinstance(value, str):
        return Signature(value, args, kwargs, options, immutable=immutable, app=app)
    if isinstance(value, Signature):
        return value if app is None else value.bound_to(app)
    if not isinstance(value, Mapping) or not isinstance(value.get("task"), str):
        raise ConfigurationError(f"not a signature: {value!r}")
    kind = Signature.TYPES.get(value.get("subtask_type") or "", Signature)
    made = kind.__new__(kind)
    whole = {
        "task": value["task"],
        "args": value.get("args") or [],
        "kwargs": value.get("kwargs") or {},
        "options": _understood(value.get("options") or {}),
        "subtask_type": value.get("subtask_type"),
        "immutable": bool(value.get("immutable")),
        "chord_size": value.get("chord_size"),
    }
    Signature.__init__(made, copied(whole), app=app)
    return made


def copied(signature: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that may be changed without the other one."""
    copy = dict(signature)
    copy["args"] = list(copy["args"] or ())
    copy["kwargs"] = dict(copy["kwargs"] or {})
    options = copy["options"] = dict(copy["options"] or {})
    for option in LINKS:
        if options.get(option):
            options[option] = as_list(options[option])
    policy = options.get("task_retry_policy")
    if isinstance(policy, RetryPolicy):
        options["task_retry_policy"] = policy.as_header()  # a signature is plain values, and travels
    return copy


def as_list(value: Any) -> list[Any]:
    """One alone, a list or a tuple of signatures, or nothing, as a list of its own."""
    if not value:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _understood(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a message brings them. What means nothing here goes, such as an exchange, or how its publisher was to
    try again; stamps stay."""
    from celeriac.call import KNOWN_OPTIONS

    stamps = options.get("stamped_headers") or ()
    return {
        name: value
        for name, value in options.items()
        if name in KNOWN_OPTIONS or name in stamps or name == "stamped_headers"
    }
