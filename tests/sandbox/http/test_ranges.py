"""Ranges: which part of a file a request wants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvr_cli.sandbox.http.ranges import Unsatisfiable, wanted_span

ETAG = '"5e-9"'


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 8)),
        ("bytes=2-99", (2, 8)),
        ("bytes=-3", (7, 3)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=\u0663-", None),
    ],
)
def test_ranges(header, span):
    """One satisfiable range is served, and anything that is no such range gets the whole file."""
    found = wanted_span({} if header is None else {"range": header}, 10, ETAG)
    assert (found and (found.start, found.length)) == span


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=99-100", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_ranges_behind_the_end(header, size):
    """A range without a byte of the file in it cannot be satisfied."""
    with pytest.raises(Unsatisfiable):
        wanted_span({"range": header}, size, ETAG)


@pytest.mark.parametrize(("validator", "served"), [(ETAG, True), ('"5e-8"', False), (f"W/{ETAG}", False)])
def test_if_range(validator, served):
    """A range with If-Range is served where the validator is the file's own strong tag, and else the whole file."""
    assert (wanted_span({"range": "bytes=1-", "if-range": validator}, 10, ETAG) is not None) is served


@given(first=st.integers(0, 20), last=st.integers(0, 20), size=st.integers(0, 20))
def test_a_range_is_what_slicing_says(first, last, size):
    """A range's bytes are those that the same slice of the content has."""
    content = bytes(range(size))
    try:
        span = wanted_span({"range": f"bytes={first}-{last}"}, size, ETAG)
    except Unsatisfiable:
        assert not content[first:]
        return
    if span is None:
        assert last < first
    else:
        assert content[span.start : span.start + span.length] == content[first : last + 1]
