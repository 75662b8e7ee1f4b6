"""Amounts of money are whole millionths of a dollar."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.values.money import as_usd, parse_usd, show_usd


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0.05", 50_000),
        ("$0.05", 50_000),
        (" $0.001 ", 1_000),
        ("1.95", 1_950_000),
        ("12", 12_000_000),
        ("0", 0),
        ("0.000001", 1),
        ("1e-3", 1_000),
    ],
)
def test_an_amount_is_read_exactly(text, micros):
    """A dollar amount, with its sign or without, becomes millionths without rounding."""
    assert parse_usd(text) == micros


@pytest.mark.parametrize("text", ["", "$", "x", "-1", "$-1", "-0.001", "1,5", "1 2", "NaN", "inf", "-inf", "5$", "€5"])
def test_what_is_no_amount_is_refused(text):
    """Anything that is no amount, or below zero, is a ValueError that quotes it."""
    with pytest.raises(ValueError, match="US dollars"):
        parse_usd(text)


@pytest.mark.parametrize("text", ["1e999999", "1e99999999999", "9" * 5000])
def test_an_amount_beyond_all_money_is_refused(text):
    """A number too large to be counted is refused like any other nonsense."""
    with pytest.raises(ValueError, match="US dollars"):
        parse_usd(text)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (1_000, "$0.001"),
        (120_000, "$0.12"),
        (500_000, "$0.50"),
        (1_950_000, "$1.95"),
        (12_000_000, "$12.00"),
        (1_234_567_890, "$1234.56789"),
    ],
)
def test_an_amount_is_shown_with_the_decimals_it_needs(micros, text):
    """At least two decimals are shown, and no more than are needed."""
    assert show_usd(micros) == text


@settings(deadline=None)
@given(st.integers(0, 10**14))
def test_what_is_shown_reads_back_as_the_same(micros):
    """Showing an amount and reading it again loses nothing."""
    assert parse_usd(show_usd(micros)) == micros


@settings(deadline=None)
@given(st.lists(st.sampled_from([1_000, 120_000, 680_000, 820_000, 1_950_000]), max_size=200))
def test_sums_are_exact(prices):
    """A sum of list prices is shown as the exact decimal number, as a sum of floats would not be."""
    assert parse_usd(show_usd(sum(prices))) == sum(prices)


def test_the_json_number_is_in_dollars():
    """JSON carries dollars, as the vendor's price list does."""
    assert [as_usd(micros) for micros in (1_000, 120_000, 1_950_000)] == [0.001, 0.12, 1.95]
