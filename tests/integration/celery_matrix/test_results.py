"""What results are written in, where both sides name the same serializer."""

from __future__ import annotations

import datetime
from typing import Any

import celery
import pytest

import celeriac
from servers.shop_workers import Shops

PATIENCE = 10
VALUES: dict[str, Any] = {
    "yaml": {"Grüße": ["🥬\nstatus: no\n", 1.5, None, True, datetime.date(2026, 1, 1)]},
    "msgpack": {"Grüße": ["🥬\n\x00", 1.5, None, True, b"\xff\x00"]},
    "pickle": {"Grüße": ("🥬\nstatus: no\n\x00", b"\xff\x00", {1, 2}, datetime.timedelta(days=1))},
}


@pytest.fixture(scope="module", params=VALUES)
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "accept_content": ["json", request.param],
        "task_serializer": request.param,
        "result_serializer": request.param,
    }


@pytest.fixture
def value(settings: dict[str, Any]) -> Any:
    return VALUES[settings["result_serializer"]]


def get(result: Any) -> Any:
    return result.get(timeout=PATIENCE)


def test_values(shops: Shops, value: Any, side: str) -> None:
    assert get(shops.call(side, "echo", value)) == value


def test_errors(shops: Shops, side: str) -> None:
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        get(shops.call(side, "divide", 1, 0))
    result = shops.call(side, "close", "noon", 3)
    with pytest.raises(Exception, match="noon") as raised:
        get(result)
    assert (type(raised.value).__name__, raised.value.args) == ("ShopClosed", ("noon", 3))
    assert result.state == "FAILURE"
    assert "in close" in result.traceback


def test_what_has_ended_stays_so(shops: Shops, value: Any, side: str) -> None:
    """A result of one side is final for the other one, too."""
    result = shops.call(side, "echo", value)
    get(result)
    shops.ours.store_state(result.id, "PROGRESS", {"at": 1})
    shops.celery.backend.store_result(result.id, {"at": 1}, "PROGRESS")
    assert shops.ours.AsyncResult(result.id).state == shops.celery.AsyncResult(result.id).state == "SUCCESS"


def test_chords(shops: Shops, settings: dict[str, Any], side: str) -> None:
    if (side, settings["task_serializer"]) == ("celery", "yaml"):
        pytest.skip("Celery's own signatures cannot be written in YAML")
    chord: Any = celery.chord if side == "celery" else celeriac.chord
    members = [shops.signature(side, "add", n, 1, queue="ours" if n % 2 else "theirs") for n in range(4)]
    assert get(chord(members)(shops.signature(side, "total"))) == 10
