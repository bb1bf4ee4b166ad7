"""Tasks that are sent when the transaction is through."""

from __future__ import annotations

from functools import partial
from typing import Any

from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.app.task import Task

__all__ = ("DjangoTask",)


class DjangoTask(Task):
    """The base of tasks in a Django project."""

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """`delay` once the transaction is committed; never, when it is rolled back."""
        self.apply_async_on_commit(args, kwargs)

    def apply_async_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """`apply_async` once the transaction is committed."""
        from django.db import transaction

        transaction.on_commit(partial(self.apply_async, *args, **kwargs))


__getattr__ = absent(__name__)
