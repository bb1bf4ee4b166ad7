"""The transport against every clause of the contract; those about what it does not declare skip themselves."""

from celeriac_shelf import ShelfTransport

from celeriac.testing.suite import TransportSuite


class TestShelf(TransportSuite):
    driver = ShelfTransport
    url = "shelf://{path}/queue.shelf"
