"""The small parts of the kernel: ids, messages, routes, failures, names, configuration of the app."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac import Celeriac
from celeriac.call import safe_repr
from celeriac.errors import ConfigurationError, EncodeError, TaskFailed, TransportDown, UnknownSetting
from celeriac.failure import from_document, to_document
from celeriac.ids import new_id
from celeriac.kinds import TRANSPORT
from celeriac.message import UNREADABLE, Message, pack, unpack
from celeriac.routing import Routes
from celeriac.specs.transport import Transport, TransportOptions
from celeriac.worker.pace import AIM, Pace
from celeriac.worker.worker import nodename
from celeriac_plugins.transports.memory import MemoryTransport

# ids


def test_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    ids = []
    for _ in range(3):
        ids.append(new_id())
        time.sleep(0.002)

    assert ids == sorted(ids)
    assert {uuid.UUID(id_).version for id_ in ids} == {7}
    assert {uuid.UUID(id_).variant for id_ in ids} == {uuid.RFC_4122}
    assert len({new_id() for _ in range(10_000)}) == 10_000


# messages

_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_mappings = st.dictionaries(st.text(), _values, max_size=4)


@given(_mappings, _mappings, st.binary(), st.text(), st.text())
def test_a_message_survives_packing(headers: Any, properties: Any, body: bytes, kind: str, encoding: str) -> None:
    message = Message(headers, properties, body, kind, encoding)

    assert unpack(pack(message)) == message


@given(st.binary(max_size=200))
def test_any_bytes_unpack_to_a_message(data: bytes) -> None:
    message = unpack(data)

    assert message.content_type != UNREADABLE or message.body == data


@given(_mappings, st.binary(min_size=1), st.data())
def test_truncated_messages_are_unreadable_not_an_error(headers: Any, body: bytes, data: Any) -> None:
    packed = pack(Message(headers, {}, body))
    cut = data.draw(st.integers(0, len(packed) - 1))

    assert unpack(packed[:cut]).content_type == UNREADABLE


def test_headers_that_are_not_plain_are_refused() -> None:
    with pytest.raises(EncodeError, match="plain values"):
        pack(Message({"when": object()}, {}, b""))


@pytest.mark.parametrize(("given_", "seen"), [(None, 0), (3, 3), (99, 9), (-1, 0), ("high", 0)])
def test_priority_is_brought_into_its_range(given_: Any, seen: int) -> None:
    assert Message({}, {"priority": given_}, b"").priority == seen


# routes


def router(name: str, *_: Any, **__: Any) -> Any:
    return {"queue": "by-function"} if name == "odd" else None


def test_routes_match_as_celery_does() -> None:
    routes = Routes(
        [
            router,
            {
                "feed.tasks.import": {"queue": "exact"},
                "feed.tasks.*": "glob",
                re.compile(r"(video|image)\..*"): "media",
            },
        ]
    )

    def queue(name: str) -> Any:
        return routes.match(name, (), {}, {}).get("queue")

    assert [
        queue(name) for name in ("odd", "feed.tasks.import", "feed.tasks.x", "video.cut", "image.crop", "other")
    ] == [
        "by-function",
        "exact",
        "glob",
        "media",
        "media",
        None,
    ]


def test_a_call_goes_where_its_route_says_unless_it_says_itself() -> None:
    app = Celeriac("r", broker="memory://r", task_routes={"slow.*": {"queue": "slow", "priority": 2}})

    routed = app.caller.build("slow.one")
    explicit = app.caller.build("slow.one", options={"queue": "mine"})

    assert (routed.queue, routed.message.priority) == ("slow", 2)
    assert explicit.queue == "mine"


def test_what_is_no_route_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="task_routes takes"):
        Routes([17])


# failures


class Awkward(Exception):
    @property
    def args(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no args for you")


@pytest.mark.parametrize("error", [Awkward("x"), ValueError(object()), KeyboardInterrupt(), Exception([1, {2}])])
def test_every_exception_has_a_document_and_every_document_an_exception(error: BaseException) -> None:
    rebuilt = from_document(to_document(error))

    assert isinstance(rebuilt, BaseException)
    assert str(rebuilt) is not None


@given(_values)
def test_any_document_gives_an_exception(document: Any) -> None:
    assert isinstance(from_document(document), BaseException)


def test_exceptions_are_never_rebuilt_by_importing_what_the_data_names() -> None:
    document = {"exc_type": "DoesNotMatter", "exc_message": ["x"], "exc_module": "xml.sax.xmlreader"}
    sys.modules.pop("xml.sax.xmlreader", None)

    error = from_document(document, packages=["xml"])

    assert isinstance(error, TaskFailed)
    assert "xml.sax.xmlreader" not in sys.modules


def test_what_is_no_exception_class_is_not_called() -> None:
    for name in ("eval", "exec", "print", "int", "SystemExit"):
        error = from_document({"exc_type": name, "exc_message": ["1"], "exc_module": "builtins"})
        assert isinstance(error, TaskFailed)


# small rules


@given(st.lists(_values, max_size=20))
def test_reprs_for_headers_are_short(values: list[Any]) -> None:
    assert len(safe_repr(tuple(values))) < 10_000


def test_reprs_never_fail() -> None:
    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError

    assert isinstance(safe_repr((Bad(),)), str)


def test_node_names_are_celerys() -> None:
    import socket

    host = socket.gethostname()
    assert nodename("w1") == f"w1@{host}"
    assert nodename("w1@%h") == f"w1@{host}"
    assert nodename("w1@%n") == f"w1@{host.partition('.')[0]}"


def test_pace_holds_one_per_slot_until_tasks_are_known_to_be_fast() -> None:
    from celeriac.specs.pool import Outcome

    pace = Pace()
    assert pace.limit(4, 256) == 4

    pace.observe([Outcome(1, runtime=0.0001)] * 10)
    assert pace.limit(4, 256) == 4 * 99 or pace.limit(4, 256) == 4 * 100 or pace.limit(4, 256) > 4

    pace.observe([Outcome(1, runtime=0.0001)] * 10 + [Outcome(2, runtime=2.0)])
    assert pace.limit(4, 256) == 4
    assert Pace(fixed=4).limit(2, 256) == 8
    assert AIM > 0


# the app


def test_nothing_is_opened_or_read_when_an_app_is_made(tmp_path: Path) -> None:
    Celeriac("lazy", broker=f"sqlite://{tmp_path}/queue.db")

    assert list(tmp_path.iterdir()) == []


def test_the_embedded_queue_stands_in_the_projects_folder(tmp_path: Path) -> None:
    tmp_path = tmp_path / "a 100%25 odd?folder"
    tmp_path.mkdir()
    (tmp_path / "proj").mkdir()
    (tmp_path / "proj" / "__init__.py").write_text("")
    (tmp_path / "proj" / "app.py").write_text("from celeriac import Celeriac\napp = Celeriac('proj')\n")
    script = "from proj.app import app; app.send_task('x'); app.close()"

    subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=30, env={**os.environ, "PYTHONPATH": "."}
    )

    assert (tmp_path / "proj.celeriac.db").exists()


def test_a_misspelt_setting_names_the_nearest() -> None:
    with pytest.raises(UnknownSetting, match="did you mean 'task_serializer'"):
        _ = Celeriac("x", task_serialiser="json").conf


def test_a_misspelt_task_option_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="no option 'max_retry'; did you mean 'max_retries'"):
        Celeriac("x").task(max_retry=3)(print)


def test_one_name_for_two_tasks_is_refused() -> None:
    app = Celeriac("x")
    app.task(name="same")(test_reprs_never_fail)

    with pytest.raises(ConfigurationError, match="'same' is taken by"):
        app.task(name="same")(test_node_names_are_celerys)


def test_a_class_is_a_task_too_and_a_base_serves_functions(app: Celeriac) -> None:
    from celeriac.testing import start_worker

    calls: list[Any] = []

    class Audited(app.Task):  # type: ignore[name-defined,misc]
        def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
            calls.append(("before", args))

        def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
            calls.append(("success", retval))

        def on_failure(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: str) -> None:
            calls.append(("failure", str(exc)))

        def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
            calls.append(("after", status))

    class Double(Audited):
        name = "double"

        def run(self, x: int) -> int:
            return 2 * x

    double = app.register_task(Double)

    @app.task(base=Audited, name="broken")
    def broken() -> None:
        raise ValueError("b")

    with start_worker(app):
        assert double.delay(21).get(timeout=5) == 42
        broken.delay().get(timeout=5, propagate=False)

    assert calls == [
        ("before", [21]),
        ("success", 42),
        ("after", "SUCCESS"),
        ("before", []),
        ("failure", "b"),
        ("after", "FAILURE"),
    ]


def test_queues_outside_of_task_queues_are_refused_when_creation_is_off() -> None:
    app = Celeriac("q", broker="memory://q", task_queues=["mail", "video"], task_create_missing_queues=False)

    with pytest.raises(ConfigurationError, match="'vidoe' is not in task_queues.*did you mean 'video'"):
        app.send_task("x", queue="vidoe")


def test_publishing_to_a_broker_that_is_down_ends_within_its_deadline() -> None:
    app = Celeriac("down", broker="sqlite:///proc/no/such/folder/queue.db", task_publish_timeout=0.3)
    began = time.monotonic()

    with pytest.raises(TransportDown):
        app.send_task("x")

    assert time.monotonic() - began < 3


def test_an_environment_variable_may_name_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.toml").write_text('[celeriac]\ntask_default_queue = "mail"\n')
    monkeypatch.setenv("SHOP_CONFIG", str(tmp_path / "shop.toml"))
    app = Celeriac("x")

    app.config_from_envvar("SHOP_CONFIG")

    assert app.conf.task_default_queue == "mail"
    with pytest.raises(ConfigurationError, match="NOTHING_SET is not set"):
        app.config_from_envvar("NOTHING_SET")


def test_threads_that_use_an_app_at_once_share_one_connection() -> None:
    ready, made = threading.Barrier(8), list[Transport]()

    class Slow(MemoryTransport):
        def __init__(self, options: TransportOptions) -> None:
            time.sleep(0.05)
            super().__init__(options)
            made.append(self)

    app = Celeriac("many", broker="slow://")
    app.registry.register(TRANSPORT, "slow", Slow)
    assert app.conf.broker_url == "slow://"

    def use(number: int) -> Transport:
        ready.wait(10)
        return app.write_transport if number % 2 else app.transport

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(use, range(8))) == set(made)
    assert len(made) == 1
    app.close()
