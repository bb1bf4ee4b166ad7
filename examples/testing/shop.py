import urllib.error
import urllib.request

from celeriac import Celeriac

app = Celeriac("shop")


@app.task
def remind(customer: str) -> str:
    return f"reminded {customer}"


@app.task(autoretry_for=(urllib.error.URLError,), retry_backoff=60, retry_jitter=False, max_retries=2)
def fetch_rate(currency: str) -> float:
    """Tries again a minute later, then two."""
    with urllib.request.urlopen(f"https://rates.example/{currency}", timeout=5) as answer:
        return float(answer.read())


def order(customer: str) -> None:
    """Not a task, but it calls one: a day later."""
    remind.apply_async((customer,), countdown=86400, expires=90000)
