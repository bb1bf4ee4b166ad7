from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from celeriac.errors import ConfigurationError, TransportCorrupt, TransportDown
from celeriac.message import UNREADABLE, Delivery, Message, Publication
from celeriac.specs.transport import QueueCounts, TransportOptions
from celeriac.testing import ManualClock
from celeriac.testing.suite import TransportSuite
from celeriac.testing.suite.another_process import AnotherProcess
from celeriac.testing.suite.transport.background import Background
from celeriac_plugins.transports.filesystem import FilesystemTransport, listing
from celeriac_plugins.transports.filesystem.listing import Changes, Listing
from celeriac_plugins.transports.filesystem.names import READY, Name, micros


class TestFilesystem(TransportSuite):
    driver = FilesystemTransport
    url = "filesystem://{path}/spool"
    unreachable = "filesystem://{file}/spool"
    option = "fsync"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def transport(spool: Path) -> Iterator[FilesystemTransport]:
    transport = make(spool)
    yield transport
    transport.close()


def make(spool: Path, **extra: Any) -> FilesystemTransport:
    return FilesystemTransport(TransportOptions(f"filesystem://{spool}", clock=ManualClock(), extra=extra))


def send(transport: FilesystemTransport, *names: str, queue: str = "q") -> None:
    transport.publish([Publication(queue, Message({"id": name}, {}, b"body")) for name in names], timeout=5)


def receive(transport: FilesystemTransport, limit: int = 100) -> list[Delivery]:
    return transport.receive(["q"], limit, timeout=0)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message.id for delivery in deliveries]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


class TestDamage:
    @pytest.mark.parametrize("content", [b"", b"\x95\x81", b"garbage", bytes(1000)], ids=repr)
    def test_a_damaged_message_is_handed_on_as_unreadable(
        self, transport: FilesystemTransport, spool: Path, content: bytes
    ) -> None:
        send(transport, "a", "b")
        sorted((spool / "queues/q/ready").iterdir())[0].write_bytes(content)
        broken, whole = receive(transport)
        assert broken.message == Message({}, {}, content, UNREADABLE, "binary")
        assert whole.message.id == "b"
        transport.dead_letter([(broken, "unreadable", "")])
        assert transport.dead_letters()[0].message.body == content

    def test_a_message_that_was_cut_off_is_unreadable(self, transport: FilesystemTransport, spool: Path) -> None:
        send(transport, "a")
        (path,) = (spool / "queues/q/ready").iterdir()
        path.write_bytes(path.read_bytes()[:-3])
        assert receive(transport)[0].message.content_type == UNREADABLE

    def test_what_cannot_be_opened_is_handed_on_as_unreadable(
        self, transport: FilesystemTransport, spool: Path
    ) -> None:
        (name,) = _publish_and_remove(transport, spool)
        (spool / "queues/q/ready" / name).mkdir()
        (delivery,) = receive(transport)
        assert delivery.message.content_type == UNREADABLE
        assert b"cannot be read" in delivery.message.body

    def test_files_that_are_no_messages_are_left_alone(self, transport: FilesystemTransport, spool: Path) -> None:
        send(transport, "a")
        for folder in ("ready", "delayed", "held", "dead"):
            for name in ("README", ".DS_Store", "9.x.y.0", "9.1-a.0.0.tmp", "ü"):
                (spool / "queues/q" / folder / name).write_text("not ours")
        for folder in ("queues", "owners", "broadcasts", "staging"):
            (spool / folder / "README").write_text("not ours")
        assert transport.counts("q") == QueueCounts(ready=1)
        assert ids(receive(transport)) == ["a"]
        assert transport.dead_letters() == []
        assert transport.queues() == ["q"]

    def test_a_dead_letter_without_its_evidence_can_still_be_replayed(
        self, transport: FilesystemTransport, spool: Path
    ) -> None:
        send(transport, "a")
        transport.dead_letter([(each, "reason", "detail") for each in receive(transport)])
        (evidence,) = (spool / "queues/q/dead").glob("*.evidence")
        evidence.write_bytes(b"\x92\xa1")
        (letter,) = transport.dead_letters()
        assert "missing or damaged" in letter.reason
        assert transport.replay([letter.id]) == 1
        assert ids(receive(transport)) == ["a"]
        assert files(spool / "queues/q/dead") == []


def _publish_and_remove(transport: FilesystemTransport, spool: Path) -> list[str]:
    send(transport, "a")
    paths = list((spool / "queues/q/ready").iterdir())
    for path in paths:
        path.unlink()
    return [path.name for path in paths]


class TestFullAndForbidden:
    def test_nothing_is_published_when_the_disk_is_full(
        self, transport: FilesystemTransport, spool: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send(transport, "before")
        full = _failing(errno.ENOSPC, os.write, after=2)
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(TransportDown, match="No space left on device") as caught:
            send(transport, "a", "b", "c")
        assert isinstance(caught.value.__cause__, OSError)
        assert str(spool) in str(caught.value)
        monkeypatch.undo()
        assert files(spool / "staging") == []
        assert ids(receive(transport)) == ["before"]

    def test_messages_are_taken_back_when_one_of_the_batch_cannot_be_moved(
        self, transport: FilesystemTransport, spool: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send(transport, "before")
        monkeypatch.setattr(os, "rename", _failing(errno.EDQUOT, os.rename, after=2))
        with pytest.raises(TransportDown):
            send(transport, "a", "b", "c")
        monkeypatch.undo()
        assert files(spool / "staging") == []
        assert ids(receive(transport)) == ["before"]

    def test_a_broken_disk_is_corruption(self, transport: FilesystemTransport, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "fsync", _failing(errno.EIO, os.fsync, after=0))
        with pytest.raises(TransportCorrupt, match="check the disk"):
            send(transport, "a")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_we_may_not_write_is_down(self, transport: FilesystemTransport, spool: Path) -> None:
        send(transport, "a")
        for folder in ("staging", "queues/q/ready"):
            (spool / folder).chmod(0o500)
        try:
            with pytest.raises(TransportDown, match="Permission denied"):
                send(transport, "b")
            with pytest.raises(TransportDown, match="Permission denied"):
                receive(transport)
        finally:
            for folder in ("staging", "queues/q/ready"):
                (spool / folder).chmod(0o700)

    def test_a_publish_that_takes_too_long_publishes_nothing(self, transport: FilesystemTransport, spool: Path) -> None:
        send(transport, "before")
        with pytest.raises(TransportDown, match="within 0 s"):
            transport.publish([Publication("q", Message({"id": "late"}, {}, b""))], timeout=0)
        assert files(spool / "staging") == []
        assert ids(receive(transport)) == ["before"]


def _failing(number: int, call: Any, *, after: int) -> Any:
    """`call`, which after so many calls fails with this error."""
    calls = iter(range(after))

    def failing(*arguments: Any, **options: Any) -> Any:
        if next(calls, None) is None:
            raise OSError(number, os.strerror(number), "some file")
        return call(*arguments, **options)

    return failing


class TestSafety:
    def test_many_that_come_to_a_new_folder_at_once_all_find_it(self, tmp_path: Path) -> None:
        for number in range(40):
            transports = [make(tmp_path / str(number)) for _ in range(4)]
            gate = threading.Barrier(len(transports))

            def come(transport: FilesystemTransport, gate: threading.Barrier = gate) -> list[str]:
                gate.wait()
                return ids(receive(transport))

            arrivals = [Background(partial(come, transport)) for transport in transports]
            assert [each.result() for each in arrivals] == [[]] * len(transports)
            for transport in transports:
                transport.close()

    def test_with_fsync_the_message_and_its_folder_are_on_the_disk_before_publish_returns(
        self, transport: FilesystemTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send(transport, "a")
        synced: list[bool] = []
        fsync = os.fsync

        def watched(descriptor: int) -> None:
            synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", watched)
        send(transport, "b", "c")
        assert synced == [False, False, True], "each message, then their folder once"

    def test_without_fsync_nothing_waits_for_the_disk(self, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        transport = make(spool, fsync=0)
        monkeypatch.setattr(os, "fsync", _failing(errno.EIO, os.fsync, after=0))
        send(transport, "a")
        deliveries = receive(transport)
        assert ids(deliveries) == ["a"]
        transport.dead_letter([(deliveries[0], "r", "")])
        transport.close()

    def test_messages_are_for_our_user_only(self, transport: FilesystemTransport, spool: Path) -> None:
        send(transport, "a")
        assert stat.S_IMODE(spool.stat().st_mode) == 0o700

    def test_no_name_of_a_queue_or_a_topic_leads_out_of_the_folder(
        self, transport: FilesystemTransport, spool: Path, tmp_path: Path
    ) -> None:
        for name in ("../../out", "/out", "..", "a/../../out", "\x00", "CON", "q\n"):
            send(transport, "a", queue=name)
            transport.broadcast(name, b"")
        assert [path.name for path in tmp_path.iterdir()] == ["spool"]
        assert len(transport.queues()) == 7

    def test_what_a_dead_publisher_left_unfinished_is_removed_after_an_hour(
        self, transport: FilesystemTransport, spool: Path
    ) -> None:
        send(transport, "a")
        old, fresh = spool / "staging/old", spool / "staging/fresh"
        for path in (old, fresh):
            path.write_bytes(b"half a mess")
        os.utime(old, (1, 1))
        send(transport, "b", queue="another")
        assert files(spool / "staging") == [fresh]

    def test_a_queue_whose_folder_was_removed_is_made_again(self, transport: FilesystemTransport, spool: Path) -> None:
        send(transport, "a")
        shutil.rmtree(spool / "queues/q")
        assert receive(transport) == []
        send(transport, "b")
        assert ids(receive(transport)) == ["b"]

    def test_nothing_is_left_when_all_is_done(self, transport: FilesystemTransport, spool: Path) -> None:
        send(transport, "a", "b")
        transport.ack(receive(transport))
        transport.subscribe(["t"]).close()
        transport.close()
        assert files(spool) == [spool / "queues/q/name"]
        assert transport._subscriptions == []


class TestClaims:
    def test_a_message_that_another_took_first_is_passed_over(self, spool: Path) -> None:
        one, two = make(spool), make(spool)
        send(one, *"abcdef")
        assert ids(receive(one, 1)) == ["a"], "it has the list of all six now"
        assert ids(receive(two, 4)) == ["b", "c", "d", "e"]
        assert ids(receive(one)) == ["f"]
        one.close()
        two.close()

    def test_two_that_claim_at_once_share_the_messages(self, spool: Path) -> None:
        transports = [make(spool, fsync=0) for _ in range(4)]
        send(transports[0], *map(str, range(200)))
        received: list[list[str]] = [[] for _ in transports]
        together = threading.Barrier(len(transports))

        def drain(number: int) -> None:
            together.wait(10)
            while batch := receive(transports[number], 3):
                received[number] += ids(batch)

        threads = [threading.Thread(target=drain, args=(number,)) for number in range(len(transports))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(chain.from_iterable(received)) == sorted(map(str, range(200)))
        for transport in transports:
            transport.close()

    def test_a_forked_child_does_not_keep_its_dead_parent_alive(self, spool: Path, tmp_path: Path) -> None:
        here = FilesystemTransport(TransportOptions(f"filesystem://{spool}", lease=300.0))
        send(here, "a", "b")
        orphan = tmp_path / "orphan"
        orphan.touch()
        with AnotherProcess(TestFilesystem(), _FORK_AND_DIE, f"filesystem://{spool}", str(orphan)) as parent:
            held = json.loads(parent.hear())
            parent.end()
        back = here.receive(["q"], 9, timeout=30)
        orphan.unlink()
        assert (ids(back), [each.count for each in back]) == (held, [2, 2])
        here.close()


_FORK_AND_DIE = """
import json, os, signal, time
transport = suite.make(argv[0], lease=300.0)
held = transport.receive(["q"], 2, timeout=10)
if os.fork() == 0:
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    while os.path.exists(argv[1]):
        time.sleep(0.02)
    os._exit(0)
print(json.dumps([each.message.id for each in held]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


class TestListing:
    def name(self, number: int) -> str:
        return str(Name(9, f"{number:020}-{'a' * 12}", micros(1.0), 0))

    def test_a_list_is_used_up_before_it_is_made_anew(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [1000.0]
        listed: list[int] = []
        names_in = listing.names_in

        def slow(path: str, pattern: Any) -> list[str]:
            now[0] += 1.0  # so long it takes
            listed.append(1)
            return names_in(path, pattern)

        monkeypatch.setattr(listing, "names_in", slow)
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        for number in range(1, 4):
            (tmp_path / self.name(number)).touch()
        names = Listing(str(tmp_path), READY)
        names.refresh()
        assert names.pop() == self.name(1)
        (tmp_path / self.name(0)).touch()
        names.refresh()
        assert (names.first(), len(listed)) == (self.name(2), 1)
        now[0] += 20.0
        names.refresh()
        assert (names.first(), len(listed)) == (self.name(0), 2)

    def test_a_list_that_is_used_up_is_made_anew_when_the_folder_has_changed(self, tmp_path: Path) -> None:
        names = Listing(str(tmp_path), READY)
        names.refresh()
        assert names.pop() is None
        (tmp_path / self.name(1)).touch()
        names.refresh()
        assert names.pop() == self.name(1)

    def test_what_this_process_adds_is_in_its_place_at_once(self, tmp_path: Path) -> None:
        for number in (2, 4):
            (tmp_path / self.name(number)).touch()
        names = Listing(str(tmp_path), READY)
        names.refresh()
        names.add(self.name(3))
        names.add(self.name(1))
        assert [names.pop() for _ in range(4)] == [self.name(number) for number in (1, 2, 3, 4)]

    def test_who_only_publishes_keeps_no_list(self, tmp_path: Path) -> None:
        names = Listing(str(tmp_path), READY)
        names.refresh()
        for number in range(20_000):
            names.add(self.name(number))
        assert names.first() is None

    def test_a_change_is_seen_once_and_a_very_fresh_one_until_it_has_aged(self, tmp_path: Path) -> None:
        changes = Changes(str(tmp_path))
        assert [changes.seen() for _ in range(2)] == [True, True], "the next change may bear the same time"
        os.utime(tmp_path, ns=(1, 1))
        assert [changes.seen() for _ in range(3)] == [True, False, False]
        (tmp_path / "new").touch()
        assert changes.seen()


class TestOptions:
    @pytest.mark.parametrize("url", ["filesystem://", "filesystem:", "filesystem", "filesystem://?fsync=0"])
    def test_a_url_without_a_folder_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="filesystem:///absolute/path"):
            FilesystemTransport(TransportOptions(url))

    def test_a_relative_path_is_relative_to_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        transport = FilesystemTransport(TransportOptions("filesystem://some%20spool"))
        send(transport, "a")
        transport.close()
        assert (tmp_path / "some spool" / "queues").is_dir()

    @pytest.mark.parametrize("url", ["filesystem://{}?fsync=0", "filesystem://{}?fsync=false&poll=0.2"])
    def test_options_may_stand_in_the_url(self, spool: Path, url: str) -> None:
        assert FilesystemTransport(TransportOptions(url.format(spool)))._store.sync is False

    @pytest.mark.parametrize(
        "extra", [{"fsync": "maybe"}, {"fsync": 2}, {"poll": 0}, {"poll": "often"}, {"poll": float("inf")}], ids=repr
    )
    def test_a_value_that_makes_no_sense_is_refused(self, spool: Path, extra: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError, match=f"'{next(iter(extra))}'"):
            make(spool, **extra)
