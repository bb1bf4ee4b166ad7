"""Celery's settings, all of them: A3, A4; and what looks after them: `config explain`, `doctor`, `upgrade settings`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery.app.defaults import NAMESPACES, flatten
from click.testing import CliRunner

from celeriac import Celeriac, Queue, Unique
from celeriac.cli.root import cli
from celeriac.doctor import CHECKS, examine
from celeriac.errors import ConfigurationError
from celeriac.settings import Settings
from celeriac.settings.differences import DIFFERENCES
from celeriac.settings.fields import BY_NAME
from celeriac.settings.refused import REFUSED
from celeriac.settings.renaming import renamed
from celeriac_plugins.transports.memory import MemoryTransport

CELERYS = dict(flatten(NAMESPACES))


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", CELERYS)
def test_a3_every_setting_of_celery_has_its_default_and_type_or_a_reason(name: str) -> None:
    conf = Settings()
    known = BY_NAME.get(name) or (BY_NAME.get("worker_shutdown_timeout") if "soft_shutdown_timeout" in name else None)
    if known is None:
        assert len(REFUSED[name].reason) > 20
        with pytest.raises(ConfigurationError, match="is not honoured"):
            conf[name]
        return
    default = _plain(CELERYS[name].default)
    if name in DIFFERENCES:
        assert DIFFERENCES[name].celery == default != conf[name]
        return
    assert conf[name] == default
    if default is not None:
        conf[name] = default  # and of a fair type
        assert conf[name] == default


def test_a3_the_table_of_differences_names_celerys_settings_alone() -> None:
    assert DIFFERENCES.keys() <= CELERYS.keys()


@pytest.mark.parametrize(
    ("name", "value", "option"),
    [("task_queue_max_priority", 9, "max_priority"), ("task_default_queue_type", "quorum", "queue_type")],
)
def test_a3_settings_of_some_transports_are_options_there_and_errors_elsewhere(
    name: str, value: Any, option: str
) -> None:
    given: dict[str, Any] = {name: value}
    with Celeriac("x", broker="amqp://nowhere//", set_as_current=False, **given) as app:
        assert app.transport.options.extra[option] == value
    with Celeriac("x", broker="memory://", set_as_current=False, **given) as app:
        with pytest.raises(ConfigurationError, match=f"'memory' does not honour the setting '{name}'"):
            _ = app.transport


# A4


def test_a4_an_old_style_module_loads_unchanged() -> None:
    old = SimpleNamespace(
        BROKER_URL="memory://",
        CELERY_RESULT_BACKEND="memory://",
        CELERYD_CONCURRENCY=3,
        CELERY_TASK_SERIALIZER="json",
        CELERY_ACCEPT_CONTENT=["json"],
        CELERY_ALWAYS_EAGER=True,
        CELERYBEAT_SCHEDULE={},
        CELERY_DEFAULT_QUEUE="old",
    )
    app = Celeriac("x", config_source=old, set_as_current=False)

    assert (app.conf.broker_url, app.conf.worker_concurrency, app.conf.task_always_eager) == ("memory://", 3, True)
    assert app.conf.task_default_queue == "old"


def test_a4_mixing_old_and_new_names_is_an_error_that_names_both() -> None:
    app = Celeriac("x", set_as_current=False)

    with pytest.raises(
        ConfigurationError, match="'CELERYD_CONCURRENCY' is an old name and 'task_serializer' a new one"
    ):
        app.config_from_object(SimpleNamespace(CELERYD_CONCURRENCY=3, task_serializer="json"))
    app.config_from_object(SimpleNamespace(CELERY_ACKS_LATE=True, CELERY_TASK_SERIALIZER="json"), namespace="CELERY")
    assert app.conf.task_acks_late is True


OLD = """# settings of the shop
from datetime import timedelta

BROKER_URL = "memory://"
CELERYD_CONCURRENCY = 3  # CELERYD_CONCURRENCY stays in comments
CELERY_ALWAYS_EAGER: bool = True
CELERYBEAT_SCHEDULE = {"BROKER_URL": 1}
DEBUG = True
"""


def test_a4_a_file_is_upgraded_and_loads_to_the_same_settings(tmp_path: Path) -> None:
    file = tmp_path / "shop_settings.py"
    file.write_text(OLD)

    run = CliRunner().invoke(cli, ["upgrade", "settings", str(file)])

    assert run.exit_code == 0, run.output
    assert "CELERYD_CONCURRENCY -> worker_concurrency" in run.output
    assert file.read_text() == OLD.replace("BROKER_URL =", "broker_url =").replace(
        "CELERYD_CONCURRENCY =", "worker_concurrency ="
    ).replace("CELERY_ALWAYS_EAGER", "task_always_eager").replace("CELERYBEAT_SCHEDULE", "beat_schedule")
    assert (tmp_path / "shop_settings.py.orig").read_text() == OLD
    again = CliRunner().invoke(cli, ["upgrade", "settings", str(file)])
    assert "no old names" in again.output


def test_a4_for_a_namespace_names_stay_in_upper_case() -> None:
    new, _ = renamed("CELERYD_CONCURRENCY = 3\nCELERY_ALWAYS_EAGER = True\nDEBUG = 1\n", "CELERY_")

    assert new == "CELERY_WORKER_CONCURRENCY = 3\nCELERY_TASK_ALWAYS_EAGER = True\nDEBUG = 1\n"


# config explain


@pytest.mark.parametrize(
    ("name", "honoured"),
    [
        ("broker_transport_options", "transport memory"),
        ("result_expires", "backend memory"),
        ("worker_concurrency", "pool threads"),
        ("task_serializer", "serializer json"),
        ("worker_log_level", "logger text"),
        ("beat_catch_up", "scheduler file"),
        ("security_key", "serializer auth"),
        ("task_default_priority", "transport memory"),
        ("task_routes", "kernel"),
        ("worker_agent", "nothing"),
    ],
)
def test_config_explain_says_which_driver_honours_a_setting(name: str, honoured: str, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('broker_url="memory://x"\nresult_backend="memory://x"\nworker_pool="threads"\n')

    run = CliRunner().invoke(cli, ["--config", str(tmp_path / "s.toml"), "config", "explain", name, "--json"])

    told = json.loads(run.output)
    assert told["honoured by"] == honoured
    assert told["setting"] == name
    assert told["source"] == "default"


# doctor


class NoDelay(MemoryTransport):
    capabilities = MemoryTransport.capabilities - {"delay"}


def well(**settings: Any) -> Celeriac:
    return Celeriac(
        "shop",
        **{"broker": "sqlite:///nowhere.db", "backend": "sqlite:///nowhere.db", **settings},
        set_as_current=False,
    )


def with_task(app: Celeriac, **options: Any) -> Celeriac:
    app.task(name="pay", **options)(lambda: None)
    return app


ILL: dict[str, tuple[Callable[[], Celeriac], str, str]] = {
    "results that nobody may read": (
        lambda: well(result_serializer="yaml", result_accept_content=["json"]),
        "error",
        "results are written as yaml",
    ),
    "no such transport": (lambda: well(broker="nosuch://"), "error", "no transport 'nosuch'"),
    "no such pool": (lambda: well(worker_pool="nosuch"), "error", "no pool 'nosuch'"),
    "not accepted": (lambda: well(task_serializer="pickle"), "error", "do not accept"),
    "pickle": (lambda: well(accept_content=["json", "pickle"]), "warning", "can run code"),
    "unsigned": (lambda: well(security_key="key.pem"), "warning", "unsigned ones are accepted"),
    "memory": (lambda: well(broker="memory://x"), "error", "lives in the memory of one process"),
    "early and lost": (
        lambda: well(delivery="at_most_once", task_reject_on_worker_lost=True),
        "error",
        "acknowledged before the run",
    ),
    "both words": (lambda: well(task_acks_late=False), "warning", "says the opposite"),
    "short results": (lambda: well(result_expires=10), "warning", "may run again"),
    "visibility": (
        lambda: well(broker_transport_options={"visibility_timeout": 9}),
        "warning",
        "matters to Celery's workers alone",
    ),
    "soft after hard": (
        lambda: well(task_soft_time_limit=10, task_time_limit=5),
        "error",
        "does not come before the hard one",
    ),
    "unkept limit": (lambda: with_task(well(worker_pool="threads"), time_limit=5), "error", "cannot enforce"),
    "unread default": (lambda: well(task_queues=["a"]), "warning", "do not consume"),
    "closed queues": (
        lambda: with_task(well(task_queues=["celery"], task_create_missing_queues=False), queue="b"),
        "error",
        "task pay goes to 'b'",
    ),
    "bad binding": (
        lambda: well(task_queues=["celery", {"name": "q", "exchange": "e", "exchange_type": "headers"}]),
        "error",
        "no exchange is of type",
    ),
    "no delay": (lambda: well(broker=f"{__name__}:NoDelay://"), "warning", "cannot delay messages"),
    "no locks": (lambda: with_task(well(backend="rpc://"), unique=Unique()), "error", "grants no locks"),
    "eager": (lambda: well(task_always_eager=True), "warning", "no worker is used"),
    "patience": (lambda: well(task_publish_timeout=60), "warning", "hangs for 60 seconds"),
    "short lease": (lambda: well(worker_lease=1), "warning", "runs twice"),
    "lost entry": (
        lambda: well(beat_schedule={"x": {"task": "nosuch", "schedule": 1}}),
        "warning",
        "which no task here is called",
    ),
}


@pytest.mark.parametrize("name", ILL)
def test_doctor_finds_what_does_not_fit_and_says_what_to_do(name: str) -> None:
    make, level, text = ILL[name]
    with make() as app:
        found = [finding for finding in examine(app) if text in finding.why]

    assert [finding.level for finding in found][:1] == [level], [finding.why for finding in examine(app)]
    assert found[0].advice
    assert all(setting in BY_NAME for setting in found[0].settings)


def test_doctor_finds_nothing_in_a_plain_app() -> None:
    with with_task(well(task_queues=["celery", Queue("b")]), queue="b", time_limit=5, unique=True) as app:
        assert examine(app) == []
    assert len(CHECKS) >= 8


def test_doctor_has_json_and_an_exit_status(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('task_serializer = "pickle"\nbroker_url = "sqlite:///nowhere.db"\n')
    (tmp_path / "good.toml").write_text('broker_url = "sqlite:///nowhere.db"\n')

    bad = CliRunner().invoke(cli, ["--config", str(tmp_path / "bad.toml"), "doctor", "--json"], standalone_mode=False)
    good = CliRunner().invoke(cli, ["--config", str(tmp_path / "good.toml"), "doctor"], standalone_mode=False)

    assert bad.return_value == 1
    assert json.loads(bad.output)[0]["settings"] == ["task_serializer", "accept_content"]
    assert (good.return_value, good.output) == (0, "nothing found\n")
