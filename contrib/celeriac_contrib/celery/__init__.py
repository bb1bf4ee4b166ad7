"""Celery's public modules and names on Celeriac.

``import celeriac_contrib.celery.install`` puts this package in front of the name ``celery``; then a project that says
``from celery import Celery, shared_task`` runs on Celeriac unchanged. The package can be imported by its own name too.
docs/coming-from-celery.md says what is here, what is not, and why.
"""

from __future__ import annotations

from typing import NamedTuple

from celeriac_contrib.celery.finder import find_modules_of_the_tree
from celeriac_contrib.celery.lazy import lazily


class version_info_t(NamedTuple):
    """The parts of a version."""

    major: int
    minor: int
    micro: int
    releaselevel: str
    serial: str


__version__ = VERSION = "5.7.0"
"""The version of Celery whose names these are; third parties compare with it."""

SERIES = "celeriac"
VERSION_BANNER = f"{VERSION} ({SERIES})"
version_info = version_info_t(5, 7, 0, "", "")

__all__ = (
    "Celery",
    "bugreport",
    "shared_task",
    "Task",
    "current_app",
    "current_task",
    "maybe_signature",
    "chain",
    "chord",
    "chunks",
    "group",
    "signature",
    "subtask",
    "xmap",
    "xstarmap",
    "uuid",
)


def maybe_patch_concurrency(*_args: object, **_options: object) -> None:
    """Nothing: the pools here need no patching."""


find_modules_of_the_tree()
_, __getattr__ = lazily(__name__)
