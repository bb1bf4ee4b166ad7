"""The generated part of the page on benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
CHARTS = PAGE.with_suffix("")
"""The folder of the charts."""
_BEGIN = "<!-- results: written by bench/run.py --write-docs, not by hand -->"
_END = "<!-- end of results -->"


def rewrite(text: str, charts: Mapping[str, Path], page: Path = PAGE) -> None:
    """Put the charts, by their titles, and `text` between the page's two markers.

    Raises:
        ValueError: the page does not have both, in this order.
    """
    whole = page.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page.name} has no place for results; it needs the lines {_BEGIN!r} and {_END!r}")
    images = "\n\n".join(f"![{title}]({path.relative_to(page.parent)})" for title, path in charts.items())
    page.write_text(f"{before}{begin}\n\n{images}\n\n{text}\n\n{end}{after}", encoding="utf-8")
