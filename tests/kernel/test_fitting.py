"""`Fit` against `inspect.Signature.bind`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.fitting import Fit


def fits(signature: inspect.Signature, args: tuple[int, ...], kwargs: Mapping[str, int]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


@st.composite
def signatures(draw: st.DrawFn) -> inspect.Signature:
    """All kinds of parameters, in the order that Python asks for."""
    kind = inspect.Parameter
    names, parameters, has_default = iter("abcdef"), [], False
    for each in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD):
        for _ in range(draw(st.integers(0, 2))):
            has_default = has_default or draw(st.booleans())
            parameters.append(kind(next(names), each, default=0 if has_default else kind.empty))
    if draw(st.booleans()):
        parameters.append(kind("rest", kind.VAR_POSITIONAL))
    for _ in range(draw(st.integers(0, 2))):
        default = draw(st.sampled_from([0, kind.empty]))
        parameters.append(kind(next(names), kind.KEYWORD_ONLY, default=default))
    if draw(st.booleans()):
        parameters.append(kind("more", kind.VAR_KEYWORD))
    return inspect.Signature(parameters)


ARGUMENTS = st.lists(st.just(1), max_size=6).map(tuple)
KEYWORDS = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e", "f", "rest", "more"]), st.just(1), max_size=5)


@given(signatures(), ARGUMENTS, KEYWORDS)
def test_it_is_sure_of_what_python_takes_and_of_nothing_else(
    signature: inspect.Signature, args: tuple[int, ...], kwargs: dict[str, int]
) -> None:
    takes_any = any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values())
    is_sure = Fit(signature).is_sure(args, kwargs)
    if takes_any:
        assert fits(signature, args, kwargs) or not is_sure
    else:
        assert is_sure == fits(signature, args, kwargs)


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (lambda: 0, (), {}),
        (lambda a, b=0: 0, (1,), {"b": 2}),
        (lambda a, *, b: 0, (), {"a": 1, "b": 2}),
        (lambda a, *rest: 0, (1, 2, 3), {}),
        (lambda a, **more: 0, (1,), {}),
    ],
)
def test_it_is_sure_of_the_usual(function: Callable[..., int], args: tuple[int, ...], kwargs: dict[str, Any]) -> None:
    assert Fit(inspect.signature(function)).is_sure(args, kwargs)
