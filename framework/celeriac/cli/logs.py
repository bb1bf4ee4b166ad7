"""The log of a worker or beat: the driver that the settings name, and which task each record belongs to."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from celeriac.context import current
from celeriac.drivers import make_logger
from celeriac.specs.logger import ROOT, LoggerOptions

if TYPE_CHECKING:
    from celeriac.cli.session import Session
    from celeriac.specs.logger import Logger


class TaskOfRecord(logging.Filter):
    """Tells the driver whose record comes, when it comes: a task that logs nothing pays nothing."""

    def __init__(self, driver: Logger) -> None:
        super().__init__()
        self._driver = driver

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        context = current.get()
        if context is None:
            self._driver.bind(None, None)
        else:
            self._driver.bind(context.task, context.id)
        return True


@contextmanager
def logging_to(session: Session, level: int | None) -> Iterator[Logger]:
    """The logger of the app's settings, installed; `level` wins over the setting.

    Raises:
        ConfigurationError: there is no such logger, or its file cannot be opened.
    """
    app = session.app
    conf = app.conf
    if level is None:
        level = logging.getLevelNamesMapping()[conf.worker_log_level.upper()]
    color = False if session.no_color else conf.worker_log_color
    driver = make_logger(app, conf.worker_logger, LoggerOptions(level, None, conf.worker_log_file, color))
    driver.install()
    task_of_record = TaskOfRecord(driver)
    handlers = list(logging.getLogger(ROOT).handlers)
    for handler in handlers:
        handler.addFilter(task_of_record)
    try:
        yield driver
    finally:
        for handler in handlers:
            handler.removeFilter(task_of_record)
        driver.uninstall()
