"""YAML, the safe part of it, as kombu's serializer of that name writes and reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from celeriac.specs.serializer import Serializer
from celeriac_plugins._shared.refusals import cannot_read, cannot_write, too_large_to_read, too_large_to_write

if TYPE_CHECKING:
    from yaml import SafeDumper as Dumper
    from yaml import SafeLoader as Loader
else:  # the C ones need libyaml, which not every wheel has
    Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_MAX_DEPTH = 500
"""libyaml's composer recurses without a bound of its own: deep enough input ends the process."""

_MERGE = "tag:yaml.org,2002:merge"


class _BoundedLoader(Loader):
    """Refuses what makes few bytes into a very large or very deep value."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self._depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {_MAX_DEPTH} levels")
        super().descend_resolver(current_node, current_index)

    def ascend_resolver(self) -> None:
        self._depth -= 1
        super().ascend_resolver()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge keys copy what they name, each level as often as it likes; no serializer writes them."""
        if any(key.tag == _MERGE for key, _ in node.value):
            raise yaml.YAMLError("it holds a merge key ('<<')")
        super().flatten_mapping(node)


class YamlSerializer(Serializer):
    """Plain values, datetime, date, bytes and sets. YAML 1.1: a bare ``no`` that somebody else wrote is False."""

    content_type = "application/x-yaml"
    capabilities = frozenset({"safe", "text"})

    def dumps(self, value: Any) -> bytes:
        try:
            data: bytes = yaml.dump(value, Dumper=Dumper, encoding="utf-8", sort_keys=False)
        except yaml.representer.RepresenterError as error:
            raise cannot_write("yaml", error.args[-1]) from error
        except RecursionError as error:
            raise cannot_write("yaml", value, "it is nested too deeply") from error
        except (yaml.YAMLError, ValueError) as error:  # a lone surrogate, an integer of thousands of digits
            raise cannot_write("yaml", value, error) from error
        if len(data) > self.options.max_size:
            raise too_large_to_write("YAML", len(data), self.options.max_size)
        return data

    def loads(self, data: bytes) -> Any:
        if len(data) > self.options.max_size:
            raise too_large_to_read("YAML", len(data), self.options.max_size)
        if not data.strip():
            raise cannot_read("YAML", "there is no document")
        try:
            return yaml.load(data, Loader=_BoundedLoader)  # noqa: S506 - a SafeLoader
        except Exception as error:  # its constructors let KeyError, AttributeError and others out for odd scalars
            raise cannot_read("YAML", error) from error
