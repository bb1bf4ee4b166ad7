"""The app of these tests, on a queue of the test's own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

HERE = str(Path(__file__).parent)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setenv("SHOP_PLACE", str(tmp_path))
    monkeypatch.syspath_prepend(HERE)
    sys.modules.pop("shop", None)
    module = importlib.import_module("shop")
    yield module
    module.app.close()
    sys.modules.pop("shop", None)


@pytest.fixture
def diary(tmp_path: Path) -> object:
    def read() -> list[str]:
        path = tmp_path / "diary"
        return path.read_text().splitlines() if path.exists() else []

    return read
