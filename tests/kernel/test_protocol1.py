"""Messages of protocol 1 are read as if they were of protocol 2."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.message import Message
from celeriac.protocol1 import in_protocol_2

ACCEPT = frozenset({"application/json"})
BODY: dict[str, Any] = {
    "task": "add",
    "id": "the-id",
    "args": [1],
    "kwargs": {"y": 2},
    "retries": 1,
    "eta": None,
    "expires": None,
    "utc": True,
    "timelimit": [10, None],
    "taskset": "the-group",
    "chord": {"task": "total"},
    "callbacks": None,
    "errbacks": None,
}


def message(body: Any, content_type: str = "application/json", **headers: Any) -> Message:
    return Message(headers, {"correlation_id": "the-id"}, json.dumps(body).encode(), content_type)


def test_what_stands_in_the_body_comes_into_headers_and_embed(app: Celeriac) -> None:
    new = in_protocol_2(app, message(BODY, **{"x-tenant": "blue"}), ACCEPT)
    assert (new.task, new.id) == ("add", "the-id")
    names = ("retries", "timelimit", "group", "root_id", "argsrepr", "kwargsrepr", "x-tenant")
    assert [new.headers[name] for name in names] == [
        1, [10, None], "the-group", "the-id", "(1,)", "{'y': 2}", "blue",
    ]  # fmt: skip
    args, kwargs, embed = json.loads(new.body)
    assert (args, kwargs) == ([1], {"y": 2})
    assert embed == {"callbacks": None, "errbacks": None, "chain": None, "chord": {"task": "total"}}


def test_times_that_are_not_in_utc_are_local(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(time.tzset)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    new = in_protocol_2(app, message({**BODY, "eta": "2026-01-02T09:00:00", "utc": False}), ACCEPT)
    assert datetime.fromisoformat(new.headers["eta"]) == datetime.fromisoformat("2026-01-02T00:00:00+00:00")
    monkeypatch.undo()


@pytest.mark.parametrize("body", [[1, 2, 3], {"task": None}, {"no": "task"}, "text"])
def test_what_is_no_task_stays_what_it_was(app: Celeriac, body: Any) -> None:
    old = message(body)
    assert in_protocol_2(app, old, ACCEPT) is old


def test_content_that_is_not_accepted_is_not_decoded(app: Celeriac) -> None:
    old = message(BODY, "application/x-python-serialize")
    assert in_protocol_2(app, old, ACCEPT) is old
