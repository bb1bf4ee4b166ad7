"""What a running task knows of itself: Celery's ``request``."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.message import Message, priority_of

if TYPE_CHECKING:
    from celeriac.app import Celeriac


MOST_CHILDREN = 1000
"""So many of the tasks that a run has called are remembered: a run that calls a million is not to hold them all."""


class Context(msgspec.Struct, eq=False):
    """The request of a running task. Fields have Celery's names; every one has a value, also for direct calls."""

    task: str = ""
    id: str | None = None
    args: list[Any] = msgspec.field(default_factory=list)
    kwargs: dict[str, Any] = msgspec.field(default_factory=dict)
    headers: dict[str, Any] = msgspec.field(default_factory=dict)
    called_directly: bool = True
    is_eager: bool = False
    queue: str | None = None
    delivery_count: int = 1
    embed: dict[str, Any] = msgspec.field(default_factory=dict)
    hostname: str | None = None
    message: Message | None = None
    """The message that this run is of; None for a call that was none."""
    app: Celeriac | None = None
    started: float = 0.0
    """When the run began, by `time.perf_counter`."""
    own_call: bool = False
    """The task's class has a `__call__` of its own, which is about to call ours."""
    _children: list[Any] | None = None
    _numbers: dict[str, int] | None = None

    @property
    def reply_to(self) -> str | None:
        """Where its result goes, with result backends that are not shared."""
        return None if self.message is None else self.message.properties.get("reply_to")

    @property
    def correlation_id(self) -> str | None:
        return (self.message and self.message.properties.get("correlation_id")) or self.id

    @property
    def priority(self) -> int | None:
        """0 to 9, 9 is the most urgent; None without a message."""
        return None if self.message is None else priority_of(self.message.properties)

    @property
    def retries(self) -> int:
        """How often the task has been retried before this run."""
        return self.headers.get("retries") or 0

    @property
    def root_id(self) -> str | None:
        """The id of the first task of this workflow."""
        return self.headers.get("root_id") or self.id

    @property
    def parent_id(self) -> str | None:
        """The id of the task that called this one."""
        return self.headers.get("parent_id")

    @property
    def group(self) -> str | None:
        return self.headers.get("group")

    @property
    def group_index(self) -> int | None:
        return self.headers.get("group_index")

    @property
    def eta(self) -> str | None:
        return self.headers.get("eta")

    @property
    def expires(self) -> str | None:
        return self.headers.get("expires")

    @property
    def origin(self) -> str | None:
        return self.headers.get("origin")

    @property
    def shadow(self) -> str | None:
        return self.headers.get("shadow")

    @property
    def argsrepr(self) -> str | None:
        return self.headers.get("argsrepr")

    @property
    def kwargsrepr(self) -> str | None:
        return self.headers.get("kwargsrepr")

    @property
    def stamped_headers(self) -> list[str] | None:
        """The names of its stamps."""
        return self.headers.get("stamped_headers")

    @property
    def stamps(self) -> dict[str, Any]:
        """What a Celery client has marked the workflow with."""
        return self.headers.get("stamps") or {}

    @property
    def replaced_task_nesting(self) -> int:
        return self.headers.get("replaced_task_nesting") or 0

    @property
    def lang(self) -> str | None:
        return self.headers.get("lang")

    @property
    def ignore_result(self) -> bool:
        return bool(self.headers.get("ignore_result"))

    @property
    def timelimit(self) -> tuple[float | None, float | None]:
        """``(hard, soft)`` in seconds, as the caller set them."""
        hard, soft = self.headers.get("timelimit") or (None, None)
        return hard, soft

    @property
    def delivery_info(self) -> dict[str, Any]:
        """Where the message came from, with Celery's keys."""
        return {
            "exchange": "",
            "routing_key": self.queue,
            "priority": self.priority,
            "redelivered": self.delivery_count > 1,
        }

    @property
    def callbacks(self) -> list[Any] | None:
        return self.embed.get("callbacks")

    @property
    def errbacks(self) -> list[Any] | None:
        return self.embed.get("errbacks")

    @property
    def chain(self) -> list[Any] | None:
        """The steps that are left, last one first."""
        return self.embed.get("chain")

    @property
    def chord(self) -> Any:
        return self.embed.get("chord")

    @property
    def utc(self) -> bool:
        """Times of the message are in UTC: always so in protocol 2."""
        return True

    @property
    def logfile(self) -> str | None:
        """The file that the worker logs to (setting ``worker_log_file``)."""
        return None if self.app is None else self.app.conf.worker_log_file

    @property
    def loglevel(self) -> int:
        """The level of the worker's log, as in `logging`."""
        return logging.getLogger("celeriac").getEffectiveLevel()

    def as_execution_options(self) -> dict[str, Any]:
        """The options of a call that would run the task as this run was called."""
        hard, soft = self.timelimit
        options = {
            "task_id": self.id,
            "root_id": self.root_id,
            "parent_id": self.parent_id,
            "group_id": self.group,
            "group_index": self.group_index,
            "shadow": self.shadow,
            "chord": self.chord,
            "chain": self.chain,
            "link": self.callbacks,
            "link_error": self.errbacks,
            "expires": None if self.expires is None else datetime.fromisoformat(self.expires),
            "time_limit": hard,
            "soft_time_limit": soft,
            "priority": self.priority,
            "queue": self.queue,
            "reply_to": self.reply_to,
            "retries": self.retries,
        }
        return {name: value for name, value in options.items() if value is not None}

    def add_child(self, result: Any, app: Celeriac) -> None:
        """This run has called another task; remembered if the task's ``trail`` is on."""
        task = app.tasks.get(self.task)
        if (task is None or task.trail) and len(self.children) < MOST_CHILDREN:
            self.children.append(result)

    @property
    def has_children(self) -> bool:
        """Whether this run has called others."""
        return bool(self._children)

    @property
    def children(self) -> list[Any]:
        """Results of the tasks that this one has called."""
        if self._children is None:
            self._children = []
        return self._children

    def number_of(self, what: str) -> int:
        """How often this run has asked for the number of this: 0 the first time."""
        if self._numbers is None:
            self._numbers = {}
        numbers = self._numbers
        numbers[what] = numbers.get(what, -1) + 1
        return numbers[what]

    def __getattr__(self, name: str) -> Any:
        """A header of one's own is a field too, as in Celery."""
        headers = object.__getattribute__(self, "headers") if name != "headers" and not name.startswith("__") else {}
        if name in headers:
            return headers[name]
        raise AttributeError(f"the request of a task has no field {name!r}, and no header of this name")

    def get(self, name: str, default: Any = None) -> Any:
        """A field by name, as Celery's context offers."""
        return getattr(self, name, default)

    def __repr__(self) -> str:
        return f"<Context: {self.task}[{self.id}] retries={self.retries}>"


current: ContextVar[Context | None] = ContextVar("celeriac_current", default=None)
"""The request that runs in this thread or asyncio task. A context variable, not state of ours: it follows awaits."""
