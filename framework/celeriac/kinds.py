"""The seven kinds of driver: their entry-point groups and their contracts."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from celeriac.specs.driver import Driver


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of driver. `name` is the word that users see in errors."""

    name: str
    group: str
    module: str
    contract_name: str

    @property
    def contract(self) -> type[Driver]:
        contract: type[Driver] = getattr(import_module(self.module), self.contract_name)
        return contract

    @property
    def capabilities(self) -> Mapping[str, str]:
        known: Mapping[str, str] = import_module(self.module).CAPABILITIES
        return known


TRANSPORT = Kind("transport", "celeriac.transports", "celeriac.specs.transport", "Transport")
POOL = Kind("pool", "celeriac.pools", "celeriac.specs.pool", "Pool")
SERIALIZER = Kind("serializer", "celeriac.serializers", "celeriac.specs.serializer", "Serializer")
COMPRESSOR = Kind("compressor", "celeriac.compressors", "celeriac.specs.compressor", "Compressor")
BACKEND = Kind("backend", "celeriac.backends", "celeriac.specs.backend", "ResultBackend")
SCHEDULER = Kind("scheduler", "celeriac.schedulers", "celeriac.specs.scheduler", "Scheduler")
LOGGER = Kind("logger", "celeriac.loggers", "celeriac.specs.logger", "Logger")

KINDS = {kind.name: kind for kind in (TRANSPORT, POOL, SERIALIZER, COMPRESSOR, BACKEND, SCHEDULER, LOGGER)}
