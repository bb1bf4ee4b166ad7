"""The tasks; the worker imports them, as `app.include` names this module."""

from shop.app import app


@app.task
def bill(order: int, amount: float) -> str:
    return f"order {order}: {amount:.2f}"


@app.task
def refuse(order: int) -> None:
    raise ValueError(f"order {order} is refused")
