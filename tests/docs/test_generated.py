"""What the docs repeat of the code is what the code says now."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def load_generator() -> ModuleType:
    spec = spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generator = load_generator()


@pytest.mark.parametrize("page", [*generator.PAGES, *{name for name, _ in generator.TABLES}])
def test_a_generated_page_is_as_it_would_be_written_now(page: str) -> None:
    rendered = {path: text for path, text in generator.pages() if path == DOCS / page}
    for path, text in rendered.items():
        assert path.read_text() == text, f"{page} is out of date: run make docs"


def test_every_page_of_the_reference_is_generated() -> None:
    assert {f"reference/{path.name}" for path in (DOCS / "reference").glob("*.md")} == set(generator.PAGES)


def test_a_table_without_its_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="limits"):
        generator.with_table("no marks here", "limits", "| a |\n")
