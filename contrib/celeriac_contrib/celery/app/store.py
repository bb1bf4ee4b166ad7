"""Result documents with what Celery's have beside: the group and the caller of the task, where it has them."""

from __future__ import annotations

from typing import Any

from celeriac.result_store import ResultStore

_encode = ResultStore.encode


class CeleryStore(ResultStore):
    """The result store of an app of the face."""

    def encode(
        self, task_id: str, state: str, result: Any, traceback: str | None = None, context: Any = None
    ) -> bytes:  # fmt: skip
        plain = _encode(self, task_id, state, result, traceback, context)
        headers = None if context is None else context.headers
        if not headers or not (headers.get("parent_id") or headers.get("group")):
            return plain
        document = self.serializer.loads(plain)
        for name, header in (("group_id", "group"), ("parent_id", "parent_id")):
            if headers.get(header):
                document[name] = headers[header]
        return self.serializer.dumps(document)
