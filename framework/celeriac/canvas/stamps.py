"""Stamps: marks that a caller puts on every task of a workflow, and that each task reads in ``request.stamps``.

In a signature's options they stand as Celery writes them: ``stamped_headers`` names them, and each is an option.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from celeriac.canvas.reading import as_list

if TYPE_CHECKING:
    from celeriac.canvas.chains import chain
    from celeriac.canvas.chords import chord
    from celeriac.canvas.groups import group
    from celeriac.canvas.signatures import Signature


class StampingVisitor:
    """Decides what each part of a workflow is stamped with. A hook returns stamps, or None for none; those of a part
    hold for all that is within it. With the key ``stamped_headers`` only the names listed there are stamps.

    ::

        class Numbered(StampingVisitor):
            def on_signature(self, sig, **headers):
                return {"number": next(self.numbers)}

        workflow.stamp(Numbered())
    """

    def on_signature(self, sig: Signature[Any], **headers: Any) -> Mapping[str, Any] | None:
        """A task."""

    def on_group_start(self, group: group[Any], **headers: Any) -> Mapping[str, Any] | None:
        """A group, before its members."""

    def on_group_end(self, group: group[Any], **headers: Any) -> None:
        """A group, after its members."""

    def on_chain_start(self, chain: chain[Any], **headers: Any) -> Mapping[str, Any] | None:
        """A chain, before its steps."""

    def on_chain_end(self, chain: chain[Any], **headers: Any) -> None:
        """A chain, after its steps."""

    def on_chord_header_start(self, chord: chord[Any], **headers: Any) -> Mapping[str, Any] | None:
        """A chord, before the members of its header."""

    def on_chord_header_end(self, chord: chord[Any], **headers: Any) -> None:
        """A chord, after the members of its header."""

    def on_chord_body(self, chord: chord[Any], **headers: Any) -> Mapping[str, Any] | None:
        """A chord, before its body."""

    def on_callback(self, callback: Signature[Any], **headers: Any) -> Mapping[str, Any] | None:
        """A callback of a part: what is in its ``link``."""

    def on_errback(self, errback: Signature[Any], **headers: Any) -> Mapping[str, Any] | None:
        """An error callback of a part: what is in its ``link_error``."""


class Stampable:
    """The part of a signature that is stamped."""

    def stamp(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> Self:
        """Stamp every task within, callbacks included: with `headers`, and with what the visitor says.

        `append_stamps`: a stamp that is there already becomes a list of both, instead of giving way.
        """
        me = cast("Signature[Any]", self)
        own = visitor.on_signature(me, **headers) if visitor else None
        mark(me, merged(headers, own), append_stamps)
        self.stamp_links(visitor, append_stamps, **merged(headers, own))
        return self

    def stamp_links(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> None:
        """Stamp its callbacks and error callbacks only."""
        options = cast("dict[str, Any]", cast("Signature[Any]", self).options)
        for option in ("link", "link_error"):
            links = []
            for link in as_list(options.get(option)):
                each = _read(self, link)
                hook = visitor and (visitor.on_callback if option == "link" else visitor.on_errback)
                each.stamp(visitor, append_stamps, **merged(headers, hook(each, **headers) if hook else None))
                links.append(each)
            if links:
                options[option] = links


def merged(headers: Mapping[str, Any], more: Mapping[str, Any] | None) -> dict[str, Any]:
    """The stamps that hold, with those of a hook."""
    if not more:
        return dict(headers)
    names = more.get("stamped_headers", more.keys())
    return {**headers, **{name: more[name] for name in names if name != "stamped_headers" and name in more}}


def mark(sig: Signature[Any], stamps: Mapping[str, Any], append: bool) -> None:
    """Write the stamps into the options of a task."""
    if not stamps:
        return
    options = cast("dict[str, Any]", sig.options)
    known = list(options.get("stamped_headers") or ())
    for name, value in stamps.items():
        if name in known and append:
            value = _united(as_list(options[name]), as_list(value))
        options[name] = value
    options["stamped_headers"] = [*known, *(name for name in stamps if name not in known)]


def in_headers(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the stamps where they travel: in the headers."""
    names = options.get("stamped_headers") or ()
    plain = {name: value for name, value in options.items() if name not in names and name != "stamped_headers"}
    stamps = {name: options[name] for name in names if name in options}
    headers = plain.get("headers") or {}
    before = headers.get("stamps") or {}
    plain["headers"] = {**headers, "stamped_headers": list({**before, **stamps}), "stamps": {**before, **stamps}}
    return plain


def _united(old: Iterable[Any], new: Iterable[Any]) -> list[Any]:
    united = list(old)
    united.extend(value for value in new if value not in united)
    return united


def _read(owner: Any, link: Any) -> Signature[Any]:
    from celeriac.canvas.reading import signature

    return signature(link, owner._app)  # noqa: SLF001
