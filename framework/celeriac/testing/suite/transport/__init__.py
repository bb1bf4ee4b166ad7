"""What every transport must do, clause by clause.

::

    from celeriac.testing.suite import TransportSuite

    class TestShelf(TransportSuite):
        driver = ShelfTransport
        url = "shelf://{path}"

The other things that may be set, and the methods that may be replaced, are those of `TransportClauses`.
"""

from __future__ import annotations

from celeriac.testing.suite.transport.ahead import AheadClauses
from celeriac.testing.suite.transport.clauses import TransportClauses
from celeriac.testing.suite.transport.dead_letters import DeadLetterClauses
from celeriac.testing.suite.transport.delaying import DelayClauses
from celeriac.testing.suite.transport.fan_out import FanOutClauses
from celeriac.testing.suite.transport.garbage import GarbageClauses
from celeriac.testing.suite.transport.leasing import LeaseClauses
from celeriac.testing.suite.transport.life import LifeClauses
from celeriac.testing.suite.transport.looking import LookingClauses
from celeriac.testing.suite.transport.ordering import OrderClauses
from celeriac.testing.suite.transport.processes import ProcessClauses
from celeriac.testing.suite.transport.publishing import PublishClauses
from celeriac.testing.suite.transport.receiving import ReceiveClauses
from celeriac.testing.suite.transport.replies import ReplyClauses
from celeriac.testing.suite.transport.settling import SettleClauses
from celeriac.testing.suite.transport.waiting import WaitClauses

__all__ = ["TransportClauses", "TransportSuite"]


class TransportSuite(
    PublishClauses,
    OrderClauses,
    ReceiveClauses,
    AheadClauses,
    WaitClauses,
    SettleClauses,
    DelayClauses,
    LeaseClauses,
    LookingClauses,
    DeadLetterClauses,
    FanOutClauses,
    ReplyClauses,
    GarbageClauses,
    ProcessClauses,
    LifeClauses,
):
    """All clauses. Subclass it with a `driver` and a `url`."""
