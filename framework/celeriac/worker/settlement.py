"""Settling: store the results, publish what follows, acknowledge. In that order: a crash at any point leads to a
redelivery and never to a loss.

Outcomes come from any thread of the pool. Whoever brings some while nobody is settling settles them, and with them what
others bring meanwhile: the busier the worker, the larger the batches, and an idle one answers at once. There is no
thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from celeriac import states
from celeriac.canvas.left_behind import left_behind
from celeriac.errors import BackendError, CeleriacError, TaskError, TaskFailed, TransportError, WorkerLost
from celeriac.message import Publication
from celeriac.specs.backend import Arrival, Record
from celeriac.specs.pool import Outcome, Verdict
from celeriac.worker import join
from celeriac.worker.broker import T
from celeriac.worker.patience import patiently
from celeriac.worker.uniqueness import Uniqueness

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.message import Delivery, Message
    from celeriac.specs.transport import Transport
    from celeriac.worker.broker import Broker
    from celeriac.worker.inflight import Held, Inflight
    from celeriac.worker.pace import Pace
    from celeriac.worker.policy import Policies

logger = logging.getLogger("celeriac.worker")
task_logger = logging.getLogger("celeriac.worker.task")


class Settlement:
    """Owns the way from an outcome to the acknowledgement."""

    def __init__(self, app: Celeriac, inflight: Inflight, policies: Policies, pace: Pace, broker: Broker) -> None:
        self._app = app
        self._policies = policies
        self._inflight = inflight
        self._pace = pace
        self._broker = broker
        self.uniqueness = Uniqueness(app)
        self._waiting: list[Outcome] = []
        self._lock = threading.Lock()
        self._busy = False
        self.stopping = False
        """The worker ends what runs: what is cut off now is not held against its task."""
        self.abandoned = False
        """The worker leaves: stop trying, what is held comes back by itself."""
        self.last_progress = time.monotonic()
        self.waits_to = ""
        """What cannot be done for now, because broker or result store are away: it is tried again and again."""
        self.came_round = self.last_progress
        """When who settles was last seen alive (monotonic)."""
        self.counts: Counter[str] = Counter()
        self.total: Counter[str] = Counter()
        """How many tasks of each name have been settled."""

    def done(self, outcomes: list[Outcome]) -> None:
        """Take outcomes, and settle them unless somebody is at it already."""
        with self._lock:
            self._waiting.extend(outcomes)
            if self._busy:
                return
            self.came_round = time.monotonic()
            self._busy = True
        while True:
            with self._lock:
                batch, self._waiting = self._waiting, []
                if not batch:
                    self._busy = False
                    return
            try:
                self._settle_apart(batch)
            except BaseException:
                with self._lock:
                    self._busy = False
                raise

    def _settle_apart(self, outcomes: list[Outcome]) -> None:
        """Settle a batch; should that fail for a reason that no waiting mends, each outcome by itself, and give back
        the one that cannot be settled: its deliveries are counted, and end in a dead letter."""
        try:
            self._settle(outcomes)
        except (BackendError, TransportError):
            raise
        except Exception:
            if len(outcomes) > 1:
                for outcome in outcomes:
                    self._settle_apart([outcome])
                return
            logger.exception("an outcome cannot be settled; its message is given back")
            self._give_back(outcomes[0])

    def _give_back(self, outcome: Outcome) -> None:
        held = self._inflight.get(outcome.key)
        if held is not None and not held.early:
            self._at_broker("give back", lambda transport, batch: transport.reject(batch), [held.delivery])
        self._inflight.release([outcome.key])

    def _settle(self, outcomes: list[Outcome]) -> None:
        self.last_progress = self.came_round = time.monotonic()
        held = self._inflight.find(outcomes)
        self._pace.observe(outcomes)
        sorted_ = _Sorted()
        unusual = sorted_.take_usual(held)
        for outcome, item in unusual:
            self._sort(outcome, item, sorted_)
        if sorted_.records:
            self._patiently("store results", partial(self._app.backend.driver.store, sorted_.records))
        for group, members in sorted_.arrivals.items():
            self._patiently("count a group's members", partial(self._join, group, members, sorted_))
        if sorted_.publications:
            self._patiently("publish what follows", partial(self._publish, sorted_.publications))
        for group in sorted_.complete:
            self._patiently("close a group", partial(self._app.backend.driver.join_close, group))
        self._acknowledge(sorted_)
        if self.uniqueness.in_use:
            self._let_go(held)
        self._inflight.release([outcome.key for outcome, _ in held])
        self._report(held, bool(unusual))

    def _let_go(self, held: list[tuple[Outcome, Held]]) -> None:
        """Of unique tasks that have ended, equal calls may run from now on. A task that runs again keeps its name."""
        for outcome, item in held:
            if item.unique is not None:
                has_run = outcome.verdict == Verdict.ACK and outcome.state != states.RETRY
                is_final = has_run or outcome.state is _DEAD
                step = partial(self.uniqueness.settled, item.unique, item.delivery.message, is_final)
                self._patiently("let go of a unique task", step)

    def _publish(self, follows: list[Publication]) -> None:
        """Their task has run, so a delay cannot be refused any more. Where the transport keeps none they go out at
        once, and the worker that receives one waits for its eta, as it does with a Celery client's message."""
        if not self._app.transport.supports("delay"):
            for publication in follows:
                publication.due = None
        self._app.caller.publish(follows)

    def _acknowledge(self, batch: _Sorted) -> None:
        if batch.acks:
            self._at_broker("acknowledge", lambda transport, acks: transport.ack(acks), batch.acks)
        if batch.dead:
            self._at_broker("dead-letter", _bury, batch.dead)
        if batch.requeue:
            self._at_broker("give back", lambda transport, requeue: transport.reject(requeue), batch.requeue)
        if batch.unstarted:
            self._at_broker("give back", _reject_unstarted, batch.unstarted)
        if batch.later:
            self._at_broker("delay", lambda transport, later: transport.delay(later), batch.later)

    def _at_broker(self, what: str, step: Callable[[Transport, list[T]], object], batch: list[T]) -> None:
        self._patiently(what, partial(self._broker.settle, step, batch))

    def _sort(self, outcome: Outcome, item: Held, into: _Sorted) -> None:
        delivery, verdict = item.delivery, outcome.verdict
        task_id = delivery.message.id
        if verdict == Verdict.ACK:
            if outcome.state is not None and task_id:
                into.records.append(Record(task_id, outcome.state, outcome.payload, delivery.message.reply_to))
            if outcome.publications:
                into.publications.extend(outcome.publications)
            if outcome.group is not None and outcome.state != states.RETRY:
                self._arrive(outcome, item, into)
            if outcome.state in states.PROPAGATE_STATES:
                self._leave_behind(delivery.message, Record(task_id, outcome.state, outcome.payload), into)
            if not item.early:
                into.acks.append(delivery)
        elif item.early:
            self._sort_early(outcome, item, into)
        elif verdict == Verdict.UNSTARTED or (self.stopping and verdict in (Verdict.REQUEUE, Verdict.LOST)):
            into.unstarted.append(delivery)
        elif verdict == Verdict.REQUEUE:
            into.requeue.append(delivery)
        elif verdict == Verdict.DEAD or self._is_last(outcome, item):
            self._bury(outcome, item, into)
        elif verdict == Verdict.LOST:
            into.requeue.append(delivery)
        else:
            into.later.append((delivery, self._app.clock.time() + self._app.conf.task_unknown_delay))

    def _sort_early(self, outcome: Outcome, item: Held, into: _Sorted) -> None:
        """The message was acknowledged before its run: what did not start is published anew, what was cut off in the
        middle is not run a second time."""
        ran = outcome.verdict in (Verdict.LOST, Verdict.DEAD) or (self.stopping and outcome.verdict == Verdict.REQUEUE)
        if ran or outcome.verdict == Verdict.DELAY:
            self._bury(outcome, item, into)
        else:
            into.publications.append(Publication(item.delivery.queue, item.delivery.message))

    def _is_last(self, outcome: Outcome, item: Held) -> bool:
        """Whether this delivery was the last that the message gets."""
        policy = self._policies[item.delivery.message.task]
        if outcome.verdict == Verdict.LOST and not policy.requeue_lost:
            return True
        return item.delivery.count >= policy.cap

    def _bury(self, outcome: Outcome, item: Held, into: _Sorted) -> None:
        """A dead letter with its evidence; who waits for the task learns that it failed."""
        delivery = item.delivery
        task_id = delivery.message.id
        if outcome.publications:
            into.publications.extend(outcome.publications)
        if task_id:
            error: TaskError = (
                WorkerLost(outcome.reason)
                if outcome.verdict == Verdict.LOST
                else TaskFailed("DeadLetter", outcome.reason)
            )
            if outcome.state is not None:  # it ran, failed, and is kept because of that
                record = Record(task_id, outcome.state, outcome.payload)
            else:
                record = self._app.backend.failure(task_id, error, outcome.detail or None)
            record.reply_to = delivery.message.reply_to
            into.records.append(record)
            self._leave_behind(delivery.message, record, into)
        into.dead.append((delivery, outcome.reason, outcome.detail))
        outcome.state = _DEAD

    def _leave_behind(self, message: Message, record: Record, into: _Sorted) -> None:
        """A task has failed for good: so have the later steps of its chain, and a chord that waits for it or for them
        must hear of it. Read from the body, where it can be read."""
        app = self._app
        try:
            app.codec.check(len(message.body), message.content_type, app.codec.accepted(app.conf.accept_content))
            _, _, embed = app.codec.decode(message.body, message.content_type, message.headers.get("compression"))
            behind = list(left_behind(app, embed))
            chord = embed.get("chord")
        except (CeleriacError, TypeError, ValueError, AttributeError, KeyError):
            return  # not a body of ours: nothing waits behind it
        group = message.headers.get("group")
        if chord and isinstance(group, str):
            into.arrive(group, join.arrival(app, record, message.headers.get("group_index"), chord))
        document = app.backend.decode(record) if behind else {}
        for task_id, group_id, place, waiting in behind:
            payload = app.backend.encode(task_id, record.state, document["result"], document["traceback"])
            left = Record(task_id, record.state, payload, message.reply_to)
            into.records.append(left)
            if group_id is not None:
                into.arrive(group_id, join.arrival(app, left, place, waiting))

    def _arrive(self, outcome: Outcome, item: Held, into: _Sorted) -> None:
        """A member of a chord has ended. What the chord is stands in the body of its message."""
        app, message = self._app, item.delivery.message
        finished = item.request.finished if item.request else None
        record = Record(message.id, outcome.state or states.SUCCESS, outcome.payload or finished or b"")
        chord = None
        if app.backend.driver.supports("shared-join"):
            _, _, embed = app.codec.decode(message.body, message.content_type, message.headers.get("compression"))
            chord = embed.get("chord")
        group = outcome.group or ""
        is_first = group not in into.arrivals
        into.arrive(group, join.arrival(app, record, message.headers.get("group_index"), chord, is_first))

    def _join(self, group: str, arrivals: list[Arrival], into: _Sorted) -> None:
        record = join.count(self._app, group, arrivals)
        if record is not None:
            completed = join.complete(self._app, group, record)
            into.publications.extend(completed.publications)
            into.complete.extend(completed.groups)

    def _patiently(self, what: str, step: Callable[[], Any]) -> None:
        """Do a step until it is done: the messages are held meanwhile, and their leases renewed."""

        def tried() -> None:
            self.waits_to, self.came_round = what, time.monotonic()

        patiently(what, step, lambda: self.abandoned, tried)
        if self.waits_to:
            self.waits_to, self.came_round = "", time.monotonic()

    @property
    def is_busy(self) -> bool:
        return self._busy

    def _report(self, held: list[tuple[Outcome, Held]], is_unusual: bool) -> None:
        hooks = self._app.hooks
        info = task_logger.isEnabledFor(logging.INFO)
        if not (is_unusual or info or hooks.task_settled):
            self.counts["succeeded"] += len(held)
            self.total.update([item.delivery.message.task for _, item in held])
            return
        for outcome, item in held:
            delivery = item.delivery
            kind = (
                _KINDS.get(outcome.state or outcome.ended, "other")
                if outcome.verdict == Verdict.ACK
                else _VERDICTS[outcome.verdict]
            )
            if outcome.state is _DEAD:
                kind = "dead"
            self.counts[kind] += 1
            if outcome.verdict == Verdict.ACK:
                self.total[delivery.message.task] += 1
            if kind not in _QUIET or info:
                _log(kind, outcome, delivery)
            if kind == "dead" and hooks.task_dead:
                hooks.task_dead(app=self._app, delivery=delivery, reason=outcome.reason)
            if hooks.task_settled:
                hooks.task_settled(app=self._app, delivery=delivery, outcome=outcome)


def _reject_unstarted(transport: Transport, unstarted: list[Delivery]) -> None:
    transport.reject(unstarted, started=False)


def _bury(transport: Transport, dead: list[tuple[Delivery, str, str]]) -> None:
    if transport.supports("dead-letter"):
        transport.dead_letter(dead)
    else:
        # The log is all the evidence that such a transport can keep: `Settlement._report` writes it, as an error.
        transport.ack([delivery for delivery, _, _ in dead])


class _Sorted:
    """The outcomes of one batch, by what has to be done for them."""

    __slots__ = ("acks", "arrivals", "complete", "dead", "later", "publications", "records", "requeue", "unstarted")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.arrivals: dict[str, list[Arrival]] = {}
        self.complete: list[str] = []
        self.publications: list[Publication] = []
        self.acks: list[Delivery] = []
        self.requeue: list[Delivery] = []
        self.unstarted: list[Delivery] = []
        self.later: list[tuple[Delivery, float]] = []
        self.dead: list[tuple[Delivery, str, str]] = []

    def take_usual(self, held: list[tuple[Outcome, Held]]) -> list[tuple[Outcome, Held]]:
        """What `Settlement._sort` would do with tasks that ended well and have nothing behind them; returns the rest,
        which is for it."""
        rest: list[tuple[Outcome, Held]] = []
        records, acks, ack = self.records, self.acks, Verdict.ACK
        for each in held:
            outcome, item = each
            state = outcome.state
            if (
                outcome.verdict is not ack
                or (state is not None and state != states.SUCCESS)
                or outcome.group is not None
                or outcome.publications
                or outcome.ended
                or item.early
            ):
                rest.append(each)
                continue
            delivery = item.delivery
            if state is not None:
                message = delivery.message
                records.append(Record(message.id, state, outcome.payload, message.reply_to))
            acks.append(delivery)
        return rest

    def arrive(self, group: str, arrival: Arrival) -> None:
        """Members of one group are counted together."""
        self.arrivals.setdefault(group, []).append(arrival)


_DEAD = "DEAD"

_KINDS = {
    states.SUCCESS: "succeeded",
    "": "succeeded",
    states.FAILURE: "failed",
    states.RETRY: "retried",
    states.REVOKED: "revoked",
    states.IGNORED: "ignored",
}
_VERDICTS = {
    Verdict.REQUEUE: "requeued",
    Verdict.DEAD: "dead",
    Verdict.LOST: "lost",
    Verdict.UNSTARTED: "given back",
    Verdict.DELAY: "delayed",
}
_QUIET = frozenset({"succeeded", "retried", "revoked", "ignored", "given back", "other"})


def _log(kind: str, outcome: Outcome, delivery: Delivery) -> None:
    message = delivery.message
    name, task_id = message.headers.get("shadow") or message.task or "?", message.id or "?"
    if kind == "succeeded":
        task_logger.info("Task %s[%s] succeeded in %.6fs", name, task_id, outcome.runtime)
    elif kind == "failed" and outcome.detail:
        task_logger.error("Task %s[%s] raised %s\n%s", name, task_id, outcome.reason, outcome.detail.rstrip())
    elif kind == "failed":
        task_logger.info("Task %s[%s] raised expected: %s", name, task_id, outcome.reason)
    elif kind == "dead":
        task_logger.error(
            "Task %s[%s] is a dead letter after %d deliveries: %s", name, task_id, delivery.count, outcome.reason
        )
    elif kind in ("retried", "revoked", "ignored"):
        task_logger.info("Task %s[%s] %s", name, task_id, outcome.reason)
    elif kind in ("lost", "delayed"):
        task_logger.warning("Task %s[%s] %s (delivery %d): %s", name, task_id, kind, delivery.count, outcome.reason)
    else:
        task_logger.info("Task %s[%s] %s %s", name, task_id, kind, outcome.reason)
