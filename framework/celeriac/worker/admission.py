"""Whether a received message may run, decided from its headers; the body stays bytes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from celeriac import states
from celeriac.call import AGAIN
from celeriac.errors import DecodeError, TaskRevoked
from celeriac.message import UNREADABLE, Delivery, Message, Publication
from celeriac.protocol1 import in_protocol_2
from celeriac.specs.pool import Outcome, Request, Verdict
from celeriac.unique import SAME_AS, UNIQUE
from celeriac.worker.limits import enforces
from celeriac.worker.patience import patiently
from celeriac.worker.uniqueness import LOOK_AGAIN

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.worker.broker import Broker
    from celeriac.worker.inflight import Held, Inflight
    from celeriac.worker.policy import Policies, Policy
    from celeriac.worker.pulse import Pulse
    from celeriac.worker.revoked import Revoked
    from celeriac.worker.settlement import Settlement
    from celeriac.worker.uniqueness import Hold

T = TypeVar("T")

_NO_LIMITS = [None, None]

logger = logging.getLogger("celeriac.worker")


class Admission:
    """Turns deliveries into requests. What may not run gets its outcome here and goes straight to settlement."""

    def __init__(
        self,
        app: Celeriac,
        inflight: Inflight,
        settlement: Settlement,
        policies: Policies,
        revoked: Revoked,
        capabilities: frozenset[str],
        pulse: Pulse,
        broker: Broker,
    ) -> None:
        self._app = app
        self._inflight = inflight
        self._settlement = settlement
        self._revoked = revoked
        self._capabilities = capabilities
        self._pulse = pulse
        self._broker = broker
        self._accept = app.codec.accepted(app.conf.accept_content)
        self._max_size = app.codec.max_size
        self._policies = policies
        self._warned: set[str] = set()
        self.tells_results = False
        """Outcomes are to show their results, for events."""

    def admit(self, deliveries: list[Delivery]) -> list[Request]:
        """The requests to run, in the order of the deliveries. What touches broker or result store is tried until it
        is done, or the worker stops: whatever was received is held by then, and is given back at the end.

        Raises:
            BackendError, TransportError: the worker stops.
        """
        self._translate(deliveries)
        taken = self._inflight.hold(deliveries)
        self._note_unique(taken)
        finished = self._finished(deliveries)
        requests: list[Request] = []
        refused: list[Outcome] = []
        early: list[Delivery] = []
        later: list[tuple[int, Delivery, float]] = []
        for key, held in taken:
            delivery = held.delivery
            message = delivery.message
            policy, task_id = self._policies[message.task], message.id
            outcome = self._refuse(key, delivery, policy, task_id)
            if outcome is not None:
                refused.append(outcome)
                continue
            if policy.rate is not None or message.headers.get("eta"):
                due = self._not_yet(delivery, policy)
                if due is not None:
                    later.append((key, delivery, due))
                    continue
            if held.unique is not None and not self._may_run(key, held, held.unique, finished, later, refused):
                continue
            request = self._request(key, held, policy, finished.get(task_id) if finished else None)
            if held.early:
                early.append(delivery)
            requests.append(request)
        if later:
            self._put_off(later)
        if early:
            acknowledge = partial(self._broker.settle, lambda transport, batch: transport.ack(batch), early)
            acknowledged = self._patiently("acknowledge", acknowledge)
            if len(acknowledged) < len(early):
                requests = self._leave_unacknowledged(requests, acknowledged)
        if self._app.hooks.task_received:
            self._tell_received(requests)
        if refused:
            self._settlement.done(refused)
        return requests

    def _leave_unacknowledged(self, requests: list[Request], acknowledged: list[Delivery]) -> list[Request]:
        """Without those that cannot be acknowledged before their run any more, since their broker is gone: they come
        back there."""
        fine = {id(delivery) for delivery in acknowledged}
        left = {
            request.key
            for request in requests
            if (held := self._inflight.get(request.key)) is not None and held.early and id(held.delivery) not in fine
        }
        self._inflight.release([*left])
        return [request for request in requests if request.key not in left]

    def _tell_received(self, requests: list[Request]) -> None:
        for request in requests:
            held = self._inflight.get(request.key)
            if held is not None:
                self._app.hooks.task_received(app=self._app, delivery=held.delivery)

    def _note_unique(self, taken: list[tuple[int, Held]]) -> None:
        """What unique tasks hold, also of messages that will not run."""
        for _, held in taken:
            if UNIQUE in held.delivery.message.headers:
                held.unique = self._settlement.uniqueness.hold(held.delivery.message)

    def _put_off(self, later: list[tuple[int, Delivery, float]]) -> None:
        delayed = [(delivery, due) for _, delivery, due in later]
        delay = partial(self._broker.settle, lambda transport, batch: transport.delay(batch, started=False), delayed)
        self._patiently("delay", delay)
        self._inflight.release([key for key, _, _ in later])

    def _translate(self, deliveries: list[Delivery]) -> None:
        """Messages of protocol 1 have no headers that could be looked at."""
        for delivery in deliveries:
            if "task" not in delivery.message.headers:
                delivery.message = in_protocol_2(self._app, delivery.message, self._accept)

    def _refuse(self, key: int, delivery: Delivery, policy: Policy, task_id: str) -> Outcome | None:
        """The outcome of a message that does not run, or None for one that does."""
        app, message = self._app, delivery.message
        headers = message.headers
        if message.content_type == UNREADABLE or not task_id or not message.task:
            return Outcome(key, Verdict.DEAD, reason="not a task message: it has no task name and id that can be read")
        if delivery.count > policy.cap:
            reason = f"delivered {delivery.count - 1} times and never settled"
            return Outcome(key, Verdict.DEAD, reason=reason)
        if policy.task is None:
            return Outcome(key, Verdict.DELAY, reason=f"unknown task {message.task!r}: no code here registers it")
        if message.content_type not in self._accept or len(message.body) > self._max_size:
            try:
                app.codec.check(len(message.body), message.content_type, self._accept)
            except DecodeError as error:
                return Outcome(key, Verdict.DELAY, reason=str(error))
        if task_id in self._revoked:
            return self._ended(key, task_id, "revoked")
        expires = headers.get("expires")
        if expires and self._moment(expires) <= app.clock.time():
            return self._ended(key, task_id, "expired")
        return None

    def _ended(self, key: int, task_id: str, why: str) -> Outcome:
        record = self._app.backend.failure(task_id, TaskRevoked(why), None, states.REVOKED)
        return Outcome(key, Verdict.ACK, states.REVOKED, record.payload, reason=why)

    def _not_yet(self, delivery: Delivery, policy: Policy) -> float | None:
        """The due time of a message that came too soon: from a Celery client, which leaves waiting to the worker, or
        over its task's rate limit."""
        eta, now = delivery.message.headers.get("eta"), self._app.clock.time()
        if eta:
            due = self._moment(eta)
            if due > now + 0.001:
                return due
        return policy.rate.take(now) if policy.rate is not None else None

    def _request(self, key: int, held: Held, policy: Policy, finished: bytes | None) -> Request:
        delivery = held.delivery
        message = delivery.message
        held.early = policy.early
        hard, soft = policy.time_limit, policy.soft_time_limit
        asked = message.headers.get("timelimit")
        if asked and asked != _NO_LIMITS and isinstance(asked, (list, tuple)) and len(asked) == 2:
            if isinstance(asked[0], (int, float)):
                hard = self._enforceable(message.task, "time_limit", asked[0], policy)
            if isinstance(asked[1], (int, float)):
                soft = self._enforceable(message.task, "soft_time_limit", asked[1], policy)
        request = Request(key, message, delivery.queue, delivery.count, hard, soft, finished, self.tells_results)
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
        records = self._patiently("look for stored results", lambda: self._app.backend.driver.fetch(suspects))
        return {id_: record.payload for id_, record in records.items() if record.state in states.READY_STATES}

    def _may_run(
        self,
        key: int,
        held: Held,
        hold: Hold,
        finished: dict[str, bytes],
        later: list[tuple[int, Delivery, float]],
        refused: list[Outcome],
    ) -> bool:
        """Whether a message of a unique task may run, or there is a result that it takes over. Else it waits, and, from
        the first time on, says for whom."""
        delivery = held.delivery
        message = delivery.message
        if message.id in finished:
            return True
        uniqueness = self._settlement.uniqueness
        what = "look who holds a unique task"
        look, held.unique = self._patiently(what, lambda: uniqueness.look(delivery, key, hold))
        if look.finished is not None:
            finished[message.id] = look.finished
        due = self._app.clock.time() + LOOK_AGAIN
        if look.behind is not None and look.behind not in (message.id, message.headers.get(SAME_AS)):
            stand_in = Message(
                {**message.headers, SAME_AS: look.behind},
                message.properties,
                message.body,
                message.content_type,
                message.content_encoding,
            )
            refused.append(Outcome(key, publications=[Publication(delivery.queue, stand_in, due)]))
        elif look.behind is not None:
            later.append((key, delivery, due))
        return look.behind is None

    def _patiently(self, what: str, step: Callable[[], T]) -> T:
        return patiently(what, step, lambda: self._settlement.stopping, self._pulse.come_round)

    def _enforceable(self, name: str, limit: str, seconds: float, policy: Policy) -> float | None:
        """A limit that came with the message. Those of tasks and settings were refused at start; this message must
        still run, so it runs without, and the log says so once."""
        if enforces(self._capabilities, limit, policy.task):
            return seconds
        if name not in self._warned:
            self._warned.add(name)
            logger.warning(
                "a caller set %s for %s, which this worker's pool cannot enforce; it runs without", limit, name
            )
        return None

    def _moment(self, text: Any) -> float:
        try:
            moment = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            return 0.0
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
