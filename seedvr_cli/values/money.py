"""Amounts of money: whole millionths of a US dollar, so that sums and caps are exact."""

MICROS_PER_USD = 1_000_000
# Dollars; more is a slip of the finger, and cannot be counted exactly.
LARGEST_AMOUNT = 10**9


def parse_usd(text: str) -> int:
    """Millionths of a dollar from `0.05` or `$0.05`; ValueError for anything else, below zero, or beyond all money."""
    from decimal import Decimal, InvalidOperation

    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not an amount in US dollars") from error
    if not amount.is_finite() or not 0 <= amount <= LARGEST_AMOUNT:
        raise ValueError(f"{text!r} is not an amount in US dollars")
    return int(amount * MICROS_PER_USD)


def as_usd(micros: int) -> float:
    """The same amount as the JSON number of dollars."""
    return micros / MICROS_PER_USD


def show_usd(micros: int) -> str:
    """`$0.001`, `$1.95`, `$12.00`: at least two decimals, and no more than are needed."""
    whole, part = divmod(abs(micros), MICROS_PER_USD)
    return f"${'-' if micros < 0 else ''}{whole}.{f'{part:06}'.rstrip('0').ljust(2, '0')}"
