"""H1, H2: each side's receiver hears the other side's worker, over Redis and RabbitMQ."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from servers.shop_workers import Shops
from worker_process import until


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return {"worker_send_task_events": True, "task_send_sent_event": True}


FAILED = {"task-sent", "task-received", "task-started", "task-failed"}
SUCCEEDED = {"task-sent", "task-received", "task-started", "task-succeeded"}


def test_h1_h2_a_receiver_of_either_kind_hears_calls_and_workers_of_both(shops: Shops) -> None:
    heard: dict[str, list[dict[str, Any]]] = {"ours": [], "celery": []}
    ours = shops.ours.events.Receiver({"*": heard["ours"].append})
    ours.listen(wakeup=True)
    threads = [threading.Thread(target=ours.capture, kwargs={"wakeup": False}, daemon=True)]
    with shops.celery.connection() as connection:
        theirs = shops.celery.events.Receiver(connection, handlers={"*": heard["celery"].append}, queue_exclusive=True)
        threads.append(threading.Thread(target=lambda: theirs.capture(limit=None, timeout=None, wakeup=True)))
        threads[1].daemon = True
        for thread in threads:
            thread.start()

        def both_are_known() -> bool:
            """Workers answer a wake-up with a heartbeat, to those who listen by then."""
            known = all(len(workers_of(events)) == 2 for events in heard.values())
            if not known:
                ours.wakeup_workers()
                time.sleep(0.1)
            return known

        until(both_are_known, "both receivers know both workers")
        ids = {}
        for side in ("celery", "ours"):
            ids[shops.call(side, "add", 2, 3).id] = SUCCEEDED
            ids[shops.call(side, "divide", 1, 0).id] = FAILED
        for events in heard.values():
            for uuid, wanted in ids.items():
                until(lambda e=events, u=uuid, w=wanted: types_of(e, u) == w, f"all events of {uuid}")  # type: ignore[misc]
        theirs.should_stop = True
        ours.stop()
        shops.ours.events.send("shop-closed")  # what Celery's receiver wakes by
        for thread in threads:
            thread.join(10)
        ours.close()
    for events in heard.values():
        results = {event["result"] for event in events if event["type"] == "task-succeeded"}
        assert results == {"5"}
        errors = {event["exception"] for event in events if event["type"] == "task-failed"}
        assert len(errors) == 1, errors


def workers_of(events: list[dict[str, Any]]) -> set[str]:
    return {event["hostname"] for event in events if event["type"] == "worker-heartbeat"}


def types_of(events: list[dict[str, Any]], uuid: str) -> set[str]:
    return {event["type"] for event in events if event.get("uuid") == uuid}
