"""The conformance suites: one class for each kind of driver, the same for ours and for a stranger's.

::

    from celeriac.testing.suite import TransportSuite

    class TestShelf(TransportSuite):
        driver = ShelfTransport
        url = "shelf://{path}"

Each ``test_`` method is one clause of the contract. Clauses about a capability that the driver does not declare are
skipped and say so. A driver that passes every other clause may call itself conforming to that ``api`` version.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

_SUITES = {
    "BackendSuite": "backend",
    "CompressorSuite": "compressor",
    "LoggerSuite": "logger",
    "PoolSuite": "pool",
    "SchedulerSuite": "scheduler",
    "SerializerSuite": "serializer",
    "TransportSuite": "transport",
}

# Without this, an author would see a bare AssertionError instead of the two values.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _SUITES.values()))

if TYPE_CHECKING:
    from celeriac.testing.suite.backend import BackendSuite
    from celeriac.testing.suite.compressor import CompressorSuite
    from celeriac.testing.suite.logger import LoggerSuite
    from celeriac.testing.suite.pool import PoolSuite
    from celeriac.testing.suite.scheduler import SchedulerSuite
    from celeriac.testing.suite.serializer import SerializerSuite
    from celeriac.testing.suite.transport import TransportSuite

__all__ = [
    "BackendSuite",
    "CompressorSuite",
    "LoggerSuite",
    "PoolSuite",
    "SchedulerSuite",
    "SerializerSuite",
    "TransportSuite",
]


def __getattr__(name: str) -> Any:
    if name not in _SUITES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_SUITES[name]}"), name)
