"""The folder of a board: its sheet of marks, its locks, its sockets."""

from __future__ import annotations

import mmap
import os
import socket
from contextlib import suppress

from .board_seat import HAS_LOCKS, Seat, lock_file

_SEATS = 4096
_SUBJECT = 4  # bytes
_LONGEST_SOCKET_PATH = 100  # sockaddr_un holds 108 bytes on Linux, 104 elsewhere
_FILES_BY_DESCRIPTOR = "/proc/self/fd"


class Room:
    """The sheet holds a byte of kind for each seat (0: awake), then four bytes of subject for each."""

    def __init__(self, folder: str, mode: int) -> None:
        self._folder = folder
        self._mode = mode
        self._descriptor: int | None = None
        self._marks: mmap.mmap | bytearray = bytearray(_SEATS * (1 + _SUBJECT))
        self._usable = False
        self._bells = ""
        with suppress(OSError):
            self._open_sheet()
            self._usable = True
        self._horn: socket.socket | None = None
        with suppress(OSError, AttributeError):  # AttributeError: a system without such sockets
            self._horn = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._horn.setblocking(False)
            self._bells = self._bell_prefix()

    def _open_sheet(self) -> None:
        with suppress(FileExistsError):
            os.mkdir(self._folder)  # noqa: PTH102
            os.chmod(self._folder, self._mode | (self._mode & 0o444) >> 2)  # noqa: PTH101
        descriptor = self._open_file("bells")
        try:
            if os.fstat(descriptor).st_size < len(self._marks):
                os.ftruncate(descriptor, len(self._marks))
            self._marks = mmap.mmap(descriptor, len(self._marks))
        finally:
            os.close(descriptor)

    def _bell_prefix(self) -> str:
        """What stands before a seat's number in the path of its bell; empty where there can be none."""
        prefix = f"{self._folder}/bell-"
        if len(os.fsencode(prefix)) + len(str(_SEATS)) <= _LONGEST_SOCKET_PATH:
            return prefix
        if self._usable and os.path.isdir(_FILES_BY_DESCRIPTOR):  # noqa: PTH112
            self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
            return f"{_FILES_BY_DESCRIPTOR}/{self._descriptor}/bell-"
        return ""

    # the sheet

    def asleep(self) -> bytes | bytearray:
        return self._marks[:_SEATS]

    def subject(self, number: int) -> int:
        at = _SEATS + _SUBJECT * number
        return int.from_bytes(self._marks[at : at + _SUBJECT], "little")

    def mark(self, number: int, kind: int, subject: int) -> None:
        at = _SEATS + _SUBJECT * number
        self._marks[at : at + _SUBJECT] = subject.to_bytes(_SUBJECT, "little")
        self._marks[number] = kind

    def marked(self, number: int) -> int:
        return self._marks[number]

    def ring(self, number: int) -> bool:
        """Wake this seat unless another one has just done so; whether there was someone to hear it."""
        self._marks[number] = 0
        return self.call(number)

    def call(self, number: int) -> bool:
        """Wake this seat whatever its mark says."""
        if self._horn is None or number < 0:
            return False
        try:
            self._horn.sendto(b"\0", f"{self._bells}{number}")
        except BlockingIOError:  # it has rings enough to wake up
            return True
        except OSError:  # its peer has died
            return False
        return True

    # seats

    def sit(self) -> Seat:
        unique = os.urandom(6).hex()
        if self._usable and HAS_LOCKS:
            with suppress(OSError):
                return self._take_slot(unique)
        return Seat(-1, f"-:{unique}", self, None, None, "")

    def _take_slot(self, unique: str) -> Seat:
        for number in range(_SEATS):
            lock = self._open_file(f"slot-{number}")
            try:
                if lock_file(lock):
                    return self._furnish(number, f"{number}:{unique}", lock)
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)
        raise OSError("all seats are taken")

    def _furnish(self, number: int, name: str, lock: int) -> Seat:
        os.ftruncate(lock, 0)
        os.pwrite(lock, name.encode(), 0)
        self.mark(number, 0, 0)
        return Seat(number, name, self, lock, self._hang_bell(number), f"{self._bells}{number}")

    def _hang_bell(self, number: int) -> socket.socket | None:
        if not self._bells:
            return None
        path = f"{self._bells}{number}"
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            bell.setblocking(False)
            bell.bind(path)
            os.chmod(path, self._mode)  # noqa: PTH101
        except OSError:  # a file system without sockets
            bell.close()
            return None
        return bell

    def is_gone(self, name: str) -> bool:
        number = name.partition(":")[0]
        if not number.isdecimal() or not HAS_LOCKS:
            return False
        try:
            slot = os.open(f"{self._folder}/slot-{number}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return lock_file(slot, shared=True) or os.pread(slot, 80, 0) != name.encode()
        except OSError:
            return False
        finally:
            os.close(slot)

    def _open_file(self, name: str) -> int:
        """Open or make a file that is as accessible as the database itself."""
        path = f"{self._folder}/{name}"
        try:
            return os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, self._mode)
            with suppress(OSError):  # someone else's, made in between
                os.fchmod(descriptor, self._mode)
            return descriptor

    def close(self) -> None:
        """The sheet goes with its last user, who may be ringing now."""
        if self._horn is not None:
            self._horn.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
