"""Every public name of Celery is in the face or in the list of what is not, with a reason."""

from __future__ import annotations

import importlib
from importlib.metadata import version

import pytest

from celeriac_contrib.celery import inventory
from celeriac_contrib.celery.absent import NotInTheFace
from celeriac_contrib.celery.missing import NAMES

ROWS = list(inventory.compared())


def test_the_names_are_those_of_the_installed_celery() -> None:
    written = inventory.written_down()
    if version("celery") != written["version"]:
        pytest.skip(f"Celery {version('celery')} is installed, the names are those of {written['version']}")
    assert inventory.document() == written, "run python -m celeriac_contrib.celery.inventory"


def test_what_is_not_here_has_a_reason() -> None:
    assert [(row.module, row.name) for row in ROWS if not row.is_here and not row.reason] == []


def test_what_is_here_is_not_in_the_list_of_what_is_not() -> None:
    here = {f"{row.module}:{row.name}" for row in ROWS if row.is_here}
    assert here & set(NAMES) == set()


def test_the_list_names_nothing_that_celery_has_not() -> None:
    known = {f"{row.module}:{row.name}" for row in ROWS}
    assert {name for name in NAMES if not name.endswith(":*")} - known == set()


def test_a_name_that_is_not_here_says_what_to_use_instead() -> None:
    with pytest.raises(NotInTheFace, match=r"celery\.schedules\.crontab_parser is not here: celery\.schedules"):
        importlib.import_module("celeriac_contrib.celery.schedules").crontab_parser  # noqa: B018


def test_a_module_that_is_not_here_says_what_to_use_instead() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"celery\.bootsteps: the worker has no bootsteps; hooks"):
        importlib.import_module("celeriac_contrib.celery.bootsteps")


def test_an_attribute_that_nobody_has_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        importlib.import_module("celeriac_contrib.celery.schedules").crontabs  # noqa: B018
