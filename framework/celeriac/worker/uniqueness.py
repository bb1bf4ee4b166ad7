"""What a worker does about messages of unique tasks: one that does not hold its name does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from celeriac import states
from celeriac.ids import new_id
from celeriac.unique import SAME_AS, UNIQUE, holder_id

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.message import Delivery, Message
    from celeriac.specs.backend import ResultBackend

LOOK_AGAIN = 1.0
"""Seconds until a message that waits for an equal one is looked at again."""


class Hold(NamedTuple):
    """The name that a message claims, and as whom this worker holds it."""

    name: str
    scope: str
    lease: float | None
    owner: str


class Look(NamedTuple):
    """What is to become of a message: it waits behind another task, or takes over a result; with neither, it runs."""

    behind: str | None = None
    """The id of the equal call that has the name."""
    finished: bytes | None = None


class Uniqueness:
    """Of one worker."""

    def __init__(self, app: Celeriac) -> None:
        self._app = app
        self._worker = new_id()
        self.in_use = False
        """Whether this worker has had a message of a unique task."""

    @property
    def _driver(self) -> ResultBackend:
        return self._app.backend.driver

    def hold(self, message: Message) -> Hold | None:
        """The hold of a message that waits. None: its header cannot be read, or nothing here grants locks."""
        self.in_use = True
        try:
            name, scope, lease = message.headers[UNIQUE]
        except (TypeError, ValueError):
            return None
        return Hold(name, scope, lease, message.id) if self._driver.supports("lock") else None

    def look(self, delivery: Delivery, key: int, hold: Hold) -> tuple[Look, Hold | None]:
        """Whether this message may run now, and as whom it holds its name then."""
        message = delivery.message
        if hold.scope == "window":
            return self._look_in_window(message, hold.name), None
        owner = f"{message.id}|{self._worker}/{key}"
        other = self._claim(hold, owner, delivery)
        # Only now: whoever had the name before has stored its result before it let go.
        finished = self._result_for(message)
        if finished is not None:
            self._driver.lock_release(hold.name, owner)
            return Look(finished=finished), hold
        if other != owner:
            return self._behind(message, other), hold
        if hold.scope == "until_start":
            self._driver.lock_release(hold.name, owner)
            return Look(), None
        return Look(), hold._replace(owner=owner)

    def _look_in_window(self, message: Message, name: str) -> Look:
        finished = self._result_for(message)
        other = None if finished is not None else self._driver.lock_holder(name)
        if other is None or holder_id(other) == message.id:
            return Look(finished=finished)
        return self._behind(message, other)

    def _result_for(self, message: Message) -> bytes | None:
        """The result of this message, or of the call whose result it is to take over, once there is one."""
        same_as = message.headers.get(SAME_AS)
        return self._finished(message.id) or (self._finished(same_as) if same_as else None)

    def _claim(self, hold: Hold, owner: str, delivery: Delivery) -> str:
        """Hold the name as who runs. Taken over is: the message's own hold while it waited; that of a run that died,
        when the message is delivered again."""
        task_id, lease, driver = delivery.message.id, self._lease, self._driver
        other = driver.lock_claim(hold.name, owner, lease, task_id)
        if holder_id(other) == task_id and (other.endswith("?") or delivery.count > 1):
            other = driver.lock_claim(hold.name, owner, lease, other)
        return other

    @property
    def _lease(self) -> float:
        return float(self._app.conf.worker_lease)

    def _behind(self, message: Message, holder: str) -> Look:
        """An equal call has the name: take over its result, or wait for it. So does a second copy of this very message
        that comes while the first one runs."""
        other = holder_id(holder)
        finished = self._finished(other)
        if finished is None:
            return Look(other)
        if other != message.id:
            message.headers[SAME_AS] = other  # the slot is to store the result under this id too
        return Look(finished=finished)

    def _finished(self, task_id: str) -> bytes | None:
        record = self._driver.fetch([task_id]).get(task_id)
        return record.payload if record is not None and record.state in states.READY_STATES else None

    # afterwards

    def settled(self, hold: Hold, message: Message, is_final: bool) -> None:
        """The task has ended, or its message waits again."""
        if is_final:
            self._driver.lock_release(hold.name, hold.owner)
        elif hold.owner != message.id:
            self._driver.lock_claim(hold.name, message.id, hold.lease, hold.owner)

    def renew(self, hold: Hold) -> None:
        """The task still runs."""
        if "|" in hold.owner:
            self._driver.lock_claim(hold.name, hold.owner, self._lease)
