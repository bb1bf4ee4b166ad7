"""Whether arguments fit a function: `inspect.Signature.bind` knows all cases and takes ten times as long for it, at
each call and again before each run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sized


class Fit:
    """What is known beforehand of one signature."""

    __slots__ = ("_cases", "_takes_more")

    def __init__(self, signature: inspect.Signature) -> None:
        positional: list[str] = []
        required: set[str] = set()
        by_name: set[str] = set()
        self._takes_more = False
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                self._takes_more = True
            elif parameter.kind is not parameter.VAR_KEYWORD:
                if parameter.kind is not parameter.KEYWORD_ONLY:
                    positional.append(name)
                if parameter.kind is not parameter.POSITIONAL_ONLY:
                    by_name.add(name)
                if parameter.default is parameter.empty:
                    required.add(name)
        self._cases = [
            (frozenset(required.difference(positional[:given])), frozenset(by_name.difference(positional[:given])))
            for given in range(len(positional) + 1)
        ]
        """For each number of positional arguments: the names that must be given beside them, and those that may."""

    def is_sure(self, args: Sized, kwargs: Mapping[str, object]) -> bool:
        """Whether they fit, for sure. For the rest, such as names that only ``**kwargs`` takes, ask `bind`."""
        given = len(args)
        if given >= len(self._cases):
            if not self._takes_more:
                return False
            given = -1
        must, may = self._cases[given]
        if not kwargs:
            return not must
        return must <= kwargs.keys() <= may
