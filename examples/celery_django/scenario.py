"""What the project does in a day, as a client sees it: prints the outcomes as JSON."""

import json
import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
django.setup()

from celery import chain, chord, group, signature  # noqa: E402
from celery.exceptions import TimeoutError  # noqa: E402
from celery.result import AsyncResult  # noqa: E402
from django.db import transaction  # noqa: E402
from shop.models import Line, Order  # noqa: E402
from shop.tasks import (  # noqa: E402
    add,
    call_supplier,
    deliver,
    pack,
    set_state,
    take_from_stock,
    total,
    who,
)

PATIENCE = 30


def error_of(result):
    try:
        result.get(timeout=PATIENCE)
    except Exception as error:
        return [type(error).__name__, [str(each) for each in error.args], result.state]
    return "no error"


def commits():
    """Nothing is sent when the transaction is rolled back."""
    order = Order.objects.create(name="ada")
    with transaction.atomic():
        set_state.delay_on_commit(order.pk, "paid")
    try:
        with transaction.atomic():
            set_state.delay_on_commit(order.pk, "stolen")
            raise RuntimeError
    except RuntimeError:
        pass
    until(lambda: Order.objects.get(pk=order.pk).state == "paid")
    return Order.objects.get(pk=order.pk).state


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(condition)
        time.sleep(0.05)


def main():
    found = {
        "delay": add.delay(2, 3).get(timeout=PATIENCE),
        "kwargs": add.apply_async((2,), {"y": 5}, countdown=0.2).get(timeout=PATIENCE),
        "by name": signature("shop.tasks.add", args=(4, 4)).delay().get(timeout=PATIENCE),
        "chain": chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=PATIENCE),
        "pipe": (add.s(1, 1) | add.s(2)).apply_async().get(timeout=PATIENCE),
        "group": group(add.s(n, n) for n in range(5))().get(timeout=PATIENCE),
        "chord": chord((add.s(n, n) for n in range(5)), total.s())().get(timeout=PATIENCE),
        "upgraded": (group(add.s(n, 1) for n in range(3)) | total.s()).delay().get(timeout=PATIENCE),
        "link": linked(),
        "base and signals": pack.delay("apples").get(timeout=PATIENCE),
        "retry": deliver.delay("pears").get(timeout=PATIENCE),
        "autoretry": error_of(call_supplier.delay("plums")),
        "failure": error_of(take_from_stock.delay("figs")),
        "state by id": AsyncResult(add.delay(1, 1).id).get(timeout=PATIENCE),
        "eager": add.apply((1, 2)).get(),
        "direct": add(1, 2),
        "commit": commits(),
    }
    until(lambda: Line.objects.filter(text="stock from beat").count() >= 2)
    until(lambda: Line.objects.filter(text__startswith="after_return").count() >= 3)
    found["diary"] = sorted(line.text for line in Line.objects.exclude(text__startswith="stock"))
    found["beat"] = Line.objects.filter(text="stock from beat").exists()
    hosts = [result.get(timeout=PATIENCE) for result in [who.delay() for _ in range(int(sys.argv[1]))]]
    found["hosts"] = sorted({host.partition("@")[0] for host in hosts})
    print(json.dumps(found, indent=1))


def linked():
    """A callback gets the result of its task."""
    result = add.apply_async((1, 2), link=add.s(10))
    result.get(timeout=PATIENCE)
    return result.successful()


if __name__ == "__main__":
    main()
