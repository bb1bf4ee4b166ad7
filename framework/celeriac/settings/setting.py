"""What is known of one setting, and of one that is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(NamedTuple):
    """A type of value. Every route (Python, TOML, JSON, environment) goes through the same `coerce`."""

    annotation: str
    """The Python type of a coerced value."""
    expected: str
    """What is right, as it reads after ``expected``."""
    coerce: Callable[[Any], Any]
    """Returns the value in its own type; raises ValueError or TypeError for what does not fit."""
    takes_code: bool = False
    """A function or class is a fair value."""
    shown_in_errors: bool = True
    """A wrong value may be shown: nobody would write a secret there."""
    keyed_by_user: bool = False
    """The keys of a dict are the user's own names (tasks, entries), from which nothing can be told about secrets."""


class Setting(NamedTuple):
    """The declaration of a setting."""

    name: str
    kind: Kind
    default: Any
    doc: str
    old: tuple[str, ...] = ()
    """Celery's old names, apart from those that follow from the rule in `names.resolve`."""
    optional: bool = False
    secret: bool = False
    celery: bool = True
    """Celery has it as well, with the same meaning."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def annotation(self) -> str:
        return f"{self.kind.annotation} | None" if self.optional else self.kind.annotation

    @property
    def expected(self) -> str:
        """What a right value is, in words."""
        if self.choices:
            text = "one of " + ", ".join(repr(choice) for choice in self.choices)
        elif self.minimum is not None and self.maximum is not None:
            text = f"{self.kind.expected} from {self.minimum:g} to {self.maximum:g}"
        elif self.minimum is not None:
            text = f"{self.kind.expected}, at least {self.minimum:g}"
        else:
            text = self.kind.expected
        return f"{text}, or None" if self.optional else text

    def make_default(self) -> Any:
        """The default; a container is a new one each time."""
        return self.default.copy() if isinstance(self.default, list | dict) else self.default

    def coerce(self, value: Any) -> Any:
        """The value in the setting's own type.

        Raises:
            ValueError, TypeError: it does not fit; the caller knows the source and writes the message.
        """
        if value is None and self.optional:
            return None
        value = self.kind.coerce(value)
        if self.choices and value not in self.choices:
            raise ValueError
        if self.minimum is not None and value < self.minimum:
            raise ValueError
        if self.maximum is not None and value > self.maximum:
            raise ValueError
        return value

    def parse(self, text: str) -> Any:
        """The value that an environment variable's text stands for. Empty, ``none`` and ``null`` are None where None
        is allowed; lists are split at commas; dicts are JSON.

        Raises:
            ValueError, TypeError: it does not fit.
        """
        if self.optional and text.strip().lower() in {"", "none", "null"}:
            return None
        return self.coerce(text)


class Refused(NamedTuple):
    """One of Celery's settings that is not honoured."""

    name: str
    reason: str
    """Why, and what to use instead."""
    harmless: tuple[Any, ...] = ()
    """Values that ask for what happens anyway: they are accepted and have no effect. None always is."""
    old: tuple[str, ...] = ()

    def accepts(self, value: Any, *, text: bool = False) -> bool:
        """Whether the value asks for nothing else than what happens anyway; `text`: it is an environment variable's."""
        if text:
            return str(value).strip().lower() in {str(same).lower() for same in ("", None, *self.harmless)}
        return value is None or any(value == same and type(value) is type(same) for same in self.harmless)
