"""How the face gets in front of the name ``celery``, and away again. To import this does neither."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from celeriac_contrib.celery.finder import NAME, AliasFinder

VARIABLE = "CELERIAC_AS_CELERY"

FRONT = str(Path(__file__).parent / "front")
"""The folder in which a package called ``celery`` does nothing but lead here."""


class AnotherCelery(RuntimeError):
    """Celery itself was imported before its face could be put on."""


def install() -> None:
    """Put the face on. A second time does nothing.

    Raises:
        AnotherCelery: a part of Celery itself is loaded already; half of each would be worse than either.
    """
    if any(isinstance(each, AliasFinder) for each in sys.meta_path):
        return
    loaded = sys.modules.get(NAME)
    front = getattr(loaded, "__file__", None) or ""
    if loaded is not None and not front.startswith(FRONT):
        raise AnotherCelery(
            f"celery is imported already, from {front or loaded}; import celeriac_contrib.celery.install before it, or "
            f"start the process with {VARIABLE}=1 through celeriac"
        )
    sys.meta_path.insert(0, AliasFinder())
    os.environ[VARIABLE] = "1"
    path = os.environ.get("PYTHONPATH", "")
    if FRONT not in path.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [FRONT, path]))


def uninstall() -> None:
    """Take the face off again, for tests: what was imported by the name ``celery`` is forgotten."""
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, AliasFinder)]
    for name in [name for name in sys.modules if name == NAME or name.startswith(f"{NAME}.")]:
        del sys.modules[name]
    os.environ.pop(VARIABLE, None)
    path = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each and each != FRONT]
    if path:
        os.environ["PYTHONPATH"] = os.pathsep.join(path)
    else:
        os.environ.pop("PYTHONPATH", None)
