"""The built-in loggers: what every logger promises, and what is their own."""

from __future__ import annotations

import io
import json
import logging
import multiprocessing
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pytest

from celeriac.errors import ConfigurationError
from celeriac.specs.logger import ROOT, Logger, LoggerOptions
from celeriac.testing.suite import LoggerSuite
from celeriac_plugins.loggers.json import JsonLogger
from celeriac_plugins.loggers.text import TextLogger


class TestText(LoggerSuite):
    driver = TextLogger


class TestJson(LoggerSuite):
    driver = JsonLogger


T = TypeVar("T", bound=Logger)

log = logging.getLogger(f"{ROOT}.task.shop")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def text() -> Iterator[TextLogger]:
    yield from installed(TextLogger(LoggerOptions(stream=io.StringIO(), level=logging.DEBUG)))


@pytest.fixture
def structured() -> Iterator[JsonLogger]:
    yield from installed(JsonLogger(LoggerOptions(stream=io.StringIO())))


def installed(logger: T) -> Iterator[T]:
    logger.install()
    yield logger
    logger.bind(None, None)
    logger.uninstall()


def written(logger: Logger) -> str:
    assert isinstance(logger.options.stream, io.StringIO)
    return logger.options.stream.getvalue()


# text


def test_a_line_has_the_look_of_celery(text: TextLogger) -> None:
    log.info("hello %s", "you")
    process = re.escape(multiprocessing.current_process().name)
    assert re.fullmatch(rf"\[\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}}: INFO/{process}\] hello you\n", written(text))


def test_a_task_stands_before_its_message(text: TextLogger) -> None:
    text.bind("shop.pay", "0199-ab")
    log.warning("paid")
    assert written(text).endswith("] shop.pay[0199-ab]: paid\n")


def coloured(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, no_color: str | None, color: bool | None) -> bool:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    logger = TextLogger(LoggerOptions(stream=stream, color=color))
    logger.install()
    log.error("red")
    log.info("plain")
    logger.uninstall()
    red, plain = stream.getvalue().splitlines()
    assert "\x1b" not in plain
    return red.endswith("] \x1b[31mred\x1b[0m")


def test_a_terminal_gets_colours_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert coloured(monkeypatch, Terminal(), None, None)
    assert coloured(monkeypatch, Terminal(), "", None)
    assert not coloured(monkeypatch, Terminal(), "1", None)
    assert not coloured(monkeypatch, io.StringIO(), None, None)


def test_the_option_is_stronger_than_terminal_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert coloured(monkeypatch, io.StringIO(), "1", True)
    assert not coloured(monkeypatch, Terminal(), None, False)


@pytest.mark.parametrize("driver", [TextLogger, JsonLogger])
def test_a_log_file_that_cannot_be_opened_is_a_configuration_error(driver: type[Logger], tmp_path: Path) -> None:
    logger = driver(LoggerOptions(filename=str(tmp_path / "missing" / "worker.log")))
    with pytest.raises(ConfigurationError, match=r"worker\.log' cannot be opened: No such file"):
        logger.install()
    logger.uninstall()


def test_without_a_stream_it_writes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    logger = TextLogger(LoggerOptions())
    logger.install()
    log.info("to standard error")
    logger.uninstall()
    assert "to standard error" in capsys.readouterr().err


# json


def test_a_line_is_an_object_with_these_fields(structured: JsonLogger) -> None:
    structured.bind("shop.pay", "0199-ab")
    log.warning("paid %d", 7)
    line = json.loads(written(structured))
    assert abs(time.time() - datetime.fromisoformat(line.pop("time")).timestamp()) < 60
    assert line == {
        "level": "WARNING",
        "logger": "celeriac.task.shop",
        "message": "paid 7",
        "task": "shop.pay",
        "task_id": "0199-ab",
        "pid": os.getpid(),
    }


def test_time_is_utc(structured: JsonLogger) -> None:
    log.info("x")
    assert re.search(r'"time": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"', written(structured))


def test_an_exception_and_a_stack_are_fields(structured: JsonLogger) -> None:
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("it failed", stack_info=True)
    line = json.loads(written(structured))
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: boom")
    assert line["stack"].startswith("Stack")


def test_plain_extra_values_are_fields_and_others_are_left_out(structured: JsonLogger) -> None:
    plain = {"order": 7, "sum": 1.5, "paid": True, "note": None, "tags": ["a", {"b": (1, 2)}], "large": 2**80}
    others = {"thing": object(), "nan": float("nan"), "keys": {1: 2}, "raw": b"x", "inner": [set()]}
    loop: list[object] = []
    loop.append(loop)
    log.info("x", extra={**plain, **others, "loop": loop, "task": "not the task", "time": 1})
    line = json.loads(written(structured))
    assert {name: line[name] for name in plain} == {**plain, "tags": ["a", {"b": [1, 2]}]}
    assert not (others.keys() | {"loop"}) & line.keys()
    assert (line["extra_task"], line["extra_time"]) == ("not the task", 1)


def test_any_text_can_be_written_to_any_stream() -> None:
    """No fixture: pytest would catch the line as well, and could not send it from one process to another."""
    for structured in installed(JsonLogger(LoggerOptions(stream=io.StringIO()))):
        log.info("lone surrogate \udc80, separators \u2028 \x85, %s", "ü")
        assert written(structured).isascii()
        assert json.loads(written(structured))["message"] == "lone surrogate \udc80, separators \u2028 \x85, ü"
