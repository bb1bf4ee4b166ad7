"""Many processes for little: one that has imported everything forks them, and kills them on demand."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Self

_PARENT = """
import os, signal, sys

children = {}

def start(number):
    read, write = os.pipe()
    children[number] = os.fork()
    if children[number] == 0:
        os.close(read)
        child(number, lambda: os.write(write, b"."))
        os._exit(0)
    os.close(write)
    return read

def up(pipe):
    os.read(pipe, 1)
    os.close(pipe)

def kill(number):
    os.kill(children[number], signal.SIGKILL)
    os.waitpid(children.pop(number), 0)

for line in sys.stdin:
    verb, *words = line.split()
    numbers = range(*map(int, words))
    if verb == "start":
        for pipe in [start(number) for number in numbers]:
            up(pipe)
    else:
        for number in numbers:
            kill(number)
    print("done", flush=True)
for number in list(children):
    kill(number)
"""


class Family:
    """`code` defines ``child(number, ready)``: what the child of that number does, and when it is `ready`. ``argv`` are
    the arguments. Leaves no process behind."""

    def __init__(self, code: str, *arguments: str, patience: float = 60.0) -> None:
        script = f"import sys\nsys.path[:] = {sys.path!r}\nargv = sys.argv[1:]\n{code}\n{_PARENT}"
        self._process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._watch = threading.Timer(patience, self._process.kill)
        self._watch.start()

    def start(self, first: int, end: int) -> None:
        """Fork the children from `first` to before `end`; returns when all are ready."""
        self._order(f"start {first} {end}")

    def kill(self, first: int, end: int) -> None:
        """SIGKILL; returns when they are gone."""
        self._order(f"kill {first} {end}")

    def _order(self, order: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer == "done\n", f"{order}: {answer!r}, and the parent has ended: {self._process.poll()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.cancel()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
