"""Puts the face in front of the name ``celery``: importing this module is enough.

::

    import celeriac_contrib.celery.install   # before the first `import celery`

From then on ``import celery`` and everything below it is the face, whether Celery is installed or not, in this process
and in the Python processes that it starts: a folder that leads here is put at the front of their ``PYTHONPATH``.
``python -m celeriac_contrib.celery.install`` prints that folder, for processes that something else starts::

    PYTHONPATH=$(python -m celeriac_contrib.celery.install) gunicorn proj.wsgi
"""

from __future__ import annotations

from celeriac_contrib.celery.installation import FRONT, install

if __name__ == "__main__":
    print(FRONT)  # noqa: T201
else:
    install()
