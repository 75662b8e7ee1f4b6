"""What a server says of a file, before and now."""

import pytest

from seedvr_cli.values.version import Version

MONDAY, TUESDAY = "Mon, 02 Nov 2026 08:00:00 GMT", "Tue, 03 Nov 2026 08:00:00 GMT"

CHANGED = [
    (Version('"1"'), Version('"2"')),
    (Version('"1"', 10), Version('"2"', 11)),
    (Version('"1"', 10), Version('"2"', 10)),
    (Version('"1"', 10, MONDAY), Version('"2"', 10, TUESDAY)),
    (Version('"1"', 10, MONDAY), Version('"2"', 11, MONDAY)),
    (Version('"1"', 10, MONDAY), Version('"2"', 10)),
    (Version('W/"1"'), Version('W/"2"')),
    (Version('W/"1"', 10), Version('"1"', 11)),
    (Version(None, 10), Version(None, 11)),
    (Version('"1"', 10), Version(None, 11)),
    (Version(None, 10, MONDAY), Version(None, 11, MONDAY)),
    (Version(None, None, MONDAY), Version(None, None, TUESDAY)),
    (Version(None, 10, MONDAY), Version('"1"', None, TUESDAY)),
]
THE_SAME = [
    (Version(), Version()),
    (Version(), Version('"1"', 10, MONDAY)),
    (Version('"1"'), Version('"1"')),
    (Version('"1"', 10, MONDAY), Version('"1"', 10, TUESDAY)),
    (Version('"1"', 10, MONDAY), Version('"1"', None, None)),
    (Version('"a-10-5f"', 10, MONDAY), Version('"b-10-5f"', 10, MONDAY)),
    (Version('W/"1"', 10, MONDAY), Version('"1"', 10, MONDAY)),
    (Version('W/"1"', 10), Version('"1"', 10)),
    (Version('W/"1"'), Version('"1"')),
    (Version('W/"1"', None, MONDAY), Version('"1"', None, TUESDAY)),
    (Version(None, 10), Version(None, 10)),
    (Version('"1"', 10), Version(None, 10)),
    (Version(None, 10, MONDAY), Version(None, 10, TUESDAY)),
    (Version(None, None, MONDAY), Version(None, None, MONDAY)),
    (Version('"1"'), Version(None, 10)),
]


@pytest.mark.parametrize(("before", "now"), CHANGED)
def test_another_file_is_told_by_what_both_answers_say(before, now):
    """An ETag, a length, or where there is neither a time, says that it is another file, whichever came first."""
    assert now.differs_from(before)
    assert before.differs_from(now)


@pytest.mark.parametrize(("before", "now"), THE_SAME)
def test_what_may_be_the_same_file_is(before, now):
    """Where nothing can be compared, or machines differ in their ETags alone, nothing is said."""
    assert not now.differs_from(before)
    assert not before.differs_from(now)
