import os
import signal
from pathlib import Path

from celeriac import Celeriac

app = Celeriac("shop")


class GatewayDown(Exception):
    """The payment gateway does not answer."""


@app.task(bind=True, autoretry_for=(GatewayDown,), retry_backoff=0.2, retry_backoff_max=2, max_retries=5)
def pay(self, order: int) -> str:
    """Fails twice; is tried again after 0.2 s and 0.4 s, or a random part of that."""
    if self.request.retries < 2:
        raise GatewayDown("no answer")
    return f"order {order} paid at try {self.request.retries + 1}"


@app.task
def render(page: str) -> str:
    """Kills its process, as a bug in a C library or the memory killer would, until somebody repairs it."""
    if not Path("repaired").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{page} rendered"
