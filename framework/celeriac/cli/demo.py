"""``celeriac demo``: the tour. Real files, several processes, a durable queue, and numbers that are checked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from celeriac.cli.demo_run import Report


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-c", "--concurrency", type=click.IntRange(1), help="Processes.  [default: one per core, at least 2]")
@click.option("--kill", is_flag=True, help="SIGKILL a child process and then the whole worker on the way.")
@click.option("--limit", type=click.IntRange(1), help="Survey no more than so many files.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of the display.")
def demo(folder: Path | None, concurrency: int | None, kill: bool, limit: int | None, as_json: bool) -> None:
    """Run the tour: survey the Python files of FOLDER on the embedded queue.

    One task per file hashes it and counts its lines and tokens; a chord joins them into a table. The numbers are
    checked against a plain count in one process. Without FOLDER, this Python's standard library is surveyed.
    """
    from celeriac.cli.demo_run import DemoFailed, python_files, run

    root, files = python_files(folder)
    files = files[:limit]
    if not files:
        raise DemoFailed(f"there are no Python files in {root}")
    processes = concurrency or max(os.cpu_count() or 1, 2)
    with tempfile.TemporaryDirectory(prefix="celeriac-demo-") as place:
        if as_json:
            import json

            report = run(files, root, Path(place), processes, kill, lambda _: None, lambda _: None)
            click.echo(json.dumps(report.as_dict()))
        else:
            _with_display(files, root, Path(place), processes, kill)


def _with_display(files: list[str], root: Path, place: Path, processes: int, kill: bool) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from celeriac.cli.demo_run import run

    console = Console()
    console.print(f"celeriac demo: {len(files)} files of {root}", highlight=False)
    columns = (
        TextColumn("  files done"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        bar = progress.add_task("", total=len(files), visible=console.is_terminal)

        def advance(done: int) -> None:
            progress.update(bar, completed=done)

        def step(text: str) -> None:
            progress.console.print(f"· {text}", highlight=False)

        report = run(files, root, place, processes, kill, step, advance)
    _show(console, report)


def _show(console: object, report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    assert isinstance(console, Console)
    table = Table(title="Summary, as the chord's body returned it", title_justify="left")
    table.add_column("package")
    for column in ("files", "bytes", "lines", "tokens"):
        table.add_column(column, justify="right")
    for row in report.packages[:12]:
        table.add_row(row["package"], *(f"{row[column]:,}" for column in ("files", "bytes", "lines", "tokens")))
    if len(report.packages) > 12:
        table.add_row(f"… {len(report.packages) - 12} more", "", "", "", "")
    table.add_section()
    table.add_row("all", f"{report.files:,}", f"{report.bytes:,}", f"{report.lines:,}", f"{report.tokens:,}")
    console.print(table)
    again = report.runs - report.files
    lines = [
        f"{report.files} files in {report.seconds:.2f} s on {report.processes} processes",
        f"{report.files_per_second:.0f} files/s, {report.bytes / report.seconds / 1e6:.1f} MB/s",
        f"round trip on the idle worker: p50 {report.round_trip_p50_ms:.2f} ms, p99 {report.round_trip_p99_ms:.2f} ms",
        *(f"killed on the way: {victim}" for victim in report.killed),
        f"{report.runs} runs for {report.files} files"
        + (f": {again} begun again after a kill, each counted once" if again else ": each file was run once"),
        "the numbers agree with the plain count in one process",
    ]
    for line in lines:
        console.print(line, highlight=False)
