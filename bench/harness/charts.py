"""Bar charts as plain SVG: a bar a system, ours in a colour of its own, the bare loop as the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from harness.summary import Run, runs_of, spread
from systems.system import Entry

_WIDTH, _LABEL, _VALUE, _BAR, _GAP, _TOP = 760, 190, 90, 18, 6, 40
_COLOURS = {"celeriac": "#2f7d4f", "floor": "#b9b9b9"}
_OTHERS = "#6b86b3"
_TEXT = 'font-family="sans-serif" font-size="12" fill="#333"'


@dataclass(frozen=True)
class Chart:
    """A value of a row on one broker."""

    file: str
    title: str
    row: str
    results: bool
    broker: str
    value: str
    digits: int = 0


CHARTS = (
    Chart("throughput-redis", "Redis: tasks/s of one worker, results on", "W1", True, "redis", "rate"),
    Chart("throughput-rabbitmq", "RabbitMQ: tasks/s of one worker, results off", "W1", False, "rabbitmq", "rate"),
    Chart("throughput-sqlite", "SQLite: tasks/s of one worker, results on", "W1", True, "sqlite", "rate"),
    Chart("round-trip-redis", "Redis: median round trip, ms (less is better)", "W3", True, "redis", "p50", 2),
    Chart("round-trip-rabbitmq", "RabbitMQ: median round trip, ms (less is better)", "W3", True, "rabbitmq", "p50", 2),
)


def draw(runs: Sequence[Run], entries: Sequence[Entry], folder: Path) -> Mapping[str, Path]:
    """Write the charts that there are figures for; their files by title."""
    folder.mkdir(exist_ok=True)
    written = {}
    for chart in CHARTS:
        bars = _bars(chart, runs, entries)
        if bars:
            written[chart.title] = path = folder / f"{chart.file}.svg"
            path.write_text(svg(chart.title, bars, chart.digits), encoding="utf-8")
    return written


def _bars(chart: Chart, runs: Sequence[Run], entries: Sequence[Entry]) -> list[tuple[str, float]]:
    found = []
    for entry in entries:
        value = spread(runs_of(runs, chart.row, entry.name, chart.results), chart.value)
        if entry.broker == chart.broker and value:
            found.append((entry.system, value.middle))
    return sorted(found, key=lambda bar: bar[0] == "floor")


def svg(title: str, bars: Sequence[tuple[str, float]], digits: int) -> str:
    """Bars by name, as long as their values."""
    height, most = _TOP + len(bars) * (_BAR + _GAP), max(value for _, value in bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="8" y="22" font-weight="bold" {_TEXT}>{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(bars):
        y, length = _TOP + number * (_BAR + _GAP), (_WIDTH - _LABEL - _VALUE) * value / most
        colour, middle = _COLOURS.get(name.partition(":")[0], _OTHERS), y + _BAR - 5
        lines += [
            f'<text x="{_LABEL - 8}" y="{middle}" text-anchor="end" {_TEXT}>{escape(name)}</text>',
            f'<rect x="{_LABEL}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_LABEL + length + 6:.1f}" y="{middle}" {_TEXT}>{value:,.{digits}f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
