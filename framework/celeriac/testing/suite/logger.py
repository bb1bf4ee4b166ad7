"""The clauses of the contract of a logger (`celeriac.specs.logger`)."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from celeriac.specs.logger import CAPABILITIES, ROOT, Logger, LoggerOptions


class LoggerSuite:
    """Prove a logger.

    ::

        class TestShelf(LoggerSuite):
            driver = ShelfLogger
    """

    driver: ClassVar[type[Logger]]

    def make(self, **options: Any) -> Logger:
        """Make a logger; override when yours needs more. `options` are fields of LoggerOptions."""
        return self.driver(LoggerOptions(**options))

    @pytest.fixture(autouse=True)
    def _quiet(self) -> Iterator[None]:
        """Whatever a clause does to loggers ends with it."""
        known = [(name, _state(name), logging.getLogger(name).handlers[:]) for name in (ROOT, None)]
        yield
        for name, (_, level, propagate), handlers in known:
            logger = logging.getLogger(name)
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)

    @pytest.fixture
    def stream(self) -> io.StringIO:
        return io.StringIO()

    @pytest.fixture
    def logger(self, stream: io.StringIO) -> Iterator[Logger]:
        """An installed logger that writes to `stream`."""
        made = self.make(stream=stream)
        made.install()
        yield made
        made.bind(None, None)
        made.uninstall()

    def needs(self, capability: str) -> None:
        if capability not in self.driver.capabilities:
            pytest.skip(f"{self.driver.__name__} does not declare {capability!r}")

    # what it says of itself

    def test_it_declares_known_capabilities_and_this_version_of_the_contract(self) -> None:
        assert self.driver.capabilities <= CAPABILITIES.keys()
        assert self.driver.api == Logger.api
        assert issubclass(self.driver, Logger)

    # install and uninstall

    def test_nothing_changes_when_it_is_made(self, stream: io.StringIO, tmp_path: Path) -> None:
        before = _state(ROOT)
        self.make(stream=stream)
        self.make(filename=str(tmp_path / "log"))
        assert _state(ROOT) == before
        assert list(tmp_path.iterdir()) == []

    def test_installed_it_writes_what_is_logged_from_its_level_up(self, stream: io.StringIO) -> None:
        logger = self.make(stream=stream, level=logging.WARNING)
        logger.install()
        for name in (ROOT, f"{ROOT}.worker", f"{ROOT}.task.shop.pay"):
            logging.getLogger(name).info("too low in %s", name)
            logging.getLogger(name).warning("high enough in %s", name)
        logger.uninstall()
        assert "too low" not in stream.getvalue()
        assert stream.getvalue().count("high enough in celeriac") == 3
        assert "high enough in celeriac.task.shop.pay" in stream.getvalue()

    def test_install_again_changes_nothing(self, logger: Logger, stream: io.StringIO) -> None:
        before = _state(ROOT)
        logger.install()
        assert _state(ROOT) == before
        logging.getLogger(ROOT).info("once")
        assert stream.getvalue().count("once") == 1

    def test_the_root_logger_is_never_touched(self, stream: io.StringIO) -> None:
        seen = io.StringIO()
        logging.getLogger().addHandler(logging.StreamHandler(seen))
        before, others = _state(None), _state("another.library")
        logger = self.make(stream=stream, level=logging.DEBUG)
        logger.install()
        assert _state(None) == before
        logging.getLogger(ROOT).error("ours")
        logging.getLogger("another.library").error("theirs")
        logger.uninstall()
        assert (_state(None), _state("another.library")) == (before, others)
        assert "ours" not in seen.getvalue(), "records went on to the root logger"
        assert "theirs" in seen.getvalue()
        assert "theirs" not in stream.getvalue()

    @pytest.mark.parametrize(("level", "propagate"), [(logging.NOTSET, True), (logging.ERROR, False)])
    def test_uninstall_puts_back_what_install_found(self, stream: io.StringIO, level: int, propagate: bool) -> None:
        root = logging.getLogger(ROOT)
        root.setLevel(level)
        root.propagate = propagate
        root.addHandler(logging.NullHandler())
        before = _state(ROOT)
        logger = self.make(stream=stream)
        logger.uninstall()
        logger.install()
        assert _state(ROOT) != before
        logger.uninstall()
        logger.uninstall()
        assert _state(ROOT) == before
        root.error("after the end")
        assert stream.getvalue() == ""

    def test_installed_a_second_time_it_works_again(self, logger: Logger, stream: io.StringIO) -> None:
        logger.uninstall()
        logger.install()
        logging.getLogger(ROOT).info("again")
        assert stream.getvalue().count("again") == 1

    # lines

    @pytest.mark.usefixtures("logger")
    @pytest.mark.parametrize("text", ["plain", "Zürich", "日本語", "100 %"])
    def test_a_message_is_written_with_its_arguments(self, stream: io.StringIO, text: str) -> None:
        logging.getLogger(ROOT).info("got %s, %d", text, 42)
        line = stream.getvalue().encode().decode("unicode_escape" if "\\u" in stream.getvalue() else "utf-8")
        assert f"got {text}, 42" in line

    @pytest.mark.usefixtures("logger")
    def test_an_exception_is_written_with_its_traceback(self, stream: io.StringIO) -> None:
        try:
            raise ValueError("boom")
        except ValueError:
            logging.getLogger(ROOT).exception("it failed")
        assert "it failed" in stream.getvalue()
        assert "ValueError: boom" in stream.getvalue()
        assert "test_an_exception_is_written_with_its_traceback" in stream.getvalue()

    @pytest.mark.usefixtures("logger")
    def test_without_a_terminal_there_is_no_colour(self, stream: io.StringIO) -> None:
        logging.getLogger(ROOT).error("an error")
        assert "\x1b" not in stream.getvalue()

    @pytest.mark.usefixtures("logger")
    def test_one_record_is_one_line(self, stream: io.StringIO) -> None:
        self.needs("structured")
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logging.getLogger(ROOT).exception("two\nlines\u2028and\rmore", stack_info=True)
        logging.getLogger(ROOT).info("one")
        assert len(stream.getvalue().splitlines()) == 2

    # files

    def test_a_file_is_appended_to(self, tmp_path: Path) -> None:
        file = tmp_path / "worker.log"
        for text in ("first", "second Zürich"):
            logger = self.make(filename=str(file))
            logger.install()
            logging.getLogger(ROOT).info(text)
            logger.uninstall()
        first, second = file.read_text("utf-8").splitlines()
        assert "first" in first
        assert "second" in second

    def test_a_file_may_be_renamed_under_it(self, tmp_path: Path) -> None:
        file = tmp_path / "worker.log"
        logger = self.make(filename=str(file))
        logger.install()
        logging.getLogger(ROOT).info("before")
        file.rename(tmp_path / "worker.log.1")
        logging.getLogger(ROOT).info("after")
        logger.uninstall()
        assert "after" in file.read_text("utf-8")
        assert "after" not in (tmp_path / "worker.log.1").read_text("utf-8")

    # the task

    def test_a_bound_task_is_in_the_line_until_it_is_taken_off(self, logger: Logger, stream: io.StringIO) -> None:
        log = logging.getLogger(f"{ROOT}.task.shop")
        for step in (("shop.pay", "id-1"), ("shop.ship", "id-2"), (None, None)):
            logger.bind(*step)
            log.info("hello")
        first, second, third = stream.getvalue().splitlines()
        assert "shop.pay" in first
        assert "id-1" in first
        assert "shop.ship" in second
        assert "id-2" in second
        assert "id-1" not in second
        assert "shop." not in third
        assert "id-" not in third

    def test_each_thread_has_its_own_task(self, logger: Logger, stream: io.StringIO) -> None:
        gate = threading.Barrier(4)

        def run(number: int) -> None:
            logger.bind("shop.pay", f"id-{number}")
            gate.wait(20)
            logging.getLogger(ROOT).info("from %d.", number)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        logging.getLogger(ROOT).info("from none.")
        *lines, last = stream.getvalue().splitlines()
        assert [f"id-{number}" in line for line in lines for number in range(4) if f"from {number}." in line] == [
            True
        ] * 4
        assert "id-" not in last

    def test_each_coroutine_has_its_own_task(self, logger: Logger, stream: io.StringIO) -> None:
        async def run(number: int, gate: asyncio.Barrier) -> None:
            logger.bind("shop.pay", f"id-{number}")
            await gate.wait()
            logging.getLogger(ROOT).info("from %d.", number)

        async def main() -> None:
            gate = asyncio.Barrier(4)
            await asyncio.gather(*(run(number, gate) for number in range(4)))

        asyncio.run(main())
        lines = stream.getvalue().splitlines()
        assert [f"id-{number}" in line for line in lines for number in range(4) if f"from {number}." in line] == [
            True
        ] * 4


def _state(name: str | None) -> tuple[list[logging.Handler], int, bool]:
    """What could be configured of a logger."""
    logger = logging.getLogger(name)
    return logger.handlers[:], logger.level, logger.propagate
