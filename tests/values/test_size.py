"""Numbers of bytes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvr_cli.values.size import parse_size, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("1k", 1024), ("1 KB", 1024), ("1.5KiB", 1536), ("64G", 64 << 30), ("2TiB", 2 << 40), (" 7b ", 7)],
)
def test_a_size_is_a_number_and_a_unit(text, size):
    """Units are powers of 1024, in any case, with or without their B."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "0.2", "-1", "G", "1e3", "1 2", "1P", "\u0663", "1iB G"])
def test_what_is_no_size_is_refused(text):
    """Nothing at all, and what is no number of bytes, is no size."""
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@given(st.integers(1, 1 << 50))
def test_a_size_that_is_shown_is_a_size(size):
    """What is shown can be given, and is as much, to four digits."""
    assert parse_size(show_size(size).replace(" bytes", "")) == pytest.approx(size, rel=1e-3)
