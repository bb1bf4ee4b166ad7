"""What was not as promised is in the report, and the report finds its place in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.cycle import Combination, Outcome
from chaos.report import PAGE, render, rewrite


def test_a_problem_is_told_by_its_first_line() -> None:
    bad = Outcome(Combination("redis", "solo", "black-hole"), cycles=3, problems=["lost: 1\nand a long log"])

    text = render([bad], "make chaos", {"abc123": 3})

    assert "- redis-solo-black-hole: lost: 1" in text
    assert "long log" not in text
    assert "- Commit abc123 (3 cycles)." in text
    assert "| redis  | solo | black-hole |      3 |" in text


def test_it_replaces_what_stands_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())

    rewrite("first", page)
    rewrite("second", page)

    assert "second" in page.read_text()
    assert "first\n" not in page.read_text()


def test_a_page_without_the_marks_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here")

    with pytest.raises(ValueError, match="no place for results"):
        rewrite("text", page)
