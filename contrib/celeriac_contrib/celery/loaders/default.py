"""The loader that reads a module ``celeryconfig``."""

from __future__ import annotations

import os
from typing import Any

from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.loaders.base import BaseLoader

__all__ = ("Loader", "DEFAULT_CONFIG_MODULE")

DEFAULT_CONFIG_MODULE = "celeryconfig"


class Loader(BaseLoader):
    """Takes settings from the module that ``CELERY_CONFIG_MODULE`` names."""

    def read_configuration(self, fail_silently: bool = True) -> Any:
        """Have the app read them."""
        module = os.environ.get("CELERY_CONFIG_MODULE") or DEFAULT_CONFIG_MODULE
        return self.app.config_from_object(module, silent=fail_silently)

    def setup_settings(self, settingsdict: Any) -> Any:
        return settingsdict


__getattr__ = absent(__name__)
