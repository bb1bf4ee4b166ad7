"""Settings: every route gives the same values, nothing is silently ignored, and no secret is shown."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
import subprocess
import sys
import typing
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.errors import ConfigurationError, UnknownSetting
from celeriac.settings import Settings, reference, sources
from celeriac.settings.fields import BY_NAME, BY_SUBJECT, SETTINGS
from celeriac.settings.names import OLD_NAMES, resolve, spellings
from celeriac.settings.refused import REFUSED, REFUSED_BY_SUBJECT
from celeriac.settings.urls import censor, mask, split_scheme
from celeriac.settings.values import Values

ROOT = Path(__file__).parents[2]
CELERY_NAMES = [
    tuple(line.split())
    for line in (Path(__file__).parent / "data" / "celery_settings.txt").read_text().splitlines()
    if not line.startswith("#")
]

WANTED: dict[str, Any] = {
    "broker_url": "sqlite:///shop.db",
    "result_backend": "sqlite:///results.db",
    "accept_content": ["json", "msgpack"],
    "task_acks_late": False,
    "task_default_priority": 4,
    "task_publish_timeout": 2.5,
    "task_routes": {"shop.*": {"queue": "shop"}},
    "task_queues": [{"name": "shop"}, {"name": "mail"}],
    "worker_concurrency": 8,
    "beat_schedule": {"tidy": {"task": "shop.tidy", "schedule": 60}},
}


# one meaning, many routes


def load_mapping(tmp_path: Path) -> Settings:
    return Settings(WANTED)


def load_keywords(tmp_path: Path) -> Settings:
    conf = Settings()
    conf.update(**WANTED)
    return conf


def load_assignments(tmp_path: Path) -> Settings:
    conf = Settings()
    for number, (name, value) in enumerate(WANTED.items()):
        if number % 2:
            setattr(conf, name, value)
        else:
            conf[name.upper()] = value
    return conf


def load_module(tmp_path: Path) -> Settings:
    module = ModuleType("shop_settings")
    vars(module).update(WANTED)
    return loaded(sources.obj(module))


def load_named_module(tmp_path: Path) -> Settings:
    (tmp_path / "shop_celeryconfig.py").write_text("\n".join(f"{name} = {value!r}" for name, value in WANTED.items()))
    with imports_from(tmp_path):
        return loaded(sources.obj("shop_celeryconfig"))


def load_class(tmp_path: Path) -> Settings:
    return loaded(sources.obj(type("Config", (), {name.upper(): value for name, value in WANTED.items()})))


def load_instance(tmp_path: Path) -> Settings:
    return loaded(sources.obj(SimpleNamespace(**WANTED)))


def load_celery_namespace(tmp_path: Path) -> Settings:
    django = SimpleNamespace(
        SECRET_KEY="x",
        TIME_ZONE="Asia/Tokyo",
        BROKER_URL="memory",
        **{f"CELERY_{k.upper()}": v for k, v in WANTED.items()},
    )
    return loaded(sources.obj(django, namespace="CELERY"))


def load_own_namespace(tmp_path: Path) -> Settings:
    return loaded(sources.obj({"other": 1, **{f"shop_{k}": v for k, v in WANTED.items()}}, namespace="shop"))


def load_toml(tmp_path: Path) -> Settings:
    return loaded(sources.file(write_toml(tmp_path / "shop.toml", "")))


def load_toml_table(tmp_path: Path) -> Settings:
    return loaded(sources.file(write_toml(tmp_path / "shop.toml", "celeriac.")))


def load_pyproject(tmp_path: Path) -> Settings:
    return loaded(sources.file(write_toml(tmp_path / "pyproject.toml", "tool.celeriac.")))


def load_json(tmp_path: Path) -> Settings:
    (tmp_path / "shop.json").write_text(json.dumps(WANTED))
    return loaded(sources.file(tmp_path / "shop.json"))


def load_python(tmp_path: Path) -> Settings:
    (tmp_path / "shop.py").write_text(
        "import json\nfrom datetime import timezone\n" + "\n".join(f"{n} = {v!r}" for n, v in WANTED.items())
    )
    return loaded(sources.file(tmp_path / "shop.py"))


def load_environment(tmp_path: Path) -> Settings:
    environ = {f"CELERIAC_{name.upper()}": text(value) for name, value in WANTED.items()}
    return loaded(*sources.environment({"PATH": "/bin", "CELERIAC_APP": "shop", **environ}))


def load_old_names(tmp_path: Path) -> Settings:
    oldest = {name: (BY_NAME[name].old or (f"CELERY_{name.upper()}",))[-1] for name in WANTED}
    return Settings({oldest[name]: value for name, value in WANTED.items()})


ROUTES = [
    load_mapping,
    load_keywords,
    load_assignments,
    load_module,
    load_named_module,
    load_class,
    load_instance,
    load_celery_namespace,
    load_own_namespace,
    load_toml,
    load_toml_table,
    load_pyproject,
    load_json,
    load_python,
    load_environment,
    load_old_names,
]


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_gives_the_same_values(route: Callable[[Path], Settings], tmp_path: Path) -> None:
    conf = route(tmp_path)
    assert {name: conf[name] for name in WANTED} == WANTED
    assert conf == Settings(WANTED)


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_names_its_source(route: Callable[[Path], Settings], tmp_path: Path) -> None:
    conf = route(tmp_path)
    assert all(conf.source(name) != "default" for name in WANTED)
    assert conf.source("worker_pool") == "default"


def test_sources_read_as_a_person_would_name_them(tmp_path: Path) -> None:
    path = tmp_path / "shop.json"
    path.write_text('{"worker_pool": "solo"}')
    conf = Settings({"task_track_started": True})
    conf.load(sources.file(path), *sources.environment({"CELERY_BROKER_URL": "memory://"}))
    conf.load(sources.obj(type("Config", (), {"task_serializer": "msgpack"})))
    conf.timezone = "Europe/Zurich"
    assert conf.source("worker_pool") == f"file {path}"
    assert conf.source("broker_url") == "environment variable CELERY_BROKER_URL"
    assert conf.source("task_serializer").startswith("object ")
    assert conf.source("task_track_started") == "mapping"
    assert conf.source("timezone") == "assignment"


def test_a_later_source_wins_and_takes_over_the_origin() -> None:
    conf = Settings({"task_default_queue": "a", "worker_concurrency": 1}, source="first")
    conf.update({"task_default_queue": "b"}, source="second")
    assert (conf.task_default_queue, conf.source("task_default_queue")) == ("b", "second")
    assert (conf.worker_concurrency, conf.source("worker_concurrency")) == (1, "first")


def test_added_defaults_do_not_replace_what_was_given() -> None:
    conf = Settings({"task_default_queue": "given"})
    conf.add_defaults({"CELERY_DEFAULT_QUEUE": "profile", "CELERYD_POOL": "solo"}, source="profile shop")
    assert (conf.task_default_queue, conf.worker_pool) == ("given", "solo")
    assert conf.source("worker_pool") == "profile shop"


def test_our_variables_win_over_those_of_celery() -> None:
    environ = {"CELERIAC_BROKER_URL": "memory://", "CELERY_BROKER_URL": "sqlite:///a.db", "CELERY_RESULT_BACKEND": ""}
    conf = loaded(*sources.environment(environ))
    assert conf.broker_url == "memory://"
    assert conf.result_backend is None


def test_a_failed_source_sets_nothing() -> None:
    conf = Settings()
    with pytest.raises(ConfigurationError):
        conf.update({"worker_pool": "solo", "worker_concurrency": "many"})
    assert conf == Settings()
    assert conf.source("worker_pool") == "default"


# reading


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_read_under_each_of_its_names(setting: Any) -> None:
    conf = Settings()
    assert getattr(conf, setting.name) == setting.default
    for name in spellings(setting.name):
        assert conf[name] == getattr(conf, name) == setting.default
        assert name in conf


def test_reading_is_a_plain_attribute() -> None:
    conf = Settings(worker_concurrency=3)
    assert vars(conf)["worker_concurrency"] == 3
    assert not hasattr(Settings, "worker_concurrency")


def test_containers_are_not_shared_between_settings() -> None:
    conf = Settings()
    for setting in SETTINGS:
        if isinstance(setting.default, list | dict):
            assert conf[setting.name] is not setting.default
    conf.beat_schedule["tidy"] = {}
    assert Settings().beat_schedule == {}


def test_a_missing_setting_raises_what_python_expects() -> None:
    conf = Settings()
    assert not hasattr(conf, "task_serialiser")
    assert conf.get("task_serialiser", 1) == 1
    assert "task_serialiser" not in conf
    assert not hasattr(conf, "redis_host")
    with pytest.raises(UnknownSetting, match=r"unknown setting 'task_serialiser'; did you mean 'task_serializer'\?"):
        _ = conf.task_serialiser  # type: ignore[attr-defined]
    with pytest.raises(UnknownSetting, match="'redis_host' is not honoured: it belongs to Redis"):
        conf["redis_host"]


def test_settings_survive_pickling_and_copying() -> None:
    conf = Settings(WANTED, source="here")
    for twin in (pickle.loads(pickle.dumps(conf)), copy.deepcopy(conf)):
        assert twin == conf
        assert twin.source("broker_url") == "here"


def test_the_annotations_are_those_of_the_declarations() -> None:
    hints = {name: hint for name, hint in Values.__annotations__.items() if not name.startswith("_")}
    assert hints == {s.name: "Any" if s.kind.annotation == "Any" else s.annotation for s in SETTINGS}
    assert typing.get_type_hints(Values)


def test_no_setting_hides_a_method() -> None:
    assert not [name for name in BY_NAME if hasattr(Settings, name)]


def test_defaults_are_fair_values() -> None:
    for setting in SETTINGS:
        assert setting.coerce(setting.default) == setting.default, setting.name


def test_importing_settings_is_cheap() -> None:
    code = (
        "import sys; before = set(sys.modules); import celeriac.settings.sources; "
        "print(*{'asyncio', 'importlib.metadata', 'dataclasses', 'inspect', 'difflib', 'json', 'tomllib', 'zoneinfo', "
        "'pathlib', 'msgspec', 'stevedore', 'pluggy'} & (set(sys.modules) - before))"
    )
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = [{str(ROOT / 'framework')!r}]; {code}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []


# misspellings and strangers


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("task_serialiser", "task_serializer"),
        ("TASK_SERIALISER", "TASK_SERIALIZER"),
        ("CELERY_TASK_SERIALISER", "CELERY_TASK_SERIALIZER"),
        ("CELERYD_CONCURENCY", "CELERYD_CONCURRENCY"),
        ("broker", "broker_url"),
        ("acks_late", "task_acks_late"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownSetting) as caught:
        Settings({name: 1}, source="file shop.toml")
    assert str(caught.value) == f"unknown setting {name!r}; did you mean {nearest!r}? (file shop.toml)"


def test_a_name_that_is_near_to_nothing_gets_no_suggestion() -> None:
    with pytest.raises(UnknownSetting, match=r"^unknown setting 'zzzz' \(mapping\)$"):
        Settings({"zzzz": 1})
    with pytest.raises(UnknownSetting, match="unknown setting '3'"):
        Settings({3: 1})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", ["task_serialiser", "TASK_SERIALISER", "result_backend_url", "CELERY_TASK_ROUTE"])
def test_a_misspelt_attribute_of_a_module_is_an_error(name: str) -> None:
    with pytest.raises(UnknownSetting, match=rf"unknown setting '{name}'; did you mean '.*'\? \(object of type"):
        loaded(sources.obj(SimpleNamespace(**{name: "x"})))


def test_other_attributes_of_a_module_are_passed_over() -> None:
    module = ModuleType("shop")
    exec(
        "import os\nfrom datetime import timezone\nfrom decimal import Decimal as include\n"
        "DATABASES = {}\nTIME_ZONE = 'Asia/Tokyo'\n_task_serialiser = 1\ndef task_route(name): return None\n"
        "task_routes = (task_route,)\nworker_pool = 'solo'\n",
        vars(module),
    )
    conf = loaded(sources.obj(module))
    assert conf.worker_pool == "solo"
    assert conf.task_routes == [vars(module)["task_route"]]
    assert (conf.timezone, conf.include) == ("UTC", [])


def test_a_function_is_a_fair_route() -> None:
    def task_routes(name: str) -> str:
        return "shop"

    assert loaded(sources.obj(SimpleNamespace(task_routes=task_routes))).task_routes is task_routes


def test_in_a_namespace_every_name_must_be_a_setting() -> None:
    with pytest.raises(
        UnknownSetting, match="unknown setting 'CELERY_WORKER_CONCURENCY'; did you mean 'CELERY_WORKER_"
    ):
        loaded(sources.obj(SimpleNamespace(CELERY_WORKER_CONCURENCY=1), namespace="CELERY"))
    assert (
        loaded(sources.obj(SimpleNamespace(CELERY_SHOP=1, CELERY_TIMEZONE="UTC"), "CELERY", strict=False)) == Settings()
    )


def test_old_names_count_in_the_celery_namespace() -> None:
    assert loaded(sources.obj(SimpleNamespace(CELERY_ACKS_LATE=True), namespace="CELERY")).task_acks_late is True


def test_an_old_name_outside_the_namespace_is_not_lost_in_silence() -> None:
    with pytest.raises(
        ConfigurationError, match=r"'CELERYD_CONCURRENCY' is outside the namespace 'CELERY'.*write 'CELERY_W"
    ):
        sources.obj(SimpleNamespace(CELERYD_CONCURRENCY=2), namespace="CELERY")


def test_an_unknown_variable_of_ours_is_an_error() -> None:
    with pytest.raises(UnknownSetting) as caught:
        loaded(*sources.environment({"CELERIAC_TASK_SERIALISER": "json"}))
    assert str(caught.value) == (
        "unknown setting 'CELERIAC_TASK_SERIALISER'; did you mean 'CELERIAC_TASK_SERIALIZER'? "
        "(environment variable CELERIAC_TASK_SERIALISER)"
    )


def test_other_variables_are_not_ours() -> None:
    environ = {
        "CELERY_LOG_FILE": "x",
        "CELERIAC_APP": "a",
        "CELERIAC_CONFIG": "b",
        "HOME": "/",
    }
    assert sources.environment(environ) == []


def test_a_broker_to_read_from_may_stand_in_the_environment() -> None:
    conf = loaded(*sources.environment({"CELERY_BROKER_READ_URL": "memory://"}))

    assert conf.broker_read_url == "memory://"


# two names for one setting


def test_two_names_that_differ_are_an_error_that_names_both() -> None:
    with pytest.raises(
        ConfigurationError, match="'WORKER_CONCURRENCY' and 'CELERYD_CONCURRENCY' are one setting and differ"
    ):
        Settings({"WORKER_CONCURRENCY": 1, "CELERYD_CONCURRENCY": 2})


def test_two_names_that_agree_are_fine() -> None:
    assert Settings({"WORKER_CONCURRENCY": 2, "CELERYD_CONCURRENCY": "2"}).worker_concurrency == 2


def test_celerys_soft_shutdown_is_our_shutdown_timeout() -> None:
    assert Settings(worker_soft_shutdown_timeout=7).worker_shutdown_timeout == 7.0


# Celery's settings


def test_the_list_of_celerys_settings_is_whole() -> None:
    assert len(CELERY_NAMES) == 194


@pytest.mark.parametrize(("name", "old"), CELERY_NAMES)
def test_every_setting_of_celery_is_honoured_or_refused_with_a_reason(name: str, old: str) -> None:
    known = resolve(name)
    assert known is not None
    assert resolve(old) == known
    assert resolve(name.upper()) == known
    assert resolve(f"CELERY_{name.upper()}") == known
    if known in REFUSED:
        with pytest.raises(ConfigurationError) as caught:
            Settings({old: "something else"})
        assert str(caught.value) == f"the setting {old!r} is not honoured: {REFUSED[known].reason} (mapping)"
        assert len(REFUSED[known].reason) > 20


def test_our_own_settings_are_marked() -> None:
    celerys = {name for name, _ in CELERY_NAMES}
    assert {setting.name for setting in SETTINGS if setting.celery} == celerys & set(BY_NAME)


def test_no_name_means_two_settings() -> None:
    assert not set(BY_NAME) & set(REFUSED)
    for name in (*BY_NAME, *REFUSED):
        assert {resolve(spelling) for spelling in spellings(name)} == {name}
    assert len(OLD_NAMES) == sum(len(known.old) for known in (*SETTINGS, *REFUSED.values()))


def test_a_refused_setting_that_asks_for_what_happens_anyway_is_accepted() -> None:
    conf = Settings({"worker_hijack_root_logger": False, "broker_channel_error_retry": True, "redis_db": None})
    assert set(conf.without_effect()) == {"worker_hijack_root_logger", "broker_channel_error_retry", "redis_db"}
    assert conf.explain("worker_hijack_root_logger") == (
        False,
        "mapping",
        "not honoured: the root logger is never touched; leave it out and configure the root logger in your own code",
    )
    with pytest.raises(ConfigurationError, match="the root logger is never touched"):
        conf.update(worker_hijack_root_logger=True)
    with pytest.raises(ConfigurationError, match="'worker_hijack_root_logger' is not honoured"):
        conf.update(worker_hijack_root_logger=0)
    conf.load(*sources.environment({"CELERIAC_WORKER_HIJACK_ROOT_LOGGER": "false"}))
    with pytest.raises(ConfigurationError, match="environment variable CELERIAC_WORKER_HIJACK_ROOT_LOGGER"):
        conf.load(*sources.environment({"CELERIAC_WORKER_HIJACK_ROOT_LOGGER": "true"}))


# types


@pytest.mark.parametrize(
    ("name", "given_value", "value"),
    [
        ("task_always_eager", "False", False),
        ("task_always_eager", "ON", True),
        ("task_always_eager", 1, True),
        ("task_acks_late", None, None),
        ("worker_concurrency", "8", 8),
        ("worker_concurrency", 8.0, 8),
        ("task_publish_timeout", timedelta(milliseconds=1500), 1.5),
        ("task_time_limit", "90", 90.0),
        ("result_expires", timedelta(hours=1), 3600.0),
        ("result_expires", 0, None),
        ("accept_content", "json", ["json"]),
        ("accept_content", "json, msgpack", ["json", "msgpack"]),
        ("accept_content", '["json"]', ["json"]),
        ("accept_content", {"yaml", "json"}, ["json", "yaml"]),
        ("imports", ("a", "b"), ["a", "b"]),
        ("broker_transport_options", '{"busy_timeout": 3}', {"busy_timeout": 3}),
        ("task_queues", "a,b", [{"name": "a"}, {"name": "b"}]),
        ("task_queues", {"a": {"routing_key": "x"}, "b": None}, [{"routing_key": "x", "name": "a"}, {"name": "b"}]),
        ("task_queues", [SimpleNamespace(name="a"), {"name": "b"}, "c"], [{"name": "a"}, {"name": "b"}, {"name": "c"}]),
        ("task_routes", "shop.routers.Router", "shop.routers.Router"),
        ("task_routes", '{"a": "b"}', {"a": "b"}),
        ("timezone", ZoneInfo("Europe/Zurich"), "Europe/Zurich"),
        ("timezone", "utc", "UTC"),
        ("worker_log_level", "INFO", "info"),
        ("security_key_password", b"word", "word"),
        ("beat_schedule_filename", Path("a/b"), "a/b"),
        ("broker_url", "memory", "memory"),
        ("broker_url", "shop.queues:Mine://host", "shop.queues:Mine://host"),
    ],
)
def test_values_are_brought_into_their_type(name: str, given_value: Any, value: Any) -> None:
    got = Settings({name: given_value})[name]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_always_eager", "maybe"),
        ("task_always_eager", 2),
        ("task_always_eager", None),
        ("worker_concurrency", True),
        ("worker_concurrency", 0),
        ("worker_concurrency", 2.5),
        ("worker_concurrency", "2.5"),
        ("task_default_priority", 10),
        ("task_publish_timeout", -1),
        ("task_publish_timeout", 0),
        ("task_publish_timeout", "soon"),
        ("task_time_limit", float("nan")),
        ("task_time_limit", float("inf")),
        ("task_time_limit", 10**400),
        ("task_time_limit", Decimal(1)),
        ("task_time_limit", True),
        ("accept_content", [1]),
        ("accept_content", 1),
        ("accept_content", "[1"),
        ("broker_transport_options", []),
        ("broker_transport_options", {1: 2}),
        ("broker_transport_options", "not json"),
        ("task_queues", [{"routing_key": "x"}]),
        ("task_queues", [""]),
        ("task_queues", 1),
        ("task_routes", 1),
        ("timezone", "Europe/Atlantis"),
        ("timezone", "../../etc/passwd"),
        ("timezone", 1),
        ("delivery", "exactly_once"),
        ("worker_log_level", "loud"),
        ("broker_url", ["memory://", "nowhere at all"]),
        ("broker_url", ""),
        ("broker_url", "//nowhere"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_that_says_everything(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings({name: value}, source="file shop.toml")
    message = str(caught.value)
    assert message.startswith(f"the setting {name!r} is ")
    assert f"of type {type(value).__name__}" in message
    assert f"expected {BY_NAME[name].expected} (file shop.toml)" in message


def test_an_empty_variable_is_none_where_none_is_allowed() -> None:
    conf = Settings(task_time_limit=3, worker_concurrency=3, result_expires=3)
    conf.load(
        *sources.environment(
            {"CELERIAC_TASK_TIME_LIMIT": "", "CELERIAC_WORKER_CONCURRENCY": "none", "CELERIAC_RESULT_EXPIRES": "null"}
        )
    )
    assert (conf.task_time_limit, conf.worker_concurrency, conf.result_expires) == (None, None, None)


@given(st.integers(min_value=1))
def test_whole_numbers_are_equal_as_numbers_and_as_text(number: int) -> None:
    if number < 10**4000:
        assert Settings(worker_concurrency=number) == Settings(worker_concurrency=str(number))


@given(st.floats(min_value=0.001, max_value=1e12))
def test_seconds_are_equal_as_numbers_and_as_text(seconds: float) -> None:
    assert Settings(task_time_limit=seconds).task_time_limit == seconds
    assert Settings(task_time_limit=repr(seconds)).task_time_limit == seconds


@given(st.timedeltas(min_value=timedelta(microseconds=1)))
def test_a_timedelta_is_its_seconds(span: timedelta) -> None:
    assert Settings(task_time_limit=span).task_time_limit == span.total_seconds()


@given(st.lists(st.text(alphabet="abcdefghijklmnop.:_-", min_size=1)))
def test_lists_are_equal_as_lists_and_as_text(names: list[str]) -> None:
    wanted = Settings(imports=names)
    assert wanted.imports == names
    assert Settings(imports=tuple(names)) == Settings(imports=",".join(names)) == Settings(imports=json.dumps(names))
    assert Settings(imports=json.dumps(names)) == wanted


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.timedeltas()
    | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@given(st.sampled_from(SETTINGS), ANYTHING)
def test_any_value_is_taken_or_refused_and_taken_again_unchanged(setting: Any, value: Any) -> None:
    try:
        conf = Settings({setting.name: value})
    except ConfigurationError:
        return
    again = Settings({setting.name: conf[setting.name]})[setting.name]
    assert repr(again) == repr(conf[setting.name])


@given(st.sampled_from(SETTINGS), st.text())
def test_any_text_in_the_environment_is_taken_or_refused(setting: Any, text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        loaded(*sources.environment({f"CELERIAC_{setting.name.upper()}": text}))


@given(st.dictionaries(st.text(max_size=12), ANYTHING, max_size=3))
def test_any_mapping_is_taken_or_refused(values: Mapping[str, Any]) -> None:
    with contextlib.suppress(ConfigurationError):
        Settings(values)


# files


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    wrong = {
        "a.toml": ("= 1", "is not TOML"),
        "a.json": ("{", "is not JSON"),
        "b.json": ("[]", "does not hold a JSON object"),
        "a.py": ("1 +", "is not Python"),
        "pyproject.toml": ("[project]\n", r"has no table \[tool.celeriac\]"),
        "b.toml": ("celeriac = 1", "is not a table"),
        "a.ini": ("", r"are read from \.toml, \.json and \.py files"),
    }
    for name, (content, message) in wrong.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(ConfigurationError, match=message):
            sources.file(tmp_path / name)
    (tmp_path / "c.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="is not TOML"):
        sources.file(tmp_path / "c.toml")
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        sources.file(tmp_path / "missing.toml")


def test_an_unknown_name_in_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("worker_pol = 'solo'")
    with pytest.raises(UnknownSetting, match=r"did you mean 'worker_pool'\? \(file .*shop.toml\)"):
        loaded(sources.file(tmp_path / "shop.toml"))


# dotted names


def test_a_dotted_name_leads_to_modules_classes_and_instances(tmp_path: Path) -> None:
    package = tmp_path / "shop_conf"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "live.py").write_text("class Config:\n    WORKER_POOL = 'threads'\nconfig = Config()\n")
    with imports_from(tmp_path):
        for name in ("shop_conf.live:Config", "shop_conf.live.Config", "shop_conf.live:config"):
            conf = loaded(sources.obj(name))
            assert (conf.worker_pool, conf.source("worker_pool")) == ("threads", f"object {name}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shop_missing", "there is no module 'shop_missing'"),
        ("shop_missing.settings", "there is no module 'shop_missing'"),
        ("shop_missing:Config", "there is no module 'shop_missing'"),
        ("json:Config", "'json' has no 'Config'"),
        ("json.Config", "'json' has no 'Config'"),
    ],
)
def test_a_dotted_name_that_leads_nowhere_is_an_error(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        sources.obj(name)


def test_a_module_that_lacks_something_itself_says_so(tmp_path: Path) -> None:
    (tmp_path / "shop_broken.py").write_text("import shop_not_there\n")
    with imports_from(tmp_path), pytest.raises(ModuleNotFoundError, match="shop_not_there"):
        sources.obj("shop_broken")


# secrets


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("redis://:hunter2@host:6379/0", "redis://:***@host:6379/0"),
        ("redis://ann:hunter2@host", "redis://ann:***@host"),
        ("amqp://ann:hun/ter@2#x@host//", "amqp://ann:***@host//"),
        ("redis://:hunter2@a;redis://:hunter2@b", "redis://:***@a;redis://:***@b"),
        ("shop://host/?password=hunter2&db=1", "shop://host/?password=***&db=1"),
        ("shop://host/?db=1&auth_token=hunter2", "shop://host/?db=1&auth_token=***"),
        ("shop://host/?api%5Fkey=hunter2", "shop://host/?api%5Fkey=***"),
        ("shop://host/?SECRET=hunter2#x", "shop://host/?SECRET=***#x"),
        ("redis://ann:hunter2://x@host", "redis://ann:***@host"),
        ("shop://host/?proxy=http://ann:hunter2@b", "shop://host/?proxy=http://ann:***@b"),
        ("cannot reach 'redis://ann:hunter2@host'", "cannot reach 'redis://ann:***@host'"),
        ("sqlite:///var/lib/a@b.db", "sqlite:///var/lib/a@b.db"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("memory", "memory"),
        ("shop://host/?routing_key=x", "shop://host/?routing_key=x"),
    ],
)
def test_urls_are_shown_without_their_passwords(url: str, masked: str) -> None:
    assert mask(url) == masked


PASSWORD = st.text(min_size=1).map(lambda text: f"hunter2{text}hunter2")


@given(PASSWORD)
def test_no_password_of_a_url_is_shown_however_it_is_written(password: str) -> None:
    assert "hunter2" not in mask(f"redis://ann:{password}@host:6379/0")


@given(PASSWORD, st.sampled_from(["password", "broker_password", "access_token", "secret", "api_key", "key"]), ANYTHING)
def test_no_secret_of_a_dict_is_shown_at_any_depth(password: str, name: str, other: Any) -> None:
    value = {"options": [{"deep": ({name: password, "other": other},)}], name: [password, {"a": password}]}
    assert "hunter2" not in repr(censor(value))


SECRETS: dict[str, Any] = {
    "broker_url": "redis://ann:hunter2@host/0",
    "result_backend": "shop://host/?password=hunter2",
    "broker_transport_options": {"sentinel_kwargs": {"password": "hunter2"}, "proxy": "http://a:hunter2@b"},
    "security_key": "/etc/hunter2.pem",
    "security_key_password": "hunter2",
    "beat_schedule": {"token": {"task": "shop.tidy", "kwargs": {"token": "hunter2"}}},
}


def test_no_secret_is_shown_anywhere() -> None:
    conf = Settings(SECRETS, source="file shop.toml")
    shown = [repr(conf), str(conf), repr(conf.as_dict()), *(repr(conf.explain(name)) for name in SECRETS)]
    assert "hunter2" not in "".join(shown)
    assert conf.as_dict()["beat_schedule"]["token"]["task"] == "shop.tidy"
    assert conf.as_dict(censored=False)["security_key_password"] == "hunter2"
    assert repr(conf).startswith("<Settings broker_url='redis://ann:***@host/0' (file shop.toml)")


@pytest.mark.parametrize(
    "wrong",
    [
        {"broker_url": "redis:hunter2@host"},
        {"broker_url": b"redis://:hunter2@host"},
        {"security_key_password": ["hunter2"]},
        {"broker_transport_options": '{"password": "hunter2"'},
        {"worker_concurrency": "redis://:hunter2@host"},
        {"broker_transport_options": ["hunter2"]},
        {"task_queues": '[{"password": "hunter2"}]'},
        {"timezone": "redis://:hunter2@host"},
        {"redis_password": "hunter2"},
        {"database_url": "redis://:hunter2@host"},
        {"redis_pasword": "hunter2"},
        {"task_queues": [{"password": "hunter2"}]},
    ],
)
def test_no_secret_is_shown_in_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(wrong)
    error: BaseException | None = caught.value
    assert "hunter2" not in str(error)
    assert error is not None
    assert error.__suppress_context__ or error.__context__ is None


def test_an_explanation_has_value_source_and_meaning() -> None:
    conf = Settings(SECRETS, source="file shop.toml")
    assert conf.explain("BROKER_URL") == (
        "redis://ann:***@host/0",
        "file shop.toml",
        BY_NAME["broker_url"].doc,
    )
    assert conf.explain("worker_pool") == ("prefork", "default", "The pool that tasks run in.")
    with pytest.raises(UnknownSetting, match="did you mean 'worker_pool'"):
        conf.explain("worker_pol")


# URLs


@pytest.mark.parametrize(
    ("url", "driver", "rest"),
    [
        ("sqlite:///var/queue.db", "sqlite", "/var/queue.db"),
        ("Memory://", "memory", ""),
        ("memory", "memory", ""),
        ("memory:", "memory", ""),
        ("db+sqlite:///a", "db+sqlite", "/a"),
        ("shop.queues:Mine", "shop.queues:Mine", ""),
        ("shop.queues:Mine://host/0", "shop.queues:Mine", "host/0"),
        ("redis://:pa://ss@host", "redis", ":pa://ss@host"),
    ],
)
def test_the_scheme_of_a_url_names_the_driver(url: str, driver: str, rest: str) -> None:
    assert split_scheme(url) == (driver, rest)


@pytest.mark.parametrize("url", ["", "://host", "/var/queue.db", "1://x", "redis:hunter2@host", "a b://c"])
def test_a_url_without_a_scheme_is_an_error_that_does_not_show_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="begins with no scheme") as caught:
        split_scheme(url)
    assert "hunter2" not in str(caught.value)


# the reference page


def test_the_reference_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "reference" / "settings.md").read_text() == reference.render()


def test_the_reference_page_has_every_setting() -> None:
    page = reference.render()
    assert all(f"| `{name}` |" in page for name in (*BY_NAME, *REFUSED))
    assert all(f"\n## {subject}\n" in page for subject in BY_SUBJECT)
    assert all(f"\n### {subject}\n" in page for subject in REFUSED_BY_SUBJECT)


def loaded(*read: sources.Source) -> Settings:
    conf = Settings()
    conf.load(*read)
    return conf


def text(value: Any) -> str:
    """A value as one writes it into an environment variable."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def write_toml(path: Path, table: str) -> Path:
    """WANTED as dotted keys; the values here are the same in JSON and TOML, but for dicts."""

    def literal(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{json.dumps(key)} = {literal(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(literal(item) for item in value) + "]"
        return json.dumps(value)

    path.write_text("".join(f"{table}{name} = {literal(value)}\n" for name, value in WANTED.items()))
    return path


class imports_from:
    """Modules in a folder can be imported; on leaving, those that were are forgotten."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __enter__(self) -> None:
        sys.path.insert(0, self.folder)
        self.before = set(sys.modules)

    def __exit__(self, *error: object) -> None:
        sys.path.remove(self.folder)
        for name in set(sys.modules) - self.before:
            if name.startswith("shop_"):
                del sys.modules[name]
