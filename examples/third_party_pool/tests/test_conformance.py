"""The pool against every clause of the contract; those about what it does not declare skip themselves."""

from celeriac_oneshot import OneshotPool

from celeriac.testing.suite import PoolSuite


class TestOneshot(PoolSuite):
    driver = OneshotPool
