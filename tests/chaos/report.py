"""The table of docs/reliability.md."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from chaos.cycle import Outcome

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_BEGIN = "<!-- results: written by make chaos, not by hand -->"
_END = "<!-- end of results -->"
_TITLES = (
    "broker", "pool", "fault", "cycles", "published", "unknown", "executed", "dead", "lost", "doubles",
    "slowest start s", "slowest publish s",
)  # fmt: skip


def render(outcomes: Sequence[Outcome], command: str, commits: Mapping[str, int]) -> str:
    """Markdown: on what, the table, and what was not as promised. `commits` tells how many cycles each has run."""
    total = sum(outcome.cycles for outcome in outcomes)
    about = [
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}: {total:,} cycles.",
        "Commit " + ", ".join(f"{commit} ({cycles:,} cycles)" for commit, cycles in commits.items()) + ".",
        f"{_processor()}, {os.cpu_count()} cores, {round(psutil.virtual_memory().total / 2**30)} GiB.",
        f"{platform.system()} {platform.release()}; {platform.python_implementation()} {platform.python_version()}.",
    ]
    parts = ["\n".join(f"- {line}" for line in about), _table([list(_TITLES), *map(_line, outcomes)])]
    problems = [f"- {each.combination}: {line}" for each in outcomes for line in map(_first_line, each.problems)]
    parts.append("Not as promised:\n\n" + "\n".join(problems) if problems else "Nothing was not as promised.")
    return "\n\n".join(parts)


def rewrite(text: str, page: Path = PAGE) -> None:
    """Put `text` between the page's two markers.

    Raises:
        ValueError: the page does not have both, in this order.
    """
    whole = page.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page.name} has no place for results; it needs the lines {_BEGIN!r} and {_END!r}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def _line(outcome: Outcome) -> list[str]:
    it = outcome.combination
    counted = (outcome.cycles, outcome.published, outcome.unknown, outcome.executed, outcome.dead, outcome.lost,
               outcome.doubles)  # fmt: skip
    spans = (outcome.slowest_start, outcome.slowest_publish)
    return [it.broker, it.pool, it.fault, *(f"{number:,}" for number in counted), *(f"{span:.2f}" for span in spans)]


def _table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width if number < 3 else "-" * (width - 1) + ":" for number, width in enumerate(widths)]

    def write(line: Sequence[str]) -> str:
        cells = (
            text.ljust(width) if number < 3 else text.rjust(width)
            for number, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        return f"| {' | '.join(cells)} |"

    return "\n".join([write(lines[0]), f"| {' | '.join(rule)} |", *map(write, lines[1:])])


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
