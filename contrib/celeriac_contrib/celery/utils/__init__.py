"""Small things that a project may have imported."""

from celeriac_contrib.celery.lazy import lazily

__all__, __getattr__ = lazily(__name__)  # type: ignore[assignment]
