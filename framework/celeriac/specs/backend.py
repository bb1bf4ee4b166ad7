"""The contract of a result backend: what became of tasks, and the counters of groups."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.clock import Clock, SystemClock
from celeriac.specs.driver import Driver

if TYPE_CHECKING:
    from celeriac.specs.transport import Transport

CAPABILITIES: Mapping[str, str] = {
    "durable": "results survive the end of every process",
    "processes": "several processes may use it at once",
    "multi-host": "several machines may use it at once",
    "shared": "whoever asks sees a result, not only the process that has called",
    "push": "a waiter is woken, it does not poll",
    "join": "counts the members of a group and claims its body once",
    "join-grow": "a member of a group that is counted may add others to it",
    "lock": "grants a name to one owner at a time, under a lease",
    "shared-join": "counts members that another system's workers have run, in this store, together with ours",
}


class Record(msgspec.Struct, array_like=True, gc=False):
    """The last known state of a task. `payload` is the encoded result document; the backend does not look into it."""

    id: str
    state: str
    payload: bytes
    reply_to: str = ""
    """The address that the call carried. Of no interest to backends that are ``shared``."""


class Arrival(msgspec.Struct, array_like=True, gc=False):
    """A member of a group that has ended. All but its id matters to backends with ``shared-join`` only."""

    member: str
    place: int | None = None
    """Its number in the group, if the sender gave it one."""
    entry: bytes = b""
    """What it came to, as the other system's workers note it; empty where they are not to know."""
    body: bytes = b""
    """Kept for `join_arrive` should the group be one that the other system has opened."""


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """What the kernel hands to a backend when it makes one."""

    url: str
    expires: float | None = 86400.0
    """Seconds after its last store at which a record may go; None: never."""
    clock: Clock = field(default_factory=SystemClock)
    extra: Mapping[str, Any] = field(default_factory=dict)
    """The ``result_backend_transport_options`` setting; a name that the driver does not know: ConfigurationError."""
    content_type: str = "application/json"
    """What payloads are, where that has to be told."""
    content_encoding: str = "utf-8"
    transport: Callable[[], Transport] | None = None
    """The app's transport of the moment, for a backend that sends results through it; not the backend's to close."""


class ResultBackend(Driver):
    """Keeps records by task id.

    Every method is safe to call from several threads; nothing is opened before the first call that needs it; an object
    must not be used in a forked child (the child makes its own), and must do nothing when it is collected there.
    Methods raise BackendDown when the store cannot be reached, BackendError for the rest.
    """

    def __init__(self, options: BackendOptions) -> None:
        self.options = options

    @abstractmethod
    def store(self, batch: Sequence[Record]) -> None:
        """Store the batch, in its order; each record in one step, and where the system can, the whole batch.

        A record in a ready state (`states.READY_STATES`) is final:
        a later one for the same id is passed over, unless the ready one has been forgotten or has expired."""

    @abstractmethod
    def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        """The records of those ids that have one that has not expired."""

    @abstractmethod
    def wait(self, ids: Sequence[str], timeout: float | None) -> dict[str, Record]:
        """Block until at least one of the ids is in a ready state, the time is up (None: for ever, 0: do not wait) or
        `nudge` is called, and return those that are ready (for the last two perhaps none). The timeout is in real time,
        whatever the clock."""

    @abstractmethod
    def nudge(self) -> None:
        """Make every `wait` of this object that is blocked now return early, or the next one if none is. Safe from any
        thread."""

    @abstractmethod
    def forget(self, ids: Sequence[str]) -> None:
        """Delete these records."""

    @abstractmethod
    def sweep(self) -> int:
        """Delete what has expired, joins included, and return how many records went (joins are not counted). The
        worker calls it at times."""

    def reply_to(self, timeout: float) -> str | None:  # noqa: ARG002 (for those that are not shared)
        """The address that calls of this process carry, so that their results come here: asked for each call, unless
        the backend is ``shared``. Within `timeout` seconds it is ready to be answered to. None: there is none.

        Raises:
            TransportDown: not ready in time.
        """
        return None

    # joins: the completion record of a group with a body (a chord)

    @abstractmethod
    def join_open(self, group: str, size: int | None, body: bytes) -> None:
        """Begin to count a group of `size` members; `body` is kept for `join_arrive`. A second call does nothing. None:
        it is not known yet how many there will be, and until `join_seal` nobody gets the body."""

    @abstractmethod
    def join_seal(self, group: str, size: int, body: bytes, lease: float) -> bytes | None:
        """Say of a group that was opened without a size how many members it has, and what body is to be kept. When all
        have arrived already, claim it for `lease` seconds and return it; otherwise None, as for a group that is not
        open or has a size."""

    @abstractmethod
    def join_arrive(self, group: str, members: Sequence[str], lease: float) -> bytes | None:
        """Count these member ids (one that was counted before is not counted again). When all have arrived and nobody
        has the body, claim it for `lease` seconds and return it; otherwise None, as for a group that is not open."""

    @abstractmethod
    def join_close(self, group: str) -> None:
        """The body is published: never hand it out again."""

    @abstractmethod
    def join_orphans(self, lease: float) -> list[tuple[str, bytes]]:
        """Claim for `lease` seconds, and return, the bodies of complete groups whose claim ran out unclosed."""

    def join_grow(self, group: str, added: Mapping[str, bytes], body: bytes = b"") -> bool:
        """Needs ``join-grow``. Count these members as well, each with its note, in one step: all must arrive before the
        body is handed out, and then the notes stand behind it in the order in which they came, also those of a group
        that had no size yet. One that was added before is not added again. False, and nothing is added, for a group
        that is not open, or whose members have all arrived. `body` is that of an `Arrival`: with ``shared-join``, a
        group that the other system has opened is taken on with it."""
        raise NotImplementedError

    def join_share(self, group: str, arrivals: Sequence[Arrival]) -> None:
        """Needs ``shared-join``. Before `join_arrive`: note these members where the other system's workers look. A
        group that they have opened is taken on, with the body of the arrivals; `join_arrive` counts their members too,
        and gives the body to nobody once they have claimed it."""
        raise NotImplementedError

    def join_relayed(self, group: str, lease: float) -> bytes | None:
        """Needs ``shared-join``. The other system has counted the last member of a group that we have opened, and
        leaves its body to us: claim it for `lease` seconds and return it, whoever has claimed it there; None when it
        is claimed here, or closed."""
        raise NotImplementedError

    def join_entries(self, group: str) -> list[bytes]:
        """Needs ``shared-join``. The entries of a group's members, theirs and ours, in the order of their places."""
        raise NotImplementedError

    def join_shape(self, group: str) -> bytes | None:
        """Needs ``shared-join``. How the other system nests the results of this group, where it does."""
        raise NotImplementedError

    # locks; for drivers that declare them

    def lock_claim(self, name: str, owner: str, lease: float | None, replacing: str | None = None) -> str:
        """Needs ``lock``. Grant a name (any text) to `owner` for `lease` seconds, None: until it is released. In one
        step: it is granted when nobody holds it, when `owner` does (its lease begins anew), or when who holds it is
        `replacing`. Returns who holds it then, which is `owner` when it was granted."""
        raise NotImplementedError

    def lock_holder(self, name: str) -> str | None:
        """Needs ``lock``. Who holds the name now; None: nobody."""
        raise NotImplementedError

    def lock_release(self, name: str, owner: str) -> bool:
        """Needs ``lock``. Let go of a name, unless somebody else holds it; whether `owner` held it."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None:
        """Free everything. A second call does nothing."""
