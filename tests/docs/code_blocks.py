"""The code blocks of a page: found by their marks, and run as a reader would."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path
from typing import IO, Any

PATIENCE = 60.0
"""Seconds within which a command has ended, or a worker is ready."""

LANGUAGES = ("python", "pycon", "console", "toml")
"""What a reader may copy: each block says by a mark what is to be done with it."""

_BLOCK = re.compile(r"^```(\w+)[ ]?(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One code block. `mark` is what stands behind the language: ``run``, ``file=hello.py``, ``background`` …"""

    language: str
    mark: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        return self.mark.removeprefix("file=") if self.mark.startswith("file=") else None

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Of a console block: each command, and what it prints."""
        found = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", self.text, re.MULTILINE)
        return [(command, output) for command, output in found]


def blocks_of(page: Path) -> list[Block]:
    """All blocks in a language that a reader may copy."""
    text = page.read_text()
    found = [
        Block(match[1], match[2].strip(), match[3], text.count("\n", 0, match.start()) + 1)
        for match in _BLOCK.finditer(text)
    ]
    return [block for block in found if block.language in LANGUAGES]


def same(expected: str, got: str) -> bool:
    """As doctest compares; ``...`` stands for anything."""
    return OutputChecker().check_output(expected, got, ELLIPSIS | NORMALIZE_WHITESPACE)


@dataclass
class Reader:
    """Follows a page in a folder of its own. Workers that it starts are stopped at its end, and must stop well."""

    folder: Path
    workers: list[tuple[str, subprocess.Popen[str], Path]] = field(default_factory=list)
    session: subprocess.Popen[str] | None = None

    def follow(self, block: Block) -> None:
        if block.mark == "not-run":
            return
        if block.file:
            (self.folder / block.file).write_text(block.text)
        elif block.mark == "install":
            self._install()
        elif block.mark == "background":
            for command, _ in block.steps:
                self._start(command)
        elif block.language == "console":
            for command, expected in block.steps:
                self._command(command, expected)
        elif block.language == "pycon":
            self._talk(block.text)
        else:
            (self.folder / "block.py").write_text(block.text)
            self._command("python block.py", "")

    # commands

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("CELERY", "CELERIAC", "PYTEST"))
        }
        path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
        return {**kept, "PATH": path, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}

    def _command(self, command: str, expected: str) -> None:
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\nexit status {done.returncode}\n{done.stdout}{self._said()}"
        assert not expected or same(expected, done.stdout), f"$ {command}\n{done.stdout}\nis not what the page shows"

    def _start(self, command: str) -> None:
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                command.split(), cwd=self.folder, env=self.environment, stdout=file, stderr=file, text=True
            )
        self.workers.append((command, process, log))
        deadline = time.monotonic() + PATIENCE
        while "ready" not in log.read_text():
            assert process.poll() is None, f"$ {command}\n{log.read_text()}"
            assert time.monotonic() < deadline, f"$ {command}\nnot ready: {log.read_text()}"
            time.sleep(0.02)

    def _install(self) -> None:
        """What ``pip install .`` does to what Python can find, without an index or a build: the metadata, and its entry
        points, beside the modules."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        place = self.folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        place.mkdir()
        (place / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        lines: list[str] = []
        for group, entries in project["entry-points"].items():
            lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
        (place / "entry_points.txt").write_text("\n".join(lines) + "\n")

    # the interpreter

    def _talk(self, text: str) -> None:
        if self.session is None:
            self.session = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("session.py")],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        stdin, stdout = _pipes(self.session)
        stdin.write(json.dumps(text) + "\n")
        stdin.flush()
        answer: list[dict[str, Any]] = json.loads(stdout.readline() or "[]")
        assert answer, f"the interpreter has ended{self._said()}"
        for step in answer:
            shown = f">>> {step['source']}{step['got']}\nis not what the page shows:\n{step['want']}{self._said()}"
            assert same(step["want"], step["got"]), shown

    # the end

    def _said(self) -> str:
        return "".join(f"\n$ {command}\n{log.read_text()}" for command, _, log in self.workers)

    def close(self) -> None:
        if self.session is not None:
            stdin, stdout = _pipes(self.session)
            stdin.close()
            stdout.close()
            self.session.wait(PATIENCE)
        for command, process, log in self.workers:
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(PATIENCE) == 0, f"$ {command}\n{log.read_text()}"
            finally:
                process.kill()
                process.wait()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    reader = Reader(folder)
    try:
        yield reader
    finally:
        reader.close()
