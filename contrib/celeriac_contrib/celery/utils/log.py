"""Loggers."""

from __future__ import annotations

import logging
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = ("base_logger", "get_logger", "get_task_logger", "mlevel", "get_multiprocessing_logger", "LOG_LEVELS")

LOG_LEVELS: dict[Any, Any] = {**logging.getLevelNamesMapping(), "FATAL": logging.FATAL}
LOG_LEVELS.update({number: name for name, number in logging.getLevelNamesMapping().items()})

base_logger = logging.getLogger("celery")
base_logger.parent = logging.getLogger("celeriac")  # which the worker configures
task_logger = logging.getLogger("celery.task")
worker_logger = logging.getLogger("celery.worker")


def get_logger(name: Any) -> logging.Logger:
    """A logger; one whose root is the root logger becomes a child of ``celery``'s."""
    logger = logging.getLogger(name) if isinstance(name, str) else name
    if logger.parent is logging.root and logger is not base_logger:
        logger.parent = base_logger
    return logger


def get_task_logger(name: str) -> logging.Logger:
    """A logger for tasks: a child of ``celery.task``, which the worker configures with its own."""
    if name in ("celery", "celery.task"):
        raise RuntimeError(f"Logger name {name!r} is reserved!")
    logger = logging.getLogger(name)
    if logger.parent is logging.root:
        logger.parent = task_logger
    return logger


def mlevel(level: Any) -> int:
    """A level's number."""
    return level if level and isinstance(level, int) else int(LOG_LEVELS[str(level).upper()])


def get_multiprocessing_logger() -> logging.Logger:
    """The logger of multiprocessing."""
    import multiprocessing

    return multiprocessing.get_logger()


__getattr__ = absent(__name__)
