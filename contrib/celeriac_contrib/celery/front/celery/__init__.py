"""Found by ``import celery`` where this folder's parent stands on the path: it makes room for the face."""

import sys
from importlib import import_module

from celeriac_contrib.celery.installation import install

if __name__ == "celery":
    install()
    del sys.modules["celery"]
    sys.modules["celery"] = import_module("celery")
