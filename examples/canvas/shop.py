from celeriac import Celeriac, chain, chord, group

app = Celeriac("shop")

PRICES = {"celery root": 250, "leek": 120, "stock": 90}


@app.task
def price(name: str) -> int:
    return PRICES[name]


@app.task
def times(amount: int, number: int) -> int:
    return amount * number


@app.task
def total(amounts: list[int]) -> int:
    return sum(amounts)


@app.task
def receipt(amount: int, customer: str) -> str:
    return f"{customer} pays {amount / 100:.2f}"


def one_item(name: str, number: int) -> chain:
    """A chain: each step gets the result of the one before it as its first argument."""
    return price.s(name) | times.s(number)


def prices(*names: str) -> group:
    """A group: its members run side by side."""
    return group(price.s(name) for name in names)


def price_of_all(*names: str) -> chord:
    """A chord: when all members of a group have ended, `total` gets the list of their results."""
    return chord(prices(*names), total.s())


def purchase(basket: dict[str, int], customer: str) -> chain:
    """All together: a chord whose members are chains, and a step that follows it."""
    items = chord([one_item(name, number) for name, number in basket.items()], total.s())
    return items | receipt.s(customer)
