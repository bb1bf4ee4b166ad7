"""The settings of an app: declared once, checked at the door, and traced to where they came from."""

from __future__ import annotations

from celeriac.settings.settings import Explanation, NoSuchSetting, Settings
from celeriac.settings.source import Source

__all__ = ["Settings", "Source", "Explanation", "NoSuchSetting"]
