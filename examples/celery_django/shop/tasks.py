"""Tasks as Celery's documentation shows them: shared, bound, with a base of their own, retried, failing."""

from celery import Task, shared_task
from celery.utils.log import get_task_logger

from shop import signals  # noqa: F401 (connects them)
from shop.models import Line, Order

logger = get_task_logger(__name__)


class OutOfStock(Exception):
    """There is nothing left."""


class Diarist(Task):
    """Writes down how its tasks end."""

    def on_success(self, retval, task_id, args, kwargs):
        Line.objects.create(text=f"on_success {self.name} {retval}")

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        Line.objects.create(text=f"on_failure {self.name} {exc}")

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        Line.objects.create(text=f"after_return {self.name} {status}")


@shared_task
def add(x, y):
    return x + y


@shared_task
def total(numbers):
    return sum(numbers)


@shared_task(bind=True, base=Diarist)
def pack(self, order):
    logger.info("packing %s", order)
    return f"{order} is packed (try {self.request.retries})"


@shared_task(bind=True, base=Diarist, max_retries=3, default_retry_delay=0)
def deliver(self, order):
    if self.request.retries < 2:
        raise self.retry(exc=OSError("nobody at home"))
    return f"{order} is delivered after {self.request.retries} retries"


@shared_task(autoretry_for=(ConnectionError,), retry_backoff=True, retry_jitter=False, retry_kwargs={"max_retries": 0})
def call_supplier(order):
    raise ConnectionError(f"no line for {order}")


@shared_task(base=Diarist, throws=(OutOfStock,))
def take_from_stock(order):
    raise OutOfStock(order, 7)


@shared_task
def set_state(order_id, state):
    Order.objects.filter(pk=order_id).update(state=state)


@shared_task(bind=True)
def who(self):
    return self.request.hostname


@shared_task(name="shop.tasks.count_stock", ignore_result=True)
def count_stock(why):
    Line.objects.create(text=f"stock {why}")
