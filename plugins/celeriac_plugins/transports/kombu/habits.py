"""What kombu's transports can do, by their names in URLs: facts read from kombu 5.5 to 5.7, which does not tell them.

Most of them take a message out of the store when a worker receives it. Until it is acknowledged it is in that worker's
memory alone, and a worker that is killed takes it along. Those that `keep` leave it in the broker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_EVERYWHERE: Final = frozenset({"dead-letter"})
_PROCESSES: Final = _EVERYWHERE | {"processes"}
_MACHINES: Final = _PROCESSES | {"multi-host"}
_KEPT: Final = _MACHINES | {"durable"}

ALL: Final = _KEPT | {"lease", "delay"}
"""What is true of at least one of them."""

OWN_OPTIONS: Final = frozenset({"polling_interval", "max_retries", "interval_start", "interval_step", "interval_max"})
"""Options that are taken for all and not passed on. The last four steer how Celery connects again: taken, so that its
settings can stay as they are, and of no use here, where each call has its deadline."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Of one of kombu's transports."""

    capabilities: frozenset[str]
    options: frozenset[str] | None = None
    """The transport options that it knows beside those; None: not known here, so all are passed on."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Options that are passed on unless others are given."""
    fits: re.Pattern[str] | None = None
    """Queue names that it can carry; None: all."""

    @property
    def waits(self) -> bool:
        """Whether looking into an empty queue takes a while."""
        return bool(self.defaults.get("wait_time_seconds"))

    @property
    def keeps(self) -> bool:
        """Whether the broker keeps what a worker holds."""
        return "durable" in self.capabilities


_WAITING: Final[Mapping[str, Any]] = {"wait_time_seconds": 1}
"""What wakes a worker has to wait for it to look up from an empty queue: a second, in place of kombu's five or ten."""
_PROMPT: Final = {"connect_timeout": 5, "read_timeout": 10, "retries": {"total_max_attempts": 1}}
"""AWS's client would try for minutes by itself."""

_SQS: Final = Habits(
    ALL,
    frozenset({
        "region", "visibility_timeout", "queue_name_prefix", "predefined_queues", "is_secure", "client-config",
        "sqs-creation-attributes", "queue_tags", "fetch_message_attributes", "sqs_base64_encoding", "sts_role_arn",
        "sts_token_timeout", "sts_token_buffer_time",
    }),
    defaults={"wait_time_seconds": 0, "client-config": _PROMPT},
    fits=re.compile(r"[!-~]{1,80}"),
)  # fmt: skip
_FILESYSTEM: Final = Habits(
    _PROCESSES,
    frozenset({"data_folder_in", "data_folder_out", "store_processed", "processed_folder", "control_folder"}),
    # A file's name is at most 255 bytes long, of which kombu takes up to 60.
    fits=re.compile(r"[^/\x00]{1,45}|[^/\x00-\x1f\x80-\U0010ffff]{1,190}"),
)

_KNOWN: Final[Mapping[str, Habits]] = {
    "azureservicebus": Habits(_KEPT, defaults=_WAITING),
    "azurestoragequeues": Habits(_MACHINES),
    "confluentkafka": Habits(_MACHINES, defaults=_WAITING),
    "consul": Habits(_MACHINES),
    "etcd": Habits(_MACHINES),
    "filesystem": _FILESYSTEM,
    "gcpubsub": Habits(_KEPT, defaults=_WAITING),
    "kafka": Habits(_MACHINES, defaults=_WAITING),
    "memory": Habits(_EVERYWHERE, frozenset()),
    "mongodb": Habits(_MACHINES),
    "pgmq": Habits(_KEPT, defaults=_WAITING),
    "pyro": Habits(_MACHINES),
    "slmq": Habits(_KEPT),
    "sqla": Habits(_MACHINES),
    "sqlalchemy": Habits(_MACHINES),
    "sqs": _SQS,
    "zookeeper": Habits(_MACHINES),
}
_UNKNOWN: Final = Habits(_EVERYWHERE)


def habits_of(name: str) -> Habits:
    """Those of the transport of that name; of a stranger's the least is believed."""
    return _KNOWN.get(name, _UNKNOWN)
