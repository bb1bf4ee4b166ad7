"""Unique tasks: of equal calls, one runs, and all get its result.

A call claims a name, made from the task and the chosen arguments, from the result backend (capability ``lock``). Who
holds the name is written as ``<id>`` while the message waits, ``<id>|<worker>`` while it runs, and ``<id>?`` after a
publish of which nobody knows whether it arrived: the next call then sends the same id again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from celeriac import states
from celeriac.errors import BackendError, ConfigurationError, DuplicateCall, UnsupportedCapability

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.canvas import Signature
    from celeriac.message import Publication
    from celeriac.specs.backend import ResultBackend
    from celeriac.task import Task

UNIQUE = "x-celeriac-unique"
"""Header of a message that holds a name: ``[name, scope, lease]``."""
SAME_AS = "x-celeriac-same-as"
"""Header of a message that does not run, but takes over what comes of another one: that one's id."""

UNCONFIRMED = 60.0
"""Seconds, at least, for which a name is claimed before its message is known to be with the broker."""

SCOPES = ("until_start", "until_done", "window")


@dataclass(frozen=True)
class Unique:
    """What makes calls of a task equal, and for how long: ``@app.task(unique=Unique(key=["order"]))``."""

    scope: Literal["until_start", "until_done", "window"] = "until_done"
    """Until a worker takes the call up; until it has ended, retries included; or for `window` seconds from the call."""
    key: Sequence[str] | Callable[..., object] | None = None
    """The names of the arguments that matter; or a function of the arguments that returns a text; None: all of them."""
    window: float | None = None
    """With the scope ``window``: seconds. None: for ever."""
    on_conflict: Literal["return", "raise"] = "return"
    """What a call that finds an equal one does: return its result, or raise DuplicateCall."""
    lease: float = 86400.0
    """Seconds after which a call that waits in its queue is given up for lost: an equal one runs then. While it runs,
    its worker renews it."""

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ConfigurationError(f"a unique task's scope is one of {', '.join(SCOPES)}; not {self.scope!r}")
        if self.window is not None and self.scope != "window":
            raise ConfigurationError(f"a unique task takes a window with scope='window', not with {self.scope!r}")
        if self.on_conflict not in ("return", "raise"):
            raise ConfigurationError(f"a unique task's on_conflict is 'return' or 'raise'; not {self.on_conflict!r}")
        if isinstance(self.key, str):
            raise ConfigurationError(f"a unique task's key is a list of argument names; write [{self.key!r}]")


def unique_from(value: Any) -> Unique:
    """What a task or a call says: True, the fields as a mapping, or a Unique."""
    if isinstance(value, Unique):
        return value
    if value is True:
        return Unique()
    if isinstance(value, Mapping):
        return Unique(**value)
    raise ConfigurationError(f"unique= takes a celeriac.Unique or True, not {value!r}")


def name_of(unique: Unique, task_name: str, task: Task[..., Any] | None, args: Sequence[Any], kwargs: Any) -> str:
    """The name that equal calls share.

    Raises:
        ConfigurationError: `key` names an argument that the call does not have.
    """
    chosen: Any
    if callable(unique.key):
        chosen = unique.key(*args, **kwargs)
    else:
        chosen = _named(task, args, kwargs)
        if unique.key is not None:
            missing = [name for name in unique.key if name not in chosen]
            if missing:
                raise ConfigurationError(
                    f"the unique key of {task_name} names {missing[0]!r}, which this call does not have; where the "
                    "task is not imported, such arguments are given by keyword"
                )
            chosen = {name: chosen[name] for name in unique.key}
    text = json.dumps(chosen, sort_keys=True, default=repr, ensure_ascii=False)
    return f"{task_name}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _named(task: Task[..., Any] | None, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name, however they were passed."""
    if task is None:
        return {**({"*": list(args)} if args else {}), **kwargs}
    try:
        bound = task.signature.bind(*args, **kwargs)
    except TypeError:
        return {"*": list(args), **kwargs}
    bound.apply_defaults()
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if task.signature.parameters[name].kind is task.signature.parameters[name].VAR_KEYWORD:
            named.update(value)
        else:
            named[name] = value
    return named


def holder_id(holder: str) -> str:
    """The task id in what `lock_holder` returns."""
    return holder.partition("|")[0].removesuffix("?")


def claim(
    app: Celeriac,
    unique: Unique,
    name: str,
    publication: Publication,
    is_followed: bool,
    may_adopt: bool,
) -> None:
    """Claim the name for a message that is about to be published. When an equal call has it, the message becomes a
    stand-in: it gets that call's id and is not sent; or, when it `is_followed` by something, it is sent and takes over
    the result.

    Raises:
        DuplicateCall: there is an equal call, and the task is to raise.
        UnsupportedCapability: the result backend grants no locks.
    """
    driver = app.backend.driver
    if not driver.supports("lock"):
        raise UnsupportedCapability(
            f"{type(driver).__name__} grants no locks, which unique tasks need; use another result_backend, such as redis://"
        )
    headers, lease = publication.message.headers, unconfirmed(app)
    task_id = headers["id"]
    headers[UNIQUE] = [name, unique.scope, unique.window if unique.scope == "window" else unique.lease]
    holder = driver.lock_claim(name, task_id, lease)
    if holder.endswith("?") and may_adopt:
        adopted = holder_id(holder)
        if driver.lock_claim(name, adopted, lease, holder) == adopted:
            _adopt(publication, adopted)
            return
        holder = driver.lock_claim(name, task_id, lease)
    if holder != task_id and (holder.endswith("?") or _is_over(driver, unique, holder)):
        holder = driver.lock_claim(name, task_id, lease, holder)
    if holder == task_id:
        return
    other = holder_id(holder)
    if unique.on_conflict == "raise":
        raise DuplicateCall(f"an equal call of {headers['task']} is there already: {other}", other)
    headers[SAME_AS] = other
    if not is_followed:
        headers["id"] = other
        publication.queue = ""


def unconfirmed(app: Celeriac) -> float:
    """Seconds for which a name is claimed before its message is known to be with the broker."""
    return max(UNCONFIRMED, 4 * app.conf.task_publish_timeout)


def _is_over(driver: ResultBackend, unique: Unique, holder: str) -> bool:
    """Whether the task that holds the name has ended, and only nobody has let go of it yet."""
    if unique.scope == "window":
        return False
    record = driver.fetch([holder_id(holder)]).get(holder_id(holder))
    return record is not None and record.state in states.READY_STATES


def _adopt(publication: Publication, task_id: str) -> None:
    """Send a message again of which nobody knows whether it arrived, under the id that it had."""
    from celeriac.call import AGAIN

    message = publication.message
    if message.headers["root_id"] == message.headers["id"]:
        message.headers["root_id"] = task_id
    message.headers["id"] = message.properties["correlation_id"] = task_id
    message.headers[AGAIN] = True


@contextmanager
def publishing(app: Celeriac, batch: Sequence[Publication]) -> Iterator[list[Publication]]:
    """The messages of the batch that are to be sent. Their names are held for long once they are; should publishing
    fail, the names say that nobody knows."""
    sent = [publication for publication in batch if publication.queue]
    holding = [
        publication.message.headers
        for publication in sent
        if UNIQUE in publication.message.headers and SAME_AS not in publication.message.headers
    ]
    driver = app.backend.driver
    try:
        yield sent
    except BaseException:
        with suppress(BackendError):
            for headers in holding:
                driver.lock_claim(headers[UNIQUE][0], f"{headers['id']}?", unconfirmed(app) * 10, headers["id"])
        raise
    with suppress(BackendError):  # the messages are on their way: the worker claims again
        for headers in holding:
            name, _, lease = headers[UNIQUE]
            driver.lock_claim(name, headers["id"], lease)


def release(app: Celeriac, signature: Signature[Any]) -> str | None:
    """Let go of the name that a call like this would claim; the id of the task that held it, if one did."""
    task = app.tasks.get(signature.task)
    unique = unique_from(signature.options.get("unique") or getattr(task, "unique", None) or True)
    name = name_of(unique, signature.task, task, signature.args, signature.kwargs)
    driver = app.backend.driver
    holder = driver.lock_holder(name)
    return holder_id(holder) if holder is not None and driver.lock_release(name, holder) else None
