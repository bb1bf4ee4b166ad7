"""The built-in result backends: what every backend promises, and what is their own."""

from __future__ import annotations

import gc
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from celeriac.errors import BackendDown, ConfigurationError
from celeriac.specs.backend import BackendOptions, Record
from celeriac.states import FAILURE, SUCCESS
from celeriac.testing import ManualClock
from celeriac.testing.suite import BackendSuite
from celeriac_plugins._shared.files import safe_name
from celeriac_plugins.backends.filesystem import FilesystemBackend
from celeriac_plugins.backends.memory import MemoryBackend


class TestMemory(BackendSuite):
    driver = MemoryBackend
    url = "memory://{path}"


class TestFilesystem(BackendSuite):
    driver = FilesystemBackend
    url = "filesystem://{path}/results"
    option = "poll"


# memory


def memory(url: str) -> MemoryBackend:
    return MemoryBackend(BackendOptions(url))


def test_memory_is_shared_by_url() -> None:
    one, same, other = memory("memory://a"), memory("memory://a"), memory("memory://b")
    one.store([Record("a", SUCCESS, b"1")])
    assert same.wait(["a"], None).keys() == {"a"}
    assert other.fetch(["a"]) == {}


def test_memory_is_gone_with_the_last_backend_that_is_open() -> None:
    one, two = memory("memory://c"), memory("memory://c")
    one.store([Record("a", SUCCESS, b"1")])
    assert two.fetch(["a"]).keys() == {"a"}
    one.close()
    gc.collect()
    assert memory("memory://c").fetch(["a"]).keys() == {"a"}
    two.close()
    gc.collect()
    assert memory("memory://c").fetch(["a"]) == {}


# filesystem


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make(tmp_path: Path, clock: ManualClock) -> Callable[[], FilesystemBackend]:
    return lambda: FilesystemBackend(BackendOptions(f"filesystem://{tmp_path}/results", expires=100, clock=clock))


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_each_record_is_a_file_in_a_folder_by_the_end_of_its_id(
    make: Callable[[], FilesystemBackend], tmp_path: Path
) -> None:
    make().store([Record("0199-ab", SUCCESS, b""), Record("0199-cd", SUCCESS, b""), Record("x/../Y", SUCCESS, b"")])
    assert files(tmp_path / "results") == {
        "lock",
        "records/ab/0199-ab",
        "records/cd/0199-cd",
        "records/59/x%2f%2e%2e%2f%59",
    }


def test_file_names_are_safe_and_different_whatever_the_text() -> None:
    texts = ["", "a", "A", "%41", "%", "%%", "..", "a/b", "a\\b", "\0", "ü", "u\u0308", "\udc80", "x" * 180, "x" * 181]
    names = [safe_name(text) for text in texts]
    assert len({name.lower() for name in names}) == len(texts)
    assert all(name.isascii() and not set(name) & set("/\\.\0") and 0 < len(name) <= 200 for name in names)


@pytest.mark.parametrize("damage", [b"", b"\x92", b"\xff" * 50, b"{}"])
def test_a_damaged_record_is_absent_and_can_be_stored_anew(
    make: Callable[[], FilesystemBackend], tmp_path: Path, damage: bytes
) -> None:
    backend = make()
    backend.store([Record("id", SUCCESS, b"1"), Record("other", SUCCESS, b"1")])
    (tmp_path / "results/records/id/id").write_bytes(damage)
    assert backend.fetch(["id", "other"]).keys() == {"other"}
    backend.store([Record("id", FAILURE, b"2")])
    assert backend.fetch(["id"]) == {"id": Record("id", FAILURE, b"2")}


def test_what_a_dead_writer_left_half_done_does_no_harm(make: Callable[[], FilesystemBackend], tmp_path: Path) -> None:
    backend = make()
    backend.join_open("g", 3, b"body")
    backend.join_arrive("g", ["a"], 10)
    (tmp_path / "results/temporary").write_bytes(b"half a rec")
    (tmp_path / "results/joins/temporary").write_bytes(b"half a bo")
    with (tmp_path / "results/joins/groups/g/g.tally").open("ab") as tally:
        tally.write(b"half a member")
    backend.store([Record("a", SUCCESS, b"1")])
    assert backend.fetch(["a"]).keys() == {"a"}
    assert backend.join_arrive("g", ["b"], 10) is None
    assert backend.join_arrive("g", ["b"], 10) is None
    assert backend.join_arrive("g", ["c"], 10) == b"body"


def test_sweep_leaves_no_file_behind(make: Callable[[], FilesystemBackend], tmp_path: Path, clock: ManualClock) -> None:
    backend = make()
    backend.store([Record("a", SUCCESS, b"1")])
    for group in ("open", "claimed", "closed"):
        backend.join_open(group, 1, b"body")
    for group in ("claimed", "closed"):
        backend.join_arrive(group, ["a"], 10)
    backend.join_close("closed")
    (tmp_path / "results/joins/groups/en/body-only.body").write_bytes(b"its opener died")
    clock.advance(101)
    assert backend.sweep() == 1
    assert files(tmp_path / "results") <= {"lock", "temporary", "joins/lock", "joins/temporary"}


def test_an_arrival_in_a_large_group_writes_little(make: Callable[[], FilesystemBackend], tmp_path: Path) -> None:
    backend = make()
    backend.join_open("g", 2000, bytes(100_000))
    for number in range(1999):
        assert backend.join_arrive("g", [f"m{number}"], 10) is None
    assert (tmp_path / "results/joins/groups/g/g.tally").stat().st_size == 32 + 16 * 1999
    assert backend.join_arrive("g", ["m1999"], 10) == bytes(100_000)


def test_a_folder_that_cannot_be_used_is_a_backend_that_is_down(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    backend = FilesystemBackend(BackendOptions(f"filesystem://{tmp_path}/file/results"))
    for call in (
        lambda: backend.store([Record("a", SUCCESS, b"")]),
        lambda: backend.fetch(["a"]),
        lambda: backend.forget(["a"]),
        lambda: backend.join_open("g", 1, b""),
    ):
        with pytest.raises(BackendDown, match=r"file/results' cannot be reached: Not a directory; check") as caught:
            call()
        assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("url", ["filesystem://", "filesystem"])
def test_a_url_without_a_folder_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no folder; write 'filesystem:///an/absolute/folder'"):
        FilesystemBackend(BackendOptions(url))


@pytest.mark.parametrize("poll", [0, -1, "fast", True, float("nan")])
def test_the_time_between_two_looks_is_checked(poll: object) -> None:
    with pytest.raises(ConfigurationError, match="'poll' takes a number of seconds over 0"):
        FilesystemBackend(BackendOptions("filesystem:///nowhere", extra={"poll": poll}))


def test_a_url_may_hold_escapes(tmp_path: Path) -> None:
    FilesystemBackend(BackendOptions(f"filesystem://{tmp_path}/my%20results")).store([Record("a", SUCCESS, b"")])
    assert (tmp_path / "my results").is_dir()


WRITER = """
import sys
from celeriac.specs.backend import BackendOptions, Record
from celeriac_plugins.backends.filesystem import FilesystemBackend
backend = FilesystemBackend(BackendOptions(sys.argv[1]))
number = int(sys.argv[2])
while True:
    backend.store([Record(f"id-{number}", "STARTED", b"x" * 5000)])
    backend.store([Record(f"id-{number}", "SUCCESS", b"%d" % number)])
    print(number, flush=True)
    number += 1
"""


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_had_stored(tmp_path: Path) -> None:
    url = f"filesystem://{tmp_path}"
    stored: list[int] = []
    for round_ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(round_ * 100_000)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            stored += [int(process.stdout.readline()) for _ in range(random.randint(1, 60))]
            process.send_signal(signal.SIGKILL)
            rest, _ = process.communicate()
            stored += [int(line) for line in rest.splitlines()]
    found = FilesystemBackend(BackendOptions(url)).fetch([f"id-{number}" for number in stored])
    assert [found[f"id-{number}"].payload for number in stored] == [b"%d" % number for number in stored]
