"""Celery's app and its configuration: the ids A1 to A16."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from celeriac import Celeriac, current_app, shared_task
from celeriac.control import Control
from celeriac.current import app_or_default, apps
from celeriac.errors import ConfigurationError, NotRegistered
from celeriac.loader import Loader
from celeriac.task import Task
from celeriac.testing import start_worker
from working import working


@pytest.fixture(autouse=True)
def _no_current_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    shared = apps.shared()
    apps.set_current(None)
    apps.set_default(None)
    yield
    apps.set_current(None)
    apps.set_default(None)
    for task in apps.shared():
        if task not in shared:
            apps.unshare(task)


def make(**options: Any) -> Celeriac:
    return Celeriac("shop", **{"broker": "memory://app-tests", "backend": "memory://app-tests", **options})


class Base(Task[..., Any]):
    max_retries = 9


class Talk(Control):
    pass


class Told(Loader):
    def __init__(self, app: Celeriac) -> None:
        super().__init__(app)
        self.calls: list[str] = []

    def on_worker_init(self) -> None:
        self.calls.append("worker_init")

    def on_worker_shutdown(self) -> None:
        self.calls.append("worker_shutdown")

    def on_task_init(self, task_id: str | None, task: Any) -> None:
        self.calls.append(f"task_init {task.name}")

    def on_process_cleanup(self) -> None:
        self.calls.append("process_cleanup")


# A1


def test_a1_each_argument_of_the_constructor_is_in_its_attribute() -> None:
    touched: list[Celeriac] = []
    other = make()
    task = other.task(name="given")(len)
    app = make(
        loader=Told,
        control=Talk,
        tasks={"given": task},
        include=["json"],
        changes={"task_serializer": "pickle", "accept_content": ["pickle"]},
        config_source={"CELERY_TASK_IGNORE_RESULT": True},
        namespace="CELERY",
        fixups=[touched.append],
        task_cls=Base,
        strict_typing=False,
        autofinalize=False,
    )

    assert app.main == "shop"
    assert isinstance(app.loader, Told)
    assert isinstance(app.control, Talk)
    assert app.include == ["json"]
    assert app.namespace == "CELERY"
    assert app.fixups == [touched.append]
    assert touched == [app]
    assert app.task_cls is app.Task is Base
    assert app.strict_typing is False
    assert app.conf.task_serializer == "pickle"
    assert app.conf.task_ignore_result is True
    assert app.conf.broker_url == app.conf.result_backend == "memory://app-tests"
    assert current_app == app
    with pytest.raises(ConfigurationError, match="autofinalize is off"):
        _ = app.tasks
    app.finalize()
    assert app.tasks["given"] is task
    made = app.task(lambda x: x)
    assert made.max_retries == 9
    assert made.typing is False


def test_a1_main_names_the_tasks_of_the_main_module() -> None:
    assert make().gen_task_name("pay", "__main__") == "shop.pay"


@pytest.mark.parametrize("part", ["amqp", "events", "log"])
def test_a1_a_part_that_means_nothing_here_is_refused_and_told_what_to_use(part: str) -> None:
    with pytest.raises(ConfigurationError, match=f"no '{part}': .*(task_queues|event|worker_logger)"):
        make(**{part: "somewhere:Thing"})


def test_a1_an_app_that_is_not_to_be_current_is_not() -> None:
    first = make()
    make(set_as_current=False)

    assert current_app == first


# A2

SETTINGS = {"task_serializer": "yaml", "worker_concurrency": 7, "task_always_eager": True}


class Shop:
    task_serializer = "yaml"
    worker_concurrency = 7
    task_always_eager = True


def _by_name(app: Celeriac, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings_by_name.py").write_text("\n".join(f"{name} = {value!r}" for name, value in SETTINGS.items()))
    monkeypatch.syspath_prepend(tmp_path)
    app.config_from_object("settings_by_name")


def _by_variable(app: Celeriac, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _by_name(Celeriac(set_as_current=False), tmp_path, monkeypatch)
    monkeypatch.setenv("SHOP_SETTINGS", "settings_by_name")
    app.config_from_envvar("SHOP_SETTINGS")


ROUTES = {
    "module name": _by_name,
    "class": lambda app, *_: app.config_from_object(Shop),
    "instance": lambda app, *_: app.config_from_object(Shop()),
    "namespace": lambda app, *_: app.config_from_object(
        SimpleNamespace(**{f"SHOP_{name.upper()}": value for name, value in SETTINGS.items()}), namespace="SHOP"
    ),
    "environment": _by_variable,
    "command line": lambda app, *_: app.config_from_cmdline(
        ["task.serializer=yaml", "worker.concurrency=(int)7", ".task_always_eager=yes"]
    ),
    "defaults": lambda app, *_: app.add_defaults(lambda: SETTINGS),
    "update": lambda app, *_: app.conf.update(SETTINGS),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a2_the_same_settings_by_each_route_give_the_same_values(
    route: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make()
    ROUTES[route](app, tmp_path, monkeypatch)  # type: ignore[no-untyped-call]

    assert {name: app.conf[name] for name in SETTINGS} == SETTINGS


@pytest.mark.parametrize("route", [route for route in ROUTES if route != "defaults"])
def test_a2_a_later_route_wins_whether_or_not_settings_were_read_before(
    route: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for is_read in (False, True):
        app = make()
        app.add_defaults({"task_serializer": "auth"})
        app.config_from_object({"task_serializer": "pickle"})
        if is_read:
            assert app.conf.task_serializer == "pickle"
        ROUTES[route](app, tmp_path, monkeypatch)  # type: ignore[no-untyped-call]

        assert app.conf.task_serializer == "yaml"
        sys.modules.pop("settings_by_name", None)


def test_a2_a_name_is_looked_up_at_the_first_reading_or_at_once_with_force() -> None:
    app = make()
    app.config_from_object("no_such_module_of_settings", silent=True)
    app.config_from_object("no_such_module_of_settings")

    with pytest.raises(ConfigurationError, match="no_such_module_of_settings"):
        _ = app.conf.task_serializer
    with pytest.raises(ConfigurationError, match="no_such_module_of_settings"):
        make().config_from_object("no_such_module_of_settings", force=True)
    make().config_from_envvar("NO_SUCH_VARIABLE", silent=True)


def test_a2_what_was_worked_out_from_settings_follows_when_they_change() -> None:
    app = make()
    app.task(name="pay")(len)
    assert app.caller.build("pay").queue == "celery"

    app.conf.task_routes = {"pay": "money"}

    assert app.caller.build("pay").queue == "money"


# A5


def test_a5_the_four_moments_come_once_each_and_in_order() -> None:
    app = make()
    seen: list[str] = []
    app.on_configure.connect(lambda sender, **_: seen.append("configure"))
    app.on_after_configure.connect(lambda sender, source, **_: seen.append(source.task_serializer))
    app.on_after_finalize.connect(lambda sender, **_: seen.append("finalize"))
    app.on_after_fork.connect(lambda sender, **_: seen.append("fork"))
    app.conf.update(task_serializer="yaml")
    app.conf.task_ignore_result = True
    app.config_from_object({"worker_concurrency": 2})
    assert seen == []

    assert app.conf.worker_concurrency == 2
    assert len(app.tasks) == 0
    _ = app.conf.task_serializer, app.tasks
    app.after_fork()

    assert seen == ["configure", "yaml", "finalize", "fork"]


def test_a5_a_receiver_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    app = make()
    seen: list[int] = []

    @app.on_after_configure.connect
    def bad(sender: Celeriac, **_: Any) -> None:
        raise RuntimeError("no")

    @app.on_after_configure.connect
    def good(sender: Celeriac, **_: Any) -> None:
        seen.append(1)

    app.configure()

    assert seen == [1]
    assert "bad" in caplog.text
    assert app.on_after_configure.disconnect(bad)
    assert not app.on_after_configure.disconnect(bad)


def test_a5_entries_of_beat_are_added_after_configuration_as_in_celerys_guide() -> None:
    app = make()
    app.conf.timezone = "Europe/Zurich"

    @app.on_after_configure.connect
    def set_up(sender: Celeriac, **_: Any) -> None:
        sender.add_periodic_task(10.0, hello.s("you"), name="often")

    @app.task(name="hello")
    def hello(name: str) -> str:
        return name

    assert app.conf.timezone == "Europe/Zurich"
    assert list(app.beat_entries) == ["often"]


# A6


def test_a6_no_dump_shows_a_secret() -> None:
    app = make(
        broker="amqp://user:hunter2@host//",
        result_backend_transport_options={"password": "hunter2", "deep": {"api_key": "hunter2"}},
        security_key_password="hunter2",
    )

    for dump in (str(app.conf.table()), app.conf.humanize(with_defaults=True), app.bugreport(), repr(app.conf)):
        assert "hunter2" not in dump
    assert app.conf.table(censored=False)["security_key_password"] == "hunter2"
    assert "broker_url: 'amqp://user:***@host//'" in app.conf.humanize()


def test_a6_a_setting_is_found_by_the_end_of_its_name() -> None:
    conf = make().conf

    assert conf.find_option("concurrency")[0] == "worker_concurrency"
    assert conf.find_option("serializer", "result")[0] == "result_serializer"
    assert conf.find_option("CELERYD_CONCURRENCY")[1].default is None
    with pytest.raises(LookupError, match="nothing_like_it"):
        conf.find_option("nothing_like_it")


# A7


def test_a7_a_shared_task_is_in_every_app_that_exists_or_comes() -> None:
    before = make()
    assert "lib.double" not in before.tasks

    @shared_task(name="lib.double")
    def double(x: int) -> int:
        return 2 * x

    @shared_task
    def plain(x: int) -> int:
        return x

    after = make()
    assert before.tasks["lib.double"].app is before
    assert after.tasks["lib.double"].app is after
    assert after.tasks[f"{__name__}.plain"](3) == 3
    assert double.app is after
    assert double(4) == 8
    before.set_current()
    assert double.app is before
    assert double.s(1).app is before
    with start_worker(before) as worker:
        result = double.delay(21)
        worker.drain()
        assert result.get(timeout=5) == 42


def test_a7_a_task_of_one_app_may_be_shared_with_all() -> None:
    app = make()
    app.task(name="common", shared=True)(len)

    assert make().tasks["common"].run([1, 2]) == 2


def test_a7_the_app_that_is_meant_is_the_threads_then_the_default() -> None:
    first, second = make(), make()
    first.set_default()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(app_or_default() is first))
    thread.start()
    thread.join()

    assert seen == [True]
    assert app_or_default() is second
    assert app_or_default(first) is first
    assert current_app.main == "shop"


def test_a7_nothing_is_guessed_and_the_trap_catches_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make(), Celeriac("other")
    apps.set_current(None)
    with pytest.raises(ConfigurationError, match="several apps .*set_default"):
        _ = current_app.conf
    one.set_current()
    monkeypatch.setenv("C_STRICT_APP", "1")
    with pytest.raises(ConfigurationError, match="C_STRICT_APP"):
        _ = current_app.conf
    assert other.main == "other"


# A8


def test_a8_a_class_and_a_function_with_the_same_options_give_equal_headers() -> None:
    options = {"queue": "slow", "priority": 3, "time_limit": 5, "ignore_result": True, "shadow_name": "x", "expires": 9}
    by_function = make().task(name="pay", **options)(lambda x: x)
    other = make()
    by_class = other.register_task(
        type("Pay", (other.create_task_cls(),), {"name": "pay", "run": lambda self, x: x, **options})  # type: ignore[arg-type]
    )

    first = by_function.app.caller.build("pay", (1,))
    second = by_class.app.caller.build("pay", (1,))

    differ = ("id", "root_id", "expires")
    assert {name: value for name, value in first.message.headers.items() if name not in differ} == {
        name: value for name, value in second.message.headers.items() if name not in differ
    }
    assert first.message.headers["expires"][:16] == second.message.headers["expires"][:16]
    assert (first.queue, first.message.priority) == (second.queue, second.message.priority) == ("slow", 3)


def test_a8_names_may_be_made_otherwise_and_a_filter_may_replace_the_task() -> None:
    class Shop(Celeriac):
        def gen_task_name(self, name: str, module: str) -> str:
            return f"shop:{name}"

    app = Shop(broker="memory://app-tests")

    @app.task(lazy=False, filter=lambda task: (task, "filtered"))
    def pay() -> None: ...

    assert pay == (app.tasks["shop:pay"], "filtered")


# A9


def test_a9_modules_named_tasks_are_registered_when_a_worker_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"a9_{name}").mkdir()
        (tmp_path / f"a9_{name}" / "__init__.py").touch()
        (tmp_path / f"a9_{name}" / "tasks.py").write_text(
            f"from celeriac import shared_task\n@shared_task(name='a9.{name}')\ndef run():\n    return '{name}'\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    app = make()
    app.autodiscover_tasks(lambda: ["a9_one", "a9_two"])
    app.autodiscover_tasks(["a9_three", "json"])

    with start_worker(app) as worker:
        results = [app.send_task(f"a9.{name}") for name in ("one", "two", "three")]
        worker.drain()
        assert [result.get(timeout=5) for result in results] == ["one", "two", "three"]


def test_a9_discovery_is_done_at_once_when_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a9_forced.py").write_text("from celeriac import shared_task\nshared_task(name='a9.forced')(len)\n")
    monkeypatch.syspath_prepend(tmp_path)
    app = make()

    app.autodiscover_tasks(["a9_forced"], related_name="", force=True)

    assert "a9.forced" in app.tasks


# A10


def test_a10_a_name_that_the_producer_never_imported_runs_and_returns_its_result() -> None:
    producer, consumer = make(), make()
    consumer.task(name="only.there")(lambda x: x + 1)
    with working(consumer):
        results = [producer.send_task("only.there", (1,)), producer.signature("only.there", (2,)).delay()]
        assert [result.get(timeout=5) for result in results] == [2, 3]
        assert producer.AsyncResult(results[0].id).get(timeout=5) == 2
    with pytest.raises(NotRegistered):
        producer.find_task("only.there")


# A12


class ByObject:
    def annotate(self, task: Any) -> dict[str, Any] | None:
        return {"queue": "annotated"} if task.name == "pay" else None

    def annotate_any(self) -> dict[str, Any]:
        return {"max_retries": 11}


def test_a12_annotations_set_attributes_of_all_or_some_and_wrap_handlers() -> None:
    seen: list[str] = []

    def around(handler: Any) -> Any:
        def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
            seen.append(type(args[0]).__name__)
            handler(self, *args, **kwargs)

        return wrapped

    app = make(task_annotations={"*": {"max_retries": 7, "@on_failure": around}, "pay": {"priority": 4}})

    @app.task(name="pay")
    def pay() -> None:
        raise KeyError("no")

    with start_worker(app) as worker:
        result = pay.delay()
        app.task(name="late")(len)
        app.conf.task_ignore_result = False  # a change does not wrap a second time
        worker.drain()
        result.get(timeout=5, propagate=False)

    assert (app.tasks["pay"].max_retries, app.tasks["pay"].priority) == (7, 4)
    assert (app.tasks["late"].max_retries, app.tasks["late"].priority) == (7, None)
    assert seen == ["KeyError"]


@pytest.mark.parametrize("form", [ByObject, ByObject(), [ByObject()], f"{__name__}:ByObject"])
def test_a12_annotations_come_from_classes_objects_lists_and_names(form: Any) -> None:
    app = make()
    pay = app.task(name="pay")(len)
    app.conf.task_annotations = form

    assert app.caller.build("pay").queue == "annotated"
    assert app.tasks["pay"] is pay
    assert pay.max_retries == 11


def test_a12_an_attribute_that_tasks_do_not_have_is_an_error() -> None:
    app = make(task_annotations={"*": {"max_retry": 7}})
    app.task(name="pay")(len)

    with pytest.raises(ConfigurationError, match="no attribute 'max_retry'; did you mean 'max_retries'"):
        _ = app.tasks


# A13


def test_a13_either_takes_the_first_value_else_the_setting() -> None:
    app = make(task_default_queue="slow")

    assert app.either("task_default_queue", None, "given") == "given"
    assert app.either("task_default_queue", None) == "slow"


def test_a13_selected_queues_are_what_a_worker_consumes() -> None:
    app = make(task_queues=["a", "b"])
    assert app.Worker(pool="solo").queues == ["a", "b"]

    app.select_queues(["b"])

    assert app.Worker(pool="solo").queues == ["b"]
    assert app.now().tzinfo is not None


def test_a13_two_apps_that_exchange_three_messages_agree_on_the_order() -> None:
    one, other = make(), make()
    with one, other:
        heard = []
        with closing(one.events.Receiver()) as at_one, closing(other.events.Receiver()) as at_other:
            at_one.listen(wakeup=False)
            at_other.listen(wakeup=False)
            for sender in (one, other, one):
                with closing(sender.events.Dispatcher()) as dispatcher:
                    dispatcher.send("order-sent", number=len(heard))
                heard.append([next(at.itercapture(limit=1, timeout=5, wakeup=False)) for at in (at_one, at_other)])

    assert [[event["number"] for event in each] for each in heard] == [[0, 0], [1, 1], [2, 2]]
    clocks = [event["clock"] for event, _ in heard]
    assert clocks == sorted(set(clocks))
    assert one.lamport.value > clocks[-1]
    assert other.lamport.value > clocks[-1]


def test_a1_every_name_of_celerys_app_is_here_or_says_what_to_use_instead() -> None:
    app, page = make(), (Path(__file__).parents[3] / "docs" / "app.md").read_text()
    names = {name for name in dir(Celery("x", set_as_current=False)) if not name.startswith("_")}
    missing = {name for name in names if not hasattr(app, name)}

    assert missing == app.NOT_HERE.keys()
    for name, instead in app.NOT_HERE.items():
        assert f"| `{name}` | {instead} |" in page
        with pytest.raises(AttributeError, match=f"no attribute '{name}': "):
            getattr(app, name)


def test_a7_the_running_task_is_known_to_its_app() -> None:
    app = make()
    seen: list[Any] = []

    @app.task(name="look")
    def look() -> None:
        seen.append((app.current_task, app.current_worker_task))

    look()
    with start_worker(app) as worker:
        look.delay()
        worker.drain()

    assert seen == [(look, None), (look, look)]
    assert app.current_task is None
    assert app.oid == app.oid != make().oid


# A14


def test_a14_a_loader_hears_of_everything_once() -> None:
    app = make(loader=Told)
    pay = app.task(name="pay")(lambda: 1)
    with start_worker(app) as worker:
        pay.delay()
        worker.drain()

    assert app.loader.calls == ["worker_init", "task_init pay", "process_cleanup", "worker_shutdown"]
    assert type(make().loader) is Loader


# A16


def double_at_top(x: int) -> int:
    return 2 * x


def test_a16_a_pickled_app_has_the_same_tasks_and_settings() -> None:
    app = make(task_default_queue="slow", include=["json"])
    app.task(name="double", priority=5, bind=False)(double_at_top)

    again = pickle.loads(pickle.dumps(app))

    assert again is not app
    assert set(again.tasks) == set(app.tasks) == {"double"}
    assert again.tasks["double"].priority == 5
    assert again.tasks["double"](4) == 8
    assert dict(again.conf) == dict(app.conf)
    assert again.include == ["json"]


def test_a16_an_app_that_has_a_name_is_that_app_in_a_child(tmp_path: Path) -> None:
    (tmp_path / "named.py").write_text(
        "from celeriac import Celeriac\napp = Celeriac('named', broker='memory://', task_default_queue='slow')\n"
        "@app.task\ndef add(x, y):\n    return x + y\n"
    )
    send = "import pickle, sys, named; sys.stdout.buffer.write(pickle.dumps(named.app))"
    take = (
        "import pickle, sys; app = pickle.loads(sys.stdin.buffer.read()); import named; "
        "assert app is named.app; print(sorted(app.tasks), app.conf.task_default_queue)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def run(code: str, data: bytes = b"") -> bytes:
        return subprocess.run(
            [sys.executable, "-c", code], input=data, capture_output=True, check=True, timeout=30, env=environment
        ).stdout

    assert run(take, run(send)).decode().strip() == "['named.add'] slow"


def test_a16_the_command_line_runs_with_the_app(capsys: pytest.CaptureFixture[str]) -> None:
    app = make(task_default_queue="slow")

    assert app.start(["config", "explain", "task_default_queue"]) == 0
    assert "slow" in capsys.readouterr().out
    assert app.worker_main(["--no-such-option"]) == 2
    assert "no-such-option" in capsys.readouterr().err


def test_a16_app_worker_and_beat_are_of_the_app() -> None:
    app = make(beat_scheduler="memory")
    with app:
        assert app.Worker(pool="solo", queues=["x"]).queues == ["x"]
        assert app.Beat().app is app


@pytest.mark.parametrize("home", ["celeriac:Celeriac", "celeriac_contrib.celery.app.base:Celery"])
def test_setup_security_holds_for_calls_that_come_after_it(home: str) -> None:
    module, _, name = home.partition(":")
    app = getattr(import_module(module), name)("shop", broker="memory://signed", backend="memory://signed")
    app.caller.build("pay")

    app.setup_security(["pickle"], key="/no/key", cert="/no/certificate", store="/no/store")

    assert (app.conf.task_serializer, list(app.conf.accept_content)) == ("auth", ["auth", "pickle"])
    with pytest.raises(ConfigurationError, match="cannot read /no/certificate"):
        app.caller.build("pay")
    with pytest.raises(ConfigurationError, match="signed messages hold JSON"):
        app.setup_security(serializer="yaml")
    app.close()
