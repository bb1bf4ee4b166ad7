"""B1, B2, B5 to B8, B10 to B12, B15, B17: what a task is, and what it knows while it runs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac, Ignore, Reject, Task, chain, chord, get_task_logger, group, states
from celeriac.abortable import ABORTED, AbortableAsyncResult, AbortableTask
from celeriac.builtin_tasks import NAMES
from celeriac.errors import ConfigurationError, NotRegistered, TaskFailed, TimeLimitExceeded
from celeriac.failure import ErrorInfo
from celeriac.relay import RELAY
from celeriac.testing import WorkerInTest, start_worker

NINE = {
    "celery.backend_cleanup",
    "celery.accumulate",
    "celery.chord_unlock",
    "celery.map",
    "celery.starmap",
    "celery.chunks",
    "celery.group",
    "celery.chain",
    "celery.chord",
}


def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition, five seconds at most."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def headers_of(app: Celeriac, task: Task[..., Any], *args: Any, **options: Any) -> dict[str, Any]:
    """The headers of the message that a call makes."""
    return app.caller.build(task.name, args, {}, options, task).message.headers  # type: ignore[arg-type]


# B1: each attribute changes what can be seen


def test_b1_name_and_main_name_a_task() -> None:
    app = Celeriac("shop", broker="memory://")

    @app.task(name="billing.pay")
    def pay() -> None: ...

    def inside() -> None: ...

    inside.__module__ = "__main__"

    assert pay.name == "billing.pay"
    assert app.tasks["billing.pay"] is pay
    assert app.task(inside).name == "shop.inside"


def test_b1_b10_typing_checks_arguments_in_the_producer_and_can_be_turned_off(
    app: Celeriac, worker: WorkerInTest
) -> None:
    @app.task
    def strict(x: int) -> int:
        return x

    @app.task(typing=False)
    def loose(x: int) -> int:
        return x

    with pytest.raises(TypeError, match="strict"):
        strict.delay()  # type: ignore[call-arg]
    worker.drain()
    assert worker.worker.settlement.total == {}
    result = loose.delay()  # type: ignore[call-arg]
    with pytest.raises(TaskFailed, match="missing a required argument"):
        result.get(timeout=5)


def test_b1_ignore_result_and_store_errors_even_if_ignored(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(ignore_result=True)
    def silent(fails: bool) -> None:
        if fails:
            raise KeyError("x")

    @app.task(ignore_result=True, store_errors_even_if_ignored=True)
    def loud(fails: bool) -> None:
        silent.run(fails)

    results = [task.delay(fails) for task in (silent, loud) for fails in (False, True)]
    worker.drain()

    assert [result.state for result in results] == ["PENDING", "PENDING", "PENDING", "FAILURE"]


def test_b1_store_eager_result(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(store_eager_result=True)
    def kept() -> int:
        return 1

    @app.task
    def gone() -> int:
        return 1

    assert app.AsyncResult(kept.apply().id).state == states.SUCCESS
    assert app.AsyncResult(gone.apply().id).state == states.PENDING


def test_b1_trail_remembers_the_tasks_that_a_task_calls(app: Celeriac, worker: WorkerInTest) -> None:
    def call(self: Any) -> list[str]:
        app.tasks["note"].delay()
        app.tasks["note"].apply_async(add_to_parent=False)
        return [child.id for child in self.request.children]

    with_trail = app.task(bind=True, name="with")(call)
    without = app.task(bind=True, name="without", trail=False)(call)

    assert len(with_trail.delay().get(timeout=5)) == 1
    assert without.delay().get(timeout=5) == []


def test_b1_serializer_compression_priority_queue_expires_and_limits_are_in_the_message() -> None:
    app = Celeriac("shop", broker="memory://")

    @app.task(
        serializer="pickle", compression="gzip", priority=7, queue="slow", expires=60, time_limit=9, soft_time_limit=5
    )
    def options() -> None: ...

    @app.task(routing_key="slow")
    def routed() -> None: ...

    publication = app.caller.build(options.name, (), {}, {}, options)
    message = publication.message
    assert message.content_type == "application/x-python-serialize"
    assert message.headers["compression"] == "application/x-gzip"
    assert message.priority == 7
    assert publication.queue == "slow"
    assert message.headers["expires"]
    assert message.headers["timelimit"] == [9, 5]
    assert app.caller.build(routed.name).queue == "slow"


def test_b1_track_started(app: Celeriac, worker: WorkerInTest) -> None:
    started, go = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        go.wait(5)

    for tracked in (True, False):
        started.clear()
        go.clear()
        result = app.task(name=f"wait-{tracked}", track_started=tracked)(wait).delay()
        assert started.wait(5)
        assert result.state == ("STARTED" if tracked else "PENDING")
        go.set()
        result.get(timeout=5)


def test_b1_acks_late_false_acknowledges_before_the_run(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(acks_late=False)
    def early() -> int:
        return app.transport.counts("celery").held

    @app.task(acks_late=True)
    def late() -> int:
        return app.transport.counts("celery").held

    assert early.delay().get(timeout=5) == 0
    assert late.delay().get(timeout=5) == 1


def test_b1_acks_on_failure_or_timeout_false_keeps_what_failed_as_a_dead_letter(
    app: Celeriac, worker: WorkerInTest
) -> None:
    @app.task(acks_on_failure_or_timeout=False)
    def kept() -> None:
        raise KeyError("mine")

    result = kept.delay()
    with pytest.raises(KeyError, match="mine"):
        result.get(timeout=5)
    worker.drain()

    (letter,) = worker.dead_letters()
    assert letter.message.id == result.id
    assert "KeyError" in letter.reason


def test_b1_acks_on_failure_or_timeout_false_delivers_again_what_its_time_limit_ended(app: Celeriac) -> None:
    from celeriac.specs.pool import Request, Verdict
    from celeriac.worker.policy import Policies
    from celeriac.worker.runner import TaskRunner

    @app.task(acks_on_failure_or_timeout=False)
    def again() -> None: ...

    @app.task
    def done() -> None: ...

    runner = TaskRunner(app, Policies(app), "host")
    verdicts = [
        runner.ended(Request(1, app.caller.build(task.name).message, "celery", 1), TimeLimitExceeded("late")).verdict
        for task in (again, done)
    ]
    assert verdicts == [Verdict.REQUEUE, Verdict.ACK]


def test_b1_reject_on_worker_lost_false_makes_a_lost_task_a_failure(app: Celeriac, worker: WorkerInTest) -> None:
    from celeriac.worker.policy import Policies

    @app.task(reject_on_worker_lost=False)
    def once() -> None: ...

    @app.task
    def again() -> None: ...

    policies = Policies(app)
    assert policies[once.name].requeue_lost is False
    assert policies[again.name].requeue_lost is True


def test_b1_b6_throws_are_logged_without_a_traceback(
    app: Celeriac, worker: WorkerInTest, caplog: pytest.LogCaptureFixture
) -> None:
    @app.task(throws=(KeyError,))
    def expected(kind: str) -> None:
        raise {"key": KeyError, "value": ValueError}[kind]("x")

    with caplog.at_level("INFO", logger="celeriac.worker.task"):
        for kind in ("key", "value"):
            with pytest.raises((KeyError, ValueError)):
                expected.delay(kind).get(timeout=5)
        until(lambda: sum("raised" in record.getMessage() for record in caplog.records) == 2)

    levels = {record.levelname: record.getMessage() for record in caplog.records if "raised" in record.getMessage()}
    assert "Traceback" not in levels["INFO"]
    assert "Traceback" in levels["ERROR"]


def test_b1_shadow_name_is_a_text_or_a_function() -> None:
    app = Celeriac("shop", broker="memory://")

    @app.task(shadow_name="paying")
    def fixed() -> None: ...

    @app.task(shadow_name=lambda self, args, kwargs, options: f"{self.name}:{args[0]}")
    def worked_out(order: int) -> None: ...

    assert headers_of(app, fixed)["shadow"] == "paying"
    assert headers_of(app, worked_out, 7)["shadow"] == f"{worked_out.name}:7"


def test_b1_queue_exchange_and_routing_key() -> None:
    bound = {"exchange": "media", "exchange_type": "topic"}
    queues = [{"name": "small", "routing_key": "#.small", **bound}, {"name": "all", "routing_key": "#", **bound}]
    app = Celeriac("shop", broker="memory://b1-places", backend="memory://", task_queues=queues)
    app.conf.task_routes = {"*": {"queue": "elsewhere"}}

    @app.task(queue="slow")
    def by_queue() -> None: ...

    @app.task(exchange="media", routing_key="image.large")
    def by_key() -> None: ...

    @app.task(exchange="media", routing_key="image.small")
    def by_both() -> None: ...

    def places(name: str, **options: Any) -> set[str]:
        publication = app.caller.build(name, options=options)  # type: ignore[arg-type]
        return {publication.queue, *publication.also}

    assert places(by_queue.name) == {"slow"}
    assert places(by_key.name) == {"all"}
    assert places(by_both.name) == {"small", "all"}
    assert places(by_both.name, queue="slow") == {"slow"}
    app.close()


@pytest.mark.parametrize("option", ["Strategy", "Request", "backend"])
def test_b1_what_means_nothing_here_is_refused_with_the_reason(option: str) -> None:
    app = Celeriac("shop", broker="memory://")

    with pytest.raises(ConfigurationError, match=f"the option '{option}' of tasks is not honoured: "):

        @app.task(**{option: object()})
        def refused() -> None: ...


# B2


def test_b2_every_field_of_the_request_equals_what_was_sent_or_the_worker_set(app: Celeriac) -> None:
    seen: dict[str, Any] = {}
    fields = [
        *("id", "args", "kwargs", "headers", "retries", "eta", "expires", "delivery_info", "reply_to"),
        *("correlation_id", "root_id", "parent_id", "group", "group_index", "chord", "chain", "callbacks", "errbacks"),
        *("timelimit", "hostname", "origin", "called_directly", "is_eager", "ignore_result", "replaced_task_nesting"),
        *("stamps", "stamped_headers", "logfile", "loglevel", "shadow", "utc", "children", "argsrepr", "kwargsrepr"),
        *("lang", "task"),
    ]

    @app.task(bind=True)
    def look(self: Any, *args: Any, **kwargs: Any) -> None:
        seen.update({name: copy(getattr(self.request, name)) for name in fields})
        seen["get"] = self.request.get("nothing", "default")

    after = app.tasks["note"].s()
    with start_worker(app, queues=["slow"], worker_log_file="w.log") as worker:
        look.apply_async(
            (1, 2),
            {"x": 3},
            queue="slow",
            task_id="the-id",
            priority=5,
            headers={"tenant": "acme", "stamped_headers": ["s"], "stamps": {"s": 1}},
            link=after,
            link_error=after,
            chain=[dict(after)],
            chord={"celeriac": "join"},
            group_id="the-group",
            group_index=4,
            root_id="the-root",
            parent_id="the-parent",
            expires=3600,
            countdown=1,
            time_limit=30,
            soft_time_limit=20,
            shadow="looking",
            ignore_result=True,
            reply_to="the-address",
            retries=2,
            argsrepr="(…)",
            kwargsrepr="{…}",
        )
        due = worker.clock.time() + 1
        worker.advance(1)
        worker.drain()

    moment = datetime.fromtimestamp(due, UTC)
    assert seen.pop("headers")["tenant"] == "acme"
    assert seen.pop("origin").startswith("gen")
    assert seen.pop("hostname").startswith("celeriac@")
    assert datetime.fromisoformat(seen.pop("eta")) == moment
    assert datetime.fromisoformat(seen.pop("expires")).timestamp() == pytest.approx(due - 1 + 3600)
    assert [step["task"] for name in ("callbacks", "errbacks", "chain") for step in seen.pop(name)] == ["note"] * 3
    assert isinstance(seen.pop("loglevel"), int)
    assert seen == {
        "id": "the-id",
        "args": [1, 2],
        "kwargs": {"x": 3},
        "retries": 2,
        "delivery_info": {"exchange": "", "routing_key": "slow", "priority": 5, "redelivered": False},
        "reply_to": "the-address",
        "correlation_id": "the-id",
        "root_id": "the-root",
        "parent_id": "the-parent",
        "group": "the-group",
        "group_index": 4,
        "chord": {"celeriac": "join"},
        "timelimit": (30, 20),
        "called_directly": False,
        "is_eager": False,
        "ignore_result": True,
        "replaced_task_nesting": 0,
        "stamps": {"s": 1},
        "stamped_headers": ["s"],
        "logfile": "w.log",
        "shadow": "looking",
        "utc": True,
        "children": [],
        "argsrepr": "(…)",
        "kwargsrepr": "{…}",
        "lang": "py",
        "task": look.name,
        "get": "default",
    }


def test_b2_every_field_has_a_value_also_for_a_direct_call() -> None:
    app = Celeriac("shop", broker="memory://")

    @app.task(bind=True)
    def look(self: Any) -> tuple[Any, ...]:
        request = self.request
        return request.id, request.called_directly, request.retries, request.children, request.delivery_info is not None

    assert look() == (None, True, 0, [], True)


# B5


def handling(app: Celeriac, heard: list[Any]) -> type[Task[..., Any]]:
    """A base whose handlers note how they were called."""

    class Handling(Task[..., Any]):
        def before_start(self, *arguments: Any) -> None:
            heard.append(("before_start", *arguments))

        def on_success(self, *arguments: Any) -> None:
            heard.append(("on_success", *arguments))

        def on_retry(self, *arguments: Any) -> None:
            heard.append(("on_retry", *arguments))

        def on_failure(self, *arguments: Any) -> None:
            heard.append(("on_failure", *arguments))

        def after_return(self, *arguments: Any) -> None:
            heard.append(("after_return", *arguments))

        @classmethod
        def on_bound(cls, app: Celeriac) -> None:
            heard.append(("on_bound", app))

    return Handling


def test_b5_handlers_fire_in_celerys_order_with_celerys_arguments(app: Celeriac, worker: WorkerInTest) -> None:
    heard: list[Any] = []

    @app.task(base=handling(app, heard), bind=True, max_retries=1)
    def work(self: Any, what: str, *, more: int = 0) -> str:
        heard.append("run")
        if what == "retry":
            raise self.retry(exc=KeyError("again"), countdown=1)
        if what == "fail":
            raise KeyError("failed")
        return "value"

    assert heard == [("on_bound", app)]
    heard.clear()

    result = work.delay("ok", more=1)
    assert result.get(timeout=5) == "value"
    worker.drain()
    call = (result.id, ["ok"], {"more": 1})
    assert heard == [
        ("before_start", *call),
        "run",
        ("on_success", "value", *call),
        ("after_return", "SUCCESS", "value", *call, None),
    ]

    heard.clear()
    failed = work.delay("fail")
    worker.drain()
    (_, _, (_, error, *told, info), after) = heard
    assert [entry if entry == "run" else entry[0] for entry in heard] == [
        "before_start",
        "run",
        "on_failure",
        "after_return",
    ]
    assert repr(error) == "KeyError('failed')"
    assert told == [failed.id, ["fail"], {}]
    assert isinstance(info, ErrorInfo)
    assert (info.exception, info.type) == (error, KeyError)
    assert "raise KeyError" in info.traceback
    assert after[1] == "FAILURE"

    heard.clear()
    work.delay("retry")
    worker.drain()
    assert [entry if entry == "run" else entry[0] for entry in heard] == ["before_start", "run", "on_retry"]
    assert repr(heard[2][1]) == "KeyError('again')"
    worker.advance(1)
    worker.drain()
    assert [entry if entry == "run" else entry[0] for entry in heard[3:]] == [
        "before_start",
        "run",
        "on_failure",
        "after_return",
    ]


def test_b5_handlers_fire_in_the_same_order_where_a_task_runs_eagerly(app: Celeriac) -> None:
    heard: list[Any] = []

    @app.task(base=handling(app, heard), bind=True, max_retries=1)
    def work(self: Any, what: str) -> str:
        if what == "retry" and not self.request.retries:
            raise self.retry(exc=KeyError("again"))
        if what == "fail":
            raise KeyError("failed")
        return "value"

    def names(what: str) -> list[str]:
        heard.clear()
        work.apply((what,))
        return [entry[0] for entry in heard]

    assert names("ok") == ["before_start", "on_success", "after_return"]
    assert names("fail") == ["before_start", "on_failure", "after_return"]
    assert names("retry") == ["before_start", "on_retry", "before_start", "on_success", "after_return"]


def test_b5_a_handler_that_fails_after_the_end_changes_nothing(
    app: Celeriac, worker: WorkerInTest, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Task[..., Any]):
        def on_success(self, *_: Any) -> None:
            raise RuntimeError("in the handler")

    @app.task(base=Failing)
    def work() -> int:
        return 5

    assert work.delay().get(timeout=5) == 5
    assert "on_success of task" in caplog.text


def test_b5_a_class_may_have_a_call_of_its_own(app: Celeriac, worker: WorkerInTest) -> None:
    heard: list[Any] = []

    class Wrapped(Task[..., Any]):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            heard.append(("before", self.request.id))
            return super().__call__(*args, **kwargs) + 1

    @app.task(base=Wrapped, bind=True)
    def work(self: Any, x: int) -> int:
        heard.append(("inside", self.request.id))
        return x

    result = work.delay(1)
    assert result.get(timeout=5) == 2
    assert heard == [("before", result.id), ("inside", result.id)]


# B6


def test_b6_reject_with_requeue_gives_the_message_back_and_stores_no_state(app: Celeriac, worker: WorkerInTest) -> None:
    ran: list[int] = []

    @app.task
    def not_yet() -> str:
        ran.append(1)
        if len(ran) == 1:
            raise Reject("later", requeue=True)
        return app.AsyncResult(result.id).state

    result = not_yet.delay()
    assert result.get(timeout=5) == "PENDING"
    assert len(ran) == 2


def test_b6_ignore_acknowledges_and_stores_nothing_and_reject_makes_a_dead_letter(
    app: Celeriac, worker: WorkerInTest
) -> None:
    @app.task
    def ignore() -> None:
        raise Ignore

    @app.task
    def reject() -> None:
        raise Reject("not mine")

    ignored, rejected = ignore.delay(), reject.delay()
    worker.drain()

    assert ignored.state == "PENDING"
    assert [letter.message.id for letter in worker.dead_letters()] == [rejected.id]


# B7


def test_b7_a_progress_state_is_readable_from_another_process_before_the_task_ends(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path}/results.db"
    app = Celeriac("shop", broker="memory://b7", backend=place)
    seen: list[str] = []

    @app.task(bind=True)
    def work(self: Any) -> None:
        self.update_state(state="PROGRESS", meta={"done": 3, "total": 10})
        script = (
            "from celeriac import Celeriac\n"
            f"app = Celeriac('shop', broker='memory://', backend={place!r}, result_expires=0)\n"
            f"result = app.AsyncResult({self.request.id!r})\n"
            "print(result.state, result.info['done'], result.info['total'], result.ready())\n"
        )
        seen.append(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)

    with start_worker(app, result_backend=place, result_expires=0):
        work.delay().get(timeout=30)

    assert seen == ["PROGRESS 3 10 False\n"]


def test_b7_the_sets_and_the_precedence_of_states() -> None:
    assert {"SUCCESS", "FAILURE", "REVOKED"} == states.READY_STATES
    assert "RETRY" in states.EXCEPTION_STATES
    assert "RETRY" not in states.PROPAGATE_STATES
    assert {"PENDING", "STARTED", "RETRY"} <= states.UNREADY_STATES
    assert states.precedence("SUCCESS") < states.precedence("FAILURE") < states.precedence("PROGRESS")
    assert states.precedence("STARTED") < states.precedence("PENDING")


def test_b7_a_final_state_cannot_be_set_by_the_task(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(bind=True)
    def work(self: Any) -> None:
        self.update_state(state="SUCCESS")

    with pytest.raises(ConfigurationError, match="final state"):
        work.delay().get(timeout=5)


# B8


def test_b8_a_task_that_replaces_itself_with_a_chain_yields_its_result_under_the_original_id(
    app: Celeriac, worker: WorkerInTest
) -> None:
    add = app.tasks["add"]

    @app.task(bind=True)
    def instead(self: Any, what: str) -> Any:
        sigs = {
            "task": lambda: add.s(1, 2),
            "chain": lambda: chain(add.s(1, 2), add.s(10), add.s(100)),
            "group": lambda: group(add.s(1, 2), add.s(3, 4)),
            "chord": lambda: chord([add.s(1, 2), add.s(3, 4)], app.tasks["total"].s()),
            "chain that ends in a group": lambda: chain(add.s(1, 2), group(add.s(1), add.s(2))),
        }
        return self.replace(sigs[what]())

    assert instead.delay("task").get(timeout=5) == 3
    assert instead.delay("chain").get(timeout=5) == 113
    assert instead.delay("group").get(timeout=5) == [3, 7]
    assert instead.delay("chord").get(timeout=5) == 10
    assert instead.delay("chain that ends in a group").get(timeout=5) == [4, 5]


def test_b8_what_was_to_follow_a_task_follows_its_replacement(app: Celeriac, worker: WorkerInTest) -> None:
    add, total, note = app.tasks["add"], app.tasks["total"], app.tasks["note"]
    nesting: list[int] = []

    @app.task(bind=True)
    def instead(self: Any, x: int, deep: int = 0) -> Any:
        nesting.append(self.request.replaced_task_nesting)
        return self.replace(instead.s(x, deep - 1) if deep else chain(add.s(x, 1), add.s(10)))

    assert chain(instead.s(1), add.s(1000)).delay().get(timeout=5) == 1012
    assert chord([instead.s(1), add.s(1, 1)], total.s()).delay().get(timeout=5) == 14
    linked = instead.apply_async((5,), link=note.s())
    assert linked.get(timeout=5) == 16
    nesting.clear()
    assert instead.delay(1, 2).get(timeout=5) == 12
    worker.drain()
    assert ("note", (16,), {}) in app.ran  # type: ignore[attr-defined]
    assert nesting == [0, 1, 2]


def test_b8_the_failure_of_a_replacement_is_that_of_the_task(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(bind=True)
    def instead(self: Any) -> Any:
        return self.replace(chain(app.tasks["add"].s(1, 1), app.tasks["fail"].si("deep")))

    result = instead.apply_async(link_error=app.tasks["note"].s())
    with pytest.raises(ValueError, match="deep"):
        result.get(timeout=5)
    worker.drain()
    assert [entry for entry in app.ran if entry[0] == "note"] == [("note", (result.id,), {})]  # type: ignore[attr-defined]


def test_b8_an_empty_chain_cannot_replace_a_task(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(bind=True)
    def instead(self: Any) -> Any:
        return self.replace(chain())

    with pytest.raises(ConfigurationError, match="empty chain"):
        instead.delay().get(timeout=5)


# B9

pydantic = pytest.importorskip("pydantic")


class Line(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    item: str
    number: int = 1


class Order(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    id: int
    lines: list[Line] = pydantic.Field(default_factory=list)
    due: datetime | None = None


class Careful(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    name: str

    @pydantic.field_validator("name")
    @classmethod
    def known(cls, name: str, info: Any) -> str:
        return f"{name} {info.context['shop']} {info.context['celery_task_name']}"


def test_b9_a_dict_reaches_the_body_as_the_model_and_a_returned_model_is_stored_as_a_dict(
    app: Celeriac, worker: WorkerInTest
) -> None:
    @app.task(pydantic=True)
    def grow(order: Order, more: list[Line], plain: dict[str, int], maybe: Line | None = None) -> Order:
        assert isinstance(order, Order)
        assert all(isinstance(line, Line) for line in more)
        assert maybe is None or isinstance(maybe, Line)
        return order.model_copy(update={"lines": [*order.lines, *more], "id": order.id + plain["by"]})

    call: Any = grow
    line = {"item": "leek", "number": 1}
    wanted = {"id": 8, "lines": [line, line], "due": None}
    assert call.delay({"id": "7", "lines": [line]}, [line], {"by": 1}).get(timeout=5) == wanted
    assert (
        call.delay(Order(id=7, lines=[Line(item="leek")]), [Line(item="leek")], plain={"by": 1}).get(timeout=5)
        == wanted
    )
    assert call.s(Order(id=7), [], {"by": 1}, maybe=Line(item="leek")).delay().get(timeout=5)["id"] == 8


def test_b9_strictness_context_and_dump_options(app: Celeriac, worker: WorkerInTest) -> None:
    def give(order: Order) -> Order:
        return order

    def look(who: Careful) -> str:
        return who.name

    loose: Any = app.task(name="loose", pydantic=True, pydantic_dump_kwargs={"exclude_unset": True})(give)
    strict: Any = app.task(name="strict", pydantic=True, pydantic_strict=True)(give)
    told: Any = app.task(name="told", pydantic=True, pydantic_context={"shop": "ours"})(look)

    assert loose.delay({"id": "7"}).get(timeout=5) == {"id": 7}
    with pytest.raises(TaskFailed, match="ValidationError"):
        strict.delay({"id": "7"}).get(timeout=5)
    assert told.delay({"name": "ada"}).get(timeout=5) == "ada ours told"


def test_b9_coroutine_tasks_take_models_too(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(pydantic=True)
    async def price(line: Line) -> int:
        return line.number * 2

    call: Any = price
    assert call.delay({"item": "leek", "number": "4"}).get(timeout=5) == 8


def test_b9_without_pydantic_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    app = Celeriac("shop", broker="memory://")

    with pytest.raises(ConfigurationError, match=r"pip install 'celeriac\[pydantic\]'"):

        @app.task(pydantic=True)
        def work(x: int) -> int:
            return x


# B11


def test_b11_one_instance_per_process_holds_a_cached_attribute_over_100_runs(
    app: Celeriac, worker: WorkerInTest
) -> None:
    made: list[int] = []

    class WithConnection(Task[..., Any]):
        _connection: object = None

        @property
        def connection(self) -> object:
            if self._connection is None:
                made.append(1)
                self._connection = object()
            return self._connection

    @app.task(base=WithConnection, bind=True)
    def work(self: Any) -> int:
        return id(self.connection)

    assert len({work.delay().get(timeout=5) for _ in range(100)}) == 1
    assert made == [1]


# B12


def test_b12_hidden_arguments_are_in_no_log_and_no_answer_of_inspect(
    app: Celeriac, worker: WorkerInTest, caplog: pytest.LogCaptureFixture
) -> None:
    from celeriac.control import Control

    inside, go = threading.Event(), threading.Event()

    @app.task(bind=True, max_retries=1)
    def pay(self: Any, card: str, *, pin: str) -> None:
        inside.set()
        go.wait(5)
        raise self.retry(countdown=0)

    with caplog.at_level("DEBUG", logger="celeriac"):
        pay.apply_async(("4111-secret",), {"pin": "0000-secret"}, argsrepr="(…)", kwargsrepr="{…}")
        assert inside.wait(5)
        asked = ("active", "reserved", "stats")
        answers = {name: Control(app).broadcast(name, reply=True, limit=1, timeout=5) for name in asked}
        go.set()
        worker.drain()

    assert "(…)" in str(answers["active"])
    assert "secret" not in str(answers)
    assert "secret" not in caplog.text


# B15


def test_b15_all_nine_names_are_registered(app: Celeriac, worker: WorkerInTest) -> None:
    assert NINE | {RELAY} == NAMES
    assert app.tasks.keys() >= NINE
    assert not NINE & app.tasks.regular().keys()
    assert {Celeriac("other").tasks[name].name for name in NINE} == NINE


def test_b15_backend_cleanup_removes_expired_results(app: Celeriac) -> None:
    with start_worker(app, result_expires=60) as worker:
        result = app.tasks["add"].delay(1, 1)
        result.get(timeout=5)
        worker.drain()
        worker.advance(120)
        worker.drain()
        app.send_task("celery.backend_cleanup")
        worker.drain()
        assert app.backend.driver.sweep() == 0
        assert app.AsyncResult(result.id).state == states.PENDING


def test_b15_the_other_eight_do_what_celerys_do(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    def call(name: str, *args: Any, **kwargs: Any) -> Any:
        return app.send_task(f"celery.{name}", args, kwargs).get(timeout=5)

    assert call("accumulate", 1, 2) == [1, 2]
    assert call("accumulate", 1, 2, index=1) == 2
    assert call("map", dict(app.tasks["total"].s()), [[1, 2], [3]]) == [3, 3]
    assert call("starmap", dict(add.s()), [[1, 2], [3, 4]]) == [3, 7]
    parts = call("chunks", dict(add.s()), [[1, 2], [3, 4], [5, 6]], 2)
    assert [app.AsyncResult(id_).get(timeout=5) for id_ in parts] == [[3, 7], [11]]
    members = call("group", [dict(add.s(1)), dict(add.s(2))], partial_args=[10])
    assert [app.AsyncResult(id_).get(timeout=5) for id_ in members] == [11, 12]
    assert call("chain", tasks=[dict(add.s(1, 2)), dict(add.s(10))]) == 13
    assert call("chord", [dict(add.s(1, 2)), dict(add.s(3, 4))], dict(app.tasks["total"].s())) == 10


def test_b15_chord_unlock_calls_the_body_when_the_members_have_ended(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]
    late = add.apply_async((3, 4), countdown=10)
    early = add.delay(1, 2)
    body = total.s().set(task_id="the-body")
    shape = [[[early.id, None], None], [[late.id, None], None]]

    app.send_task("celery.chord_unlock", ("the-group", dict(body)), {"result": shape, "interval": 1})
    worker.advance(5)
    worker.drain()
    assert app.AsyncResult("the-body").state == "PENDING"
    for _ in range(6):
        worker.advance(2)
        worker.drain()

    assert app.AsyncResult("the-body").get(timeout=5) == 10


# B13


def test_b13_a_task_logger_is_below_the_one_that_is_configured() -> None:
    assert get_task_logger("shop.tasks").name == "celeriac.task.shop.tasks"


# B14


def test_b14_apply_asyncresult_s_si_map_starmap_and_chunks(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]

    assert add.apply((1, 2)).get() == 3
    assert add.AsyncResult(add.delay(1, 2).id).get(timeout=5) == 3
    assert add.s(1).delay(2).get(timeout=5) == 3
    assert chain(add.s(1, 2), add.si(5, 5)).delay().get(timeout=5) == 10
    assert total.map([[1, 2], [3]]).delay().get(timeout=5) == [3, 3]
    assert add.starmap([(1, 2), (3, 4)]).delay().get(timeout=5) == [3, 7]
    assert add.chunks(((i, i) for i in range(5)), 2)().get(timeout=5) == [[0, 2], [4, 6], [8]]


def test_b14_signature_from_request_calls_as_the_run_was_called(app: Celeriac, worker: WorkerInTest) -> None:
    seen: list[dict[str, Any]] = []

    @app.task(bind=True)
    def look(self: Any, x: int) -> None:
        sig = self.signature_from_request(countdown=3)
        seen.append({"args": sig.args, **sig.options})

    result = look.apply_async((7,), priority=4, link=app.tasks["note"].si())
    worker.drain()

    (options,) = seen
    assert (options["args"], options["task_id"], options["priority"]) == ([7], result.id, 4)
    assert (options["countdown"], options["queue"], options["link"][0]["task"]) == (3, "celery", "note")


# B16


def test_b16_abort_makes_is_aborted_true_in_the_running_task_and_the_state_aborted(
    app: Celeriac, worker: WorkerInTest
) -> None:
    started = threading.Event()

    @app.task(bind=True, base=AbortableTask)
    def count(self: Any) -> int:
        number = 0
        started.set()
        while not self.is_aborted():
            number += 1
            if number < 10:
                self.update_state(meta={"number": number})
            time.sleep(0.001)
        self.update_state(meta={"number": number})  # does not take the request back
        return len(app.AsyncResult(self.request.id).state)

    result = count.delay()
    assert isinstance(result, AbortableAsyncResult)
    assert started.wait(5)
    result.abort()
    until(lambda: result.state in (ABORTED, "SUCCESS"))
    assert result.get(timeout=5) == len(ABORTED)
    assert not result.is_aborted()


# async def in every pool


@pytest.mark.parametrize("pool", ["solo", "threads", "asyncio"])
def test_a_coroutine_task_runs_in_every_pool(app: Celeriac, pool: str) -> None:
    with start_worker(app, pool=pool, concurrency=4):
        results = [app.tasks["aadd"].delay(i, 1) for i in range(8)]
        assert [result.get(timeout=5) for result in results] == list(range(1, 9))
        assert app.tasks["add"].delay(1, 1).get(timeout=5) == 2


# B17


def test_b17_the_registry_finds_by_name_refuses_others_and_forgets(app: Celeriac, worker: WorkerInTest) -> None:
    assert app.tasks["add"].name == "add"
    with pytest.raises(NotRegistered, match="no task 'ad' is registered.*did you mean 'add'"):
        app.tasks["ad"]
    app.tasks.unregister("add")
    assert "add" not in app.tasks
    with pytest.raises(NotRegistered):
        app.tasks.unregister("add")


class Odd(Exception):
    """Nothing of it can be written or rebuilt."""

    def __init__(self, one: object, two: object) -> None:
        super().__init__(one, two, lambda: 0, "\ud800", 10**40)


def test_b17_an_exception_that_cannot_be_written_does_not_break_the_failure_path(
    app: Celeriac, worker: WorkerInTest
) -> None:
    @app.task
    def odd(which: str) -> None:
        local = type("Local", (Exception,), {"__module__": "nowhere.known"})
        raise {"odd": Odd(object(), 2), "local": local("text \ud800"), "deep": ValueError([[[object()]]])}[which]

    for which, name in (("odd", "Odd"), ("local", "Local")):
        with pytest.raises((TaskFailed, Odd)) as caught:
            odd.delay(which).get(timeout=5)
        assert name in f"{type(caught.value)} {caught.value}"
        assert any("in odd" in note for note in caught.value.__notes__)
    with pytest.raises(ValueError, match="object at"):
        odd.delay("deep").get(timeout=5)


@pytest.mark.parametrize("serializer", ["json", "pickle", "msgpack", "yaml"])
def test_b17_an_exception_arrives_whatever_it_holds_and_whatever_writes_it(app: Celeriac, serializer: str) -> None:
    @app.task
    def odd(which: str) -> Any:
        if which == "result":
            return lambda: 0
        raise {"args": Odd(object(), 2), "text": ValueError("\ud800"), "many": ExceptionGroup("m", [KeyError(1)])}[
            which
        ]

    content = {"yaml": "yaml", "pickle": "pickle", "msgpack": "msgpack"}.get(serializer, "json")
    with start_worker(app, result_serializer=serializer, accept_content=["json", content]) as worker:
        for which, name in (
            ("args", "Odd"),
            ("text", "ValueError"),
            ("many", "ExceptionGroup"),
            ("result", "EncodeError"),
        ):
            with pytest.raises(Exception) as caught:
                odd.delay(which).get(timeout=5)
            assert name in f"{type(caught.value).__name__} {caught.value}"
        worker.drain()
        assert worker.dead_letters() == []
