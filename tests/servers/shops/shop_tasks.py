"""The tasks that both sides have, and what they leave behind in the Redis of the test."""

from __future__ import annotations

import os
import time
from typing import Any

import redis

URL = os.environ["SHOP_URL"]


def note(text: str) -> None:
    with redis.Redis.from_url(URL) as client:
        client.rpush("diary", text)


def add(x: int, y: int = 0) -> int:
    return x + y


def divide(x: int, y: int) -> float:
    return x / y


def again(self: Any, times: int) -> int:
    if self.request.retries < times:
        raise self.retry(countdown=0.05, max_retries=times)
    retries: int = self.request.retries
    return retries


def moment() -> float:
    return time.time()


def block(seconds: float) -> None:
    note("blocking")
    time.sleep(seconds)


def write(text: str) -> str:
    note(text)
    return text
