"""Many calls in few messages: ``task.map``, ``task.starmap``, ``task.chunks``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from celeriac.canvas.groups import group
from celeriac.canvas.reading import signature
from celeriac.canvas.signatures import Signature

if TYPE_CHECKING:
    from celeriac.result import GroupResult

R = TypeVar("R")


class xmap(Signature[list[R]]):  # noqa: N801 (Celery's name)
    """``add.map(…)``: one task that calls another with each item in turn, where it runs."""

    def __init__(self, task: Signature[R], it: Iterable[Any], **options: Any) -> None:
        call = {"task": dict(task), "it": list(it)}
        super().__init__("celery.map", (), call, options, immutable=True, app=task._app)  # noqa: SLF001


class xstarmap(Signature[list[R]]):  # noqa: N801 (Celery's name)
    """``add.starmap([(1, 2), …])``: the same with lists of arguments."""

    def __init__(self, task: Signature[R], it: Iterable[Iterable[Any]], **options: Any) -> None:
        call = {"task": dict(task), "it": [list(item) for item in it]}
        super().__init__("celery.starmap", (), call, options, immutable=True, app=task._app)  # noqa: SLF001


@Signature.register_type("chunks")
class chunks(Signature[list[Any]]):  # noqa: N801 (Celery's name)
    """``add.chunks(zip(range(100), range(100)), 10)``: a hundred calls in ten messages. Called, or put into a workflow,
    it is a group of `xstarmap`."""

    subtask_type = "chunks"

    def __init__(self, task: Signature[Any], it: Iterable[Iterable[Any]], n: int, **options: Any) -> None:
        call = {"task": dict(task), "it": it, "n": n}
        super().__init__("celery.chunks", (), call, options, immutable=True, app=task._app)  # noqa: SLF001

    def group(self) -> group[list[Any]]:
        """The group that it comes to. Of a generator, the parts are read as they are published."""
        whole = group(self._parts())
        return whole if self._app is None else whole.bound_to(self._app)

    def _parts(self) -> Iterator[Signature[list[Any]]]:
        task = signature(self.kwargs["task"], self._app)
        rest = iter(self.kwargs["it"])
        while part := list(islice(rest, self.kwargs["n"])):
            yield xstarmap(task, part, **self["options"])

    def expanded(self) -> Signature[Any]:
        return self.group()

    def apply_async(  # type: ignore[override]
        self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> GroupResult[list[Any]]:
        """Send the parts."""
        return self.group().apply_async(args, kwargs, **options)

    def apply(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Run the parts here and now."""
        return self.group().apply(args, kwargs, **options)

    def __call__(self, **options: Any) -> GroupResult[list[Any]]:
        """Send the parts, as Celery does when it is called."""
        return self.apply_async(**options)

    @classmethod
    def apply_chunks(
        cls, task: Signature[Any], it: Iterable[Iterable[Any]], n: int, **options: Any
    ) -> GroupResult[list[Any]]:
        """Send them at once."""
        return cls(task, it, n).apply_async(**options)
