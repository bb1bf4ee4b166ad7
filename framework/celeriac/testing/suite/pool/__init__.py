"""What every pool must do, clause by clause.

::

    from celeriac.testing.suite import PoolSuite

    class TestMine(PoolSuite):
        driver = MyPool

The suite brings its own runner, so it needs neither an app nor a broker. It hands a pool more requests than `width` at
times: the kernel does not, but whatever a pool is handed it runs or gives back.
"""

from __future__ import annotations

from celeriac.testing.suite.pool.clauses import PoolClauses
from celeriac.testing.suite.pool.ending import EndClauses
from celeriac.testing.suite.pool.giving_back import GiveBackClauses
from celeriac.testing.suite.pool.processes import ProcessClauses
from celeriac.testing.suite.pool.resizing import AsyncClauses, ResizeClauses
from celeriac.testing.suite.pool.running import RunClauses

__all__ = ["PoolClauses", "PoolSuite"]


class PoolSuite(RunClauses, GiveBackClauses, ProcessClauses, EndClauses, ResizeClauses, AsyncClauses):
    """All clauses. Subclass it with a `driver`."""
