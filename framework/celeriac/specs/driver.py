"""What the drivers of all seven kinds have in common."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar


class Driver(ABC):  # noqa: B024 (its kinds have the abstract methods)
    """A plugin of which exactly one acts, chosen by name or by the scheme of a URL."""

    api: ClassVar[int] = 1
    """The version of the contract that this driver was written for."""

    capabilities: frozenset[str] = frozenset()
    """Names out of the CAPABILITIES of the driver's kind. The class declares all that the driver can do; an object
    whose URL or options leave less of it sets what is left."""

    def supports(self, capability: str) -> bool:
        """Whether this object can do it."""
        return capability in self.capabilities
