"""``python -m celery``, once the face is on."""

from __future__ import annotations

from celeriac_contrib.celery.bin.celery import main

if __name__ == "__main__":
    main()
