"""Whether a received message may run, decided from its headers; the body stays bytes."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from celeriac import states
from celeriac.call import AGAIN
from celeriac.errors import DecodeError, TaskRevoked
from celeriac.message import UNREADABLE, Delivery
from celeriac.specs.pool import Outcome, Request, Verdict

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.task import Task
    from celeriac.worker.inflight import Held, Inflight
    from celeriac.worker.revoked import Revoked
    from celeriac.worker.settlement import Settlement

logger = logging.getLogger("celeriac.worker")


class Admission:
    """Turns deliveries into requests. What may not run gets its outcome here and goes straight to settlement."""

    def __init__(
        self, app: Celeriac, inflight: Inflight, settlement: Settlement, revoked: Revoked, capabilities: frozenset[str]
    ) -> None:
        self._app = app
        self._inflight = inflight
        self._settlement = settlement
        self._revoked = revoked
        self._capabilities = capabilities
        self._accept = app.codec.accepted(app.conf.accept_content)
        self._warned: set[str] = set()

    def admit(self, deliveries: list[Delivery]) -> list[Request]:
        """The requests to run, in the order of the deliveries."""
        finished = self._finished(deliveries)
        requests: list[Request] = []
        refused: list[Outcome] = []
        early: list[Delivery] = []
        later: list[tuple[int, Delivery, float]] = []
        for key, held in self._inflight.hold(deliveries):
            delivery = held.delivery
            outcome = self._refuse(key, delivery)
            if outcome is not None:
                refused.append(outcome)
                continue
            due = self._not_yet(delivery)
            if due is not None:
                later.append((key, delivery, due))
                continue
            request = self._request(key, held, finished)
            if held.early:
                early.append(delivery)
            requests.append(request)
        if later:
            self._app.transport.delay([(delivery, due) for _, delivery, due in later], started=False)
            self._inflight.release([key for key, _, _ in later])
        if early:
            self._app.transport.ack(early)
        if self._app.hooks.task_received:
            for request in requests:
                held_now = self._inflight.get(request.key)
                if held_now is not None:
                    self._app.hooks.task_received(app=self._app, delivery=held_now.delivery)
        if refused:
            self._settlement.done(refused)
        return requests

    def _refuse(self, key: int, delivery: Delivery) -> Outcome | None:
        """The outcome of a message that does not run, or None for one that does."""
        app, message = self._app, delivery.message
        headers = message.headers
        if message.content_type == UNREADABLE or not message.task or not message.id:
            return Outcome(key, Verdict.DEAD, reason="not a task message: it has no task name and id that can be read")
        task = app.tasks.get(message.task)
        if delivery.count > self._cap(task):
            reason = f"delivered {delivery.count - 1} times and never settled"
            return Outcome(key, Verdict.DEAD, reason=reason)
        if task is None:
            return Outcome(key, Verdict.DELAY, reason=f"unknown task {message.task!r}: no code here registers it")
        try:
            app.codec.check(len(message.body), message.content_type, self._accept)
        except DecodeError as error:
            return Outcome(key, Verdict.DELAY, reason=str(error))
        if message.id in self._revoked:
            return self._ended(key, message.id, "revoked")
        expires = headers.get("expires")
        if expires and self._moment(expires) <= app.clock.time():
            return self._ended(key, message.id, "expired")
        return None

    def _ended(self, key: int, task_id: str, why: str) -> Outcome:
        record = self._app.backend.failure(task_id, TaskRevoked(why), None, states.REVOKED)
        return Outcome(key, Verdict.ACK, states.REVOKED, record.payload, reason=why)

    def _not_yet(self, delivery: Delivery) -> float | None:
        """The due time of a message that came too soon: from a Celery client, which leaves waiting to the worker."""
        eta = delivery.message.headers.get("eta")
        if not eta:
            return None
        due = self._moment(eta)
        return due if due > self._app.clock.time() + 0.001 else None

    def _request(self, key: int, held: Held, finished: dict[str, bytes]) -> Request:
        delivery = held.delivery
        message = delivery.message
        task = self._app.tasks[message.task]
        held.early = self._early(task)
        hard, soft = self._limits(task, message.headers.get("timelimit"))
        request = Request(key, message, delivery.queue, delivery.count, hard, soft, finished.get(message.id))
        held.request = request
        return request

    def _finished(self, deliveries: list[Delivery]) -> dict[str, bytes]:
        """Stored results of those that may have run before, so that no finished task runs again."""
        suspects = [
            delivery.message.id
            for delivery in deliveries
            if (delivery.count > 1 or AGAIN in delivery.message.headers) and delivery.message.id
        ]
        if not suspects:
            return {}
        records = self._app.backend.driver.fetch(suspects)
        return {id_: record.payload for id_, record in records.items() if record.state in states.READY_STATES}

    def _cap(self, task: Task[..., Any] | None) -> int:
        cap = task.max_deliveries if task is not None else None
        return self._app.conf.task_max_deliveries if cap is None else cap

    def _early(self, task: Task[..., Any]) -> bool:
        """Whether to acknowledge before the run: the task's word before the setting, the preset before Celery's."""
        conf = self._app.conf
        for delivery, acks_late in ((task.delivery, task.acks_late), (None, conf.task_acks_late)):
            if delivery is not None:
                return delivery == "at_most_once"
            if acks_late is not None:
                return not acks_late
        return conf.delivery == "at_most_once"

    def _limits(self, task: Task[..., Any], timelimit: Any) -> tuple[float | None, float | None]:
        conf = self._app.conf
        asked_hard, asked_soft = (
            timelimit if isinstance(timelimit, (list, tuple)) and len(timelimit) == 2 else (None, None)
        )
        hard = _first(asked_hard, task.time_limit, conf.task_time_limit)
        soft = _first(asked_soft, task.soft_time_limit, conf.task_soft_time_limit)
        if hard is not None and "time-limit" not in self._capabilities:
            self._warn_once(task.name, "time_limit")
            hard = None
        if soft is not None and "soft-time-limit" not in self._capabilities:
            self._warn_once(task.name, "soft_time_limit")
            soft = None
        return hard, soft

    def _warn_once(self, name: str, limit: str) -> None:
        """Limits of tasks and settings were refused at start; this one came with a message, which must still run."""
        if name not in self._warned:
            self._warned.add(name)
            logger.warning(
                "a caller set %s for %s, which this worker's pool cannot enforce; it runs without", limit, name
            )

    def _moment(self, text: Any) -> float:
        try:
            moment = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            return 0.0
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
