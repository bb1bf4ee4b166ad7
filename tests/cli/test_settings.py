"""What the settings are, where they came from, and what a report shows."""

from __future__ import annotations

from pathlib import Path

SECRET = "redis://user:hunter2@host/0"


def test_show_gives_what_was_set_with_its_source(project: Path, read) -> None:
    shown = read("-A", "hello", "config", "show")
    assert shown["task_unknown_delay"] == {"value": 0.05, "source": "constructor"}
    assert "timezone" not in shown
    assert read("-A", "hello", "config", "show", "--all")["timezone"] == {"value": "UTC", "source": "default"}


def test_the_command_line_wins_over_a_config_file_and_that_over_the_app(project: Path, read) -> None:
    (project / "other.toml").write_text('task_unknown_delay = 7\nbroker_url = "memory://file"\n')
    words = ("-A", "hello", "--config", "other.toml", "-b", "memory://line")
    shown = read(*words, "config", "show")
    assert shown["task_unknown_delay"] == {"value": 7.0, "source": "file other.toml"}
    assert shown["broker_url"] == {"value": "memory://line", "source": "command line"}


def test_config_may_be_a_module(project: Path, read) -> None:
    (project / "production.py").write_text("worker_concurrency = 3\n")
    assert read("-A", "hello", "--config", "production", "config", "show")["worker_concurrency"]["value"] == 3


def test_the_environment_names_a_config(project: Path, read, monkeypatch) -> None:
    (project / "other.json").write_text('{"worker_concurrency": 5}')
    monkeypatch.setenv("CELERIAC_CONFIG", "other.json")
    assert read("config", "show")["worker_concurrency"]["value"] == 5


def test_explain_takes_any_of_a_setting_s_names(project: Path, read) -> None:
    shown = read("-A", "hello", "config", "explain", "CELERYD_CONCURRENCY")
    assert shown["setting"] == "worker_concurrency"
    assert shown["source"] == "default"


def test_explain_says_why_a_setting_is_refused(project: Path, read) -> None:
    assert "not honoured" in read("config", "explain", "task_protocol")["doc"]


def test_nothing_shows_a_password(folder: Path, run) -> None:
    for words in (["config", "show"], ["config", "explain", "broker_url"], ["report"]):
        result = run("-b", SECRET, *words)
        assert result.exit_code == 0
        assert "hunter2" not in result.output
        assert "redis://user:***@host/0" in result.output


def test_report_has_versions_platform_and_settings(project: Path, read) -> None:
    from celeriac import __version__

    shown = read("-A", "hello", "report")
    assert shown["versions"]["celeriac"] == __version__
    assert set(shown["versions"]) >= {"python", "click", "msgspec"}
    assert shown["app"]["main"] == "hello"
    assert shown["settings"]["task_unknown_delay"] == 0.05


def test_report_needs_no_app(folder: Path, read) -> None:
    assert read("report")["app"]["broker"] is None
