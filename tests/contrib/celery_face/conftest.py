"""An app of Celery's face, by the package's own name: Celery itself may be loaded in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from celeriac.ids import new_id
from celeriac_contrib.celery import _state


@pytest.fixture
def app() -> Iterator[Any]:
    """With a queue and results in memory; afterwards nobody means it any more."""
    from celeriac_contrib.celery import Celery

    space = f"memory://face-{new_id()}"
    with _state.kept():
        with Celery("proj", broker=space, backend=space) as app:
            yield app
