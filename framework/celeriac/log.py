"""Loggers for tasks."""

from __future__ import annotations

import logging


def get_task_logger(name: str) -> logging.Logger:
    """A logger whose records carry the name and id of the task that writes them."""
    return logging.getLogger(f"celeriac.task.{name}")
