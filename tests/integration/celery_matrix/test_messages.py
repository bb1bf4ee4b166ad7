"""The messages themselves: what both sides publish for the same call, and what arrives in a task."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import celery
import kombu
import pytest

import celeriac
from servers.shop_workers import Shops
from worker_process import until

PATIENCE = 10
NOBODY = "nobody-consumes-this"
PAST = datetime(2001, 5, 6, 7, 8, 9, 500_000, UTC)
"""Due at once, wherever the waiting is done."""
FUTURE = datetime(2031, 5, 6, 7, 8, 9, 500_000, UTC)


def get(result: Any) -> Any:
    return result.get(timeout=PATIENCE)


def published(shops: Shops) -> dict[str, Any]:
    """The next message of the queue, as kombu reads it, its body decoded, and ids by the order in which they appear."""
    with shops.celery.connection_for_read() as connection:
        message = take(connection)
        assert message is not None, "nothing was published"
        whole = {
            "headers": message.headers,
            "properties": {name: message.properties.get(name) for name in ("correlation_id", "delivery_mode")},
            "content": [message.content_type, message.content_encoding],
            "body": message.decode(),
        }
    without(whole["body"], "chord_size", "reply_to")
    without(whole["body"][2]["chord"] if isinstance(whole["body"], list) else None, "group_id")
    ids: dict[str, str] = {}
    pattern = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    text = json.dumps(whole, sort_keys=True)
    return json.loads(re.sub(pattern, lambda found: ids.setdefault(found[0], f"id {len(ids)}"), text))  # type: ignore[no-any-return]


def without(value: Any, *names: str) -> None:
    """Take out what signatures in a message have at one side only: ours name their `chord_size` always, Celery's where
    it is the client's queue of replies, and in a chord's body the group it waits for."""
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        without(each, *names)
    if isinstance(value, dict):
        for name in names:
            value.pop(name, None)


CALLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "kwargs": {"kwargs": {"y": 2}},
    "eta": {"eta": PAST},
    "expires": {"expires": FUTURE},
    "limits": {"time_limit": 10, "soft_time_limit": 5},
    "ignored": {"ignore_result": True},
    "shown otherwise": {"shadow": "another", "argsrepr": "(…)", "kwargsrepr": "{…}"},
    "of a workflow": {"root_id": "the-root", "parent_id": "the-parent", "group_id": "the-group", "group_index": 3},
    "a later try": {"retries": 2},
    "headers": {"headers": {"x-tenant": "blue"}},
    "compressed": {"compression": "gzip"},
}


@pytest.mark.parametrize("options", CALLS.values(), ids=CALLS)
def test_a_call_is_the_same_message_field_by_field(shops: Shops, options: dict[str, Any]) -> None:
    found = {}
    for side in ("celery", "ours"):
        shops.app(side).tasks["shop.add"].apply_async((1,), queue=NOBODY, **options)
        found[side] = published(shops)
    assert found["ours"] == found["celery"]


def linked(app: Any, canvas: Any, call: Any) -> None:
    call(1).apply_async(link=call(2), link_error=[call(3)])


def chained(app: Any, canvas: Any, call: Any) -> None:
    (call(1) | call(2) | call(3)).apply_async()


def grouped(app: Any, canvas: Any, call: Any) -> None:
    canvas.group([call(1)]).apply_async()


def in_a_chord(app: Any, canvas: Any, call: Any) -> None:
    canvas.chord([call(1), call(2)])(call(3))


@pytest.mark.parametrize("workflow", [linked, chained, grouped, in_a_chord])
def test_a_workflow_is_the_same_message_field_by_field(shops: Shops, workflow: Any) -> None:
    found = {}
    for side, canvas in (("celery", celery), ("ours", celeriac)):
        app = shops.app(side)
        workflow(app, canvas, lambda number, app=app: app.signature("shop.add", (number,)).set(queue=NOBODY))
        found[side] = published(shops)
        empty(shops)
    assert found["ours"] == found["celery"]


def empty(shops: Shops) -> None:
    with shops.celery.connection_for_read() as connection:
        while take(connection):
            pass


def take(connection: Any) -> Any:
    return kombu.Queue(NOBODY)(connection.default_channel).get(no_ack=True, accept=["json"])


def test_what_a_message_says_reaches_the_task(shops: Shops, side: str) -> None:
    options = {"root_id": "root", "parent_id": "parent", "group_id": "group", "group_index": 3, "shadow": "another"}
    result = shops.call(side, "request", argsrepr="(…)", kwargsrepr="{…}", time_limit=10, soft_time_limit=5, **options)
    seen = get(result)
    assert seen.pop("origin").startswith("gen")
    assert seen == {
        "id": result.id,
        "root_id": "root",
        "parent_id": "parent",
        "group": "group",
        "group_index": 3,
        "retries": 0,
        "eta": None,
        "expires": None,
        "argsrepr": "(…)",
        "kwargsrepr": "{…}",
        "shadow": "another",
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
        "correlation_id": result.id,
        "ignore_result": False,
        "timelimit": [10, 5],
        "lang": "py",
    }


@pytest.mark.parametrize("at", ["ours", "theirs"])
def test_steps_know_their_root_and_parent(shops: Shops, side: str, at: str) -> None:
    first = shops.signature(side, "add", 1, 1, queue=at)
    then = shops.signature(side, "request", immutable=True, queue="theirs" if at == "ours" else "ours")
    result = (first | then).apply_async()
    seen = get(result)
    assert (seen["root_id"], seen["parent_id"], seen["id"]) == (result.parent.id, result.parent.id, result.id)


@pytest.mark.parametrize("at", ["ours", "theirs"])
def test_stamps_survive_a_step_at_either_worker(shops: Shops, at: str) -> None:
    """Only Celery's client stamps."""
    other = "theirs" if at == "ours" else "ours"
    steps = shops.signature("celery", "again", 1, queue=at) | shops.signature(
        "celery", "request", immutable=True, queue=other
    )
    steps.stamp(tenant="blue")
    seen = get(steps.apply_async())
    assert seen["stamps"] == {"tenant": "blue"}
    assert seen["stamped_headers"] == ["tenant"]


class TestProtocol1:
    """Celery's client with ``task_protocol = 1``, which Celery 3 wrote."""

    @pytest.fixture
    def old(self, shops: Shops) -> Any:
        shops.celery.conf.task_protocol = 1
        shops.celery.amqp.__dict__.pop("create_task_message", None)
        shops.celery.amqp.__dict__.pop("_create_task_sender", None)
        yield shops
        shops.celery.conf.task_protocol = 2
        shops.celery.amqp.__dict__.pop("create_task_message", None)

    def test_is_what_the_client_writes(self, old: Shops) -> None:
        old.celery.tasks["shop.add"].apply_async((1,), queue=NOBODY)
        message = published(old)
        assert message["body"]["task"] == "shop.add"
        assert "task" not in message["headers"]

    def test_runs(self, old: Shops) -> None:
        assert get(old.call("celery", "add", 1, kwargs={"y": 2})) == 3
        with pytest.raises(ZeroDivisionError):
            get(old.call("celery", "divide", 1, 0))

    def test_is_retried_delayed_and_expires(self, old: Shops) -> None:
        assert get(old.call("celery", "again", 2, countdown=0.3)) == 2
        with pytest.raises(Exception, match="expired"):
            get(old.call("celery", "add", 1, expires=0.1, countdown=0.3))

    def test_links_and_chords(self, old: Shops) -> None:
        old.clear_diary()
        get(old.call("celery", "echo", "linked", link=old.signature("celery", "write")))
        members = [old.signature("celery", "add", number, 1) for number in range(3)]
        assert get(celery.chord(members)(old.signature("celery", "total"))) == 6
        until(lambda: old.diary() == ["linked"], "the callback runs", PATIENCE)

    def test_in_pickle_only_where_it_is_accepted(self, old: Shops) -> None:
        result = old.call("celery", "add", 1, 1, serializer="pickle")

        def is_dead() -> bool:
            dead = old.ours.transport.dead_letters()
            return any(each.message.properties.get("correlation_id") == result.id for each in dead)

        until(is_dead, "it is a dead letter", PATIENCE)
